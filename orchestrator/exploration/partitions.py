"""The partitions of a topic: sub-topics that a model planned, and first letters; they grow where there is more."""

from __future__ import annotations

import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from contract.identity import Identity, key_of
from contract.messages import Scope
from contract.text import printable
from orchestrator.exploration.arms import Arm, Way

MAX_FACETS = 60
"""Most parts that one plan may bring; a model that loops would bring more."""
MAX_BESIDES = 40
"""Most parts that a catch-all's prompt names."""
_LONGEST_FACET = 120
_FEWEST_PARTS = 3
"""A plan with fewer parts says that the model did not understand what was asked."""
_ITEMS_IN_PLAN = 0.2
_FEWEST_ITEMS_IN_PLAN = 2
_LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Letters:
    """Which letters the known items begin with.

    The partition is taken from the items themselves, so that it suits any script; where they are Latin, all of the
    alphabet belongs to it, for a letter that nothing known begins with may be the one that was missed.
    """

    def __init__(self) -> None:
        self._first: Counter[str] = Counter()
        self._second: dict[str, Counter[str]] = defaultdict(Counter)
        self._ids: dict[str, array[int]] = defaultdict(lambda: array("I"))

    def learn(self, item_id: int, text: str) -> None:
        """Count a new item's first letters."""
        letters = _letters_of(text)
        if letters:
            self._first[letters[0]] += 1
            self._ids[letters[:2]].append(item_id)
            if len(letters) > 1:
                self._second[letters[0]][letters[1]] += 1

    def beginning(self, prefix: str) -> list[int]:
        """The ids of the items that begin with one letter or two."""
        upper = prefix.upper()
        if len(upper) > 1:
            return list(self._ids.get(upper, ()))
        return [item for start, ids in self._ids.items() if start[0] == upper for item in ids]

    def share(self, prefix: str) -> float:
        """The share of the known items that begin so."""
        total = self._first.total()
        if not total:
            return 0.0
        upper = prefix.upper()
        return (self._first[upper] if len(upper) == 1 else self._second[upper[0]][upper[1]]) / total

    def prefixes(self, most: int = 40) -> list[str]:
        """The first letters to ask for, the most frequent first; none where a script has too many of them."""
        if not self._first:
            return []
        common = [letter for letter, _ in self._first.most_common(most)]
        if sum(self._first[letter] for letter in common) < 0.9 * self._first.total():
            return []  # a syllabary or ideographs: a letter is no partition there
        if sum(self._first[letter] for letter in _LATIN) >= 0.5 * self._first.total():
            common += [letter for letter in _LATIN if letter not in common]
        return common

    def longer(self, prefix: str, most: int = 26) -> list[str]:
        """The two-letter beginnings of known items under a letter, the most frequent first."""
        return [prefix + letter.lower() for letter, _ in self._second[prefix].most_common(most)] if prefix else []


def _letters_of(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text[:24]).upper() if char.isalnum())


def usable_facets(names: Iterable[str], topic: str, known: Iterable[Arm]) -> list[str]:
    """The parts of a plan that can be asked for: short, distinct, not the topic itself, not asked for already.

    Args:
        names: As the model named them: untrusted.
        topic: The topic.
        known: Arms whose facets must not come again.
    """
    seen = {key_of(topic, Identity.NORMALIZED)}
    seen |= {key_of(arm.scope.facet, Identity.NORMALIZED) for arm in known if arm.scope.facet}
    chosen: list[str] = []
    for name in names:
        text = printable(" ".join(name.split()))
        key = key_of(text, Identity.NORMALIZED)
        if text and len(text) <= _LONGEST_FACET and key not in seen:
            seen.add(key)
            chosen.append(text)
    return chosen[:MAX_FACETS] if len(chosen) >= _FEWEST_PARTS else []


def mostly_items(names: Sequence[str], known: Iterable[str]) -> bool:
    """Whether a plan names items instead of parts: a fifth of its names or more are known items.

    A very small model's were 57 % (measured); a part that bears an item's name is rare.
    """
    keys = {key_of(text, Identity.NORMALIZED) for text in known}
    items = sum(key_of(name, Identity.NORMALIZED) in keys for name in names)
    return items >= max(_FEWEST_ITEMS_IN_PLAN, _ITEMS_IN_PLAN * len(names))


def facet_arms(facets: Sequence[str], parent: Arm | None) -> list[Arm]:
    """An arm for each part, and the catch-all for what belongs to none of them."""
    arms = [Arm(Way.FACET, Scope(facet=name), parent) for name in facets]
    if arms and parent is None:
        arms.append(Arm(Way.FACET, Scope(besides=tuple(facets[:MAX_BESIDES]))))
    return arms


def letter_arms(prefixes: Sequence[str], parent: Arm | None) -> list[Arm]:
    """An arm for each beginning; below a facet they stay within it."""
    facet = parent.scope.facet if parent is not None else ""
    return [Arm(Way.LETTER, Scope(facet=facet, prefix=prefix), parent) for prefix in prefixes]


def language_arms(languages: Sequence[str]) -> list[Arm]:
    """An arm for each language."""
    return [Arm(Way.LANGUAGE, Scope(language=language)) for language in languages]
