"""The collector: an OTLP server in a thread of its own. HTTP here; gRPC in `grpc_server`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from google.rpc.code_pb2 import INVALID_ARGUMENT, UNAVAILABLE
from google.rpc.status_pb2 import Status

from tester.collector.compression import ENCODINGS, TooLargeError, decompressed
from tester.collector.decode import MalformedError
from tester.collector.intake import MAX_BODY_BYTES, Fault, Intake, Refusal, Signal
from tester.collector.store import SpanStore
from tester.trace.span import Span

if TYPE_CHECKING:
    from tester.collector.grpc_server import GrpcServer

_HOST = "127.0.0.1"
_PROTOBUF = "application/x-protobuf"
_PATHS: dict[str, Signal] = {"/v1/traces": "traces", "/v1/metrics": "metrics", "/v1/logs": "logs"}
_BACKLOG = 512
_START_S = 60.0
"""Seconds in which it must listen; on a machine that stands still for a while a moment may be long."""
_STOP_S = 5.0
_FINISH_S = 0.1
"""Seconds that open requests have to end when the collector stops."""
_LINGER_S = 1.0
"""Seconds that a client has to take note of an answer that came before the end of its body."""
_NOTED = web.ResponseKey("noted", bool)


class CollectorError(Exception):
    """The collector cannot listen; the message is one line."""


class Collector:
    """Receives spans, metrics and logs over OTLP from `start` to `stop`; also a context manager of both kinds.

    Args:
        port: For HTTP; 0 takes a free one.
        host: Name or IPv4 address to listen on.
        grpc: Whether to listen for gRPC too, on a free port of 127.0.0.1.
        fault: How to misbehave: `hang` accepts requests and never answers, `error` answers each with 503
            (UNAVAILABLE), `refuse` keeps the port and refuses connections.

    Attributes:
        store: What was received. It stays readable after `stop`.
        grpc_endpoint: `http://127.0.0.1:PORT`; empty without gRPC.
    """

    def __init__(self, port: int = 0, host: str = _HOST, *, grpc: bool = False, fault: Fault | None = None) -> None:
        self.store = SpanStore()
        self.grpc_endpoint = ""
        self._host = host
        self._port = port
        self._with_grpc = grpc
        self._fault = fault
        self._intake = Intake(self.store)
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self._grpc: GrpcServer | None = None

    @property
    def endpoint(self) -> str:
        """`http://HOST:PORT`, to which exporters add `/v1/traces`."""
        return f"http://{self._host}:{self._port}"

    @property
    def spans(self) -> tuple[Span, ...]:
        """All spans so far, in the order of arrival."""
        return self.store.spans()

    @property
    def requests(self) -> int:
        """Requests that came, over HTTP and gRPC."""
        return self._intake.requests

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """Requests that were turned away, the newest ten thousand; also those that were not even HTTP."""
        return self._intake.refused

    def start(self) -> None:
        """Listen.

        Raises:
            CollectorError: The port is taken, or is none of this machine.
        """
        refuse = self._fault == "refuse"
        self._socket = _bound(self._host, self._port, listen=not refuse)
        self._port = self._socket.getsockname()[1]
        if refuse:  # A port that is bound and not listened on refuses connections, and nobody else gets it.
            self.grpc_endpoint = self.endpoint if self._with_grpc else ""
            return
        try:
            if self._with_grpc:
                from tester.collector.grpc_server import GrpcServer

                self._grpc = GrpcServer(self._intake, self._fault)
                self.grpc_endpoint = f"http://{_HOST}:{self._grpc.port}"
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="collector", daemon=True)
            self._thread.start()
            asyncio.run_coroutine_threadsafe(self._listen(self._socket), self._loop).result(_START_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Break all connections and end the thread. Calling it again does nothing."""
        if self._grpc is not None:
            self._grpc.stop()
            self._grpc = None
        if self._loop is not None and self._thread is not None:
            with contextlib.suppress(TimeoutError):  # It decodes something large; its thread ends with the process.
                asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_STOP_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)
            if not self._thread.is_alive():
                self._loop.close()
            self._loop = self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    async def _listen(self, listening: socket.socket) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app,
            access_log_class=_refusal_log(self._intake.refuse),
            logger=logging.Logger("collector", logging.CRITICAL + 1),  # What a stranger sends is noted, not logged.
            auto_decompress=False,
            lingering_time=_LINGER_S,
            shutdown_timeout=_FINISH_S,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listening, backlog=_BACKLOG).start()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        open_tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.Response:
        self._intake.arrived()
        if self._fault == "hang":
            await asyncio.get_running_loop().create_future()
        if self._fault == "error":
            return self._refuse(request, 503, "the collector was told to fail", UNAVAILABLE)
        signal = _PATHS.get(request.path)
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if signal is None:
            return self._refuse(request, 404, f"there is only {', '.join(_PATHS)}")
        if request.method != "POST":
            return self._refuse(request, 405, f"{request.method} instead of POST")
        if request.content_type != _PROTOBUF:
            return self._refuse(request, 415, f"the body is {request.content_type} instead of {_PROTOBUF}")
        if encoding not in ENCODINGS:
            return self._refuse(request, 415, f"Content-Encoding {encoding} is not known")
        try:
            if (request.content_length or 0) > MAX_BODY_BYTES:
                raise TooLargeError(f"the body has more than {MAX_BODY_BYTES} bytes")
            body = decompressed(await request.read(), encoding, MAX_BODY_BYTES)
            return web.Response(body=self._intake.take(signal, body), content_type=_PROTOBUF)
        except (TooLargeError, web.HTTPRequestEntityTooLarge) as error:
            return self._refuse(request, 413, str(error))
        except MalformedError as error:
            return self._refuse(request, 400, str(error))
        except Exception as error:
            # A body that breaks off, or whose framing is wrong: aiohttp tells it by several kinds of exception.
            return self._refuse(request, 400, f"the body could not be read: {type(error).__name__} {error}")

    def _refuse(self, request: web.Request, status: int, reason: str, code: int = INVALID_ARGUMENT) -> web.Response:
        self._intake.refuse(request.path, str(status), reason)
        body = Status(code=code, message=reason).SerializeToString()
        response = web.Response(status=status, body=body, content_type=_PROTOBUF)
        if status == 405:
            response.headers["Allow"] = "POST"
        response[_NOTED] = True
        return response


def unused_endpoint() -> str:
    """`http://127.0.0.1:PORT` of a port that nobody listens on."""
    with _bound(_HOST, 0, listen=False) as probe:
        return f"http://{_HOST}:{probe.getsockname()[1]}"


def _bound(host: str, port: int, *, listen: bool) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if listen:
            bound.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise CollectorError(f"port {port} is taken: stop what listens there, or choose another port") from None
        raise CollectorError(f"the collector cannot listen on {host}:{port}: {error}") from None
    return bound


def _refusal_log(refuse: Callable[[str, str, str], None]) -> type[AbstractAccessLogger]:
    """An access log that notes the refusals that aiohttp makes by itself: of what is not HTTP."""

    class RefusalLog(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            if response.status >= 400 and _NOTED not in response:
                text = response.text if isinstance(response, web.Response) else ""
                refuse(request.path, str(response.status), text or response.reason or "")

    return RefusalLog
