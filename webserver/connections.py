"""TCP connections that cost us something and bring nothing: slow senders, slow readers, idle ones.

uvicorn limits only the pause between two requests. A request that drips in, a response that nobody takes and a
connection that never says anything would be held for ever; here each has a time, and the number of connections a
limit, beyond which the one that has been idle for longest gives way.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from webserver.problems import JSON
from webserver.security import HEADERS

MAX_CONNECTIONS = 512
"""Below the number of files that a process may usually open (1024)."""
REQUEST_S = 10.0
"""Seconds within which a request's head and body must have come. A body that is waited for is given up before."""
UNREAD_S = 30.0
"""Seconds within which a client must take something of what waits for it."""
CLOSING_S = 5.0
"""Seconds that a closing connection may take to deliver its rest."""
_LOOK_EVERY_S = 1.0
_BAD_REQUEST = b'{"error":"this is not HTTP"}'
_BAD_REQUEST_HEAD = (
    (b"content-type", JSON.encode()),
    (b"content-length", str(len(_BAD_REQUEST)).encode()),
    (b"connection", b"close"),
    *HEADERS,
)


class HttpConnection(H11Protocol):
    """uvicorn's HTTP connection, with times."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.waits_since: float | None = self.loop.time()
        self.unread_since: float | None = None
        self.closing_since: float | None = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        theirs = self.conn.their_state
        # Between two requests uvicorn has a timer of its own; any byte stops it.
        owes = theirs is h11.SEND_BODY or (theirs is h11.IDLE and self.timeout_keep_alive_task is None)
        if not owes:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """See uvicorn, which does not expect that a request is being answered whose body turns out to be no HTTP."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or cycle.response_complete or not cycle.response_started:
            lines = (name + b": " + value for name, value in _BAD_REQUEST_HEAD)
            self.transport.write(b"\r\n".join((b"HTTP/1.1 400 Bad Request", *lines, b"", _BAD_REQUEST)))
        self.transport.close()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self.unread_since = self.loop.time()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self.unread_since = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def idle_since(self) -> float | None:
        """When it began to be of no use: no request is being answered. None: one is."""
        if self.waits_since is not None:
            return self.waits_since
        timer = self.timeout_keep_alive_task
        return None if timer is None else timer.when() - self.timeout_keep_alive

    def _make_room(self) -> None:
        idle = [one for one in self.connections if isinstance(one, HttpConnection) and one.idle_since is not None]
        victim = min(idle, key=lambda one: cast(float, one.idle_since))
        self.connections.discard(victim)
        victim.transport.abort()


class LiveConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, with times."""

    is_busy = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.waits_since: float | None = None
        self.unread_since: float | None = None
        self.closing_since: float | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """See uvicorn, which takes a connection that was refused for one that was forgotten, and logs an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def send_receive_event_to_app(self) -> None:
        """See uvicorn, which logs a traceback for text that is no UTF-8: here it is no text."""
        try:
            b"".join(self.frames).decode()
        except UnicodeDecodeError:
            self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self.unread_since = self.loop.time()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self.unread_since = None


def reap(connections: set[Any], now: float) -> int:
    """End the connections whose time is over; returns how many.

    Args:
        connections: uvicorn's, `HttpConnection` and `LiveConnection`.
        now: The loop's time.
    """
    ended = 0
    for connection in list(connections):
        if connection.transport.is_closing():
            connection.closing_since = connection.closing_since or now
        limits = (
            (connection.waits_since, REQUEST_S),
            (connection.unread_since, UNREAD_S),
            (connection.closing_since, CLOSING_S),
        )
        if any(since is not None and now - since > limit_s for since, limit_s in limits):
            connection.transport.abort()
            ended += 1
    return ended


async def keep_reaping(connections: set[Any]) -> NoReturn:
    """Look after the connections until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        reap(connections, loop.time())
