"""Channels to child processes: one for each, so that a killed one can never silence another.

A `Communicator` gives bytes a way; it knows nothing of orders. The real one uses a socket pair for each child and
never blocks: a stopped child holds up neither the others nor the orchestrator. A message that its sender could not
finish is dropped whole.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from contract.errors import ChannelError
from contract.framing import FrameReader, frame
from contract.messages import Decoder, FromProducer, ToProducer, decode_from_producer, decode_to_producer, encode

_READ_BYTES = 256 * 1024
_WAKE = -1

In = TypeVar("In")
Out = TypeVar("Out", bound=msgspec.Struct, contravariant=True)


class Closed(NamedTuple):
    """The last thing heard of a channel.

    Attributes:
        torn: Whether it ended within a message.
        error: What was wrong with the bytes, or empty.
    """

    torn: bool = False
    error: str = ""


class Received(NamedTuple, Generic[In]):
    """One message (or the end) of one channel."""

    channel: int
    message: In | Closed


class Communicator(Protocol[Out, In]):
    """Two-way message channels, seen from the orchestrator: it sends `Out` and receives `In`."""

    def open(self) -> tuple[int, object]:
        """Make a channel.

        Returns:
            Its number, and the endpoint that the process manager hands to the new process.
        """
        ...

    def started(self, channel: int) -> None:
        """The endpoint has been handed over: give up the orchestrator's own copy of it."""
        ...

    def send(self, channel: int, message: Out) -> None:
        """Queue a message. Never blocks; a closed channel swallows it (its end is reported by `receive`)."""
        ...

    def receive(self, timeout_s: float) -> list[Received[In]]:
        """Wait until something has come, at most `timeout_s`, and return all of it, in order for each channel."""
        ...

    def unsent(self, channel: int) -> int:
        """Bytes of messages that the other end has not taken yet."""
        ...

    def wake(self) -> None:
        """Let a waiting `receive` return; may be called from a signal handler or another thread."""
        ...

    def close(self, channel: int) -> None:
        """Close one channel; nothing of it is received any more."""
        ...

    def close_all(self) -> None:
        """Close everything, for good."""
        ...


class _SocketEnd:
    """The orchestrator's half of one socket pair."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.ours = ours
        self.theirs: socket.socket | None = theirs
        self.frames = FrameReader()
        self.outgoing = bytearray()


class SocketCommunicator(Generic[Out, In]):
    """`Communicator` over Unix socket pairs.

    Args:
        decode: Decodes what is received.
    """

    def __init__(self, decode: Decoder[In]) -> None:
        self._decode = decode
        self._selector = selectors.DefaultSelector()
        self._ends: dict[int, _SocketEnd] = {}
        self._next = 0
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ, _WAKE)

    def open(self) -> tuple[int, socket.socket]:
        """See `Communicator`; the endpoint is a connected socket."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        channel = self._next
        self._next += 1
        self._ends[channel] = _SocketEnd(ours, theirs)
        self._selector.register(ours, selectors.EVENT_READ, channel)
        return channel, theirs

    def started(self, channel: int) -> None:
        """See `Communicator`. With our copy closed, the child's death is the end of the stream."""
        end = self._ends[channel]
        if end.theirs is not None:
            end.theirs.close()
            end.theirs = None

    def send(self, channel: int, message: Out) -> None:
        """See `Communicator`."""
        end = self._ends.get(channel)
        if end is None:
            return
        idle = not end.outgoing
        end.outgoing += frame(encode(message))
        if idle:
            self._write(channel, end)

    def _write(self, channel: int, end: _SocketEnd) -> None:
        try:
            sent = end.ours.send(end.outgoing)
            del end.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            end.outgoing.clear()  # the peer is gone; reading will say so
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if end.outgoing else 0)
        self._selector.modify(end.ours, events, channel)

    def receive(self, timeout_s: float) -> list[Received[In]]:
        """See `Communicator`. At most `_READ_BYTES` a channel and call, so that no producer starves another."""
        received: list[Received[In]] = []
        for key, events in self._selector.select(max(0.0, timeout_s)):
            channel: int = key.data
            if channel == _WAKE:
                os.read(self._wake_read, 4096)
                continue
            end = self._ends[channel]
            if events & selectors.EVENT_WRITE:
                self._write(channel, end)
            if events & selectors.EVENT_READ:
                received += self._read(channel, end)
        return received

    def _read(self, channel: int, end: _SocketEnd) -> list[Received[In]]:
        try:
            data = end.ours.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            torn = end.frames.torn
            self.close(channel)
            return [Received(channel, Closed(torn=torn))]
        try:
            return [Received(channel, self._decode(message)) for message in end.frames.feed(data)]
        except ChannelError as error:
            self.close(channel)
            return [Received(channel, Closed(error=str(error)))]

    def unsent(self, channel: int) -> int:
        """See `Communicator`."""
        end = self._ends.get(channel)
        return 0 if end is None else len(end.outgoing)

    def wake(self) -> None:
        """See `Communicator`."""
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            return  # full: it is awake already; closed: nobody waits

    def close(self, channel: int) -> None:
        """See `Communicator`."""
        end = self._ends.pop(channel, None)
        if end is None:
            return
        self._selector.unregister(end.ours)
        end.ours.close()
        if end.theirs is not None:
            end.theirs.close()

    def close_all(self) -> None:
        """See `Communicator`."""
        for channel in list(self._ends):
            self.close(channel)
        self._selector.close()
        wake, self._wake_write = self._wake_write, -1  # a late `wake` must not write to what has its number then
        os.close(self._wake_read)
        os.close(wake)


