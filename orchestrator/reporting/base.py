"""What every reporter offers, and the words they share."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from contract.discovery import ExplorationView
from contract.errors import ErrorKind
from contract.text import printable
from orchestrator.events import OrderEnded, Result, RunEvent, Stopping, StopReason
from orchestrator.words import count, in_words, money, price_of_one, span
from telemetry.logs import trace_suffix

if TYPE_CHECKING:
    from orchestrator.run import Run

log = logging.getLogger("orchestrator")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


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
    words = in_words(event)
    match event:
        case OrderEnded(error=None):
            log.debug("order %d (%s): %d new, %d known", event.order_id, event.provider, event.new, event.duplicate)
        case OrderEnded(error=ErrorKind.CANCELLED):
            log.debug("order %d (%s) was cancelled; what had come is kept", event.order_id, event.provider)
        case Stopping(reason=StopReason.INTERRUPTED, cancelling=False) if words is not None:
            log.info("%s; Ctrl-C again ends at once", words.text)
        case Stopping() if words is not None:
            log.debug("%s", words.text)  # the summary says it in a moment
        case _ if words is not None:
            log.log(_LEVELS[words.level], "%s", words.text)


class SafeFormatter(logging.Formatter):
    """Formats as its base class does; nothing in the result can steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, with the ids of its span where there is one, its traceback included."""
        text = record.getMessage() + trace_suffix(record)
        shown = copy.copy(record)
        shown.msg, shown.args = text, None
        return "\n".join(printable(line) for line in super().format(shown).split("\n"))


def explored_words(result: Result) -> str:
    """How far the topic is explored, and what going on would bring; empty where that is not known."""
    explored = result.exploration
    if explored is None:
        return ""
    return (
        f"coverage {coverage_words(result.coverage, explored)}, at most {explored.distinct_at_most:.0%} of the "
        f"distinct items; {next_words(explored)}"
    )


def coverage_words(coverage: float | None, explored: ExplorationView, digits: int = 1) -> str:
    """`96.1% (94.0%–97.5%)`."""
    shares = (coverage or 0.0, explored.coverage_low, explored.coverage_high)
    now, low, high = (f"{share:.{digits}%}" for share in shares)
    return f"{now} ({low}–{high})"


def next_words(explored: ExplorationView) -> str:
    """What the next call is expected to bring, and at what price."""
    price = explored.next_price_usd
    cost = "" if price is None else f", {price_of_one(price)} each"
    return f"the next call brings about {explored.next_yield:.1f} new items{cost}"


def items_found(run: Run) -> str:
    """How many items there are, and where they are judged how many of them do not belong."""
    totals = run.store.totals()
    rejected = f" ({count(totals.judged.invalid)} rejected)" if run.judge.wanted else ""
    return f"{count(totals.unique)}{rejected}"


def _judged(result: Result) -> list[tuple[str, str]]:
    """What was judged, where that was asked for."""
    if result.unjudged is None:
        return []
    text = f"{count(result.unique - result.invalid)} in valid.txt, {count(result.invalid)} not of the topic"
    if result.unjudged:
        text += f", {count(result.unjudged)} not judged"
    return [("judged", text)]


def summary_lines(result: Result, command: str) -> list[tuple[str, str]]:
    """The summary as (name, text) pairs, for the terminal and for plain output."""
    tokens = f"{count(result.input_tokens)} in, {count(result.output_tokens)} out"
    if result.tokens_estimated:
        tokens += f" ({count(result.tokens_estimated)} of them estimated: streams that ended early report none)"
    failed = f", {count(result.failed_calls)} failed" if result.failed_calls else ""
    failed += f", {count(result.cancelled_calls)} cut off at the end" if result.cancelled_calls else ""
    failed += f", {count(result.shortened_calls)} ended early" if result.shortened_calls else ""
    cost = money(result.cost_usd)
    if result.cost_usd is None:
        cost = "unknown (no price is known for this model; --price sets one)"
    elif result.tokens_estimated and result.cost_usd > 0:
        cost += ", in part estimated"
    explored = [("explored", explored_words(result))] if result.exploration is not None else []
    pairs = [
        ("items", f"{count(result.unique)} unique, {count(result.new)} of them new"),
        *_judged(result),
        ("repeats", f"{count(result.duplicates)} known already, {count(result.refused)} pieces of output refused"),
        ("calls", f"{count(result.calls)}{failed}"),
        ("tokens", tokens),
        ("cost", cost),
        ("time", span(result.duration_s)),
        *explored,
        ("stopped", result.explanation),
        ("files", str(result.folder / "attributes.txt")),
        ("continue", command),
    ]
    return [(name, printable(text)) for name, text in pairs]
