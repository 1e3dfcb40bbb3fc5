"""What was received, and waiting for more of it. Every method may be called from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from tester.collector.decode import Metric, MetricKind, Point
from tester.trace.span import Span, Value

Condition = Callable[[tuple[Span, ...]], bool]
Subscriber = Callable[[tuple[Span, ...]], object]
MetricKey = tuple[str, str, str, str, MetricKind]

CAPACITY = 1_000_000
"""Spans, and series of metrics, that are kept; a run of the tester has some thousands."""

_log = logging.getLogger(__name__)


class _Trace:
    """The spans of one trace, in the order of arrival."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._first: dict[str, Span] = {}
        self._others: set[bytes] = set()

    def has(self, span: Span) -> bool:
        """Whether exactly this span is here; the time it takes does not grow with the trace."""
        first = self._first.get(span.span_id)
        return first is not None and (span == first or _identity(span) in self._others)

    def add(self, span: Span) -> None:
        """Keep a span that is not here yet."""
        if self._first.setdefault(span.span_id, span) is not span:
            self._others.add(_identity(span))
        self.spans.append(span)


class SpanStore:
    """Spans in the order in which they arrived, and the newest state of each metric.

    An exporter that got no answer sends its spans again: an exact repeat is dropped and counted. Two different spans
    under one id are both kept, because that is a fault that an assertion should see.

    Args:
        capacity: Spans, and series of metrics, that are kept at most.

    Attributes:
        repeated: Spans dropped because the same had been received before.
        dropped: Spans and series of metrics dropped because the store was full.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.repeated = 0
        self.dropped = 0
        self._capacity = capacity
        self._lock = threading.Lock()
        self._spans: list[Span] = []
        self._traces: dict[str, _Trace] = {}
        self._metrics: defaultdict[MetricKey, dict[bytes, Point]] = defaultdict(dict)
        self._series = 0
        self._waiting: dict[Callable[[], object], str | None] = {}
        self._subscribers: dict[Subscriber, None] = {}

    def add(self, spans: Iterable[Span]) -> int:
        """Take spans in; wake those who wait for them and tell the subscribers.

        Returns:
            How many were dropped because the store is full.
        """
        with self._lock:
            before = self.dropped
            new = tuple(span for span in spans if self._keep(span))
            dropped = self.dropped - before
            traces = {span.trace_id for span in new}
            woken = [wake for wake, trace in self._waiting.items() if trace in traces or (new and trace is None)]
            told = tuple(self._subscribers) if new else ()
        for wake in woken:
            wake()
        for subscriber in told:
            try:
                subscriber(new)
            except Exception as error:
                _log.warning("a subscriber to the collector's spans failed: %s: %s", type(error).__name__, error)
        return dropped

    def add_metrics(self, metrics: Iterable[Metric]) -> None:
        """Take metrics in; of each series the newest measurement is kept."""
        with self._lock:
            for metric in metrics:
                series = self._metrics[metric.service, metric.instance, metric.name, metric.unit, metric.kind]
                for point in metric.points:
                    self._keep_point(series, point)

    def spans(self, trace_id: str | None = None) -> tuple[Span, ...]:
        """All spans so far, or those of one trace, in the order of arrival."""
        with self._lock:
            if trace_id is None:
                return tuple(self._spans)
            trace = self._traces.get(trace_id)
            return tuple(trace.spans) if trace is not None else ()

    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of every process, each series in its newest state."""
        with self._lock:
            return tuple(
                Metric(name, unit, kind, service, instance, tuple(series.values()))
                for (service, instance, name, unit, kind), series in self._metrics.items()
            )

    def wait_for(self, condition: Condition, timeout_s: float, trace_id: str | None = None) -> bool:
        """Block until a condition on the spans holds. It is looked at now and whenever spans arrive.

        Args:
            condition: Of all spans so far, or of those of the trace; called in this thread.
            timeout_s: Seconds to wait at most.
            trace_id: Look at this trace only.

        Returns:
            Whether it held within the time.
        """
        deadline = time.monotonic() + timeout_s
        arrived = threading.Event()
        with self._waking(arrived.set, trace_id):
            while not condition(self.spans(trace_id)):
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0 or not arrived.wait(remaining_s):
                    return False
                arrived.clear()
        return True

    async def wait_for_async(self, condition: Condition, timeout_s: float, trace_id: str | None = None) -> bool:
        """`wait_for` for a coroutine: only the coroutine waits, and it may be cancelled. The condition runs in it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        arrived = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # The loop may end while a batch is being told.
                loop.call_soon_threadsafe(arrived.set)

        with self._waking(wake, trace_id):
            while not condition(self.spans(trace_id)):
                if loop.time() >= deadline:
                    return False
                try:
                    async with asyncio.timeout_at(deadline):
                        await arrived.wait()
                except TimeoutError:
                    return False
                arrived.clear()
        return True

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` with each batch of new spans, in the thread that receives them; it should be brief.

        What it raises is logged and changes nothing.

        Returns:
            Ends the subscription.
        """

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(callback, None)

        with self._lock:
            self._subscribers[callback] = None
        return unsubscribe

    def _keep(self, span: Span) -> bool:
        trace = self._traces.get(span.trace_id)
        if trace is not None and trace.has(span):
            self.repeated += 1
            return False
        if len(self._spans) >= self._capacity:
            self.dropped += 1
            return False
        if trace is None:
            trace = self._traces[span.trace_id] = _Trace()
        trace.add(span)
        self._spans.append(span)
        return True

    def _keep_point(self, series: dict[bytes, Point], point: Point) -> None:
        key = _identity(point.attributes)
        known = series.get(key)
        if known is None and self._series >= self._capacity:
            self.dropped += 1
            return
        if known is None or point.time_ns >= known.time_ns:
            series[key] = point
            self._series += known is None

    @contextlib.contextmanager
    def _waking(self, wake: Callable[[], object], trace_id: str | None) -> Iterator[None]:
        with self._lock:
            self._waiting[wake] = trace_id
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[wake]


def _identity(value: Span | dict[str, Value]) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")
