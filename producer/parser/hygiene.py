"""Which characters may leave the parser: no control characters, no escapes, nothing invisible, single spaces.

Model output is untrusted: an ANSI escape would reach the user's terminal, a bidirectional override would show a line
other than it is, a lone surrogate cannot be encoded and would break the channel to the orchestrator.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and their like: titles, links
    r"|\x1b[ -/]*[0-Z\\^-~]"  # two-byte sequences
)
# A joiner is a letter's part in Persian, in Indic scripts and in emoji, but never beside ASCII.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    r"|[\u200c\u200d](?![^\x00-\x7f])|(?<![^\x00-\x7f])[\u200c\u200d]"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def clean(text: str) -> str:
    """One line of visible characters: escapes and hidden characters removed, white space collapsed, ends stripped.

    A high and a low surrogate that stand side by side (a JSON escape split over two deltas) become their character;
    a lone one is dropped.
    """
    if not text.isprintable():
        if "\x1b" in text or "\x9b" in text or "\x9d" in text or "\x90" in text:
            text = _ESCAPES.sub("", text)
        if _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
        text = _HIDDEN.sub("", text)
    return " ".join(text.split())


def shorten(text: str, limit: int) -> str:
    """`text` cleaned and cut to `limit` characters, the last one an ellipsis where something is missing."""
    text = clean(text[: 4 * limit])
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
