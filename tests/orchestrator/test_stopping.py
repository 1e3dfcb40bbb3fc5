"""The stop rules that a user may set."""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec
import pytest

from orchestrator.events import StopReason
from orchestrator.exploration import Explorer, Traits
from orchestrator.exploration.coverage import Coverage
from orchestrator.settings import Settings
from orchestrator.stats import RunStats
from orchestrator.stopping import enough, perhaps_covered, price_of_next_usd


class Told(Explorer):
    """An explorer that says what it is told to."""

    def __init__(self, *, settled: bool = True, covered: Coverage | None = None, brings: float = 10.0) -> None:
        super().__init__("Fruit", 60, {"test:x": Traits()})
        self._told = (settled, covered, brings)

    @property
    def settled(self) -> bool:
        return self._told[0]

    @property
    def next_yield(self) -> float:
        return self._told[2]

    def coverage(self) -> Coverage | None:
        return self._told[1]


class Spent:
    """Figures of a run: what its calls cost."""

    def __init__(self, cost_usd: float | None = 0.5, calls: int = 10) -> None:
        self.cost_usd = cost_usd
        self.calls = calls


def _stats(spent: Spent) -> RunStats:
    return cast(RunStats, spent)  # nothing else of the figures is read


def _covered(estimate: float, low: float) -> Coverage:
    return Coverage(
        estimate=estimate,
        low=low,
        high=1.0,
        without_noise=1.0,
        fresh_responses=9,
        known=90,
        total_at_least=100.0,
        share_of_distinct_at_most=0.9,
    )


def _reason(explorer: Explorer, spent: Spent | None = None, **settings: Any) -> StopReason | None:
    return enough(explorer, _stats(spent or Spent()), Settings(topic="Fruit", **settings))


@pytest.mark.parametrize(
    ("estimate", "low", "expected"),
    [
        (0.96, 0.94, StopReason.COVERAGE),
        (0.95, 0.93, StopReason.COVERAGE),
        (0.94, 0.94, None),
        (0.99, 0.90, None),  # it may as well be less
    ],
)
def test_a_coverage_that_is_wanted(estimate: float, low: float, expected: StopReason | None) -> None:
    """The estimate must reach it, and the interval must not lie far below."""
    assert _reason(Told(covered=_covered(estimate, low)), until_coverage=0.95) is expected


@pytest.mark.parametrize(("brings", "expected"), [(2.9, StopReason.MIN_YIELD), (3.0, None), (50.0, None)])
def test_a_yield_that_is_wanted(brings: float, expected: StopReason | None) -> None:
    """The run ends once the next request brings less."""
    assert _reason(Told(brings=brings), min_yield=3.0) is expected


@pytest.mark.parametrize(
    ("brings", "spent", "expected"),
    [
        (10.0, Spent(0.5, 10), None),  # 0.005 an item
        (4.0, Spent(0.5, 10), StopReason.MAX_PRICE_PER_ITEM),
        (0.0, Spent(0.5, 10), StopReason.MAX_PRICE_PER_ITEM),
        (0.0, Spent(0.0, 10), None),
        (1.0, Spent(None, 10), None),
        (1.0, Spent(0.0, 0), None),
    ],
)
def test_a_price_that_is_wanted(brings: float, spent: Spent, expected: StopReason | None) -> None:
    """The run ends once the next item costs more; never where the price is unknown, or nothing costs anything."""
    assert _reason(Told(brings=brings), spent, max_price_per_item_usd=0.01) is expected


def test_nothing_is_said_too_early() -> None:
    """No rule is met before the estimates can be trusted, nor where none was set."""
    early = Told(settled=False, covered=_covered(1.0, 1.0), brings=0.0)
    rules = {"until_coverage": 0.5, "min_yield": 5.0, "max_price_per_item_usd": 0.001}
    assert _reason(early, **rules) is None
    assert _reason(Told(covered=_covered(1.0, 1.0), brings=0.0)) is None
    assert _reason(Told(covered=None), until_coverage=0.5) is None


def test_the_price_of_the_next_item() -> None:
    """A call's mean price over what it brings; infinite where it brings nothing."""
    assert price_of_next_usd(Told(brings=5.0), _stats(Spent(0.5, 10))) == pytest.approx(0.01)
    assert price_of_next_usd(Told(brings=0.0), _stats(Spent(0.5, 10))) == math.inf


def test_what_may_be_covered_without_noise_is_judged_first() -> None:
    """Only where a coverage is wanted and can be told."""
    wanted = Settings(topic="Fruit", until_coverage=0.9)
    covered = _covered(0.7, 0.6)
    assert perhaps_covered(Told(covered=covered), wanted)
    assert not perhaps_covered(Told(covered=msgspec.structs.replace(covered, without_noise=0.89)), wanted)
    assert not perhaps_covered(Told(covered=covered, settled=False), wanted)
    assert not perhaps_covered(Told(), wanted)
    assert not perhaps_covered(Told(covered=covered), Settings(topic="Fruit"))
