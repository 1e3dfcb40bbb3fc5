"""OpenTelemetry in one process: its provider of spans and metrics, set up from a `TelemetrySetup`, and its end.

Imported only where spans or metrics are wanted. What is lost at which end of a process, and the settings that avoid
it, were measured: a short export delay, an explicit shutdown, and a bound on how long that may take.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contract import spans
from contract.messages import TelemetrySetup
from contract.version import __version__
from telemetry.content import captures_content
from telemetry.delivery import KeepingExporter, Trouble
from telemetry.exporters import metric_exporter, number, retry_no_more, span_exporter

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader

SCOPE = "topic_orchestrator"
_QUEUE_SPANS = 16_384
"""Spans that may wait for a slow collector; more are dropped, which the count on the last span shows."""
_QUEUE_SPANS_WITH_CONTENT = 1024
_BATCH_SPANS = 512
_METRICS_EVERY_S = 15.0
_FAILING_BUDGET_S = 0.3
"""What the end may take where the last export has failed already."""
_LONGEST_END_S = 3.0
"""What the end may take at most, whatever `OTEL_BSP_EXPORT_TIMEOUT` says: a process that takes longer is killed."""
_propagator = TraceContextTextMapPropagator()


class Telemetry:
    """Spans and metrics of this process.

    Args:
        setup: Where they go.
        role: `service.name`.
        on_trouble: Called at most once, from a thread, when spans cannot be delivered.
        readers: Further readers of the metrics, such as a page for Prometheus.
    """

    def __init__(
        self,
        setup: TelemetrySetup,
        role: str,
        on_trouble: Callable[[Trouble], None] = lambda trouble: None,
        readers: Sequence[MetricReader] = (),
    ) -> None:
        self._role = role
        self._emitted = _Counter()
        self._spans_delivered = threading.Event()
        self._meters: MeterProvider | None = None
        self._exporters: list[SpanExporter | MetricExporter] = []
        with _variables(setup):
            self.export_delay_s = number("OTEL_BSP_SCHEDULE_DELAY", spans.EXPORT_DELAY_S * 1000) / 1000
            self._end_s = min(_LONGEST_END_S, number("OTEL_BSP_EXPORT_TIMEOUT", 0.0) / 1000)
            resource = _resource(role)
            self._traces = TracerProvider(resource=resource, shutdown_on_exit=False, span_limits=SpanLimits())
            self._traces.add_span_processor(self._emitted)
            self._exporter: KeepingExporter | None = None
            if setup.traces is not None:
                delivering = span_exporter(setup, setup.traces.reveal())
                self._exporters.append(delivering)
                self._exporter = KeepingExporter(delivering, _queue_spans(setup), on_trouble)
                self._traces.add_span_processor(
                    BatchSpanProcessor(
                        self._exporter,
                        max_queue_size=_queue_spans(setup),
                        schedule_delay_millis=self.export_delay_s * 1000,
                        max_export_batch_size=_batch_spans(setup),
                    )
                )
            all_readers = list(readers)
            if setup.metrics is not None and role != spans.PRODUCER:
                reporting = metric_exporter(setup, setup.metrics.reveal())
                self._exporters.append(reporting)
                all_readers.append(_periodic_reader(reporting))
            if all_readers:
                self._meters = _meter_provider(all_readers, resource)
        self.tracer: Tracer = self._traces.get_tracer(SCOPE, __version__)
        self.parent: Context = extract(setup.carrier)

    @property
    def emitted(self) -> int:
        """Spans that have ended in this process and are to be exported."""
        return self._emitted.count

    @property
    def meter(self) -> Meter | None:
        """For metrics, where they are wanted."""
        return None if self._meters is None else self._meters.get_meter(SCOPE, __version__)

    def started(self, parent: Context) -> None:
        """Tell that this process is there: a span without length, sent at once, however the process may end."""
        now = time.time_ns()
        attributes = {spans.PROCESS_ROLE: self._role}
        self.tracer.start_span(spans.PROCESS_STARTED, parent, attributes=attributes, start_time=now).end(now)
        self.flush_soon()

    def flush_soon(self) -> None:
        """Export what has ended without waiting for the delay; returns at once."""
        threading.Thread(target=self._traces.force_flush, name="span flush", daemon=True).start()

    def shut_down(self, budget_s: float) -> None:
        """Export the rest, for at most so long: a collector that hangs must not hold up the process's end.

        What the user's `OTEL_BSP_EXPORT_TIMEOUT` allows takes the budget's place, at most `_LONGEST_END_S`.
        """
        exporter = self._exporter
        if exporter is not None:
            exporter.ending = True
        for one in self._exporters:
            retry_no_more(one)
        if self._end_s:
            budget_s = self._end_s
        elif exporter is not None and exporter.failing:
            budget_s = min(budget_s, _FAILING_BUDGET_S)
        ending = threading.Thread(target=self._shut_down, name="telemetry end", daemon=True)
        try:
            ending.start()
        except RuntimeError:  # the interpreter goes down: no thread can be started, and none is needed
            return
        ending.join(budget_s)
        if not self._spans_delivered.is_set() and exporter is not None:
            exporter.tell()

    def _shut_down(self) -> None:
        self._traces.shutdown()
        self._spans_delivered.set()
        if self._meters is not None:
            self._meters.shutdown()


class _Counter(SpanProcessor):
    """Counts the spans that are to be exported, delivered or not."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            with self._lock:
                self.count += 1


