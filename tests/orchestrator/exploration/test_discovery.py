from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.exhaustion.discoveries import _compared
from benchmarks.exhaustion.world import WorldOptions
from orchestrator.exploration.discovery import (
    FEWEST_RESPONSES,
    MOST_POINTS,
    Course,
    Step,
    ahead,
    pace_of,
    steered_items,
)
from orchestrator.exploration.incidence import Incidence

YIELDS = st.lists(st.integers(0, 200), min_size=1, max_size=500)


def course_of(yields: list[int]) -> Course:
    """A search in which responses brought so many new items each."""
    course = Course()
    for new in yields:
        course.ended(new)
    return course


def fresh(responses: int) -> Incidence:
    """So many fresh responses of twenty items, of which each shares half with the one before it."""
    incidence = Incidence()
    for index in range(responses):
        incidence.add("a", range(10 * index, 10 * index + 20))
    return incidence


@given(yields=YIELDS)
def test_the_curve_is_what_happened(yields: list[int]) -> None:
    """Each of its few points is true, none is missing at the end, and it never falls."""
    steps = course_of(yields).steps()
    assert all(step == Step(step.responses, sum(yields[: step.responses])) for step in steps)
    assert (steps[0].responses, steps[-1].responses) == (0, len(yields))
    assert len(steps) <= MOST_POINTS + 1
    assert steps == sorted(steps, key=lambda step: (step.responses, step.items))


def test_a_long_search_keeps_few_points_all_over_it() -> None:
    """Points are thinned everywhere alike: the beginning does not lose more than the end."""
    course = course_of([1] * 100_000)
    apart = [b.responses - a.responses for a, b in itertools.pairwise(course.steps())]
    assert MOST_POINTS / 2 <= len(apart) <= MOST_POINTS
    assert max(apart) == max(apart[:5])
    assert course.items_at(33_333.5) == 33_333.5


def test_nothing_has_come() -> None:
    """There is neither a curve nor a forecast."""
    assert Course().steps() == []
    assert ahead(Course(), Incidence(), 100) == []


def test_items_from_elsewhere_are_in_the_curves_end() -> None:
    """What a person added by hand is known, too; fewer than the responses brought are none of its affair."""
    course = course_of([3, 4])
    course.settle(9)
    assert course.steps()[-1] == Step(2, 9)
    course.settle(5)
    assert course.steps()[-1] == Step(2, 9)


@given(yields=YIELDS, more=st.integers(1, 500))
def test_a_forecast_never_falls_and_lies_in_its_band(yields: list[int], more: int) -> None:
    """It begins at what is known; all its numbers can be shown."""
    course = course_of(yields)
    points = ahead(course, fresh(3), more)
    assert bool(points) == (course.responses >= FEWEST_RESPONSES)
    for point in points:
        assert course.items <= point.items.low <= point.items.estimate <= point.items.high < math.inf
        assert course.items <= point.afresh < math.inf
    ends = [(point.items.low, point.items.estimate, point.items.high, point.afresh) for point in points]
    assert all(a <= b + 1e-6 for before, after in itertools.pairwise(ends) for a, b in zip(before, after, strict=True))
    assert not points or points[-1].responses == course.responses + more


def test_fresh_responses_are_needed_for_a_forecast() -> None:
    """With one of them the fresh law is not known."""
    course = course_of([10] * 20)
    assert ahead(course, fresh(1), 20) == []
    assert ahead(course, fresh(2), 20)


def test_a_yield_that_does_not_fall_goes_on_nearly_so() -> None:
    """A steady search is expected to slow down a little, for all do in the end."""
    steady = pace_of(course_of([10] * 80)).items(20)
    assert 150 < steady < 200


def test_a_yield_that_falls_goes_on_falling() -> None:
    """After 40, 20 and 10 items a response fewer than 10 are expected."""
    falling = pace_of(course_of([40] * 20 + [20] * 20 + [10] * 20)).items(20)
    assert 60 < falling < 160


def test_a_search_that_has_dried_up_brings_next_to_nothing() -> None:
    """Neither as lately nor afresh; the band still allows for a few items."""
    course = course_of([30] * 20 + [0] * 60)
    found = steered_items(pace_of(course), 0.0, 40)
    assert found.estimate < 1
    assert 0 < found.high < 6


def test_where_steering_does_well_the_band_is_wider() -> None:
    """Nobody knows how soon a search that brings more than fresh responses comes down to them."""
    course = course_of([20] * 80)
    well = steered_items(pace_of(course), 30.0, 40)
    badly = steered_items(pace_of(course), 3000.0, 40)
    assert well.low / well.estimate < badly.low / badly.estimate
    assert well.high / well.estimate > badly.high / badly.estimate


def test_the_forecast_lies_between_both_laws_or_a_little_above() -> None:
    """Nearer to the fresh one; most of all where the search has brought less so far than asking afresh would."""
    pace = pace_of(course_of([20] * 80))
    lately = pace.items(40)
    for afresh in (30.0, 3000.0):
        between = math.log(steered_items(pace, afresh, 40).estimate / lately) / math.log(afresh / lately)
        assert 0.4 < between < 1.1


def test_a_response_brings_no_more_than_it_names() -> None:
    """Where nearly all is new, both laws and the factor would have it bring more."""
    pace = pace_of(course_of([58] * 80))
    most = steered_items(pace, 2200.0, 40, 60.0)
    assert most.estimate == 40 * 60
    assert most.high < 1.1 * 40 * 60
    assert steered_items(pace, 2200.0, 40).estimate > 40 * 60


def test_bands_hold_what_comes_in_a_simulated_world() -> None:
    """In most forecasts of some searches; `python -m benchmarks exhaustion-discovery` measures it in many."""
    compared = [one for seed in range(3) for one in _compared(WorldOptions(size=1500), 31 + seed)]
    holds = [bool(one[5]) for one in compared]
    assert len(holds) > 40
    assert sum(holds) / len(holds) > 0.8
