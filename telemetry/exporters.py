"""The SDK's OTLP exporters, HTTP and gRPC, made quiet: what they log of each failure is told once, in our words."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from contract.messages import TelemetrySetup

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_TIMEOUT_S = 3.0
_LONGEST_S = 30.0
_LEAST_MS = 100.0
"""A time-out from here on is meant in milliseconds."""
_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.common._internal",
)
REFUSALS = frozenset(
    {
        *("400", "401", "403", "404", "405", "413", "415"),
        *("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"),
    }
)
"""Answers that waiting does not cure."""
_exporting = threading.local()
_E = TypeVar("_E")


def span_exporter(setup: TelemetrySetup, address: str) -> SpanExporter:
    """An exporter of spans to an address. The `OTEL_*` variables are read from the environment, now."""
    if setup.protocol == "grpc":
        _quiet_grpc()
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return _quiet(GrpcExporter)(endpoint=address, timeout=_timeout_s("TRACES"))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return _quiet(OTLPSpanExporter)(endpoint=address, timeout=_timeout_s("TRACES"))


def metric_exporter(setup: TelemetrySetup, address: str) -> MetricExporter:
    """The same for metrics."""
    if setup.protocol == "grpc":
        _quiet_grpc()
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return _quiet(GrpcExporter)(endpoint=address, timeout=_timeout_s("METRICS"))
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return _quiet(OTLPMetricExporter)(endpoint=address, timeout=_timeout_s("METRICS"))


def refusal() -> str:
    """What the collector answered to the last export of this thread that failed, such as `401`; empty if nothing."""
    return getattr(_exporting, "answer", "")


def number(variable: str, default: float) -> float:
    """A variable's value; the default where it is missing or is no number above 0."""
    try:
        value = float(os.environ.get(variable, ""))
    except ValueError:
        return default
    return value if 0 < value < 1e9 else default


def retry_no_more(exporter: SpanExporter | MetricExporter) -> None:
    """Let a retry that waits fail at once, and each further export have one try.

    The exporters offer this only together with refusing every further export, which would lose the last spans.
    """
    client = getattr(exporter, "_client", None)
    for owner, name in ((client, "_shutdown_event"), (exporter, "_shutdown_in_progress")):
        event = getattr(owner, name, None)
        if isinstance(event, threading.Event):
            event.set()


def _timeout_s(signal: str) -> float:
    """Seconds an export may take. The specification has milliseconds, OpenTelemetry's Python seconds: both work."""
    value = number(f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", number("OTEL_EXPORTER_OTLP_TIMEOUT", _TIMEOUT_S))
    return min(_LONGEST_S, value / 1000 if value >= _LEAST_MS else value)


def _quiet_grpc() -> None:
    """What gRPC's core would write to stderr by itself comes as a failed export, too."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def _quiet(base: type[_E]) -> type[_E]:
    """The exporter, its log records kept to ourselves. Those of exporters that are not ours stay what they were."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _Kept) for one in logger.filters):
            logger.addFilter(_Kept())

    class Quiet(base):  # type: ignore[misc, valid-type] # the SDK's class is imported only where it is wanted
        def export(self, *arguments: Any, **options: Any) -> Any:
            with _export():
                return super().export(*arguments, **options)

    return Quiet


@contextmanager
def _export() -> Iterator[None]:
    _exporting.ours, _exporting.answer = True, ""
    try:
        yield
    finally:
        _exporting.ours = False


class _Kept(logging.Filter):
    """Keeps back what is logged within an export of ours (it may hold the whole address), and notes the answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(_exporting, "ours", False):
            return True
        for told in record.args if isinstance(record.args, tuple) else ():
            if isinstance(told, int) and not isinstance(told, bool):  # an HTTP status
                _exporting.answer = str(told)
            elif type(told).__name__ == "StatusCode":  # gRPC's
                _exporting.answer = str(getattr(told, "name", told))
        return False