def extract(carrier: Mapping[str, str]) -> Context:
    """The context that a carrier names; an empty one where it names none."""
    return _propagator.extract(dict(carrier), Context())


def carrier_of(span: Span) -> dict[str, str]:
    """A carrier that leads to this span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(span, Context()))
    return carrier


def links_to(carrier: Mapping[str, str]) -> list[Link]:
    """A link to the span that a carrier names; nothing where it names none."""
    context = get_current_span(extract(carrier)).get_span_context()
    return [Link(context)] if context.is_valid else []


def current_ids() -> tuple[str, str]:
    """Trace id and span id of the current span; empty where there is none."""
    return ids_of(get_current_span())


def ids_of(span: Span) -> tuple[str, str]:
    """Trace id and span id as hexadecimal digits; empty for a span that is none."""
    context = span.get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else ("", "")


def _queue_spans(setup: TelemetrySetup) -> int:
    """Spans that may wait; fewer where they hold prompts and answers, ten thousands of bytes each."""
    default = _QUEUE_SPANS_WITH_CONTENT if captures_content(setup) else _QUEUE_SPANS
    return max(1, int(number("OTEL_BSP_MAX_QUEUE_SIZE", default)))


def _batch_spans(setup: TelemetrySetup) -> int:
    return max(1, min(_queue_spans(setup), int(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH_SPANS))))


def _resource(role: str) -> Resource:
    # Not Resource.create: it asks every installed package for detectors, in every process.
    theirs = OTELResourceDetector().detect()
    ours = Resource(
        {
            spans.SERVICE_NAMESPACE: theirs.attributes.get(spans.SERVICE_NAMESPACE, spans.NAMESPACE),
            spans.SERVICE_NAME: role,
            spans.SERVICE_VERSION: __version__,
            spans.SERVICE_INSTANCE: str(uuid.uuid4()),
            spans.PROCESS_PID: os.getpid(),
            spans.PROCESS_PARENT_PID: os.getppid(),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": version("opentelemetry-sdk"),
        }
    )
    return theirs.merge(ours)


def _periodic_reader(exporter: MetricExporter) -> MetricReader:
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    every_ms = number("OTEL_METRIC_EXPORT_INTERVAL", _METRICS_EVERY_S * 1000)
    return PeriodicExportingMetricReader(exporter, export_interval_millis=every_ms)


def _meter_provider(readers: Sequence[MetricReader], resource: Resource) -> MeterProvider:
    from opentelemetry.sdk.metrics import MeterProvider

    return MeterProvider(readers, resource=resource, shutdown_on_exit=False)


@contextmanager
def _variables(setup: TelemetrySetup) -> Iterator[None]:
    """The user's `OTEL_*` variables in the environment while the SDK reads them, and only then: they may hold keys."""
    before = dict(os.environ)
    os.environ.update({name: value.reveal() for name, value in setup.variables.items()})
    try:
        yield
    finally:
        for name in setup.variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
