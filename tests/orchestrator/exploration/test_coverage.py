"""The coverage that is shown."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.coverage import coverage, missing_interval, t_95
from orchestrator.exploration.incidence import Incidence
from tests.orchestrator.exploration.responses import fresh, item_lists


def test_two_responses_are_needed() -> None:
    """Before two fresh responses, and while they have brought nothing, there is no estimate."""
    assert coverage(fresh(), 0) is None
    assert coverage(fresh([1, 2]), 2) is None
    assert coverage(fresh([], []), 0) is None
    assert coverage(fresh([1], []), 1) is not None


def test_the_figures_of_three_responses() -> None:
    """By hand: Q1 = 3, Q2 = 1, U = 8, T = 3."""
    shown = coverage(fresh([1, 2, 3], [2, 3, 4], [3, 5]), 7)
    assert shown is not None
    assert shown.estimate == pytest.approx(1 - 3 / 8 * 6 / 8)
    assert (shown.fresh_responses, shown.known) == (3, 7)
    assert shown.total_at_least == pytest.approx(7 + 3)
    assert shown.share_of_distinct_at_most == pytest.approx(0.7)
    assert shown.without_noise == shown.estimate, "below four responses noise cannot be told"


def test_the_interval_is_the_jackknife_s_where_responses_differ() -> None:
    """Student's t times the square root of (T-1)/T · Σ(θ_i - mean)²."""
    incidence = fresh(list(range(40)), list(range(20)), list(range(100, 140)), list(range(10)))
    without = incidence.missing_share_without_each()
    margin = t_95(3) * math.sqrt(3 / 4 * float(np.square(without - without.mean()).sum()))
    interval = missing_interval(incidence)
    assert interval.low == pytest.approx(max(0, interval.estimate - margin))
    assert interval.high == pytest.approx(min(1, interval.estimate + margin))


def test_complete_lists_are_not_certain() -> None:
    """Where every response lists the same, the estimate is 100 %, and the interval is as wide as chance allows."""
    few, many = (coverage(fresh(*[list(range(60))] * count), 60) for count in (3, 30))
    assert few is not None
    assert many is not None
    assert few.estimate == many.estimate == few.high == 1.0
    assert 0.9 < few.low < many.low < 1.0


def test_never_repeating_noise_widens_the_band() -> None:
    """Items that never come again lower the estimate, and not the one without noise."""
    lists = [[*range(50), *range(1000 + 10 * turn, 1010 + 10 * turn)] for turn in range(12)]
    shown = coverage(fresh(*lists), 170)
    assert shown is not None
    assert shown.estimate < 0.85
    assert shown.without_noise > 0.99


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(0, 6.31), (1, 6.31), (5, 2.02), (10, 1.81), (15, 1.753), (30, 1.697), (10_000, 1.645)]
)
def test_student_s_quantiles(degrees: int, quantile: float) -> None:
    """As printed in tables, to 0.5 %."""
    assert t_95(degrees) == pytest.approx(quantile, rel=0.005)


@given(item_lists(8), st.lists(st.integers(0, 40), max_size=20))
def test_every_figure_is_a_share(lists: list[list[int]], elsewhere: list[int]) -> None:
    """Whatever came: the estimate lies in its interval, the interval in 0 to 1, the band above the estimate."""
    incidence = fresh(*lists)
    incidence.found_elsewhere(elsewhere)
    known = len({*elsewhere, *(item for items in lists for item in items)})
    shown = coverage(incidence, known)
    if shown is None:
        assert len(lists) < 2 or not any(lists)
        return
    assert 0 <= shown.low <= shown.estimate <= shown.high <= 1
    assert shown.estimate <= shown.without_noise <= 1
    assert shown.total_at_least >= known
    assert 0 <= shown.share_of_distinct_at_most <= 1


@given(item_lists(8), st.lists(st.integers(0, 40), max_size=20))
def test_what_others_find_can_only_raise_coverage_with_the_same_pairs(lists: list[list[int]], found: list[int]) -> None:
    """Items that only one fresh response had, found by another one too, are no longer missing."""
    incidence = fresh(*lists)
    before = incidence.missing_share()
    counts: dict[int, int] = {}
    for items in lists:
        for item in set(items):
            counts[item] = counts.get(item, 0) + 1
    incidence.found_elsewhere(item for item in found if counts.get(item, 0) == 1)
    assert incidence.missing_share() <= before + 1e-12


def simulated(seed: int) -> tuple[float, float, bool]:
    """Truth, estimate, and whether the interval holds it: 12 fresh responses of 30, of 400 items, and 12 others.

    The others avoid what others have named, and only that.
    """
    rng = np.random.default_rng(seed)
    logs = -np.log(np.arange(1, 401))
    incidence = Incidence()
    known, named = np.zeros(400, np.bool_), np.zeros(400, np.bool_)
    for turn in range(24):
        keys = logs + rng.gumbel(size=400)
        if turn % 2:
            keys[named] = -np.inf
        items = np.argsort(-keys)[:30]
        known[items] = True
        if turn % 2:
            named[items] = True
            incidence.found_elsewhere(items)
        else:
            incidence.add("a", items)
    drawn = [np.argsort(-(logs + rng.gumbel(size=400)))[:30] for _ in range(200)]
    truth = float(np.mean([known[items].mean() for items in drawn]))
    shown = coverage(incidence, int(known.sum()))
    assert shown is not None
    return truth, shown.estimate, shown.low <= truth <= shown.high


def test_the_estimate_is_near_the_truth_in_a_simulated_world() -> None:
    """Where lists hold back what fresh responses alone have found, it is unbiased, and the interval mostly right."""
    runs = [simulated(seed) for seed in range(30)]
    assert statistics.fmean(truth - estimate for truth, estimate, _ in runs) == pytest.approx(0, abs=0.005)
    assert statistics.fmean(abs(truth - estimate) for truth, estimate, _ in runs) < 0.015
    assert sum(holds for _, _, holds in runs) >= 24
