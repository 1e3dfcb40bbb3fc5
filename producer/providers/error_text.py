"""Vendors' error texts made fit for users and logs: one line, bounded, no control characters, no key."""

from __future__ import annotations

import re

MAX_MESSAGE_CHARS = 300

_HIDDEN = "[key]"
_SHORT_KEY_CHARS = 8

_KEY_SHAPES = re.compile(
    r"""
      \b(?:sk|pk|rk|gsk|xai|key)-[\w*.\-]{6,}           # OpenAI, Anthropic and those who took after them
    | \bAIza[\w*\-]{10,}                                # Google
    | (?<=\bBearer\s)\S+
    | (?<=\bBasic\s)\S+
    | (?<=[?&\s"']key=)[^\s&"']+
    | (?<=\bapi_key=)[^\s&"']+
    | (?<=\bapi-key:\s)\S+
    | (?<=\bkey\sprovided:\s)\S+
    | (?<=://)[^/\s@]+(?=@)                              # user and password in an address
    """,
    re.VERBOSE | re.IGNORECASE,
)


def scrub(text: str, key: str | None) -> str:
    """Take the key out of a text, and whatever looks like one."""
    if key:
        # A short key is hidden only as a word of its own: "k" would take half of the message with it.
        whole_word = len(key) < _SHORT_KEY_CHARS
        text = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)" if whole_word else re.escape(key), _HIDDEN, text)
    return _KEY_SHAPES.sub(_HIDDEN, text)


def one_line(text: str, limit: int = MAX_MESSAGE_CHARS) -> str:
    """Join lines, drop what does not print, and cut at `limit` characters."""
    # White space first: a line end is a control character too, but stands for a space.
    line = "".join(c for c in " ".join(text[: 8 * limit].split()) if c.isprintable())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
