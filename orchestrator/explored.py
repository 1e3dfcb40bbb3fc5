"""How far a run's topic is explored, as it is shown and kept: estimates, discovery curve, forecast, parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from contract.discovery import (
    MAX_PARTS,
    DiscoveryPoint,
    DiscoveryView,
    ExplorationView,
    ForecastPoint,
    KeptExploration,
    PartView,
)
from contract.text import printable
from orchestrator.exploration import Explorer
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.discovery import Ahead, ahead
from orchestrator.exploration.overlap import PARTS
from orchestrator.stats import RunStats
from orchestrator.stopping import price_of_next_usd

_EVERY_S = 0.5
"""The discovery is made anew so often at most: nobody sees more of it …"""
_AT_LEAST_APART = 20.0
"""… and it is not made for so many times as long as making it took: some milliseconds, more with hundreds of parts."""
_KINDS: dict[Way, Literal["facet", "letter", "language"]] = {
    Way.FACET: "facet",
    Way.LETTER: "letter",
    Way.LANGUAGE: "language",
}


class Explored:
    """Makes what is shown of the exploration.

    Args:
        explorer: The run's.
        stats: The run's.
        clock: Monotonic seconds.
    """

    def __init__(self, explorer: Explorer, stats: RunStats, clock: Callable[[], float]) -> None:
        self._explorer = explorer
        self._stats = stats
        self._clock = clock
        self._discovery: DiscoveryView | None = None
        self._made_of: tuple[int, int] = (0, 0)
        self._next = float("-inf")

    def exploration(self) -> tuple[float | None, ExplorationView | None]:
        """The coverage, and what the estimates say in full; None while too little is known."""
        explorer = self._explorer
        covered = explorer.coverage()
        if covered is None:
            return None, None
        ways: dict[str, tuple[int, int]] = {}
        for arm in explorer.arms:
            if arm.calls:
                calls, new = ways.get(arm.way, (0, 0))
                ways[arm.way.value] = (calls + arm.calls, new + arm.new)
        price = price_of_next_usd(explorer, self._stats)
        return covered.estimate, ExplorationView(
            coverage_low=covered.low,
            coverage_high=covered.high,
            without_noise=covered.without_noise,
            fresh_responses=covered.fresh_responses,
            distinct_at_most=covered.share_of_distinct_at_most,
            next_yield=explorer.next_yield,
            next_price_usd=None if price is None or math.isinf(price) else price,
            ways=ways,
        )

    def discovery(self) -> DiscoveryView | None:
        """Curve, forecast and parts; None before the first response. Made anew when a response has come, not often."""
        if self._clock() >= self._next or self._stats.ended_at is not None:
            self._make()
        return self._discovery

    def _make(self) -> None:
        made_of = (self._explorer.course.responses, len(self._explorer.arms))
        if made_of[0] and made_of != self._made_of:
            began = self._clock()
            self._discovery = discovery_of(self._explorer)
            ended = self._clock()
            self._made_of = made_of
            self._next = ended + max(_EVERY_S, _AT_LEAST_APART * (ended - began))

    def kept(self, run: int, explanation: str) -> KeptExploration:
        """What is kept of it in the topic's folder, as it is now.

        Args:
            run: The run's number.
            explanation: Why it ended; empty while it goes on.
        """
        coverage, exploration = self.exploration()
        self._make()
        return KeptExploration(run, printable(explanation), coverage, exploration, self._discovery)


def discovery_of(explorer: Explorer) -> DiscoveryView:
    """Curve, forecast and parts as they are now."""
    course = explorer.course
    parts = sorted((_part(arm) for arm in explorer.arms if arm.way in PARTS), key=_left, reverse=True)
    return DiscoveryView(
        curve=tuple(DiscoveryPoint(step.responses, step.items) for step in course.steps()),
        forecast=tuple(_forecast(one) for one in ahead(course, explorer.incidence, course.responses)),
        parts=tuple(parts[:MAX_PARTS]),
        parts_left_out=len(parts[MAX_PARTS:]),
    )


def _forecast(one: Ahead) -> ForecastPoint:
    low, items, high = (round(end) for end in (one.items.low, one.items.estimate, one.items.high))
    return ForecastPoint(one.responses, items, low, high, round(one.afresh))


def _part(arm: Arm) -> PartView:
    scope = arm.scope
    state: Literal["new", "open", "split", "closed"] = "open" if arm.calls else "new"
    if arm.split:
        state = "split"
    if arm.closed:
        state = "closed"
    parent = arm.parent.scope if arm.parent is not None else None
    return PartView(
        name=printable(scope.prefix or scope.language or scope.facet),
        kind="rest" if scope.besides else _KINDS[arm.way],
        state=state,
        within="" if parent is None else printable(parent.facet or parent.prefix),
        reason=printable(arm.closed),
        responses=arm.calls,
        items=arm.distinct_items,
        new=arm.new,
        lately=arm.recent if arm.calls else None,
        coverage=arm.coverage,
        overlap=arm.overlap,
    )


def _left(part: PartView) -> tuple[int, float, int]:
    """The larger, the more is left in it; one that was not asked about yet follows those that were."""
    rank = {"closed": 0, "new": 1}.get(part.state, 2)
    return rank, part.lately or 0.0, part.items
