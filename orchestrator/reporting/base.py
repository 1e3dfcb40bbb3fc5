"""What every reporter offers, and the words they share."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from contract.errors import ErrorKind
from contract.text import printable
from orchestrator.events import (
    OrderEnded,
    ProducerDied,
    ProviderDisabled,
    Result,
    RunEvent,
    Stopping,
    StopReason,
)
from telemetry.logs import trace_suffix

if TYPE_CHECKING:
    from orchestrator.run import Run
    from orchestrator.store import Recovery

log = logging.getLogger("orchestrator")


class Reporter(Protocol):
    """Follows one run. A context manager: logging is set up inside it."""

    def __enter__(self) -> Self:
        """Take over the terminal or the log."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        ...

    def progress(self, text: str) -> None:
        """Something that takes long before the run goes on."""
        ...

    def started(self, run: Run) -> None:
        """The run is built."""
        ...

    def round(self, run: Run, events: Sequence[RunEvent]) -> None:
        """Called each round of the run's loop, several times a second."""
        ...

    def ended(self, result: Result) -> None:
        """The run is over."""
        ...


def log_event(event: RunEvent) -> None:
    """An event as a log line; items are not logged."""
    match event:
        case OrderEnded(error=None):
            log.debug("order %d (%s): %d new, %d known", event.order_id, event.provider, event.new, event.duplicate)
        case OrderEnded(error=ErrorKind.CANCELLED):
            log.debug("order %d (%s) was cancelled; what had come is kept", event.order_id, event.provider)
        case OrderEnded(retry_in_s=float() as wait):
            log.info(
                "order %d (%s) failed: %s; what had come is kept, next try in %.1f s",
                event.order_id,
                event.provider,
                event.message,
                wait,
            )
        case OrderEnded():
            log.warning("order %d (%s) is given up: %s", event.order_id, event.provider, event.message)
        case ProducerDied():
            log.warning(
                "producer %d died: %s; it is replaced, its %d open orders go on",
                event.producer,
                event.why,
                event.orders,
            )
        case ProviderDisabled():
            log.error("provider %s is not used any more: %s", event.provider, event.message)
        case Stopping(reason=StopReason.INTERRUPTED, cancelling=False):
            log.info("finishing %s; Ctrl-C again ends at once", plural(event.open_orders, "open response"))
        case Stopping():
            log.debug("stopping: %s, %d open", event.reason, event.open_orders)


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


class SafeFormatter(logging.Formatter):
    """Formats as its base class does; nothing in the result can steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, with the ids of its span where there is one, its traceback included."""
        text = record.getMessage() + trace_suffix(record)
        shown = copy.copy(record)
        shown.msg, shown.args = text, None
        return "\n".join(printable(line) for line in super().format(shown).split("\n"))


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


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


def summary_lines(result: Result, command: str) -> list[tuple[str, str]]:
    """The summary as (name, text) pairs, for the terminal and for plain output."""
    tokens = f"{count(result.input_tokens)} in, {count(result.output_tokens)} out"
    if result.tokens_estimated:
        tokens += f" ({count(result.tokens_estimated)} of them estimated: streams that ended early report none)"
    failed = f", {count(result.failed_calls)} failed" if result.failed_calls else ""
    failed += f", {count(result.cancelled_calls)} cut off at the end" if result.cancelled_calls else ""
    cost = money(result.cost_usd)
    if result.cost_usd is None:
        cost = "unknown (no price is known for this model; --price sets one)"
    pairs = [
        ("items", f"{count(result.unique)} unique, {count(result.new)} of them new"),
        ("repeats", f"{count(result.duplicates)} known already, {count(result.refused)} pieces of output refused"),
        ("calls", f"{count(result.calls)}{failed}"),
        ("tokens", tokens),
        ("cost", cost),
        ("time", span(result.duration_s)),
        ("stopped", result.explanation),
        ("files", str(result.folder / "attributes.txt")),
        ("continue", command),
    ]
    return [(name, printable(text)) for name, text in pairs]