def _pipe() -> tuple[int, int]:
    """A non-blocking pipe where the system has no `pipe2`."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write


class MemoryEndpoint:
    """The producer's end of a `MemoryCommunicator` channel, for a producer that runs in a thread of this process."""

    def __init__(self, deliver: Callable[[FromProducer | Closed], None]) -> None:
        self._deliver = deliver
        self._incoming: deque[bytes | None] = deque()
        self._changed = threading.Condition()

    def push(self, data: bytes | None) -> None:
        """Hand a message (None: the end) to the producer."""
        with self._changed:
            self._incoming.append(data)
            self._changed.notify()

    def receive(self, timeout_s: float | None = None) -> ToProducer | None:
        """The next message, None at the end. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._incoming), timeout_s):
                raise TimeoutError
            data = self._incoming.popleft()
        return None if data is None else decode_to_producer(data)

    def send(self, message: FromProducer) -> None:
        """Send one message to the orchestrator. It takes the encoded way, as between processes."""
        self._deliver(decode_from_producer(encode(message)))

    def close(self, *, torn: bool = False) -> None:
        """End the channel from the producer's side, as its death would."""
        self._deliver(Closed(torn=torn))


ProducerChannels = Communicator[ToProducer, FromProducer]
"""What a supervisor speaks through."""


def producer_channels() -> SocketCommunicator[ToProducer, FromProducer]:
    """Socket pairs to producers."""
    return SocketCommunicator(decode_from_producer)


class MemoryCommunicator:
    """`ProducerChannels` within one process, for tests and for producers in threads."""

    def __init__(self) -> None:
        self._received: deque[Received[FromProducer]] = deque()
        self._changed = threading.Condition()
        self._woken = False
        self._endpoints: dict[int, MemoryEndpoint] = {}
        self._next = 0

    def open(self) -> tuple[int, MemoryEndpoint]:
        """See `Communicator`."""
        channel = self._next
        self._next += 1
        endpoint = MemoryEndpoint(lambda message: self._deliver(channel, message))
        self._endpoints[channel] = endpoint
        return channel, endpoint

    def _deliver(self, channel: int, message: FromProducer | Closed) -> None:
        with self._changed:
            if channel in self._endpoints:
                self._received.append(Received(channel, message))
                self._changed.notify()

    def started(self, channel: int) -> None:
        """See `Communicator`; there is no copy to give up here."""

    def send(self, channel: int, message: ToProducer) -> None:
        """See `Communicator`."""
        endpoint = self._endpoints.get(channel)
        if endpoint is not None:
            endpoint.push(encode(message))

    def receive(self, timeout_s: float) -> list[Received[FromProducer]]:
        """See `Communicator`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._received and not self._woken:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            self._woken = False
            received = list(self._received)
            self._received.clear()
        for entry in received:
            if isinstance(entry.message, Closed):
                self.close(entry.channel)
        return received

    def unsent(self, channel: int) -> int:
        """See `Communicator`; the endpoint takes everything at once."""
        return 0

    def wake(self) -> None:
        """See `Communicator`."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self, channel: int) -> None:
        """See `Communicator`."""
        endpoint = self._endpoints.pop(channel, None)
        if endpoint is not None:
            endpoint.push(None)

    def close_all(self) -> None:
        """See `Communicator`."""
        for channel in list(self._endpoints):
            self.close(channel)
