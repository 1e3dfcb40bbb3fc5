"""What happens in a run, in plain words: the same for the log, the live display and a topic's event log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from contract.errors import ErrorKind
from orchestrator.events import (
    Judging,
    OrderEnded,
    ProducerDied,
    ProviderDisabled,
    RunEvent,
    Steered,
    Stopping,
    StopReason,
)

if TYPE_CHECKING:
    from orchestrator.store import Recovery

_WHY = {
    StopReason.ITERATIONS: "every producer has made its requests",
    StopReason.MAX_ATTRIBUTES: "the wanted number of items is reached",
    StopReason.MAX_COST: "the next request could exceed the money limit",
    StopReason.MAX_TIME: "the time is over",
    StopReason.EXHAUSTED: "nothing new has come lately",
    StopReason.COVERAGE: "the wanted coverage is reached",
    StopReason.MIN_YIELD: "the next request is expected to bring too few new items",
    StopReason.MAX_PRICE_PER_ITEM: "the next new item is expected to cost too much",
    StopReason.NO_PROVIDER: "no provider is left",
    StopReason.INTERRUPTED: "interrupted",
    StopReason.CLOSED: "the caller stopped",
}


class Words(NamedTuple):
    """An event as people read it; `kind` and `level` are those of a `TopicEvent`."""

    level: Literal["info", "warning", "error"]
    kind: str
    text: str


def in_words(event: RunEvent) -> Words | None:
    """An event for people; None for what comes all the time: items, complete answers, answers cut off at the end."""
    match event:
        case OrderEnded(error=None) | OrderEnded(error=ErrorKind.CANCELLED):
            return None
        case OrderEnded(retry_in_s=float() as wait):
            failed = f"order {event.order_id} ({event.provider}) failed: {event.message}"
            return Words("info", "retry", f"{failed}; what had come is kept, next try in {wait:.1f} s")
        case OrderEnded():
            return Words(
                "warning", "given_up", f"order {event.order_id} ({event.provider}) is given up: {event.message}"
            )
        case ProducerDied():
            died = f"producer {event.producer} died: {event.why}"
            return Words("warning", "died", f"{died}; its {event.orders} open orders go on with others")
        case ProviderDisabled():
            return Words("error", "disabled", f"provider {event.provider} is not used any more: {event.message}")
        case Steered():
            return Words("info", event.kind, event.text)
        case Judging():
            why = _WHY.get(event.reason, event.reason.value)
            return Words("info", "judging", f"{why}; judging the last {plural(event.unjudged, 'item')} before the end")
        case Stopping():
            return Words("info", "stopping", _stopping(event))
        case _:
            return None


def _stopping(event: Stopping) -> str:
    responses = plural(event.open_orders, "open response")
    if event.reason is StopReason.INTERRUPTED and not event.cancelling:
        return f"finishing {responses}"
    text = f"stopping: {_WHY.get(event.reason, event.reason.value)}"
    if event.open_orders:
        fate = "cancelled, what had come is kept" if event.cancelling else "finished"
        text += f"; {responses} {'is' if event.open_orders == 1 else 'are'} {fate}"
    return text


def recovery_lines(recovered: Recovery) -> list[str]:
    """What opening the topic's folder found and repaired, in words; nothing where all was in order."""
    lines: list[str] = []
    if recovered.set_aside:
        lines.append(f"the earlier run is kept in {recovered.set_aside}")
    if recovered.orders_interrupted:
        lines.append(f"the last run did not end by itself: {recovered.orders_interrupted} requests had been open")
    if (recovered.torn_bytes or recovered.lines_written) and not recovered.edited_copy:
        lines.append(
            f"attributes.txt was completed from run.db: {recovered.lines_written} lines written, "
            f"{recovered.torn_bytes} bytes of a torn line cut"
        )
    if recovered.lines_adopted:
        lines.append(f"{recovered.lines_adopted} lines that had been added to attributes.txt by hand are items now")
    if recovered.edited_copy:
        lines.append(f"attributes.txt had been edited; your version is kept as {recovered.edited_copy}")
    if recovered.items_admitted:
        lines.append(f"{recovered.items_admitted} items that the last run's --max-attributes held back are in now")
    return lines


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def price_of_one(usd: float) -> str:
    """A price that may be tiny, to two digits: `$0.000051`; from a cent on as `money`."""
    if usd >= 0.01 or usd == 0:
        return money(usd)
    return f"${usd:.{1 - math.floor(math.log10(usd))}f}"


def money(cost_usd: float | None) -> str:
    """US dollars, or `unknown`."""
    if cost_usd is None:
        return "unknown"
    return "$0" if cost_usd == 0 else f"${cost_usd:.4f}" if cost_usd < 1 else f"${cost_usd:,.2f}"


def span(seconds: float) -> str:
    """A duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
