"""The web server's spans; `contract.spans` has their names and their tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context

from contract import spans
from contract.messages import TelemetrySetup
from telemetry.logs import show_trace_ids
from telemetry.sdk import Telemetry, carrier_of, current_ids, extract
from webserver.tracing import Asked, RequestTrace, WebTrace

_SHUT_DOWN_S = 0.8
"""Less than the service gives the web server to end."""
_UNKNOWN_METHOD = "HTTP"
"""In the name of a span, for a method that HTTP does not know."""


class OtelWebTrace(WebTrace):
    """Spans of this web server.

    Args:
        setup: Where they go.
    """

    def __init__(self, setup: TelemetrySetup) -> None:
        # Metrics are asked for at /metrics; what topics do, their own processes report.
        self._telemetry = Telemetry(msgspec.structs.replace(setup, metrics=None), spans.WEBSERVER)
        self._telemetry.started(self._telemetry.parent)
        self._span = self._telemetry.tracer.start_span(spans.WEBSERVER_RUN, self._telemetry.parent)
        self._context = set_span_in_context(self._span, Context())
        self._open: set[OtelRequestTrace] = set()
        show_trace_ids(current_ids)

    def request(self, asked: Asked) -> RequestTrace:
        """See `WebTrace`."""
        told = extract(asked.carrier)
        parent = told if get_current_span(told).get_span_context().is_valid else self._context
        attributes: dict[str, str | int] = {
            spans.HTTP_METHOD: asked.method,
            spans.URL_PATH: asked.path,
            spans.URL_SCHEME: "http",
            spans.CLIENT_ADDRESS: asked.client,
            **_server(asked.host),
        }
        if asked.user_agent:
            attributes[spans.USER_AGENT] = asked.user_agent
        span = self._telemetry.tracer.start_span(asked.method, parent, SpanKind.SERVER, attributes)
        trace = OtelRequestTrace(span, asked.method, self._open)
        self._open.add(trace)
        return trace

    def ended(self) -> None:
        """See `WebTrace`. Requests that were cut off end here."""
        for trace in list(self._open):
            trace.ended(None, None, "")
        self._span.set_attribute(spans.SPANS_EMITTED, self._telemetry.emitted + 1)
        self._span.end()

    def shut_down(self) -> None:
        """See `WebTrace`."""
        self._telemetry.shut_down(_SHUT_DOWN_S)


class OtelRequestTrace(RequestTrace):
    """The span of one request."""

    def __init__(self, span: Span, method: str, open_traces: set[OtelRequestTrace]) -> None:
        self._span = span
        self._method = _UNKNOWN_METHOD if method == spans.HTTP_METHOD_OTHER else method
        self._open = open_traces

    @property
    def carrier(self) -> Mapping[str, str]:
        """See `RequestTrace`."""
        return carrier_of(self._span)

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `RequestTrace`."""
        token = attach(set_span_in_context(self._span, Context()))
        try:
            yield
        finally:
            detach(token)

    def ended(self, route: str | None, status: int | None, error: str) -> None:
        """See `RequestTrace`."""
        if self not in self._open:
            return
        self._open.discard(self)
        span = self._span
        span.update_name(self._method if route is None else f"{self._method} {route}")
        if route is not None:
            span.set_attribute(spans.HTTP_ROUTE, route)
        if status is not None:
            span.set_attribute(spans.HTTP_STATUS, status)
        if error or (status is not None and status >= 500):
            span.set_attribute(spans.ERROR_TYPE, error or str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()


def _server(host: str) -> dict[str, str | int]:
    """Address and port of a `Host` header, which may be anything."""
    try:
        parts = urlsplit(f"//{host}")
        address, port = parts.hostname, parts.port
    except ValueError:
        return {}
    found: dict[str, str | int] = {spans.SERVER_ADDRESS: address} if address else {}
    return found if port is None else {**found, spans.SERVER_PORT: port}
