"""The discovery curve, and what a coverage costs."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.coverage import Interval
from orchestrator.exploration.forecast import (
    Decay,
    calls_to_coverage,
    discovered,
    forecast,
    items_to_coverage,
    needed,
    new_items,
    poisson_interval,
    times,
)
from orchestrator.exploration.incidence import Incidence
from tests.orchestrator.exploration.responses import fresh, item_lists


def half_known() -> Incidence:
    """Ten responses of 20, half of which everyone lists."""
    return fresh(*[[*range(10), *((turn * 13 + place * 7) % 90 + 100 for place in range(10))] for turn in range(10)])


@given(item_lists(7).filter(bool))
def test_the_rarefied_curve_is_the_mean_over_all_choices(lists: list[list[int]]) -> None:
    """After t of T: the mean number of distinct items over every choice of t responses."""
    incidence = fresh(*lists)
    incidence.found_elsewhere([1, 2])
    curve = discovered(incidence)
    assert [point.calls for point in curve] == list(range(1, len(lists) + 1))
    for point in curve:
        choices = itertools.combinations(lists, int(point.calls))
        mean = statistics.fmean(len({item for items in chosen for item in items}) for chosen in choices)
        assert point.items == Interval(*[pytest.approx(mean)] * 3)


def test_a_long_curve_has_few_points() -> None:
    """Both ends are among them."""
    curve = discovered(fresh(*[[turn, 0] for turn in range(1000)]), points=20)
    assert len(curve) == 20
    assert (curve[0].calls, curve[0].items.estimate) == (1, pytest.approx(1.999))
    assert (curve[-1].calls, curve[-1].items.estimate) == (1000, pytest.approx(1000))
    assert discovered(fresh()) == []


@pytest.mark.parametrize(
    ("shape", "missing", "calls"),
    [
        (1.0, 0.25, 10.0),  # power law of slope 1: half of it takes twice the responses
        (1.0, 0.125, 30.0),
        (0.0, 0.5 * math.exp(-1), 10.0),  # exponential with the same slope
        (0.5, 0.125, 20.0),  # (1 + x/20)^-2 = 1/4
        (0.5, 0.5, 0.0),
        (0.5, 0.7, 0.0),
        (0.5, 0.0, math.inf),
    ],
)
def test_the_calls_to_a_missing_share(shape: float, missing: float, calls: float) -> None:
    """By hand, for ten responses and half of their items missing."""
    assert Decay(10, 60.0, 0.5, 1.0, shape).calls_to(missing) == pytest.approx(calls)


@given(
    st.integers(30, 500),
    st.floats(0.001, 1),
    st.floats(0.01, 3),
    st.floats(0.0, 1).filter(lambda shape: shape == 0 or shape > 0.01),
    st.integers(1, 300),
)
def test_new_items_are_the_sum_over_the_calls(
    responses: int, missing: float, decline: float, shape: float, calls: int
) -> None:
    """The integral is the sum of size · m(x), but for half of what the first call alone loses."""
    decay = Decay(responses, 60.0, missing, decline, shape)

    def left(after: int) -> float:
        if shape == 0:
            return math.exp(-decline * after / responses)
        return float((1 + shape * after / responses) ** (-decline / shape))

    expected = 60 * missing * sum(left(after) for after in range(calls))
    assert decay.new_items(calls) == pytest.approx(expected, rel=0.06)
    assert decay.new_items(calls) <= calls * 60 * missing * (1 + 1e-9)


def test_new_items_by_hand() -> None:
    """Ten responses, m(x) = ½·(1 + x/20)^-4: four calls bring 30·(1 + 0.823 + 0.683 + 0.572)."""
    expected = 30 * sum((1 + after / 20) ** -4 for after in range(4))
    assert Decay(10, 60.0, 0.5, 2.0, 0.5).new_items(4) == pytest.approx(expected, rel=0.01)


def test_without_decline_nothing_ends() -> None:
    """Where nothing came twice, new items go on, and no coverage is reached."""
    decay = Decay(5, 60.0, 0.5, 0.0)
    assert decay.new_items(10) == pytest.approx(300)
    assert math.isinf(decay.calls_to(0.4))


def test_a_forecast_begins_at_what_is_known() -> None:
    """Its points rise from there, within their bands."""
    points = forecast(half_known(), 123, 50, points=10)
    assert [points[0].calls, points[-1].calls] == [1, 50]
    assert len(points) == 10
    for point in points:
        assert 123 <= point.items.low <= point.items.estimate <= point.items.high
    assert [p.items.estimate for p in points] == sorted(p.items.estimate for p in points)
    assert forecast(fresh([1]), 1, 50) == []
    assert forecast(half_known(), 123, 0) == []


def test_the_next_call_s_new_items_are_the_next_yield() -> None:
    """One call ahead, the forecast is the estimator's own."""
    assert new_items(half_known(), 1).estimate == pytest.approx(half_known().next_yield())


def test_what_others_found_makes_the_rest_decline_evenly() -> None:
    """The same counts after many other responses: what is left falls faster than a list with a long tail."""
    alone, among_others = half_known(), half_known()
    alone.found_elsewhere(range(20))
    for _ in range(90):
        among_others.found_elsewhere(range(20))
    target = 1 - alone.missing_share() / 4
    assert calls_to_coverage(among_others, target).estimate < calls_to_coverage(alone, target).estimate


