"""Server-sent events out of a byte stream that is cut anywhere (WHATWG HTML standard, "Interpreting an event stream").

Data stays bytes: the JSON decoder behind refuses invalid UTF-8, strictly, because a replacement character would make a
new item out of a known one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contract.errors import BadResponse

MAX_EVENT_BYTES = 1024 * 1024
"""Longest line, and longest data of one event. Real ones have a few hundred bytes."""

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its `event:` name (empty if it has none) and its `data:` lines, joined by line feeds."""

    name: str
    data: bytes


class SseDecoder:
    """Turns reads of any size into events, in linear time and bounded memory."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._at_start = True
        self._after_cr = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Add received bytes and iterate over the events that they complete.

        Nothing happens before the first step; iterate to the end.

        Raises:
            BadResponse: A line or an event is longer than `MAX_EVENT_BYTES`. The events before it have been given.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        self._buffer += data
        if b"\n" in data:
            end = self._buffer.rindex(b"\n")
            lines = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            yield from self._events(lines)
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise _too_long()

    def _with_line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _events(self, lines: bytes) -> Iterator[Event]:
        if self._at_start:
            self._at_start = False
            lines = lines.removeprefix(_BOM)
        for line in lines.split(b"\n"):
            if line.startswith(b"data:"):
                value = line[6:] if line.startswith(b"data: ") else line[5:]
                self._size += len(value) + 1
                if self._size > MAX_EVENT_BYTES:
                    raise _too_long()
                self._data.append(value)
            elif not line:
                if self._data:
                    event = Event(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data, self._size, self._name = [], 0, ""
                    yield event
                self._name = ""
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            # Comments, `id:`, `retry:` and unknown fields say nothing about the answer.


def _too_long() -> BadResponse:
    return BadResponse(f"a line of the stream is longer than {MAX_EVENT_BYTES // 1024} KiB")
