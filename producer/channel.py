"""The producer's end of its channel to the orchestrator."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol

from contract.framing import FrameReader, frame
from contract.messages import FromProducer, ToProducer, decode_to_producer, encode

_READ_BYTES = 256 * 1024
_WRITE_BUFFER_BYTES = 64 * 1024


class Channel(Protocol):
    """Messages to and from the orchestrator."""

    async def receive(self) -> ToProducer | None:
        """The next message, or None when the orchestrator is gone."""
        ...

    async def send(self, *messages: FromProducer) -> None:
        """Send messages in order; waits while the orchestrator is slower than this producer."""
        ...

    async def close(self) -> None:
        """Send what is buffered and close."""
        ...


class SocketChannel:
    """A `Channel` over a connected stream socket (the child's half of a socket pair)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._waiting: deque[bytes] = deque()

    @classmethod
    async def open(cls, connection: socket.socket) -> SocketChannel:
        """Wrap a connected socket."""
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        return cls(reader, writer)

    async def receive(self) -> ToProducer | None:
        """See `Channel`. Raises `ChannelError` for bytes that are no message of ours."""
        while not self._waiting:
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._waiting.extend(self._frames.feed(data))
        return decode_to_producer(self._waiting.popleft())

    async def send(self, *messages: FromProducer) -> None:
        """See `Channel`. Raises `ConnectionError` when the orchestrator is gone."""
        self._writer.write(b"".join(frame(encode(message)) for message in messages))
        await self._writer.drain()

    async def close(self) -> None:
        """See `Channel`. A peer that is gone already is no error."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return
