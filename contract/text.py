"""Untrusted text: for people's eyes, and for files."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Direction marks: they can make a line on a terminal read otherwise than it is."""


def printable(text: str) -> str:
    """`text` in one line with every character that could steer a terminal replaced by U+FFFD.

    Joiners stay (emoji and Indic scripts need them); control characters, line and paragraph separators, lone
    surrogates and direction marks do not.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if _is_steering(character) else character for character in text)


def _is_steering(character: str) -> bool:
    return character in _STEERING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def without_surrogates(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates, which no file can take, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
