"""The web server's process: from the first message of the service to the last response."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from contract.errors import ChannelError
from contract.lifeline import end_with_parent
from contract.messages import LogLine, Ready
from contract.service import Serve
from telemetry.logs import CallbackHandler, set_up_logging
from webserver.app import WebApp
from webserver.server import WebServer
from webserver.service_link import ServiceLink
from webserver.tracing import WebTrace

_END_S = 4.5
"""Seconds that the end may take in all, three of them for spans (`OTEL_BSP_EXPORT_TIMEOUT`); a thread that reads a
large folder would hold it up."""
_QUIET_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets")


def run(channel: socket.socket, listener: socket.socket) -> None:
    """Serve until the service is gone or wants it to end; then return, so that the process ends.

    Args:
        channel: To the service.
        listener: Bound and listening.
    """
    started = time.monotonic()
    # The service hears Ctrl-C and decides; the terminal sends it to the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_with_parent(channel.fileno())
    try:
        asyncio.run(_live(channel, listener, started))
    except ChannelError as error:
        sys.exit(f"web server {os.getpid()}: {error}")


async def _live(channel: socket.socket, listener: socket.socket, started: float) -> None:
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(ServiceLink, sock=channel)
    loop.add_signal_handler(signal.SIGTERM, link.end)
    serve = await link.serve
    if serve is not None:
        _log_to_service(link, serve.log_level)
        trace = _trace(serve)
        link.ended.add_done_callback(lambda _: _end_hard_after(_END_S))
        try:
            await serve_requests(serve, link, listener, trace, started)
        finally:
            trace.shut_down()  # the loop has nothing else to do any more
    error = await link.ended
    if error is not None:
        raise error


async def serve_requests(
    serve: Serve, link: ServiceLink, listener: socket.socket, trace: WebTrace, started: float
) -> None:
    """Serve until the service is gone or wants this to end; then all connections are closed.

    Args:
        serve: What the service told at the start.
        link: To the service.
        listener: Bound and listening.
        trace: For spans; told of the end, too.
        started: When this process began, on the monotonic clock.
    """
    app = WebApp(serve, link, trace)
    server = WebServer(app, lambda: link.send(Ready(os.getpid(), time.monotonic() - started)))
    try:
        await server.serve_until(link.ended, listener)
    finally:
        app.workers.close()
        trace.ended()
        link.close()


def _trace(serve: Serve) -> WebTrace:
    if serve.telemetry is None:
        return WebTrace()
    from webserver.otel_tracing import OtelWebTrace  # only where there is something to trace

    return OtelWebTrace(serve.telemetry)


def _log_to_service(link: ServiceLink, level: str) -> None:
    loop, own = asyncio.get_running_loop(), threading.get_ident()

    def put(*record: Any) -> None:
        line = LogLine(*record)
        if threading.get_ident() == own:
            link.log(line)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(link.log, line)

    set_up_logging(level, [CallbackHandler(put)])
    for name in _QUIET_LOGGERS:
        # Below errors they tell of each strange request, with its whole address, query included.
        logging.getLogger(name).setLevel(logging.ERROR)


def _end_hard_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
