"""One connection of the fake provider: requests in, scripted answers out, by call-backs alone (no task a request)."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from bisect import bisect_right
from collections import deque
from itertools import accumulate
from typing import Protocol, cast

from tester.fake_provider import http
from tester.fake_provider.ledger import Entry
from tester.fake_provider.script import End, Script


class Service(Protocol):
    """What a connection asks of its server."""

    time_to_first_chunk_s: float
    duration_s: float

    def answer(self, request: http.Request) -> tuple[Entry, Script] | bytes:
        """An LLM request's ledger entry and script, or a whole response for any other request."""
        ...

    def connected(self, connection: Connection) -> None:
        """A client has come."""
        ...

    def left(self, connection: Connection) -> None:
        """A client has gone."""
        ...

    def closed(self, entry: Entry, *, disconnected: bool) -> None:
        """An exchange is over."""
        ...


_MOST_PIECES = 256
"""Pieces of a paced answer that are sent at once: what is late does not all go into memory, past a slow client."""
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
"""What the system says of a connection whose client has closed it. Without Linux's first one it is seen later."""


class Connection(asyncio.Protocol):
    """Serves one TCP connection, one request after another.

    A paced answer waits for a client that does not read; one without a pace is handed over whole.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reader = http.RequestReader()
        self._waiting: deque[http.Request] = deque()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._entry: Entry | None = None
        self._script: Script
        self._next = 0
        self._started = 0.0
        self._duration_s = 0.0
        self._drip = b""
        self._ends: list[int] = []
        self._paused = False
        self._held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._service.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`: what was not sent by now never will be."""
        self._service.left(self)
        self._end(disconnected=True)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            self._waiting.extend(self._reader.feed(data))
        except ValueError as error:
            self._transport.write(http.whole(400, str(error).encode(), "text/plain"))
            self._transport.close()
            return
        self._start_next()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the client does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._paused = False
        if self._held:
            self._held = False
            self._send_due()

    def abort(self) -> None:
        """Close the connection now."""
        self._transport.abort()

    def reset(self) -> None:
        """Close the connection so that the client sees a reset and not an end."""
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.close()

    def _start_next(self) -> None:
        while self._waiting and self._entry is None:
            answer = self._service.answer(self._waiting.popleft())
            if isinstance(answer, bytes):
                self._transport.write(answer)
                continue
            self._entry, self._script = answer
            self._next = 0
            self._begin()

    def _client_left(self) -> bool:
        """Whether the client is gone, though this busy loop has not heard of it yet; then nothing is sent any more.

        A client whose read time-out has passed cannot keep what it is sent afterwards.
        """
        looks = select.poll()
        looks.register(self._transport.get_extra_info("socket"), _LEFT)
        left = bool(looks.poll(0))
        if left:
            self.abort()
        return left

    def _begin(self) -> None:
        script, service = self._script, self._service
        if self._client_left():
            return
        if not script.pieces:
            self._finish()
        elif script.interval_s:
            self._drip = b"".join(script.pieces)
            self._ends = list(accumulate(map(len, script.pieces)))
            self._send_byte(0)
        elif service.time_to_first_chunk_s or service.duration_s:
            self._started, self._duration_s = self._loop.time(), service.duration_s
            # Headers and role travel with the first text, as with a real model.
            self._timer = self._loop.call_later(service.time_to_first_chunk_s, self._send_due)
        else:
            self._send_all()

    def _send_all(self) -> None:
        self._write(b"".join(self._script.pieces), len(self._script.pieces) - 1)
        self._finish()

    def _send_due(self) -> None:
        """Send the pieces whose time has come and wait for the next; the last is due after `duration_s`.

        As it was when the answer began: a tester may change it, and no piece must come twice for that.
        """
        if self._paused:
            self._held = True
            self._timer = None
            return
        if self._client_left():
            return
        pieces, service = self._script.pieces, self._service
        first_s = service.time_to_first_chunk_s
        step_s = max(self._duration_s - first_s, 0.0) / max(len(pieces) - 2, 1)
        elapsed_s = self._loop.time() - self._started
        # The tolerance is the loop's clock resolution: a timer may fire that much early.
        due = len(pieces) if step_s == 0 else min(2 + int((elapsed_s - first_s + 1e-4) / step_s), len(pieces))
        due = min(due, self._next + _MOST_PIECES)
        self._write(b"".join(pieces[self._next : due]), due - 1)
        self._next = due
        if due >= len(pieces):
            self._finish()
        else:
            self._timer = self._loop.call_at(self._started + first_s + (due - 1) * step_s, self._send_due)

    def _send_byte(self, position: int) -> None:
        if self._client_left():
            return
        self._write(self._drip[position : position + 1], bisect_right(self._ends, position + 1) - 1)
        if position + 1 >= len(self._drip):
            self._finish()
        else:
            self._timer = self._loop.call_later(self._script.interval_s, self._send_byte, position + 1)

    def _write(self, data: bytes, last_piece: int) -> None:
        """Send bytes; afterwards the pieces up to this one are sent as a whole, below 0 none."""
        self._transport.write(data)
        if self._entry is not None:
            self._entry.sent_bytes += len(data)
            self._entry.status = self._script.status
            done = self._script.items_after[last_piece] if last_piece >= 0 else 0
            self._entry.items += self._script.items[len(self._entry.items) : done]

    def _finish(self) -> None:
        entry, script = self._entry, self._script
        if script.end is End.HANG or entry is None:
            return  # Until the client leaves.
        entry.input_tokens, entry.output_tokens = script.input_tokens, script.output_tokens
        entry.finish_reason = script.finish_reason
        self._end(disconnected=False)
        if script.end is End.CLOSE:
            self._transport.close()
        elif script.end is End.RESET:
            self.reset()
        else:
            self._start_next()

    def _end(self, *, disconnected: bool) -> None:
        self._held = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._entry is not None:
            self._service.closed(self._entry, disconnected=disconnected)
            self._entry = None
