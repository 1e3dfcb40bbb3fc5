"""OTLP's protobuf messages become the tester's structs, and nothing else than that or one kind of error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from tester.collector.decode import MalformedError, Metric, Point, decode_metrics, decode_spans
from tester.trace.span import Event, Link, Span

TRACE, OTHER_TRACE = bytes(range(16)), bytes(range(16, 32))
SPAN, PARENT = bytes.fromhex("ab63646566676800"), b"\x00" * 7 + b"\x01"


def any_value(value: Any) -> AnyValue:
    """A Python value as protobuf has it."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in value]))
        case _:
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    """Attributes as protobuf has them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def body_of(*spans: trace_pb2.Span, resource: dict[str, Any] | None = None) -> bytes:
    """An encoded request with these spans of one process."""
    batch = trace_pb2.ResourceSpans(
        resource=Resource(attributes=pairs(resource or {})), scope_spans=[trace_pb2.ScopeSpans(spans=spans)]
    )
    return ExportTraceServiceRequest(resource_spans=[batch]).SerializeToString()


def span_of(**fields: Any) -> trace_pb2.Span:
    """A span with valid ids."""
    return trace_pb2.Span(**{"trace_id": TRACE, "span_id": SPAN, **fields})


def test_every_field_of_a_span_arrives() -> None:
    """Ids are lower-case hexadecimal digits; service, instance and pid come from the resource."""
    resource = {"service.name": "producer", "service.instance.id": "one", "process.pid": 4711, "x": [True]}
    sent = span_of(
        parent_span_id=PARENT,
        name="send items",
        kind=trace_pb2.Span.SPAN_KIND_PRODUCER,
        start_time_unix_nano=10**18,
        end_time_unix_nano=10**18 + 5,
        status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="broken"),
        attributes=pairs({"a": 1}),
        links=[trace_pb2.Span.Link(trace_id=OTHER_TRACE, span_id=PARENT, attributes=pairs({"b": "c"}))],
        events=[trace_pb2.Span.Event(name="retry", time_unix_nano=7, attributes=pairs({"d": 0.5}))],
    )
    assert decode_spans(body_of(sent, resource=resource)) == [
        Span(
            trace_id="000102030405060708090a0b0c0d0e0f",
            span_id="ab63646566676800",
            parent_id="0000000000000001",
            name="send items",
            kind="producer",
            start_ns=10**18,
            end_ns=10**18 + 5,
            status="error",
            message="broken",
            attributes={"a": 1},
            links=(Link(OTHER_TRACE.hex(), PARENT.hex(), {"b": "c"}),),
            events=(Event("retry", 7, {"d": 0.5}),),
            service="producer",
            instance="one",
            pid=4711,
            resource=resource,
        )
    ]


@pytest.mark.parametrize(
    ("number", "kind"),
    list(enumerate(["unspecified", "internal", "server", "client", "producer", "consumer", "unspecified"])),
)
def test_kinds(number: int, kind: str) -> None:
    """Each kind has its name; one that is not known yet is unspecified."""
    (span,) = decode_spans(body_of(span_of(kind=number)))
    assert span.kind == kind


@pytest.mark.parametrize(("number", "status"), list(enumerate(["unset", "ok", "error", "unset"])))
def test_statuses(number: int, status: str) -> None:
    """Each status has its name; one that is not known yet is unset."""
    (span,) = decode_spans(body_of(span_of(status=trace_pb2.Status(code=number))))
    assert span.status == status


@pytest.mark.parametrize("resource", [{}, {"service.name": 3, "process.pid": "7"}, {"process.pid": True}])
def test_a_resource_that_does_not_tell(resource: dict[str, Any]) -> None:
    """What a resource does not tell, or tells as another kind of value, is empty or 0."""
    (span,) = decode_spans(body_of(span_of(), resource=resource))
    assert (span.service, span.instance, span.pid, span.resource) == ("", "", 0, resource)


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def exact(value: Any) -> str:
    """A text that tells 1, 1.0 and True apart."""
    return repr(value)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_every_kind_of_value_arrives(attributes: dict[str, Any]) -> None:
    """Attributes arrive with the value and the type that they were sent with, nested, empty and zero ones too."""
    (span,) = decode_spans(body_of(span_of(attributes=pairs(attributes))))
    assert exact(span.attributes) == exact(attributes)


def test_bytes_are_base64() -> None:
    """Bytes, for which a span has no kind of value, are Base64, as in OTLP's JSON."""
    (span,) = decode_spans(body_of(span_of(attributes=pairs({"raw": b"\xff\x00", "none": b""}))))
    assert span.attributes == {"raw": "/wA=", "none": ""}


def test_spans_of_several_processes_keep_apart() -> None:
    """A request may carry several resources and scopes; each span has the resource that it was sent under."""
    joined = body_of(span_of(name="a"), span_of(name="b"), resource={"service.name": "producer"}) + body_of(
        span_of(name="c"), resource={"service.name": "orchestrator"}
    )
    found = [(span.name, span.service) for span in decode_spans(joined)]
    assert found == [("a", "producer"), ("b", "producer"), ("c", "orchestrator")]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        body_of(span_of())[:-1],
        body_of(span_of(trace_id=b"short")),
        body_of(span_of(span_id=b"")),
        body_of(span_of(parent_span_id=TRACE)),
        body_of(span_of(links=[trace_pb2.Span.Link(trace_id=TRACE)])),
        body_of(span_of(name="name")).replace(b"name", b"\xff\xff\xff\xff"),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_spans(body: bytes) -> None:
    """What is no such message, or has an id of another length, is one kind of error with a message of one line."""
    with pytest.raises(MalformedError, match=r"^[^\n]+$"):
        decode_spans(body)


