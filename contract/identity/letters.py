"""Tables for `str.translate`: what becomes of each character of an item's text in its key.

Letters, digits and symbols stay; apostrophes, quotation marks, full stops and invisible format characters vanish
("St." is "St"); all other punctuation and white space separates words. Latin and Greek letters lose their diacritics.
"""

from __future__ import annotations

import re
import unicodedata

_VANISH = "'\"`.‘’‚‛“”„‟′″´ʹʺʻʼʽʾʿˈ׳״…®©℗™℠"  # noqa: RUF001
_SEPARATE_SYMBOLS = "|~−∕¦"  # noqa: RUF001
_KEPT_PUNCTUATION = "#%@"
_REWRITTEN = {"&": " and ", "♯": "#", "\x00": ".", "\x01": "\x01"}
_STROKED = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ħ": "h",
    "ŧ": "t",
    "ı": "i",  # noqa: RUF001
    "ŋ": "n",
}
"""Latin letters with a stroke or a tie, which Unicode does not decompose."""


def _image(character: str) -> str | None:
    """What a character becomes in a key; None: nothing."""
    if character in _REWRITTEN:
        return _REWRITTEN[character]
    if character in _KEPT_PUNCTUATION:
        return character
    if character in _VANISH:
        return None
    if character in _SEPARATE_SYMBOLS:
        return " "
    if character in _STROKED:
        return _STROKED[character]
    category = unicodedata.category(character)
    if category[0] in "PZ" or category == "Cc":
        return " "
    if category == "Cf" or 0xFE00 <= ord(character) <= 0xFE0F:
        # Tag characters tell the flags of England, Scotland and Wales apart; all else only guides the display.
        return character if 0xE0020 <= ord(character) <= 0xE007F else None
    if category[0] == "L":
        return _without_diacritics(character)
    return character


def _without_diacritics(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0]
    if base == letter or not unicodedata.name(base, "").startswith(("LATIN", "GREEK")):
        return letter
    return _STROKED.get(base, base)


class _Table(dict[int, str | None]):
    """Grows by the characters that are met, at most one entry for each of Unicode's."""

    def __missing__(self, code: int) -> str | None:
        image = self[code] = _image(chr(code))
        return image


ASCII_TABLE: dict[int, str | None] = {code: _image(chr(code)) for code in range(128)}
_TABLE = _Table(ASCII_TABLE)
_MARKS = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
_ANY_MARK = re.compile(_MARKS)
_LOOSE_MARK = re.compile("([a-zα-ωͱͳͷϙϛϝϟϡ])" + _MARKS)  # noqa: RUF001
"""A Latin or Greek letter with marks for which Unicode has no single letter."""


def fold_letters(text: str) -> str:
    """Translate text of any script; see the module's text."""
    text = text.translate(_TABLE)
    return _LOOSE_MARK.sub(r"\1", text) if _ANY_MARK.search(text) else text
