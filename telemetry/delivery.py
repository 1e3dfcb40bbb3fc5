"""Spans kept until the collector takes them: one slow answer or a collector that is started anew loses none."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from telemetry.exporters import REFUSALS, refusal

_MOST_FAULTS = 3
"""So often a batch may fail right after another one came through: then the fault is its own."""
_TOO_LARGE = frozenset({"413"})
_UNREADABLE = frozenset({"400", "INVALID_ARGUMENT"})


class Trouble(NamedTuple):
    """Spans that could not be delivered.

    Attributes:
        answer: The collector's, such as `401` or `UNAUTHENTICATED`; empty where it gave none.
        at_end: Whether the process ends and its last spans are lost.
    """

    answer: str
    at_end: bool = False

    def described(self, where: str, what: str) -> str:
        """All of it in a line: what is lost, and what to do.

        Args:
            where: The spans should go.
            what: Goes on without them: `run` or `service`.
        """
        answers = f"traces cannot be delivered: {where} answers {self.answer}"
        if self.answer in _TOO_LARGE:
            return f"{answers}: a batch of spans is too large and lost; set OTEL_BSP_MAX_EXPORT_BATCH_SIZE below 512"
        if self.answer in _UNREADABLE:
            return f"{answers}: it cannot read a batch of spans, which is lost; check that the address takes OTLP"
        if self.answer in REFUSALS:
            return f"{answers}; check the address and OTEL_EXPORTER_OTLP_HEADERS; the {what} goes on without spans"
        told = f" ({self.answer})" if self.answer else ""
        rest = (
            "the last spans are lost"
            if self.at_end
            else f"the {what} goes on, its newest spans wait until it takes them"
        )
        return f"traces cannot be delivered to {where}{told}; {rest}"


class KeepingExporter(SpanExporter):
    """Hands batches to an exporter and keeps those that it could not deliver for the next time.

    The SDK's exporters repeat a request that was not connected or was answered 503, for as long as their time-out
    allows; a batch whose answer comes too late, or whose time-out is over, is lost with them. Here it waits. What the
    collector refuses for good (`REFUSALS`) is dropped, and so is a batch that fails while others come through. A batch
    that was received, though its answer came too late, is sent twice, as OTLP has it.

    Args:
        exporter: Delivers.
        most_spans: That are kept at most; the oldest go first.
        on_trouble: Called once, at the first failure.

    Attributes:
        failing: Whether the last batch could not be delivered.
        ending: Whether the process ends: what cannot be delivered now is lost.
    """

    def __init__(self, exporter: SpanExporter, most_spans: int, on_trouble: Callable[[Trouble], None]) -> None:
        self.failing = False
        self.ending = False
        self._exporter = exporter
        self._most_spans = most_spans
        self._on_trouble: Callable[[Trouble], None] | None = on_trouble
        self._waiting: deque[_Batch] = deque()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Spans that are kept."""
        return sum(len(batch.spans) for batch in tuple(self._waiting))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver these spans and those that wait, until one batch fails."""
        with self._lock:
            self._waiting.append(_Batch(next(self._numbers), spans))
            while len(self._waiting) > 1 and self.waiting > self._most_spans:
                self._waiting.remove(min(self._waiting, key=lambda batch: batch.number))
            return self._deliver()

    def tell(self, answer: str = "") -> None:
        """Tell of the trouble, once."""
        told, self._on_trouble = self._on_trouble, None
        if told is not None:
            told(Trouble(answer, self.ending))

    def shutdown(self) -> None:
        """Try what waits once more, unless an export is still under way."""
        if self._lock.acquire(blocking=False):
            try:
                self._deliver()
            finally:
                self._lock.release()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do: each export ends with its answer."""
        return True

    def _deliver(self) -> SpanExportResult:
        delivered = False
        while self._waiting:
            batch = self._waiting.popleft()
            try:
                result = self._exporter.export(batch.spans)
            except Exception:
                result = SpanExportResult.FAILURE
            self.failing = result is not SpanExportResult.SUCCESS
            if self.failing:
                answer, faults = refusal(), batch.faults + delivered
                if answer not in REFUSALS and faults < _MOST_FAULTS:
                    self._waiting.append(batch._replace(faults=faults))
                self.tell(answer)
                return result
            delivered = True
        return SpanExportResult.SUCCESS


class _Batch(NamedTuple):
    """Spans of one request.

    Attributes:
        number: Counted; the oldest batch has the smallest.
        spans: As the SDK put them together.
        faults: How often it failed right after another one had been delivered.
    """

    number: int
    spans: Sequence[ReadableSpan]
    faults: int = 0
