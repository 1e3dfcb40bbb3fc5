"""The collector over HTTP: OpenTelemetry's own exporters deliver to it, and no stranger disturbs it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tester.collector import Collector, CollectorError, Fault, unused_endpoint
from tester.collector.intake import MAX_BODY_BYTES, Intake
from tester.trace.span import Event, Link, Span

PROTOBUF = {"Content-Type": "application/x-protobuf"}
LONG_S = 60.0
RESOURCE = {"service.name": "producer", "service.instance.id": "one", "process.pid": 4711}


def body_of(*numbers: int) -> bytes:
    """An encoded request of spans with these numbers as ids."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in numbers:
        spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8), name=str(number))
    return request.SerializeToString()


def port_of(collector: Collector) -> int:
    """The port of its HTTP endpoint."""
    return int(collector.endpoint.rpartition(":")[2])


def post(
    collector: Collector, body: bytes, path: str = "/v1/traces", method: str = "POST", **headers: str
) -> tuple[int, bytes]:
    """Status and body of an answer; headers' names have `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(collector), timeout=LONG_S)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, PROTOBUF | named)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    with Collector() as started:
        yield started


def sdk_spans() -> tuple[ReadableSpan, ...]:
    """Finished spans of the SDK: a parent with events and an error, a child with a link."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(RESOURCE), span_limits=SpanLimits(max_span_attributes=128))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("order", kind=trace.SpanKind.CLIENT) as parent:
        attributes = {"text": "é", "empty": "", "yes": True, "no": False, "int": -3, "zero": 0, "float": 0.5}
        parent.set_attributes({**attributes, "texts": ["a", "b"], "ints": [1, 2]})
        parent.add_event("retry", {"n": 1})
        with tracer.start_as_current_span(
            "POST", links=[trace.Link(parent.get_span_context(), {"why": "test"})]
        ) as child:
            child.set_status(trace.StatusCode.OK)
        parent.record_exception(ValueError("broken"))
        parent.set_status(trace.StatusCode.ERROR, "broken")
    return kept.get_finished_spans()


