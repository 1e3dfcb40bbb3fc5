"""Keys by which the simulated worlds tell items apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.providers.simulated.matching import (
    full_key,
    match_key,
    misspelled,
    misspelling_spots,
    name_readings,
    slip_corrections,
    without_accents,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Eiffel Tower", "the EIFFEL  tower"),
        ("Musée d'Orsay", "Musee d’Orsay"),
        ("Myanmar (Burma)", "Myanmar"),
        ("Catch-22", "catch 22"),
        ("**Rye**", "Rye"),
    ],
)
def test_spellings_of_one_item_share_a_key(one: str, other: str) -> None:
    """Case, accents, punctuation, article and trailing parenthesis make no difference."""
    assert match_key(one) == match_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("C", "C++"), ("C", "C#"), ("Nidoran♀", "Nidoran♂"), ("Boeing 747", "Boeing 737"), ("ice water", "water ice")],
)
def test_different_items_have_different_keys(one: str, other: str) -> None:
    """Digits, the order of words and + # ♀ ♂ make a difference."""
    assert match_key(one) != match_key(other)


@given(st.text(min_size=1))
def test_no_text_has_an_empty_key(text: str) -> None:
    """Punctuation alone, or an article alone, is its own key."""
    assert full_key(text)


def test_readings_go_from_the_whole_line_to_the_bare_name() -> None:
    """Marks and tails are taken off step by step, the longest reading first."""
    assert list(name_readings("2. Rye (town): nice")) == [
        "2. Rye (town): nice",
        "Rye (town): nice",
        "Rye (town)",
        "Rye",
    ]


@given(st.sampled_from(["Kavrelle Tower", "Musée Orbanne", "Praseodymium", "Lake Tessin"]), st.data())
def test_any_single_slip_can_be_undone(name: str, data: st.DataObject) -> None:
    """The right spelling is among the corrections of every slip."""
    slipped = misspelled(name, data.draw(st.sampled_from(misspelling_spots(name))), data.draw(st.integers(0, 2)))
    assert abs(len(slipped) - len(name)) <= 1
    assert full_key(slipped) == full_key(name) or full_key(name) in set(slip_corrections(full_key(slipped)))


def test_short_words_are_never_misspelt() -> None:
    """A slip in a word of four letters would often make another word."""
    assert misspelling_spots("Mali Iran C++ 747") == []


@given(st.text())
def test_removing_accents_twice_changes_nothing_more(text: str) -> None:
    """Dropping accents is idempotent."""
    assert without_accents(without_accents(text)) == without_accents(text)
