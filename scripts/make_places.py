"""Write the table of places and the languages spoken there: `orchestrator/exploration/places.tsv`.

`python scripts/make_places.py` after an update of the development dependencies, from the repository's root. A line is a
place's English name, folded (`orchestrator.exploration.languages.folded`), and the English names of its languages, most
widely spoken first, with tabs between. From Unicode CLDR through Babel: the territories, their official languages with
the share of people who know them, and the cities that time zones are named after.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from babel import Locale, localedata
from babel.core import get_global
from babel.languages import get_territory_language_info

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.exploration.languages import PLACES, folded  # noqa: E402 - the path comes first

MOST_LANGUAGES = 3
LEAST_PERCENT = 10.0
"""An official language counts where at least so many people of a territory know it."""
OFFICIAL = frozenset({"official", "de_facto_official"})
NO_LANGUAGES = frozenset({"gsw"})
"""Languages that are spoken rather than written: a model has read little of them."""
WRITTEN_TERRITORIES = 200
"""So many names of territories CLDR must have in a language: it stands for how much else is written in it."""
NAMES = {"bn": "Bengali", "kl": "Greenlandic", "nb": "Norwegian", "nn": "Norwegian"}
OTHER_NAMES = {
    "burma": "MM",
    "czech republic": "CZ",
    "holland": "NL",
    "hong kong": "HK",
    "ivory coast": "CI",
    "korea": "KR",
    "macau": "MO",
    "turkey": "TR",
}
CITIES = {
    "antwerp": "BE", "barcelona": "ES", "beijing": "CN", "bologna": "IT", "bordeaux": "FR", "bruges": "BE",
    "cologne": "DE", "delhi": "IN", "dresden": "DE", "florence": "IT", "frankfurt": "DE", "geneva": "CH",
    "granada": "ES", "guangzhou": "CN", "hamburg": "DE", "hanoi": "VN", "hiroshima": "JP", "krakow": "PL",
    "kyoto": "JP", "lyon": "FR", "marrakesh": "MA", "marseille": "FR", "milan": "IT", "mumbai": "IN", "munich": "DE",
    "naples": "IT", "nice": "FR", "osaka": "JP", "palermo": "IT", "porto": "PT", "rio de janeiro": "BR",
    "rotterdam": "NL", "saint petersburg": "RU", "salzburg": "AT", "seville": "ES", "shenzhen": "CN",
    "st petersburg": "RU", "strasbourg": "FR", "stuttgart": "DE", "tel aviv": "IL", "turin": "IT", "valencia": "ES",
    "venice": "IT", "verona": "IT",
}  # fmt: skip
"""Cities that people ask about and no time zone is named after."""
NO_CITIES = frozenset(
    {"canary", "center", "easter", "la rioja", "oral", "reunion", "troll", "unknown", "utc", "vostok"}
)
"""Names of time zones that mean another thing in most topics, or nothing."""


def languages_of(territory: str) -> tuple[str, ...]:
    """English names of a territory's languages, most widely known first."""
    english = Locale("en").languages
    info = get_territory_language_info(territory)
    known = {
        code.split("_")[0]: float(facts["population_percent"])
        for code, facts in info.items()
        if facts["official_status"] in OFFICIAL and facts["population_percent"] >= LEAST_PERCENT
    }
    codes = sorted(filter(is_written, known.keys() - NO_LANGUAGES), key=lambda code: (-known[code], code))
    return tuple(dict.fromkeys(NAMES.get(code, english[code]) for code in codes))[:MOST_LANGUAGES]


@cache
def is_written(language: str) -> bool:
    """Whether a model may be expected to have read much in it."""
    return localedata.exists(language) and len(Locale(language).territories) >= WRITTEN_TERRITORIES


def places() -> dict[str, tuple[str, ...]]:
    """Folded name to languages, alphabetical; a country goes before a city of its name."""
    found = {name: languages_of(territory) for name, territory in CITIES.items()}
    for zone, territory in get_global("zone_territories").items():
        name = folded(zone.rpartition("/")[2].replace("_", " "))
        if not name.startswith("gmt") and name not in NO_CITIES:
            found[name] = languages_of(territory)
    for territory, text in Locale("en").territories.items():
        if territory.isalpha():
            name, _, other = text.removesuffix(")").partition(" (")
            for one in filter(None, (name.removesuffix(" SAR China"), other)):
                found[folded(one)] = languages_of(territory)
    found.update((name, languages_of(territory)) for name, territory in OTHER_NAMES.items())
    return {name: found[name] for name in sorted(found) if name and found[name]}


def render() -> str:
    """The table's file."""
    return "".join("\t".join((name, *languages)) + "\n" for name, languages in places().items())


def main() -> None:
    """Write the table and say how large it is."""
    text = render()
    PLACES.write_text(text, encoding="utf-8", newline="\n")
    print(f"{PLACES.relative_to(ROOT)}: {text.count(chr(10))} places, {len(text.encode())} bytes")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
