from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Scope
from orchestrator.exploration.arms import Arm, Way


def _never(item_id: int) -> float:
    """No fresh response names any item."""
    return 0.0


def arm() -> Arm:
    """An arm that was never asked."""
    return Arm(Way.FACET, Scope(facet="gases"))


def test_an_arm_that_was_never_asked_has_brought_nothing() -> None:
    """Before the first response nothing is expected from the arm's own history."""
    assert arm().recent == 0


def test_the_last_response_counts_most() -> None:
    """A falling yield is followed: what an arm brings lately is nearer to its last response than to its first."""
    worn = arm()
    for new in (50, 30, 10):
        worn.answered(new=new, distinct=60)
    assert 10 < worn.recent < 30


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_what_it_brings_lately_lies_between_its_worst_and_its_best(yields: list[int]) -> None:
    """The recent yield is a mean of the responses, and the counters are their sums."""
    asked = arm()
    for new in yields:
        asked.answered(new=new, distinct=100)
    assert min(yields) - 1e-9 <= asked.recent <= max(yields) + 1e-9
    assert (asked.calls, asked.new, asked.distinct) == (len(yields), sum(yields), 100 * len(yields))


def test_an_arm_that_was_never_asked_draws_what_its_siblings_let_expect() -> None:
    """The mean of many draws is the prior's, and they are wide: it is worth a try even where the prior is moderate."""
    draws = [arm().draw(20.0, random.Random(seed)) for seed in range(4000)]
    assert statistics.fmean(draws) == pytest.approx(20, rel=0.05)
    assert max(draws) > 35


def test_an_arm_that_was_asked_draws_near_its_own_yield() -> None:
    """After a few responses the siblings' word weighs little."""
    known = arm()
    for _ in range(8):
        known.answered(new=5, distinct=60)
    draws = [known.draw(60.0, random.Random(seed)) for seed in range(2000)]
    assert 5 < statistics.fmean(draws) < 25


@given(st.floats(0, 1e6), st.lists(st.integers(0, 1000), max_size=5), st.integers())
def test_a_draw_is_never_negative(prior: float, yields: list[int], seed: int) -> None:
    """Whatever came, and even where nothing at all is expected, a draw is a possible number of items."""
    asked = arm()
    for new in yields:
        asked.answered(new=new, distinct=1000)
    assert asked.draw(prior, random.Random(seed)) >= 0


def test_what_was_named_more_often_is_likelier_to_come_again() -> None:
    """The chances follow the counts; where only some are wanted, these are the likeliest."""
    asked = arm()
    for ids in ({1, 2, 3}, {2, 3}, {3}):
        asked.took(ids)
        asked.answered(new=1, distinct=len(ids))
    chances = {one.item_id: one.chance for one in asked.chances(10, _never)}
    assert 0 < chances[1] < chances[2] < chances[3] <= 1
    assert [one.item_id for one in asked.chances(2, _never)] == [3, 2]
    assert asked.chances(0, _never) == []


def test_an_item_that_was_listed_had_no_chance_to_come_again() -> None:
    """Answers that were asked to leave an item out do not make it less likely."""
    listed, left = arm(), arm()
    for one in (listed, left):
        one.took({7})
        one.answered(new=1, distinct=1)
    listed.listed([7])
    for one in (listed, left):
        one.answered(new=0, distinct=0)
    assert listed.chances(1, _never)[0].chance > left.chances(1, _never)[0].chance


def test_what_is_remembered_for_avoid_lists_is_bounded() -> None:
    """An arm that named a hundred thousand items remembers a few thousand: those that came often."""
    asked = arm()
    for _ in range(3):
        asked.took(range(50))
    for start in range(100, 100_000, 500):
        asked.took(range(start, start + 500))
    assert len(asked.named) <= 4000
    assert set(range(50)) <= set(asked.named)


def test_an_arms_coverage_is_of_its_last_responses() -> None:
    """Unknown before the first; it rises as what it names is known already, the newest counting most."""
    part = Arm(Way.FACET, Scope(facet="museums"))
    assert part.coverage is None
    part.answered(20, 20)
    assert part.coverage == 0
    part.answered(5, 20)
    first = part.coverage
    assert first is not None
    part.answered(0, 20)
    assert 0.4 < first < (part.coverage or 0) < 1
