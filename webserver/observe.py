"""Every request is seen here, refused ones too: a span, a measured duration, a line at log level debug."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import spans
from contract.text import printable
from webserver.metrics import Metrics, RequestDone
from webserver.routes import RouteTable
from webserver.tracing import Asked, RequestTrace, WebTrace

log = logging.getLogger(__name__)

_TRACE = "orchestrator.trace"
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_CARRIED = (b"traceparent", b"tracestate")
_SHOWN_CHARACTERS = 300
_SWITCHING_PROTOCOLS = 101


class Observer:
    """ASGI middleware around everything else.

    Args:
        app: The rest.
        routes: For the names of requests.
        trace: For spans.
        metrics: For durations.
    """

    def __init__(self, app: ASGIApp, routes: RouteTable, trace: WebTrace, metrics: Metrics) -> None:
        self._app = app
        self._routes = routes
        self._trace = trace
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        asked = _asked(scope)
        trace = scope[_TRACE] = self._trace.request(asked)
        status: int | None = None
        error = ""

        async def sending(message: Message) -> None:
            nonlocal status
            status = _status(message) or status
            await send(message)

        try:
            with trace.active():
                await self._app(scope, receive, sending)
        except Exception as raised:
            error = type(raised).__qualname__
            raise
        finally:
            route = self._routes.name(scope["path"])
            trace.ended(route, status, error)
            if status is not None and scope["type"] == "http":
                self._metrics.request_done(RequestDone(asked.method, route, status, time.perf_counter() - began))
            log.debug("%s %s %s", asked.method, printable(asked.path), status or "(gone)")


def carrier_of(scope: Scope) -> dict[str, str]:
    """Leads to a request's span; empty when nothing is traced."""
    trace: RequestTrace | None = scope.get(_TRACE)
    return {} if trace is None else dict(trace.carrier)


def _asked(scope: Scope) -> Asked:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    method = scope.get("method", "GET")
    return Asked(
        method if method in _METHODS else spans.HTTP_METHOD_OTHER,
        scope["path"][:_SHOWN_CHARACTERS],
        headers.get(b"host", b"").decode("latin-1")[:_SHOWN_CHARACTERS],
        scope["client"][0] if scope.get("client") else "",
        headers.get(b"user-agent", b"").decode("latin-1")[:_SHOWN_CHARACTERS],
        {name.decode(): headers[name].decode("latin-1") for name in _CARRIED if name in headers},
    )


def _status(message: Message) -> int | None:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return _SWITCHING_PROTOCOLS
    return None
