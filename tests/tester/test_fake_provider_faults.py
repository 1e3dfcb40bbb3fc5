"""Faults as text, and which request gets which."""

from __future__ import annotations

from collections import Counter

import pytest

from tester.fake_provider.faults import Fault, FaultKind, FaultPlan

CUT, STALL = Fault(FaultKind.CUT), Fault(FaultKind.STALL)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("none", None),
        ("cut", CUT),
        ("cut:after_items=7", Fault(FaultKind.CUT, after_items=7)),
        ("rate_limited:retry_after_s=2.5,as_date=true", Fault(FaultKind.RATE_LIMITED, retry_after_s=2.5, as_date=True)),
        ("error_event:event=api_error", Fault(FaultKind.ERROR_EVENT, event="api_error")),
    ],
)
def test_faults_are_read_from_text(text: str, fault: Fault | None) -> None:
    """The command line's form names every kind and parameter."""
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["", "cutt", "cut:after=1", "cut:after_items=x", "cut:kind"])
def test_nonsense_is_refused(text: str) -> None:
    """What is no fault is an error, not a server that never fails."""
    with pytest.raises(ValueError, match=r".+"):
        Fault.parse(text)


def test_schedule_comes_first_in_its_order() -> None:
    """Scheduled faults are used up in order; without rates everything after them is proper."""
    plan = FaultPlan([CUT, None, STALL], {}, seed=1)
    assert [plan.draw() for _ in range(5)] == [CUT, None, STALL, None, None]


def test_schedule_of_a_running_server_grows() -> None:
    """Faults can be added later."""
    plan = FaultPlan([], {}, seed=1)
    plan.draw()
    plan.add(CUT)
    assert plan.draw() == CUT


def test_rates_are_kept_and_repeatable() -> None:
    """Draws follow the rates and repeat with the seed."""
    rates = {CUT: 0.25, STALL: 0.05}
    first = [FaultPlan([], rates, seed=3).draw() for _ in range(1)]
    plan, twin = FaultPlan([], rates, seed=3), FaultPlan([], rates, seed=3)
    drawn = [plan.draw() for _ in range(4000)]
    assert drawn[:1] == first
    assert drawn == [twin.draw() for _ in range(4000)]
    counts = Counter(drawn)
    assert counts[CUT] / 4000 == pytest.approx(0.25, abs=0.04)
    assert counts[STALL] / 4000 == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("rates", [{CUT: 0.6, STALL: 0.6}, {CUT: -0.1}])
def test_impossible_rates_are_refused(rates: dict[Fault, float]) -> None:
    """Rates are probabilities of exclusive events."""
    with pytest.raises(ValueError, match="rates"):
        FaultPlan([], rates, seed=1)
