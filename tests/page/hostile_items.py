"""Items that would run, paint or mislead if a page took them for anything but text."""

from __future__ import annotations

from typing import NamedTuple

REPLACEMENT = "\ufffd"


class Hostile(NamedTuple):
    """An item and how the list must show it: the same characters, but for those that cannot be seen."""

    text: str
    shown: str


def _as_it_is(text: str) -> Hostile:
    return Hostile(text, text)


IN_A_FOLDER = (
    _as_it_is("<script>window.executed = 1</script>"),
    _as_it_is('<img src="/nothing.png" onerror="window.executed = 1">'),
    _as_it_is('"><svg onload="window.executed = 1"></svg>'),
    _as_it_is("</title></bdi></span><iframe src='/'></iframe>"),
    _as_it_is("javascript:window.executed=1"),
    _as_it_is("[click me](javascript:window.executed=1)"),
    _as_it_is("<a href='https://example.com/'>a link</a>"),
    _as_it_is("&lt;b&gt;not bold&lt;/b&gt; &amp; &#x3c;"),
    _as_it_is("${window.executed = 1} {{executed}} `${1}`"),
    Hostile("\x1b[2J\x1b[31mred\x1b[0m", "\u241b[2J\u241b[31mred\u241b[0m"),
    Hostile("photo\u202egnp.exe", f"photo{REPLACEMENT}gnp.exe"),
    Hostile("bell\x07 and null\x00", "bell\u2407 and null\u2400"),
    _as_it_is("قائمة المدن"),
    _as_it_is("東京 🗼 👩‍👩‍👧‍👦"),
    Hostile("long" * 125, "long" * 60 + "…"),
)
"""They stand in a folder as somebody may have written it."""

ANSWERED = (
    "<script>window.executed = 1</script>",
    "&lt;img src=/nothing.png onerror=window.executed=1&gt;",
    "</title><svg/onload=window.executed=1>",
    "javascript:window.executed=1",
    "[click me](javascript:window.executed=1)",
    "\x1b[31mred\x1b[0m alert",
    "photo\u202egnp.exe",
    "قائمة المدن",
    "東京 🗼",
)
"""A model answers with them; what the item parser makes of each is its own affair."""