def expected(span: ReadableSpan) -> Span:
    """What the collector should make of one of the SDK's spans."""
    context: Any = span.context
    attributes = {
        name: list(value) if isinstance(value, tuple) else value for name, value in (span.attributes or {}).items()
    }
    return Span(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        name=span.name,
        kind=span.kind.name.lower(),  # type: ignore[arg-type] # compared with a literal
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        status=span.status.status_code.name.lower(),  # type: ignore[arg-type] # compared with a literal
        message=span.status.description or "",
        attributes=attributes,  # type: ignore[arg-type] # the SDK's sequences are lists by now
        links=tuple(
            Link(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", dict(link.attributes or {}))  # type: ignore[arg-type]
            for link in span.links
        ),
        events=tuple(Event(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events),  # type: ignore[arg-type]
        service="producer",
        instance="one",
        pid=4711,
        resource=dict(RESOURCE),
    )


def exporter_to(collector: Collector, kind: str) -> SpanExporter:
    """One of OpenTelemetry's exporters."""
    if kind == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc

        return OverGrpc(endpoint=collector.grpc_endpoint, insecure=True)
    compression = {"http": Compression.NoCompression, "gzip": Compression.Gzip, "deflate": Compression.Deflate}[kind]
    return OTLPSpanExporter(f"{collector.endpoint}/v1/traces", compression=compression)


@pytest.mark.parametrize("kind", ["http", "gzip", "deflate", "grpc"])
def test_the_sdks_exporters_deliver(kind: str) -> None:
    """Spans that the SDK exports arrive equal, field by field, over each protocol and compression."""
    spans = sdk_spans()
    with Collector(grpc=kind == "grpc") as collector:
        exporter = exporter_to(collector, kind)
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()
        assert collector.requests == 1
    assert len(spans) == 2
    assert list(collector.spans) == [expected(span) for span in spans]
    assert not collector.refused


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_the_sdks_metrics_arrive(kind: str) -> None:
    """Counters and histograms that the SDK exports arrive with their totals; a later export replaces the earlier."""
    with Collector(grpc=kind == "grpc") as collector:
        exporter: Any
        if kind == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as OverGrpc

            exporter = OverGrpc(endpoint=collector.grpc_endpoint, insecure=True)
        else:
            exporter = OTLPMetricExporter(f"{collector.endpoint}/v1/metrics")
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1e9)
        provider = MeterProvider([reader], Resource(RESOURCE))
        meter = provider.get_meter("test")
        counter, histogram = meter.create_counter("items", "{item}"), meter.create_histogram("duration", "s")
        counter.add(3, {"to": "a"})
        histogram.record(0.5)
        provider.force_flush()
        counter.add(4, {"to": "a"})
        histogram.record(1.5)
        provider.shutdown()
    found = {
        (metric.name, metric.unit, metric.kind, metric.service): metric.points for metric in collector.store.metrics()
    }
    (items,) = found["items", "{item}", "sum", "producer"]
    (duration,) = found["duration", "s", "histogram", "producer"]
    assert (items.value, items.attributes) == (7, {"to": "a"})
    assert (duration.count, duration.sum) == (2, 2.0)


def test_an_empty_answer_says_that_all_was_taken(collector: Collector) -> None:
    """The answers to traces, metrics and logs are empty protobuf messages; logs are counted only."""
    assert [post(collector, b"", path) for path in ("/v1/traces", "/v1/metrics", "/v1/logs")] == [(200, b"")] * 3
    assert post(collector, b"\xff", "/v1/logs") == (200, b"")
    assert collector.requests == 4
    assert not collector.refused


@pytest.mark.parametrize(
    ("request_of", "status", "reason"),
    [
        ({"body": b"\xff"}, 400, "no ExportTraceServiceRequest"),
        ({"body": b"\xff", "path": "/v1/metrics"}, 400, "no ExportMetricsServiceRequest"),
        ({"body": b"no gzip", "Content_Encoding": "gzip"}, 400, "not gzip"),
        ({"body": gzip.compress(body_of(1))[:-3], "Content_Encoding": "gzip"}, 400, "cut off"),
        ({"body": b"", "path": "/v2/traces"}, 404, "/v1/traces"),
        ({"body": b"", "method": "GET"}, 405, "GET instead of POST"),
        ({"body": b"", "method": "PUT"}, 405, "PUT instead of POST"),
        ({"body": gzip.compress(bytes(MAX_BODY_BYTES + 1)), "Content_Encoding": "gzip"}, 413, "more than"),
        ({"body": zlib.compress(bytes(MAX_BODY_BYTES + 1)), "Content_Encoding": "deflate"}, 413, "more than"),
        ({"body": b"{}", "Content_Type": "application/json"}, 415, "application/json"),
        ({"body": b"", "Content_Encoding": "snappy"}, 415, "snappy"),
    ],
)
def test_refusals(collector: Collector, request_of: dict[str, Any], status: int, reason: str) -> None:
    """What cannot be taken is answered with a status and a `google.rpc.Status`, noted, and kept out."""
    answered, body = post(collector, **request_of)
    assert answered == status
    assert reason in RpcStatus.FromString(body).message
    ((path, noted, why),) = [(refusal.path, refusal.status, refusal.reason) for refusal in collector.refused]
    assert (path, noted) == (request_of.get("path", "/v1/traces"), str(status))
    assert reason in why
    assert collector.spans == ()
    assert post(collector, body_of(1)) == (200, b"")


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"hello\r\n\r\n", b"400"),
        (b"BREW /v1/traces HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 100_000 + b"\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 99999999999999\r\n\r\n", b"413"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_strangers(sent: bytes, status: bytes) -> None:
    """What is not HTTP, or announces too much, is answered, noted, and the next client is served."""
    with Collector() as collector:
        with socket.create_connection(("127.0.0.1", port_of(collector)), LONG_S) as stranger:
            stranger.sendall(sent)
            assert stranger.recv(100).split()[1] == status
        assert post(collector, body_of(1)) == (200, b"")
    assert [refusal.status.encode() for refusal in collector.refused] == [status]
    assert all(refusal.reason and "\n" not in refusal.reason for refusal in collector.refused)


def test_a_client_that_goes_away_is_noted() -> None:
    """A body that ends before its length keeps nothing and is noted."""
    with Collector() as collector:
        with socket.create_connection(("127.0.0.1", port_of(collector)), LONG_S) as stranger:
            stranger.sendall(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
            assert stranger.recv(100).startswith(b"HTTP/1.1 100")
        assert post(collector, body_of(1)) == (200, b"")
    assert [refusal.status for refusal in collector.refused] == ["400"]


def test_a_client_that_never_finishes_blocks_nobody() -> None:
    """While one client's body never ends the others are served, and stopping does not wait for it."""
    with Collector() as collector:
        slow = socket.create_connection(("127.0.0.1", port_of(collector)), LONG_S)
        slow.sendall(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 100")
        slow.sendall(b"\x0a")
        assert [post(collector, body_of(number))[0] for number in range(1, 20)] == [200] * 19
        assert len(collector.spans) == 19
    with slow:
        assert slow.recv(100) == b""


def test_many_clients_at_once_lose_nothing() -> None:
    """Bodies posted from many threads at once all arrive, each span once."""
    bodies = [body_of(*range(start, start + 20)) for start in range(1, 2001, 20)]
    with Collector() as collector, ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda body: post(collector, body)[0], bodies + bodies[:10]))
        assert statuses == [200] * 110
        assert collector.requests == 110
    assert sorted(int(span.name) for span in collector.spans) == list(range(1, 2001))
    assert collector.store.repeated == 200


def test_a_full_collector_says_what_it_rejected(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans that a full store dropped are reported to the exporter as rejected."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    monkeypatch.setattr(collector.store, "_capacity", 1)
    status, body = post(collector, body_of(1, 2, 3))
    assert (status, ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans) == (200, 2)


def test_a_wait_is_woken_by_a_request(collector: Collector) -> None:
    """Someone who waits on the store is woken by a client's request."""

    async def scenario() -> bool:
        waiting = asyncio.create_task(collector.store.wait_for_async(lambda spans: len(spans) == 2, LONG_S))
        await asyncio.to_thread(post, collector, body_of(1))
        await asyncio.to_thread(post, collector, body_of(2))
        return await waiting

    assert asyncio.run(scenario())


def test_a_taken_port_is_an_error_of_one_line(collector: Collector) -> None:
    """A port on which someone listens is refused by name; nothing is left running."""
    threads = threading.active_count()
    with pytest.raises(CollectorError, match=rf"^port {port_of(collector)} is taken: [^\n]+$"):
        Collector(port_of(collector)).start()
    assert threading.active_count() == threads


@pytest.mark.parametrize("place", [{"port": 70_000}, {"host": "192.0.2.1"}])
def test_a_place_that_cannot_be_listened_on(place: dict[str, Any]) -> None:
    """A port or an address that this machine has not is an error of one line."""
    with pytest.raises(CollectorError, match=r"^the collector cannot listen on [^\n]+$"):
        Collector(**place).start()


def test_it_is_also_an_async_context_manager_and_stops_twice() -> None:
    """Both kinds of context manager start and stop it; its thread ends and its port is free again."""

    async def scenario() -> Collector:
        async with Collector() as collector:
            await asyncio.to_thread(post, collector, body_of(1))
            return collector

    collector = asyncio.run(scenario())
    collector.stop()
    assert len(collector.spans) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "collector"]
    with Collector(port_of(collector)) as again:
        assert post(again, body_of(1)) == (200, b"")


@pytest.mark.parametrize("fault", ["error", "refuse", "hang"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_faults(fault: Fault, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that fails, refuses or hangs does so over both protocols, keeps no span, and stops at once."""
    outcome: Callable[[Collector], str] = over_grpc if protocol == "grpc" else over_http
    came = threading.Event()
    arrived = Intake.arrived

    def noticed(intake: Intake) -> None:
        arrived(intake)
        came.set()

    monkeypatch.setattr(Intake, "arrived", noticed)
    with Collector(grpc=True, fault=fault) as collector, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(outcome, collector)
        if fault != "hang":
            assert answer.result(LONG_S) == {"error": "503", "refuse": "refused"}[fault]
        else:
            assert came.wait(LONG_S)
            assert not answer.done()
        collector.stop()
        if fault == "hang":
            assert answer.result(LONG_S) == "broken"
    assert collector.spans == ()
    assert collector.requests == (0 if fault == "refuse" else 1)


def over_http(collector: Collector) -> str:
    """What becomes of a request over HTTP."""
    try:
        return str(post(collector, body_of(1))[0])
    except ConnectionRefusedError:
        return "refused"
    except (http.client.HTTPException, ConnectionError):
        return "broken"


def over_grpc(collector: Collector) -> str:
    """What becomes of a call over gRPC, in HTTP's words."""
    import grpc

    with grpc.insecure_channel(collector.grpc_endpoint.removeprefix("http://")) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        answer = call.future(body_of(1), timeout=LONG_S)
        details: str = answer.details() or ""
    if answer.code() is grpc.StatusCode.OK:
        return "200"
    return "503" if "told to fail" in details else "refused" if "refused" in details.lower() else "broken"


def test_nobody_listens_on_an_unused_endpoint() -> None:
    """Connecting to it is refused."""
    host, _, port = unused_endpoint().removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), LONG_S)
