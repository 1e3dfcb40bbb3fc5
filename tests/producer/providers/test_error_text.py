"""Error texts hold no key, no control character and no second line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.providers.error_text import MAX_MESSAGE_CHARS, one_line, scrub

KEY_TEXTS = [
    "Incorrect API key provided: sk-proj-abcdef123456.",
    "Incorrect API key provided: sk-ab***********wxyz. You can find",
    "bad sk-ant-api03-abc_def-123",
    "Authorization: Bearer abcdef123456",
    "GET https://x/v1?key=abcdef123456&alt=sse",
    "key AIzaSyabcdef1234567890123",
    "api_key=abcdef123456",
    "https://user:abcdef123456@proxy/",
    "Incorrect API key provided: abcdef123456",
]


@pytest.mark.parametrize("text", KEY_TEXTS)
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    """Keys of the usual shapes do not stay, even if they are not ours."""
    clean = scrub(text, None)
    assert "[key]" in clean
    assert "abc" not in clean
    assert "wxyz" not in clean


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60).filter(
        lambda k: k not in "[key]"
    ),
    st.text(max_size=50),
    st.text(max_size=50),
)
def test_our_key_is_always_hidden(key: str, before: str, after: str) -> None:
    """The literal key is taken out wherever it stands."""
    assert key not in scrub(before + key + after, key).replace("[key]", "")


def test_a_short_key_does_not_eat_the_message() -> None:
    """A key of one letter is hidden as a word, not inside words."""
    assert scrub("the key k was taken", "k") == "the key [key] was taken"


@given(st.text(max_size=2000))
def test_lines_are_one_short_and_printable(text: str) -> None:
    """Whatever a server writes becomes one printable line of bounded length."""
    line = one_line(text)
    assert len(line) <= MAX_MESSAGE_CHARS
    assert line == "" or line.isprintable()


def test_line_ends_become_spaces() -> None:
    """Words on two lines stay two words; escape sequences go."""
    assert one_line("one\r\n\ttwo \x1b[31mred\u202e") == "one two [31mred"
