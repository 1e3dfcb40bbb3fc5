"""How messages are cut out of a byte stream: a 4-byte big-endian length, then the message."""

from __future__ import annotations

import struct

from contract.errors import ChannelError
from contract.messages import MAX_MESSAGE_BYTES

_LENGTH = struct.Struct(">I")


def frame(data: bytes) -> bytes:
    """Put the length before one encoded message."""
    return _LENGTH.pack(len(data)) + data


class FrameReader:
    """Collects bytes in any split and gives back whole messages.

    A message whose end never comes (its sender was killed) stays inside and is dropped with the reader: see `torn`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def torn(self) -> bool:
        """Whether a part of a message is waiting for its rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes; return the messages that are complete now.

        Raises:
            ChannelError: A length beyond `MAX_MESSAGE_BYTES`; the stream cannot be read any further.
        """
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_MESSAGE_BYTES:
                raise ChannelError(f"a message claims to have {length} bytes")
            end = start + _LENGTH.size + length
            if end > len(buffer):
                break
            messages.append(bytes(buffer[start + _LENGTH.size : end]))
            start = end
        if start:
            del buffer[:start]
        return messages
