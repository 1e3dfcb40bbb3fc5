"""Spans kept until the collector takes them: one slow answer or a collector that is started anew loses none."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from telemetry.exporters import REFUSALS, refusal


class KeepingExporter(SpanExporter):
    """Hands batches to an exporter and keeps those that it could not deliver for the next time.

    The SDK's exporters repeat a request that was not connected or was answered 503, for as long as their time-out
    allows; a batch whose answer comes too late, or whose time-out is over, is lost with them. Here it waits. What the
    collector refuses for good (`REFUSALS`) is dropped, and so is a batch that failed again after others came through:
    the fault is its own. A batch that was received, though its answer came too late, is sent twice; collectors know
    its spans by their ids.

    Args:
        exporter: Delivers.
        most_spans: That are kept at most; the oldest go first.
        on_trouble: Called once, at the first failure, with the collector's answer; empty where it gave none.

    Attributes:
        failing: Whether the last batch could not be delivered.
    """

    def __init__(self, exporter: SpanExporter, most_spans: int, on_trouble: Callable[[str], None]) -> None:
        self.failing = False
        self._exporter = exporter
        self._most_spans = most_spans
        self._on_trouble: Callable[[str], None] | None = on_trouble
        self._waiting: deque[_Batch] = deque()
        self._delivered = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Spans that are kept."""
        return sum(len(batch.spans) for batch in tuple(self._waiting))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver these spans and those that wait, until one batch fails."""
        with self._lock:
            self._waiting.append(_Batch(spans))
            while len(self._waiting) > 1 and self.waiting > self._most_spans:
                self._waiting.popleft()
            return self._deliver()

    def tell(self, answer: str = "") -> None:
        """Tell of the trouble, once."""
        if self._on_trouble is not None:
            told, self._on_trouble = self._on_trouble, None
            told(answer)

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
        while self._waiting:
            batch = self._waiting.popleft()
            try:
                result = self._exporter.export(batch.spans)
            except Exception:
                result = SpanExportResult.FAILURE
            self.failing = result is not SpanExportResult.SUCCESS
            if self.failing:
                answer = refusal()
                if answer not in REFUSALS and batch.failed_after in (None, self._delivered):
                    self._waiting.append(_Batch(batch.spans, failed_after=self._delivered))
                self.tell(answer)
                return result
            self._delivered += 1
        return SpanExportResult.SUCCESS


class _Batch(NamedTuple):
    """Spans of one request.

    Attributes:
        spans: As the SDK put them together.
        failed_after: Batches that had been delivered when this one failed; None if it was not tried yet.
    """

    spans: Sequence[ReadableSpan]
    failed_after: int | None = None
