"""The topic process's end of its channel to the service.

The run must never wait for the service, nor the service for a run: what the service does not take at once waits here,
and news that comes faster than it is taken is left out (the ids of items tell the gap; all of it is in the folder).
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable

import msgspec

from contract.errors import ChannelError
from contract.framing import FrameReader, frame
from contract.messages import LogLine, encode
from contract.service import ToTopic, decode_to_topic

log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
NEWS_BACKLOG_BYTES = 1024 * 1024
"""With so much unsent, news is left out."""
_LOG_BACKLOG_BYTES = 4 * 1024 * 1024


class ServiceLink:
    """Messages to and from the service. `send` may be called from any thread; reading has a thread of its own.

    Args:
        connection: A connected stream socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._frames = FrameReader()
        self._waiting: deque[bytes] = deque()
        self._unsent = bytearray()
        self._writing = threading.RLock()
        self._gone = False
        self._closing = False

    def receive(self) -> ToTopic | None:
        """The next message; None when the service is gone. Raises `ChannelError`."""
        while not self._waiting:
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._waiting.extend(self._frames.feed(data))
        return decode_to_topic(self._waiting.popleft())

    def read(self, heard: Callable[[ToTopic | None], None]) -> None:
        """From now on a thread gives each message to `heard`; None, the last, when the service is gone."""

        def body() -> None:
            message: ToTopic | None = None
            while True:
                try:
                    message = self.receive()
                except ChannelError:
                    message = None
                if self._closing:
                    return  # the end of the channel is our own doing
                heard(message)
                if message is None:
                    return

        threading.Thread(target=body, name="service link", daemon=True).start()

    @property
    def unsent(self) -> int:
        """Bytes that the service has not taken yet."""
        return len(self._unsent)

    def send(self, *messages: msgspec.Struct) -> None:
        """Send messages without waiting; a service that is gone swallows them."""
        with self._writing:
            if not self._gone:
                for message in messages:
                    self._unsent += frame(encode(message))
            self.flush()

    def log(self, line: LogLine) -> None:
        """Send a log line, unless a great many wait already."""
        if self.unsent < _LOG_BACKLOG_BYTES:
            self.send(line)

    def flush(self) -> None:
        """Send what waits, as far as the service takes it."""
        with self._writing:
            while self._unsent:
                try:
                    sent = self._socket.send(self._unsent, socket.MSG_DONTWAIT)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:
                    self._gone = True
                    self._unsent.clear()
                    return
                del self._unsent[:sent]

    def close(self, timeout_s: float) -> None:
        """Send what waits, for at most so long, and close."""
        self._closing = True
        with self._writing:
            self._socket.settimeout(timeout_s)
            try:
                self._socket.sendall(self._unsent)
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._unsent.clear()
            self._gone = True
