"""What two items must share before they may be taken for one: the guards of the merge suggestions.

A text's words are split in two. Its *marks* are what distinguishes names that look alike: numbers, symbols, single
letters, compass and rank words, and words that are common in the list. They must agree exactly. The rest, its *form*,
may differ by spelling. So "Terminal 1" is never "Terminal 2", "C" never "C#", "North Korea" never "South Korea", and
"X Tower" never "X": the forms have different lengths.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from contract.identity import Identity, key_text
from contract.identity.plurals import singular

MAX_FORM_CHARS = 120
"""Longer texts are compared for equality only: their share of equal letters says little, and costs much."""

_LINKING_WORDS = "of the a an and de du des da do di del von y et e und"
_LINKING = frozenset(_LINKING_WORDS.split())
"""Left out. Not la, el, los: "Flores" and "Las Flores" are two places."""

_DISTINGUISHING_WORDS = """
north south east west northern southern eastern western central middle upper lower inner outer old new great greater
little lesser small big large major minor high low left right front rear male female man woman boy girl men women
first second third fourth fifth sixth seventh eighth ninth tenth primary secondary junior senior elder younger red green
blue black white yellow los las les dos das der die one two three four five six seven eight nine ten early late pre post
anti non un
"""
_DISTINGUISHING = frozenset(_DISTINGUISHING_WORDS.split())
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_COMPASS = re.compile(r"north|south|east|west|nord|sud|ost")
_DIGITS = re.compile(r"\d+")
_SHORT = 2
_SHORTEST_PLURAL = 6
"""Among shorter words more names end in s than plurals: Paro, Paros."""


class Likeness(NamedTuple):
    """What a text is compared by.

    Attributes:
        marks: Must be equal.
        form: The words that may differ by spelling, sorted, without plurals and linking words; perhaps empty.
        compact: The whole text without spaces.
    """

    marks: tuple[str, ...]
    form: str
    compact: str


def words_of(text: str) -> list[str]:
    """The text's words as they are compared: folded, without plurals."""
    words = key_text(text, Identity.NORMALIZED).split()
    return sorted(singular(word) if len(word) >= _SHORTEST_PLURAL else word for word in words)


def common_words(texts: Iterable[str], share: float = 0.01, least: int = 20) -> frozenset[str]:
    """Words that so many of the items have that they say little of any.

    Args:
        texts: All items.
        share: At least this share of the items has the word.
        least: At least so many items have it.
    """
    count = 0
    seen: Counter[str] = Counter()
    for text in texts:
        count += 1
        seen.update(set(words_of(text)))
    needed = max(least, share * count)
    return frozenset(word for word, times in seen.items() if times >= needed)


def likeness(text: str, common: frozenset[str]) -> Likeness:
    """What `text` is compared by, in a list with these `common` words."""
    marks: list[str] = []
    rest: list[str] = []
    for word in words_of(text):
        if word in _LINKING:
            continue
        if word in common or word in _DISTINGUISHING or _is_mark(word):
            marks.append(word)
            continue
        marks += _DIGITS.findall(word)
        marks += ["~" + found for found in _COMPASS.findall(word)]
        marks += [character for character in word if not character.isalnum() and not _is_vowel_sign(character)]
        rest.append(word)
    return Likeness(tuple(sorted(marks)), " ".join(rest), "".join(key_text(text, Identity.NORMALIZED).split()))


def _is_mark(word: str) -> bool:
    return len(word) <= _SHORT or not any(map(str.isalpha, word)) or _ROMAN.fullmatch(word) is not None


def _is_vowel_sign(character: str) -> bool:
    """Marks of Indic and other scripts are no letters for Python, but part of a word's spelling."""
    return unicodedata.category(character).startswith("M")