def test_values_nested_without_end_are_malformed() -> None:
    """A value nested thousandfold is refused before it can exhaust the stack."""
    data = b""
    for _ in range(2000):
        data = b"\x0a" + _length(b"\x2a" + _length(data))
    attribute = b"\x0a\x00\x12" + _length(b"\x2a" + _length(data))
    body = b"\x0a" + _length(b"\x0a" + _length(b"\x0a" + _length(attribute)) + b"\x12\x00")
    with pytest.raises(MalformedError):
        decode_spans(body)


def _length(data: bytes) -> bytes:
    """Data with its length as protobuf writes it before it."""
    rest, length = len(data), bytearray()
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes(length) + bytes([rest]) + data


VALID = body_of(
    span_of(attributes=pairs({"a": ["b", {"c": b"d"}]}), links=[trace_pb2.Span.Link(trace_id=TRACE, span_id=SPAN)]),
    resource={"service.name": "producer"},
)


@given(
    st.binary()
    | st.tuples(st.integers(0, len(VALID) - 1), st.binary(max_size=4)).map(
        lambda edit: VALID[: edit[0]] + edit[1] + VALID[edit[0] + len(edit[1]) :]
    )
)
def test_arbitrary_bytes(body: bytes) -> None:
    """Whatever the bytes are, valid ones with a few changed among them: they are decoded, or malformed."""
    for decode in (decode_spans, decode_metrics):
        try:
            decoded: object = decode(body)
        except MalformedError as error:
            decoded = str(error).splitlines()
        assert isinstance(decoded, list)
        assert len(decoded) <= len(body) + 1


def metrics_body(*metrics: metrics_pb2.Metric) -> bytes:
    """An encoded request with these metrics of one process."""
    resource = Resource(attributes=pairs({"service.name": "producer", "service.instance.id": "one"}))
    batch = metrics_pb2.ResourceMetrics(resource=resource, scope_metrics=[metrics_pb2.ScopeMetrics(metrics=metrics)])
    return ExportMetricsServiceRequest(resource_metrics=[batch]).SerializeToString()


def test_every_kind_of_metric() -> None:
    """Gauges and sums have a value, histograms and summaries a count and a sum; empty metrics are left out."""
    at = {"time_unix_nano": 9, "attributes": pairs({"a": "b"})}
    number = metrics_pb2.NumberDataPoint
    body = metrics_body(
        metrics_pb2.Metric(name="g", gauge=metrics_pb2.Gauge(data_points=[number(as_double=0.5, **at)])),
        metrics_pb2.Metric(name="s", unit="{item}", sum=metrics_pb2.Sum(data_points=[number(as_int=3, **at)])),
        metrics_pb2.Metric(
            name="h",
            unit="s",
            histogram=metrics_pb2.Histogram(
                aggregation_temporality=metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE,
                data_points=[metrics_pb2.HistogramDataPoint(count=2, sum=1.5, **at)],
            ),
        ),
        metrics_pb2.Metric(
            name="e",
            exponential_histogram=metrics_pb2.ExponentialHistogram(
                data_points=[metrics_pb2.ExponentialHistogramDataPoint(count=4, sum=2.5, **at)]
            ),
        ),
        metrics_pb2.Metric(
            name="q", summary=metrics_pb2.Summary(data_points=[metrics_pb2.SummaryDataPoint(count=5, sum=3.5, **at)])
        ),
        metrics_pb2.Metric(name="nothing"),
    )
    attributes: dict[str, Any] = {"a": "b"}
    assert decode_metrics(body) == [
        Metric("g", "", "gauge", "producer", "one", (Point(attributes, 9, value=0.5),)),
        Metric("s", "{item}", "sum", "producer", "one", (Point(attributes, 9, value=3),)),
        Metric("h", "s", "histogram", "producer", "one", (Point(attributes, 9, count=2, sum=1.5),)),
        Metric("e", "", "exponential_histogram", "producer", "one", (Point(attributes, 9, count=4, sum=2.5),)),
        Metric("q", "", "summary", "producer", "one", (Point(attributes, 9, count=5, sum=3.5),)),
    ]


def test_points_without_a_value_are_left_out() -> None:
    """A point that says that nothing was recorded is not taken for a 0."""
    flags = metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    gauge = metrics_pb2.Gauge(data_points=[metrics_pb2.NumberDataPoint(flags=flags)])
    (metric,) = decode_metrics(metrics_body(metrics_pb2.Metric(name="g", gauge=gauge)))
    assert metric.points == ()


def test_differences_are_refused() -> None:
    """Totals can be compared and replaced, differences cannot: an exporter set to those is told so in one line."""
    delta = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
    with pytest.raises(MalformedError, match=r"^metric i\\nj holds differences[^\n]+$"):
        decode_metrics(
            metrics_body(metrics_pb2.Metric(name="i\nj", sum=metrics_pb2.Sum(aggregation_temporality=delta)))
        )
