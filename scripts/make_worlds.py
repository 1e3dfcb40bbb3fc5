"""Write the simulated model's closed lists from the packages that hold them.

`python scripts/make_worlds.py` after an update of the development dependencies, from the repository's root. One line is
one item and its other names, with tabs between. Elements stand by atomic number, languages with a two-letter code (the
widely known ones) first; everything else is alphabetical.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import airportsdata
import periodictable
from babel import Locale
from pygments.lexers import get_all_lexers

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from producer.providers.simulated.closed_lists import FOLDER  # noqa: E402 - the path comes first
from producer.providers.simulated.matching import full_key, match_key  # noqa: E402

Names = dict[str, list[str]]
"""Item to its other names."""

TRANSLATIONS = ("de", "fr", "es", "it")
NO_TERRITORIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Codes of groups of territories, of Unicode's pseudo-locales and of "unknown"."""
NO_LANGUAGES = frozenset({"mis", "mul", "und", "zxx"})
"""Codes that say "several", "unknown", "uncoded" and "none"."""
ELEMENT_SPELLINGS = {"aluminum": "Aluminium", "cesium": "Caesium", "sulfur": "Sulphur"}
AMBIGUOUS = frozenset({"congo"})
"""Keys of names that one language gives to one item and people to several."""
OFFICIAL_NAMES = {
    "BN": ["Brunei Darussalam"],
    "CD": ["Democratic Republic of the Congo", "DR Congo"],
    "CG": ["Republic of the Congo"],
    "CI": ["Ivory Coast"],
    "CV": ["Cabo Verde"],
    "CZ": ["Czech Republic"],
    "FK": ["Falkland Islands (Malvinas)"],
    "GB": ["UK", "United Kingdom of Great Britain and Northern Ireland"],
    "HK": ["Hong Kong"],
    "KP": ["Democratic People's Republic of Korea"],
    "KR": ["Republic of Korea"],
    "LA": ["Lao People's Democratic Republic"],
    "MK": ["Macedonia"],
    "MM": ["Burma", "Myanmar"],
    "MO": ["Macao", "Macau"],
    "PS": ["Palestine"],
    "RU": ["Russian Federation"],
    "SY": ["Syrian Arab Republic"],
    "SZ": ["Swaziland"],
    "TL": ["East Timor"],
    "TR": ["Turkey"],
    "TZ": ["United Republic of Tanzania"],
    "US": ["USA", "United States of America"],
    "VA": ["Holy See"],
    "VN": ["Viet Nam"],
}


def elements() -> Names:
    """Chemical elements with symbols, by atomic number."""
    names: Names = {}
    for element in periodictable.elements:
        if element.number > 0:  # number 0 is the neutron
            other = [ELEMENT_SPELLINGS[element.name]] if element.name in ELEMENT_SPELLINGS else []
            names[element.name.capitalize()] = [element.symbol, *other]
    return names


def territories() -> Names:
    """CLDR's countries and territories with official alternatives and translations."""
    english = Locale("en").territories
    codes = [code for code in english if code.isalpha() and code not in NO_TERRITORIES]
    translated = [Locale(language).territories for language in TRANSLATIONS]
    return {
        english[code]: [*OFFICIAL_NAMES.get(code, []), *(names[code] for names in translated if code in names)]
        for code in sorted(codes, key=lambda code: english[code])
    }


def languages() -> Names:
    """CLDR's languages with translations, without regional varieties."""
    english = Locale("en").languages
    codes = [code for code in english if "_" not in code and code not in NO_LANGUAGES]
    translated = [Locale(language).languages for language in TRANSLATIONS]
    return {
        english[code]: [names[code] for names in translated if code in names]
        for code in sorted(codes, key=lambda code: (len(code) > 2, english[code]))
    }


def lexers() -> Names:
    """Pygments' lexers with their aliases."""
    return {name: sorted(aliases) for name, aliases, _, _ in sorted(get_all_lexers(plugins=False))}


def airports() -> Names:
    """Airports with an IATA code; the code and the city are other names.

    Airports of one name are told apart by country, region or code.
    """
    known = sorted(airportsdata.load("IATA").values(), key=lambda airport: airport["iata"])
    countries = Locale("en").territories
    name_of = {airport["iata"]: " ".join(airport["name"].split()) for airport in known}
    for suffix in (
        lambda airport: f", {countries[airport['country']]}",
        lambda airport: f", {airport['subd']}",
        lambda airport: f" {airport['iata']}",
    ):
        uses = Counter(map(match_key, name_of.values()))
        for airport in known:
            if uses[match_key(name_of[airport["iata"]])] > 1:
                name_of[airport["iata"]] += suffix(airport)
    return dict(sorted((name_of[airport["iata"]], [airport["iata"], airport["city"]]) for airport in known))


WORLDS = {
    "elements": elements,
    "territories": territories,
    "languages": languages,
    "lexers": lexers,
    "airports": airports,
}


def render(names: Names) -> str:
    """A list's file: only other names that mean exactly one item, and none that differs from another by case alone.

    Raises:
        ValueError: Two items share a key, so that nobody could tell them apart.
    """
    taken = {match_key(item) for item in names} | {full_key(item) for item in names}
    if len({match_key(item) for item in names}) < len(names):
        raise ValueError("two items of this list have the same key")
    claims: dict[str, set[str]] = defaultdict(set)
    for item, others in names.items():
        for other in others:
            claims[full_key(other)].add(item)
    return "".join("\t".join((item, *_usable(others, taken, claims))) + "\n" for item, others in names.items())


def _usable(others: Iterable[str], taken: set[str], claims: dict[str, set[str]]) -> list[str]:
    usable: dict[str, str] = {}
    for other in others:
        key = full_key(other)
        if other.strip() and key not in taken and key not in AMBIGUOUS and len(claims[key]) == 1:
            usable.setdefault(key, other)
    return list(usable.values())


def main() -> None:
    """Write every list and say how large it is."""
    for name, make in WORLDS.items():
        path = FOLDER / f"{name}.txt"
        text = render(make())
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)}: {text.count(chr(10))} items, {len(text.encode())} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
