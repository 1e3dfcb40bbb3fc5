"""List marks at a line's beginning: bullets, check boxes, and numbering in its many spellings.

Real items begin with numbers too ("747", "7 Wonders of the World", "1984", "2001: A Space Odyssey", "1. FC Köln"). So a
number is a mark only with a delimiter and white space behind it, a doubtful delimiter (`1:`, `1 -`, `#1`, `(1)`, `a)`,
`iv.`) only where the number continues the sequence of the lines before or begins one, and in a list whose lines
came without numbers not even "1." is one.
"""

# ruff: noqa: RUF001 - typographic and full-width marks are what is looked for here

from __future__ import annotations

import re
from enum import Enum


class Mark(Enum):
    """What stood before an item."""

    NONE = 0
    BULLET = 1
    NUMBER = 2
    ROW = 3
    RULE = 4  # a table's separator: no item, but it tells that the row before was the header


_SYMBOL = r"[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\u203c\u2049]"
_BULLET = re.compile(
    r"[-*+–—−‐>]\s+"
    r"|[•◦▪▫●○■□‣⁃∙⦁◆◇►▸▶➢➤✓✔✗✘☐☑☒·・]\s*"
    r"|\[[ xX✓]?\](?:\s+|$)"
    rf"|(?:(?:{_SYMBOL}|[0-9#*]\ufe0f?\u20e3)[\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff]*)+\s+(?=\S)"
    # "-Louvre" and "*Louvre", where the writer forgot the space; "-ism" and "*nix" are items.
    r"|[-*](?=[A-ZÀ-Þ][a-zà-ÿ]+[^*]*$)"
)
_DIGITS = re.compile(r"(\d{1,4})(\.\)|\s?[.)．）\]]|\s?[:：]|、|\s[-–—](?=\s))?(\s*)")
_ENCLOSED = re.compile(r"[(（\[](\d{1,4}|[a-z]|[ivxlc]{1,7})[)）\]]\s+")
_WORDED = re.compile(r"(?:#|№|(?:no|nr|item|number)\b\.?)\s*(\d{1,4})\s*(?:[.:)]|[-–]\s)?\s+(?=\S)", re.IGNORECASE)
_NESTED = re.compile(r"(\d{1,3})(?:\.\d{1,3})+[.)]?\s+")
_LETTERED = re.compile(r"([a-zA-Z]|[ivxlc]{2,7}|[IVXLC]{2,7})([.)])\s+")
_INITIAL = re.compile(r"[A-Z]\.")
_ROMAN_UNITS = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
_ROMAN_TENS = ("", "x", "xx", "xxx", "xl", "l", "lx", "lxx", "lxxx", "xc")
_ROMAN = {
    tens + unit: 10 * i + j for i, tens in enumerate(_ROMAN_TENS) for j, unit in enumerate(_ROMAN_UNITS) if i or j
}

_MAX_UNEXPECTED = 999
_BARE_RUN = 2


def strip_bullet(text: str) -> tuple[str, bool]:
    """The text without its bullets and check box, and whether there were any."""
    found = False
    for _ in range(3):
        match = _BULLET.match(text)
        if match is None or match.end() == 0:
            break
        text, found = text[match.end() :], True
    return text, found


class Numbering:
    """Which numbers this response's lines have had, by style; decides whether the next is numbering."""

    __slots__ = ("_bare", "_bare_rest", "_bare_run", "_last")

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._bare = 0
        self._bare_run = 0
        self._bare_rest = ""

    def strip(self, text: str, *, plain_list: bool) -> tuple[str, int | None]:
        """The text without its number, and the number; None where the text begins with none or keeps it.

        Args:
            text: A line without its bullet.
            plain_list: The lines so far had no numbers, so one that begins here belongs to the item.
        """
        first = text[0] if text else ""
        if first.isdigit():
            return self._strip_digits(text, plain_list=plain_list)
        if first in "([（":
            match = _ENCLOSED.match(text)
            if match:
                return self._strip_word(text, match, plain_list=plain_list)
        if first in "#№NnIi":
            match = _WORDED.match(text)
            if match and self._continues("digit", int(match[1]), plain_list=plain_list):
                return text[match.end() :], int(match[1])
        match = _LETTERED.match(text) if first.isalpha() else None
        if match and not (match[2] == "." and match[1].isupper() and _INITIAL.match(text, match.end())):
            return self._strip_word(text, match, plain_list=plain_list)
        return text, None

    def takes(self, number: int, *, plain_list: bool) -> bool:
        """Whether a number with a sure delimiter ("12. ", "12) ") is numbering; see `strip`."""
        if not plain_list and number <= _MAX_UNEXPECTED:
            self._last["digit"] = number
            return True
        return self._continues("digit", number, plain_list=plain_list)

    def _strip_digits(self, text: str, *, plain_list: bool) -> tuple[str, int | None]:
        nested = _NESTED.match(text)
        if nested:
            section = int(nested[1])
            return (text[nested.end() :], section) if section == self._last.get("digit") else (text, None)
        match = _DIGITS.match(text)
        if match is None or not match[1].isdecimal():
            return text, None
        number, delimiter, rest = int(match[1]), (match[2] or "").strip(), text[match.end() :]
        if not delimiter:
            taken = bool(match[3] and rest) and self._continues_bare(number, rest)
        elif delimiter in ".).)．）]、":
            taken = self._takes_strong(number, delimiter, rest, spaced=bool(match[3]), plain_list=plain_list)
        else:
            taken = bool(match[3]) and self._continues("digit", number, plain_list=plain_list)
        return (rest, number) if taken else (text, None)

    def _takes_strong(self, number: int, delimiter: str, rest: str, *, spaced: bool, plain_list: bool) -> bool:
        if not rest:
            return True
        if spaced or delimiter in "．）、":
            return self.takes(number, plain_list=plain_list)
        return (rest[0].isalpha() or rest[0] in "*_\"'“«「`[(") and self._continues(
            "digit", number, plain_list=plain_list
        )

    def _strip_word(self, text: str, match: re.Match[str], *, plain_list: bool) -> tuple[str, int | None]:
        word = match[1].casefold()
        if word.isdecimal():
            number, style = int(word), "digit"
        elif word in _ROMAN and self._last.get("letter", 0) + 1 != ord(word[0]) - 96:
            number, style = _ROMAN[word], "roman"
        elif len(word) == 1 and word.isascii():
            number, style = ord(word) - 96, "letter"
        else:
            return text, None
        if self._continues(style, number, plain_list=plain_list):
            return text[match.end() :], number
        return text, None

    def _continues(self, style: str, number: int, *, plain_list: bool) -> bool:
        """Whether the number follows the last one of its style, or begins a count where one may begin."""
        last = self._last.get(style)
        if last is not None and number == last + 1:
            self._last[style] = number
            return True
        if number == 1:
            self._last[style] = 1
            return not plain_list
        return False

    def _continues_bare(self, number: int, rest: str) -> bool:
        """Numbers without a delimiter ("1 Louvre", "2 Orsay") count from the third on, if what they number differs."""
        follows = number == self._bare + 1 and rest != self._bare_rest
        self._bare_run = self._bare_run + 1 if follows else int(number == 1)
        self._bare, self._bare_rest = number, rest
        return follows and self._bare_run > _BARE_RUN