@given(item_lists(7), st.floats(0, 1), st.integers(0, 40))
def test_whatever_came_the_estimate_lies_in_its_interval(lists: list[list[int]], target: float, others: int) -> None:
    """No division by zero, no overflow; ends in order, from 0 to infinite."""
    incidence = fresh(*lists)
    for item in range(others):
        incidence.found_elsewhere([item])
    for interval in (calls_to_coverage(incidence, target), new_items(incidence, 17)):
        assert 0 <= interval.low <= interval.high
        assert interval.low - 1e-9 <= interval.estimate <= interval.high + 1e-9


@given(item_lists(7).filter(lambda lists: len(lists) > 1), st.floats(0, 0.99), st.floats(0, 0.99))
def test_more_coverage_needs_more_calls(lists: list[list[int]], one: float, other: float) -> None:
    """Calls grow with the target; one that is reached needs none."""
    incidence = fresh(*lists)
    fewer, more = (calls_to_coverage(incidence, target).estimate for target in sorted((one, other)))
    assert fewer <= more
    assert calls_to_coverage(incidence, 1 - incidence.missing_share()).estimate == pytest.approx(0)


@given(item_lists(7).filter(lambda lists: len(lists) > 1), st.floats(0, 0.99))
def test_the_items_by_a_coverage_are_those_of_its_calls(lists: list[list[int]], target: float) -> None:
    """As many as `new_items` expects of so many calls; none where the target is reached."""
    incidence = fresh(*lists)
    calls = calls_to_coverage(incidence, target).estimate
    items = items_to_coverage(incidence, target)
    if calls < 1e6:
        assert items.estimate == pytest.approx(new_items(incidence, calls).estimate, rel=1e-6, abs=1e-9)
    assert 0 <= items.low <= items.high


def test_an_even_list_is_not_taken_for_an_endless_one() -> None:
    """Five answers of 60 from 2,000 items, all as likely: 90 % takes 76 calls; a few times that is said, no more."""
    needed_calls = math.log(0.1) / math.log(1 - 60 / 2000)
    said = []
    for seed in range(20):
        rng = random.Random(seed)
        said.append(calls_to_coverage(fresh(*(rng.sample(range(2000), 60) for _ in range(5))), 0.9))
    assert 1 < statistics.median(one.estimate for one in said) / needed_calls < 6
    assert sum(one.low <= needed_calls <= one.high for one in said) >= 17


def test_items_that_came_three_times_tell_of_a_long_tail() -> None:
    """With the same items named once and twice, more that came three times make the rest come more slowly."""
    short = fresh(*([10 * turn + place for place in range(9)] + [900 + turn // 2] for turn in range(40)))
    long = fresh(
        *([10 * turn + place for place in range(9)] + [900 + turn // 2, 1000 + turn // 3] for turn in range(39)),
        [390 + place for place in range(9)] + [919],
    )
    assert (short.q(1), short.q(2)) == (long.q(1), long.q(2))
    assert calls_to_coverage(long, 0.9).high > calls_to_coverage(short, 0.9).high


def test_one_response_foretells_nothing() -> None:
    """Calls are unknown, from none to infinitely many."""
    assert calls_to_coverage(fresh([1, 2]), 0.9) == Interval(math.inf, 0.0, math.inf)
    assert items_to_coverage(fresh([1, 2]), 0.9) == Interval(math.inf, 0.0, math.inf)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.0), (1, 0.051, 4.74), (5, 1.97, 10.51), (50, 38.96, 63.3)]
)
def test_the_interval_of_a_count(count: int, low: float, high: float) -> None:
    """As in tables of the Poisson distribution (90 %)."""
    assert poisson_interval(count) == (pytest.approx(low, abs=0.05), pytest.approx(high, rel=0.02))


def test_amounts_are_calls_times_their_mean() -> None:
    """The errors of both add as squares on the logarithm's scale."""
    assert times(Interval(10, 10, 10), [3.0, 3.0, 3.0]) == Interval(30, 30, 30)
    exact = times(Interval(10, 5, 30), [3.0, 3.0])
    assert (exact.estimate, exact.low, exact.high) == (30, pytest.approx(15), pytest.approx(90))
    # The mean of 2 and 4 is 3 with a standard error of 1; Student's t with one degree: 6.31.
    spread = times(Interval(10, 5, 30), [2.0, 4.0])
    doubt = math.log(1 + 6.31 / 3)
    assert spread.low == pytest.approx(30 * math.exp(-math.hypot(math.log(2), doubt)))
    assert spread.high == pytest.approx(30 * math.exp(math.hypot(math.log(3), doubt)))
    assert times(Interval(10, 0, 20), [3.0, 3.0]).low == 0
    assert times(Interval(10, 5, math.inf), [1.0, 1.0]).high == math.inf
    assert times(Interval(0, 0, 2), [1.0, 1.0]) == Interval(0, 0, 2)
    assert times(Interval(10, 5, 20), [0.0]) == Interval(0, 0, 0)
    with pytest.raises(ValueError, match="no call"):
        times(Interval(1, 1, 1), [])


def test_what_a_coverage_needs() -> None:
    """Tokens, money and seconds; calls in flight share the time, one call takes its own; unknown prices stay so."""
    plan = needed(Interval(10, 5, 20), tokens=[100, 100], cost_usd=[0.5, 0.5], duration_s=[4.0, 4.0], in_flight=8)
    for interval, ends in (
        (plan.tokens, (1000, 500, 2000)),
        (plan.cost_usd, (5, 2.5, 10)),
        (plan.duration_s, (5, 4, 10)),
    ):
        assert interval is not None
        assert (interval.estimate, interval.low, interval.high) == pytest.approx(ends)
    unpriced = needed(Interval(10, 5, 20), tokens=[100], cost_usd=None, duration_s=[4.0], in_flight=0)
    assert unpriced.cost_usd is None
