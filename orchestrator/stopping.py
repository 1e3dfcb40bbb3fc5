"""The stop rules that a user may set: how much is known, what the next request brings, what the next item costs."""

from __future__ import annotations

from orchestrator.events import StopReason
from orchestrator.exploration import Explorer
from orchestrator.settings import Settings
from orchestrator.stats import RunStats

COVERAGE_MARGIN = 0.03
"""How far the lower end of the interval may lie below the coverage that is wanted."""


def enough(explorer: Explorer, stats: RunStats, settings: Settings) -> StopReason | None:
    """Which of the rules that were set is met; None: the run goes on.

    Nothing is said before the explorer can tell (`Explorer.settled`).
    """
    if not explorer.settled:
        return None
    wanted = settings.until_coverage
    if wanted is not None:
        covered = explorer.coverage()
        if covered is not None and covered.estimate >= wanted and covered.low >= wanted - COVERAGE_MARGIN:
            return StopReason.COVERAGE
    if settings.min_yield is not None and explorer.next_yield < settings.min_yield:
        return StopReason.MIN_YIELD
    price = price_of_next_usd(explorer, stats)
    if settings.max_price_per_item_usd is not None and price is not None and price > settings.max_price_per_item_usd:
        return StopReason.MAX_PRICE_PER_ITEM
    return None


def perhaps_covered(explorer: Explorer, settings: Settings) -> bool:
    """Whether the wanted coverage is reached if what looks like noise is none of the topic: then that is judged first.

    Everything is judged in the end, so that this costs nothing; what is not judged counts as known and as missing.
    """
    if settings.until_coverage is None or not explorer.settled:
        return False
    covered = explorer.coverage()
    return covered is not None and covered.without_noise >= settings.until_coverage


def price_of_next_usd(explorer: Explorer, stats: RunStats) -> float | None:
    """What the next new item is expected to cost, in US dollars: a call's mean price so far ÷ its expected new items.

    None where a price is unknown, or nothing was asked yet; infinite where nothing new is expected.
    """
    cost = stats.cost_usd
    if cost is None or not stats.calls:
        return None
    call = cost / stats.calls
    expected: float = explorer.next_yield
    if expected <= 0:
        return float("inf") if call else 0.0
    return call / expected
