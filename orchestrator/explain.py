"""Why a run ended, in a sentence with the figures that it rests on."""

from __future__ import annotations

import math

from orchestrator.events import StopReason
from orchestrator.exploration import Explorer
from orchestrator.exploration.forecast import calls_to_coverage
from orchestrator.limits import DRY_RESPONSES
from orchestrator.routing import Router
from orchestrator.settings import Settings
from orchestrator.words import price_of_one

_ESTIMATED = (StopReason.EXHAUSTED, StopReason.COVERAGE, StopReason.MIN_YIELD, StopReason.MAX_PRICE_PER_ITEM)
"""Reasons that rest on estimates."""
_MORE = "; more may come from another model, other words for the topic, or by force (--iterations N)"
_MOST_CALLS = 1_000_000
"""Nobody makes more of them."""


def explain(
    reason: StopReason,
    settings: Settings,
    router: Router,
    explorer: Explorer,
    failure: Exception | None,
    decided: str = "",
) -> str:
    """The stop reason as a sentence for the user, with the figures as they are now.

    Args:
        reason: Which.
        settings: The run's.
        router: The run's.
        explorer: The run's.
        failure: What ended it, where that was a fault.
        decided: Where it rests on estimates, what `decision` said of it when it was decided.
    """
    if reason in _ESTIMATED:
        further = _MORE if reason is StopReason.EXHAUSTED else _further(explorer)
        return f"{decided}{_covered(explorer)}{further}"
    match reason:
        case StopReason.ITERATIONS:
            return f"every producer has made its requests (--iterations {settings.iterations})"
        case StopReason.MAX_ATTRIBUTES:
            return f"the wanted number of items is reached (--max-attributes {settings.max_attributes})"
        case StopReason.MAX_COST:
            limit = "the limit" if settings.max_cost_usd is None else f"{settings.max_cost_usd:g} USD"
            return f"the next request could exceed {limit} (--max-cost)"
        case StopReason.MAX_TIME:
            # A limit may be taken away while the run that it has stopped still ends.
            limit = "" if settings.max_time_s is None else f" {settings.max_time_s:g}s"
            return f"the time is over (--max-time{limit})"
        case StopReason.NO_PROVIDER if failure is None:
            return f"no provider is left: {router.why_none()}"
        case StopReason.INTERRUPTED:
            return "interrupted; everything found is kept"
        case StopReason.PRODUCERS_CANNOT_START | StopReason.STORAGE | StopReason.NO_PROVIDER:
            return str(failure)
        case _:
            return "the caller stopped"


def decision(reason: StopReason, settings: Settings, explorer: Explorer, price_usd: float | None) -> str:
    """What a reason that rests on estimates says at the moment of the decision: answers on their way change them.

    Empty for a reason that rests on none.

    Args:
        reason: Which.
        settings: The run's.
        explorer: The run's.
        price_usd: What the next new item is expected to cost, in US dollars; None where that is not known.
    """
    match reason:
        case StopReason.EXHAUSTED if explorer.exhausted:
            return "every way of asking brings next to nothing new"
        case StopReason.EXHAUSTED:
            return f"the last {DRY_RESPONSES} complete responses brought no new item"
        case StopReason.COVERAGE:
            return "the wanted coverage is reached"
        case StopReason.MIN_YIELD:
            limit = f"--min-yield {settings.min_yield:g}"
            return f"the next request was expected to bring {explorer.next_yield:.1f} new items ({limit})"
        case StopReason.MAX_PRICE_PER_ITEM:
            return f"{_dear(price_usd)} (--max-price-per-item {settings.max_price_per_item_usd:g})"
        case _:
            return ""


def _dear(price_usd: float | None) -> str:
    """What the next new item would cost; an infinite price means that none is expected."""
    if price_usd is not None and math.isinf(price_usd):
        return "the next request was expected to bring nothing new for its price"
    price = "more than is wanted" if price_usd is None else price_of_one(price_usd)
    return f"the next new item was expected to cost {price}"


def _covered(explorer: Explorer) -> str:
    """How far the topic is explored, to go on a sentence; nothing where that is not known."""
    covered = explorer.coverage()
    if covered is None:
        return ""
    return (
        f": {covered.estimate:.1%} of what these models say when asked afresh is known ({covered.low:.1%} to "
        f"{covered.high:.1%}), at most {covered.share_of_distinct_at_most:.0%} of the distinct items"
    )


def _further(explorer: Explorer) -> str:
    """What it would take to halve what is missing, to go on a sentence; nothing where that is not known."""
    covered = explorer.coverage()
    if covered is None:
        return ""
    calls = calls_to_coverage(explorer.incidence, (1 + covered.estimate) / 2).estimate
    if not 1 <= calls < _MOST_CALLS:
        return ""
    return f"; half of what is missing would take about {calls:,.0f} more requests if asked afresh, fewer if steered"
