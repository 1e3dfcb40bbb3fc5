"""The web server's spans, from real requests to a real collector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from contract import spans
from contract.messages import Secret, TelemetrySetup
from contract.service import Answer, Continue, Start, Steer
from telemetry.logs import show_trace_ids
from tester.collector import Collector
from tester.trace.span import Span
from tester.trace.trace import Trace
from tests.webserver.serving import Serving, make_topic, serving
from webserver.catalog import Catalog
from webserver.otel_tracing import OtelWebTrace
from webserver.tracing import Asked

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER_TRACE, CALLER = "1af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"


def _traced(root: Path, act: Callable[[Serving], Awaitable[object]]) -> tuple[Trace, tuple[Span, ...], Serving]:
    """The web server's own trace, all spans, and the web server that was asked; `act` asks."""

    async def body() -> Serving:
        async with serving(root, trace=trace) as web:
            await act(web)
        return web

    with Collector() as collector:
        setup = TelemetrySetup(
            protocol="http/protobuf",
            traces=Secret(f"{collector.endpoint}/v1/traces"),
            metrics=Secret(f"{collector.endpoint}/v1/metrics"),
            variables={"OTEL_BSP_SCHEDULE_DELAY": Secret("60000")},
            carrier={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )
        trace = OtelWebTrace(setup)
        try:
            web = asyncio.run(body())
            trace.shut_down()
        finally:
            show_trace_ids(None)
        assert collector.store.metrics() == ()
        return Trace(collector.store.spans(TRACE)), collector.store.spans(), web


def test_every_request_is_a_span_of_the_web_servers_trace(tmp_path: Path) -> None:
    """With method, route, status and who asked: refused ones and those of no address too; the last one counts them."""
    make_topic(tmp_path, "Louvre")

    async def act(web: Serving) -> None:
        agent = {"user-agent": "a browser"}
        assert (await web.get("/api/v1/topics/paris-attractions/items?search=private", headers=agent))[0] == 200
        assert (await web.get("/api/v1/topics/nope"))[0] == 404
        assert (await web.get("/nope"))[0] == 404
        assert (await web.get("/api/v1/topics", headers={"host": "evil.example:99999"}))[0] == 403
        async with web.asked("/health", "WONDER") as response:
            assert response.status == 405
        async with web.asked("/") as response:
            assert response.status == 200

    trace, _, web = _traced(tmp_path, act)
    run = trace.select(name=spans.WEBSERVER_RUN).one()
    assert (run.trace_id, run.parent_id, run.service) == (TRACE, PARENT, spans.WEBSERVER)
    assert trace.select(name=spans.PROCESS_STARTED).one().attributes[spans.PROCESS_ROLE] == spans.WEBSERVER
    requests = [span for span in trace.spans if span.kind == "server"]
    assert {span.parent_id for span in requests} == {run.span_id}
    assert [(span.name, span.attributes.get(spans.HTTP_STATUS)) for span in sorted(requests, key=_start)] == [
        ("GET /api/v1/topics/{id}/items", 200),
        ("GET /api/v1/topics/{id}", 404),
        ("GET", 404),
        ("GET /api/v1/topics", 403),
        ("HTTP /health", 405),
        ("GET /", 200),
    ]
    items = trace.select(name="GET /api/v1/topics/{id}/items").one()
    expected = {
        spans.HTTP_METHOD: "GET",
        spans.HTTP_ROUTE: "/api/v1/topics/{id}/items",
        spans.HTTP_STATUS: 200,
        spans.URL_PATH: "/api/v1/topics/paris-attractions/items",
        spans.URL_SCHEME: "http",
        spans.CLIENT_ADDRESS: "127.0.0.1",
        spans.SERVER_ADDRESS: "127.0.0.1",
        spans.SERVER_PORT: web.port,
        spans.USER_AGENT: "a browser",
    }
    assert items.attributes == expected
    assert items.status == "unset"
    assert trace.select(name="HTTP /health").one().attributes[spans.HTTP_METHOD] == spans.HTTP_METHOD_OTHER
    assert "private" not in str(trace.spans)
    assert run.attributes[spans.SPANS_EMITTED] == len(trace.spans)
    assert run.end_ns >= max(span.end_ns for span in trace.spans)


def test_a_callers_trace_is_joined_and_handed_on(tmp_path: Path) -> None:
    """With a traceparent the span is the caller's child, and what the service is asked carries that span on."""

    async def act(web: Serving) -> None:
        caller = {"traceparent": f"00-{OTHER_TRACE}-{CALLER}-01"}
        assert (await web.send("POST", "/api/v1/topics", {"topic": "x"}, headers=caller))[0] == 201
        assert (await web.send("POST", "/api/v1/topics/x/continue", {}))[0] == 200
        assert (await web.send("POST", "/api/v1/topics/x/pause", {}, headers={"traceparent": "nonsense"}))[0] == 200

    trace, everything, web = _traced(tmp_path, act)
    (started,) = [span for span in everything if span.trace_id == OTHER_TRACE]
    assert (started.name, started.parent_id, started.kind) == ("POST /api/v1/topics", CALLER, "server")
    asked = {type(one): one for one in web.service.heard if isinstance(one, Start | Continue | Steer)}
    assert asked[Start].carrier["traceparent"] == f"00-{OTHER_TRACE}-{started.span_id}-01"
    for kind, name in ((Continue, "continue"), (Steer, "pause")):
        span = trace.select(name=f"POST /api/v1/topics/{{id}}/{name}").one()
        assert asked[kind].carrier["traceparent"] == f"00-{TRACE}-{span.span_id}-01"
    run = trace.select(name=spans.WEBSERVER_RUN).one()
    assert run.attributes[spans.SPANS_EMITTED] == len(everything)


def test_a_request_that_was_cut_off_is_counted() -> None:
    """A span that nobody ended any more ends with the web server, before the last span, and only once."""
    with Collector() as collector:
        trace = OtelWebTrace(TelemetrySetup("http/protobuf", Secret(f"{collector.endpoint}/v1/traces")))
        request = trace.request(Asked("GET", "/x", "[::1", "127.0.0.1", ""))
        trace.ended()
        request.ended("/x", 200, "")
        trace.shut_down()
        show_trace_ids(None)
        received = {span.name: span for span in collector.store.spans()}
    assert set(received) == {spans.PROCESS_STARTED, "GET", spans.WEBSERVER_RUN}
    assert received[spans.WEBSERVER_RUN].attributes[spans.SPANS_EMITTED] == 3
    assert spans.SERVER_ADDRESS not in received["GET"].attributes


def test_a_live_connection_is_a_span_as_long_as_it_lasted(tmp_path: Path) -> None:
    """From its handshake to its end, one that was cut off by the web server's end included."""

    async def act(web: Serving) -> None:
        async with web.live():
            await web.get("/health")
        web.service.answers = lambda message: None
        asyncio.get_running_loop().create_task(web.send("POST", "/api/v1/topics", {"topic": "x"}))
        await web.service.hears(Start)

    trace, _, _ = _traced(tmp_path, act)
    live = trace.select(name="GET /api/v1/live").one()
    health = trace.select(name="GET /health").one()
    assert live.attributes[spans.HTTP_STATUS] == 101
    assert live.start_ns <= health.start_ns <= health.end_ns <= live.end_ns
    unanswered = trace.select(name="POST /api/v1/topics").one()
    assert unanswered.end_ns <= trace.select(name=spans.WEBSERVER_RUN).one().end_ns


def test_a_server_error_is_one_in_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 503, and an error that nobody foresaw, mark their spans; of the latter the client hears nothing."""

    async def broken(catalog: Catalog) -> None:
        raise LookupError("a secret detail")

    monkeypatch.setattr(Catalog, "all", broken)

    async def act(web: Serving) -> None:
        web.service.answers = lambda message: Answer(message.request, "it is full", 503)
        assert (await web.send("POST", "/api/v1/topics", {"topic": "x"}))[0] == 503
        status, problem = await web.get("/api/v1/topics")
        assert (status, "secret" in problem["error"]) == (500, False)

    trace, _, _ = _traced(tmp_path, act)
    span = trace.select(name="POST /api/v1/topics").one()
    assert (span.status, span.attributes[spans.ERROR_TYPE]) == ("error", "503")
    span = trace.select(name="GET /api/v1/topics").one()
    assert (span.status, span.attributes[spans.ERROR_TYPE]) == ("error", "LookupError")
    assert span.attributes[spans.HTTP_STATUS] == 500


def _start(span: Span) -> int:
    return span.start_ns
