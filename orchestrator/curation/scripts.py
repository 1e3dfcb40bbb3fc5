"""Which scripts a text is written in, told by the Unicode names of its letters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO"})
_NO_SCRIPT = frozenset({"MODIFIER", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "FEMININE", "MASCULINE"})
_MAX_CHARS = 400
"""So much of a text is looked at."""


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """`LATIN`, `CYRILLIC` …; Japanese and Chinese count as one, `EAST ASIAN`; empty for what is no script's letter."""
    if letter.isascii():
        return "LATIN" if letter.isalpha() else ""
    plain = unicodedata.normalize("NFKC", letter)[:1]
    if not unicodedata.category(plain).startswith("L"):
        return ""
    first = unicodedata.name(plain, "").partition(" ")[0]
    if first in _EAST_ASIAN:
        return "EAST ASIAN"
    return "" if first in _NO_SCRIPT else first


def scripts_of(text: str) -> dict[str, int]:
    """Number of letters by script."""
    found: dict[str, int] = {}
    if text.isascii():
        letters = sum(map(str.isalpha, text[:_MAX_CHARS]))
        return {"LATIN": letters} if letters else {}
    for character in text[:_MAX_CHARS]:
        script = _script_of(character)
        if script:
            found[script] = found.get(script, 0) + 1
    return found
