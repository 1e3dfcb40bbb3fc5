"""uvicorn as it is used here: on a socket that listens already, with connections that have times, and an end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import uvicorn

from webserver.app import WebApp
from webserver.connections import HttpConnection, LiveConnection, keep_reaping
from webserver.live import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15
"""Seconds that a connection may be idle between two requests."""
_GOING_AWAY = 1001
_CLOSE_LIVE_S = 0.3
_CLOSE_REQUESTS_S = 0.4
_LOOK_S = 0.02


class WebServer(uvicorn.Server):
    """uvicorn, without its signal handlers, on a socket that is listening already.

    Args:
        app: What it serves.
        ready: Called when it takes requests.
    """

    def __init__(self, app: WebApp, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=HttpConnection,
                ws=LiveConnection,
                loop="asyncio",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,  # it would show queries; ours does not
                server_header=False,
                proxy_headers=False,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )
        self._web_app = app
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn. Pages hear why; what is not complete in a moment is cut off."""
        for server in self.servers:
            server.close()
        await self._web_app.hub.end_all(_GOING_AWAY, "the service ends; it can be started again", _CLOSE_LIVE_S)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CLOSE_REQUESTS_S
        while (busy := self._busy()) and loop.time() < deadline:  # noqa: ASYNC110 - they end one by one
            await asyncio.sleep(_LOOK_S)
        for connection in busy:
            connection.transport.abort()
        await super().shutdown(sockets)

    def _busy(self) -> list[HttpConnection | LiveConnection]:
        connections: list[Any] = list(self.server_state.connections)
        return [one for one in connections if one.is_busy]

    async def serve_until(self, ended: asyncio.Future[Any], listener: socket.socket) -> None:
        """Serve until `ended` is done; then close everything, within about a second."""
        hub = self._web_app.hub
        serving = asyncio.create_task(self.serve([listener]))
        caring = [
            asyncio.create_task(_care(one))
            for one in (keep_reaping(self.server_state.connections), hub.keep_looking(), hub.keep_pinging())
        ]
        try:
            await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.should_exit = True
            await serving
            for task in caring:
                task.cancel()
            await asyncio.gather(*caring, return_exceptions=True)


async def _care(work: Coroutine[Any, Any, NoReturn]) -> None:
    try:
        await work
    except Exception:
        log.exception("what looks after connections and folders has ended")
