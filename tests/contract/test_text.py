"""Untrusted text for people's eyes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.text import printable


@pytest.mark.parametrize("text", ["Paris attractions", "Café 👩‍🚀 クロワッサン", "क्षत्रिय", "C++ / C#"])
def test_plain_text_stays(text: str) -> None:
    """Any script, emoji with joiners included, is shown as it is."""
    assert printable(text) == text


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\rb", "a\nb", "\x9b31m", "\u202eabc", "a\u2028b", "\ud800"])
def test_nothing_steers_a_terminal(text: str) -> None:
    """Escape sequences, line breaks, direction marks and lone surrogates are made visible instead."""
    assert "\ufffd" in printable(text)


@given(st.text(alphabet=st.characters(codec=None)))
def test_the_result_is_one_harmless_line(text: str) -> None:
    """Whatever comes in, no control character comes out, and the length stays."""
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
