"""When two spellings mean the same item of a world: the key they share, and slips of the pen undone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ARTICLE = re.compile(r"^(?:the|an?) (?=.)")
_PARENTHESIS = re.compile(r"(?<=\S)\s*\([^()]*\)\s*$")
_NO_WORD_ASCII = re.compile(r"[^a-z0-9+#]+")
_NO_WORD = re.compile(r"[^\w+#♀♂]+|_+")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_TAIL = re.compile(r"\s*:[*]*\s|\s[-–—]\s|\s*\(")
_WORD = re.compile(r"[A-Za-z]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_MISSPELLED = 5


def without_accents(text: str) -> str:
    """The text with its combining marks removed (é becomes e); letters that have none of their own stay (ø)."""
    if text.isascii():
        return text
    kept = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", kept)


def full_key(text: str) -> str:
    """The ordered fingerprint of a text: no case, accents, punctuation or leading article; + # ♀ ♂ stay.

    A text of punctuation alone is its own key.
    """
    folded = without_accents(text).casefold()
    words = (_NO_WORD_ASCII if folded.isascii() else _NO_WORD).sub(" ", folded).strip()
    return _ARTICLE.sub("", words) or text


def match_key(text: str) -> str:
    """`full_key` without a trailing parenthesis."""
    return full_key(_PARENTHESIS.sub("", text))


def name_readings(line: str) -> Iterator[str]:
    """What may be the name in a line as a model writes it, most literal first.

    Example:
        "2. Rye (town): nice" gives itself, "Rye (town): nice", "Rye (town)" and "Rye".
    """
    yield line
    bare = _LIST_MARK.sub("", line)
    if bare != line:
        yield bare
    for tail in reversed(list(_TAIL.finditer(bare))):
        yield bare[: tail.start()]


def misspelling_spots(text: str) -> list[int]:
    """Positions of letters that a slip may change: within longer words, never a word's first or last letter."""
    return [spot for word in _WORD.finditer(text) for spot in _spots(word, _SHORTEST_MISSPELLED, margin=2)]


def _spots(word: re.Match[str], shortest: int, margin: int) -> range:
    start, end = word.span()
    return range(start + 1, end - margin) if end - start >= shortest else range(0)


def misspelled(text: str, spot: int, slip: int) -> str:
    """The text with one slip at a spot: 0 swaps the letter with the next, 1 leaves it out, 2 doubles it."""
    if slip == 0:
        return text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :]
    if slip == 1:
        return text[:spot] + text[spot + 1 :]
    return text[: spot + 1] + text[spot:]


def slip_corrections(key: str) -> Iterator[str]:
    """Keys that one slip of `misspelled` could have turned into this one."""
    for word in _WORD.finditer(key):
        for spot in _spots(word, _SHORTEST_MISSPELLED, margin=2):
            yield key[:spot] + key[spot + 1] + key[spot] + key[spot + 2 :]
        for spot in _spots(word, _SHORTEST_MISSPELLED + 1, margin=3):
            if key[spot] == key[spot + 1]:
                yield key[:spot] + key[spot + 1 :]
        for spot in _spots(word, _SHORTEST_MISSPELLED - 1, margin=1):
            start, end = key[:spot], key[spot:]
            for letter in _LETTERS:
                yield start + letter + end
