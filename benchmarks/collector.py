"""What the tester's collector takes: spans a second over HTTP from one keep-alive client, and decoded without HTTP."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.report import Figure, Table
from contract.spans import SERVICE_INSTANCE, SERVICE_NAME
from tester.collector import Collector, SpanStore
from tester.collector.decode import decode_spans

BODIES = 200
SPANS = 512
"""Spans in a body: as many as an exporter sends at once by default."""
ATTRIBUTES = 15


def _bodies() -> list[bytes]:
    """Encoded requests, each of spans of its own; attributes are by turns an integer, a text and a fraction."""
    request = ExportTraceServiceRequest()
    batch = request.resource_spans.add()
    for name in (SERVICE_NAME, SERVICE_INSTANCE):
        batch.resource.attributes.add(key=name).value.string_value = "producer"
    spans = batch.scope_spans.add().spans
    for number in range(SPANS):
        span = spans.add(
            name="process items", kind=5, start_time_unix_nano=10**18 + number, end_time_unix_nano=10**18 + 2 * number
        )
        for place in range(ATTRIBUTES):
            value = span.attributes.add(key=f"app.items.attribute_{place}").value
            if place % 3 == 0:
                value.int_value = place
            elif place % 3 == 1:
                value.string_value = f"value {place}"
            else:
                value.double_value = place / 10
    bodies: list[bytes] = []
    for body in range(BODIES):
        for number, span in enumerate(spans):
            span.trace_id = body.to_bytes(16)
            span.span_id = (body * SPANS + number).to_bytes(8)
        bodies.append(request.SerializeToString())
    return bodies


def _decode(bodies: list[bytes]) -> None:
    for body in bodies:
        decode_spans(body)


def _decode_and_keep(bodies: list[bytes]) -> None:
    store = SpanStore()
    for body in bodies:
        store.add(decode_spans(body))


def _post(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"the collector answered {response.status}")
    connection.close()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _over_http(bodies: list[bytes]) -> float:
    with Collector() as collector:
        seconds = _seconds(lambda: _post(int(collector.endpoint.rpartition(":")[2]), bodies))
        if len(collector.spans) != BODIES * SPANS:
            raise RuntimeError(f"{len(collector.spans)} spans arrived of {BODIES * SPANS}")
    return seconds


def spans_per_second(repeats: int) -> Table:
    """Spans a second, client and collector in one process."""
    table = Table(
        "collector",
        f"{BODIES} bodies of {SPANS} spans with {ATTRIBUTES} attributes, one client; target: decoded ≥ 30,000 spans/s",
    )
    bodies = _bodies()
    works: dict[str, Callable[[], float]] = {
        "decode alone": lambda: _seconds(lambda: _decode(bodies)),
        "decode and keep": lambda: _seconds(lambda: _decode_and_keep(bodies)),
        "over HTTP": lambda: _over_http(bodies),
    }
    for row, work in works.items():
        seconds = statistics.median(work() for _ in range(repeats))
        table.add(
            row, Figure("spans/s", BODIES * SPANS / seconds), Figure("MB/s", sum(map(len, bodies)) / 1e6 / seconds)
        )
    return table
