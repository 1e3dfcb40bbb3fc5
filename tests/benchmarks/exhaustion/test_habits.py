"""Habits: what is computed of answers, against cases that can be reckoned by hand."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.exhaustion.habits import (
    avoided,
    counts_of,
    expected_distinct,
    mean,
    noise_again,
    noise_share,
    obeyed,
    rank_slope,
)

answers = st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=5), min_size=1, max_size=6)


@given(answers, st.data())
def test_the_repeat_curve_is_the_mean_over_all_choices_of_answers(given: list[set[str]], data: st.DataObject) -> None:
    """The formula gives what trying every choice gives."""
    chosen = data.draw(st.integers(1, len(given)))
    tried = [len(set().union(*some)) for some in itertools.combinations(given, chosen)]
    found = expected_distinct(counts_of(given).values(), len(given), chosen)
    assert found == pytest.approx(sum(tried) / len(tried))


def test_an_item_named_twice_in_one_answer_counts_once() -> None:
    """What is counted is the number of answers."""
    assert counts_of([["a", "a", "b"], ["a"]]) == Counter(a=2, b=1)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_the_exponent_of_a_power_law_is_found(exponent: float) -> None:
    """Counts that fall with rank to the power of minus s give s."""
    counts = [round(10_000 * rank**-exponent) for rank in range(1, 51)]
    assert rank_slope(counts) == pytest.approx(exponent, abs=0.01)


@pytest.mark.parametrize("counts", [[], [5, 4, 3, 2], [1] * 50, [3] * 50])
def test_no_exponent_is_told_where_nothing_falls(counts: list[int]) -> None:
    """Few items, or items that are all named as often, have no law."""
    assert math.isnan(rank_slope(counts))


def test_a_model_that_leaves_out_half_of_what_it_would_name_keeps_half() -> None:
    """A quarter of what is named is listed, where it is half without the list."""
    free = [{"a", "b", "x", "y"}, {"a", "b", "z", "w"}]
    kept = avoided([("a", "b", "c")] * 2, [{"a", "x", "y", "z"}, {"b", "x", "y", "w"}], free)
    assert kept == (0.25, 0.5, 0.5)


def test_a_model_that_parrots_the_list_keeps_less_than_nothing() -> None:
    """Items that come more often because they are listed are told as disobedience."""
    assert avoided([("a", "b")], [{"a", "b"}], [{"a", "x", "y", "z"}]).kept == -3


def test_nothing_is_said_where_nothing_is_named_or_would_be() -> None:
    """An answer that collapses obeys nobody; a list of what never comes is not put to the test."""
    assert math.isnan(avoided([("a",)], [set()], [{"a"}]).kept)
    assert math.isnan(avoided([("a",)], [{"x"}], [{"x"}]).kept)
    assert math.isnan(avoided([("a",)], [{"a"}], []).kept)


@given(st.floats(0, 1))
def test_obedience_is_the_probability_to_draw_from_the_part(obedience: float) -> None:
    """With a part that holds a quarter of everything, a share of o + (1 - o)/4 means o."""
    asked = [["in"] * round(1000 * (obedience + (1 - obedience) / 4)) + ["out"] * round(750 * (1 - obedience))]
    kept = obeyed(asked, [["in"], ["out", "out", "out"]], "in".__eq__)
    assert kept.without == 0.25
    assert kept.kept == pytest.approx(obedience, abs=0.01)


def test_noise_is_what_the_world_does_not_have() -> None:
    """Its share is over all items of all answers."""
    assert noise_share([["a", "x"], ["a", "b"]], {"a": "A", "b": "B"}.get) == 0.25


def test_noise_that_comes_again_is_told_from_noise_that_never_does() -> None:
    """The same invention in two answers comes again, whatever its case; within one answer it does not."""
    find = {"a": "A"}.get
    assert noise_again([["a", "Foo", "bar"], ["foo", "a"], ["baz"]], find) == 0.5
    assert noise_again([["x", "x"], ["y"]], find) == 0
    assert math.isnan(noise_again([["a"]], find))


def test_a_mean_leaves_out_what_is_not_known() -> None:
    """Figures that could not be told do not spoil the others."""
    assert mean([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(mean([math.nan]))
