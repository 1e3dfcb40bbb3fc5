"""OTLP's protobuf messages as the tester's own structs. Pure.

The decoding itself is protobuf's; what costs is each look at a field from Python. A text is therefore tried first:
one look instead of two for the most frequent kind of attribute.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2

from contract.spans import PROCESS_PID, SERVICE_INSTANCE, SERVICE_NAME
from tester.trace.span import Event, Kind, Link, Span, Status, Value

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1 import trace_pb2

MetricKind = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_KINDS: tuple[Kind, ...] = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES: tuple[Status, ...] = ("unset", "ok", "error")
_SCALARS = frozenset(("string_value", "int_value", "double_value", "bool_value"))
_DELTA = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


class MalformedError(ValueError):
    """Bytes that are not what they should be; the message is one line."""


class Point(msgspec.Struct, frozen=True):
    """The state of one series of a metric.

    Attributes:
        attributes: What tells it from the metric's other series.
        time_ns: Of the measurement, in nanoseconds since 1970.
        value: Of a gauge or a sum; 0 for the other kinds.
        count: Measurements in a histogram or summary; 0 for the other kinds.
        sum: Of a histogram's or summary's measurements; 0 for the other kinds.
    """

    attributes: dict[str, Value] = {}
    time_ns: int = 0
    value: float = 0
    count: int = 0
    sum: float = 0


class Metric(msgspec.Struct, frozen=True):
    """A metric of one process, cumulative since its start.

    Attributes:
        name: See `contract.spans`.
        unit: In UCUM's notation, e.g. `s`.
        kind: Which of a point's numbers count.
        service: `service.name` of its process.
        instance: `service.instance.id`, one for each process.
        points: One for each set of attributes.
    """

    name: str
    unit: str
    kind: MetricKind
    service: str = ""
    instance: str = ""
    points: tuple[Point, ...] = ()


def decode_spans(body: bytes) -> list[Span]:
    """The spans of an `ExportTraceServiceRequest`, in its order.

    Raises:
        MalformedError: The bytes are no such message, or an id in it has not the length of an id.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise MalformedError("the body is no ExportTraceServiceRequest") from None
    spans: list[Span] = []
    for resource_spans in request.resource_spans:
        if not resource_spans.scope_spans:
            continue
        resource = _attributes(resource_spans.resource.attributes)
        process = (_text(resource, SERVICE_NAME), _text(resource, SERVICE_INSTANCE), _pid(resource), resource)
        for scope_spans in resource_spans.scope_spans:
            spans += [_span(span, process) for span in scope_spans.spans]
    return spans


def decode_metrics(body: bytes) -> list[Metric]:
    """The metrics of an `ExportMetricsServiceRequest`, in its order. Points without a value are left out.

    Raises:
        MalformedError: The bytes are no such message, or a metric in it holds differences instead of totals.
    """
    try:
        request = ExportMetricsServiceRequest.FromString(body)
    except DecodeError:
        raise MalformedError("the body is no ExportMetricsServiceRequest") from None
    metrics: list[Metric] = []
    for resource_metrics in request.resource_metrics:
        if not resource_metrics.scope_metrics:
            continue
        resource = _attributes(resource_metrics.resource.attributes)
        service, instance = _text(resource, SERVICE_NAME), _text(resource, SERVICE_INSTANCE)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                if kind is not None:
                    points = tuple(_points(metric, kind))
                    metrics.append(Metric(metric.name, metric.unit, kind, service, instance, points))
    return metrics


def _span(span: trace_pb2.Span, process: tuple[str, str, int, dict[str, Value]]) -> Span:
    parent = span.parent_span_id
    kind, status = span.kind, span.status
    code = status.code
    links, events = span.links, span.events
    return Span(
        _hex(span.trace_id, _TRACE_ID_BYTES),
        _hex(span.span_id, _SPAN_ID_BYTES),
        _hex(parent, _SPAN_ID_BYTES) if parent else "",
        span.name,
        _KINDS[kind] if 0 <= kind < len(_KINDS) else "unspecified",
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _STATUSES[code] if 0 <= code < len(_STATUSES) else "unset",
        status.message,
        _attributes(span.attributes),
        tuple(_link(link) for link in links) if links else (),
        tuple(Event(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in events)
        if events
        else (),
        *process,
    )


def _link(link: trace_pb2.Span.Link) -> Link:
    return Link(_hex(link.trace_id, _TRACE_ID_BYTES), _hex(link.span_id, _SPAN_ID_BYTES), _attributes(link.attributes))


def _hex(identity: bytes, length: int) -> str:
    if len(identity) != length:
        raise MalformedError(f"an id has {len(identity)} bytes instead of {length}")
    return identity.hex()


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:
        value = pair.value
        text = value.string_value
        found[pair.key] = text if text else _value(value)
    return found


def _value(value: AnyValue) -> Value:
    """A value of any kind: bytes as Base64, as in OTLP's JSON; None for one that has no kind.

    It calls itself as deep as values are nested, which protobuf allows for some dozens of levels only.
    """
    kind = value.WhichOneof("value")
    if kind in _SCALARS:
        scalar: Value = getattr(value, kind)
        return scalar
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return base64.b64encode(value.bytes_value).decode() if kind == "bytes_value" else None


def _points(metric: metrics_pb2.Metric, kind: MetricKind) -> Iterable[Point]:
    data = getattr(metric, kind)
    if getattr(data, "aggregation_temporality", None) == _DELTA:
        name = metric.name[:100].encode("unicode_escape").decode()
        raise MalformedError(f"metric {name} holds differences; the collector takes totals (cumulative temporality)")
    for point in data.data_points:
        if point.flags & _NO_VALUE:
            continue
        attributes = _attributes(point.attributes)
        if kind in ("gauge", "sum"):
            value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            yield Point(attributes, point.time_unix_nano, value=value)
        else:
            yield Point(attributes, point.time_unix_nano, count=point.count, sum=point.sum)


def _text(resource: dict[str, Value], name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def _pid(resource: dict[str, Value]) -> int:
    value = resource.get(PROCESS_PID)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
