"""A topic's event log as it is read: `events.jsonl`, one `TopicEvent` as a JSON object a line, the oldest first.

Read from its end, in blocks, so that its length does not matter. The file is untrusted: whatever is no event of ours
(garbage, a torn or an endless line) is left out, and numbers that come in between are not let through: what is read
has rising numbers always.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from contract.errors import StorageError
from contract.service import TopicEvent

EVENTS_NAME = "events.jsonl"
MAX_LINE_BYTES = 1 << 14
"""Longer lines are none of ours."""
MAX_SEQ = 2**52
"""A browser counts exactly up to twice as far."""
_BLOCK_BYTES = 1 << 16
_MOST_READ_BYTES = 1 << 22
"""So much of a file is looked through for one answer: more than the longest answer can need."""

_decode = msgspec.json.Decoder(TopicEvent).decode


def read_events(folder: Path, before: int | None, after: int | None, limit: int) -> list[TopicEvent]:
    """The newest lines of a topic's event log, the newest last; none where there is no log.

    Args:
        folder: The topic's folder; a run may write to it meanwhile.
        before: Only lines with a smaller `seq`; None: up to the last.
        after: Only lines with a greater `seq`; None: from the first.
        limit: At most so many; where there are more, the oldest are left out.

    Raises:
        StorageError: The log is there but cannot be read.
    """
    path = folder / EVENTS_NAME
    events: list[TopicEvent] = []
    try:
        if limit < 1 or not path.is_file():  # a pipe of this name would let us wait for ever
            return []
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            for event in newest_first(stream, end if before is None else _end_of_earlier(stream, end, before)):
                if after is not None and event.seq <= after:
                    break
                if before is None or event.seq < before:
                    events.append(event)
                if len(events) >= limit:
                    break
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {error.strerror or error}; the items are not touched; look at that file's rights"
        ) from error
    return events[::-1]


def newest_first(stream: BinaryIO, end: int) -> Iterator[TopicEvent]:
    """The events before the offset `end`, from the last one back, with falling `seq`."""
    last = MAX_SEQ + 1
    for line in _lines_backward(stream, end):
        event = _parsed(line)
        if event is not None and event.seq < last:
            last = event.seq
            yield event


def _parsed(line: bytes) -> TopicEvent | None:
    if not 0 < len(line) <= MAX_LINE_BYTES:
        return None
    try:
        event = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if 1 <= event.seq <= MAX_SEQ else None


def _lines_backward(stream: BinaryIO, end: int) -> Iterator[bytes]:
    """Lines, from the last one back. Of an endless one only a part is held, which is too long as well."""
    floor = max(0, end - _MOST_READ_BYTES)
    rest = b""
    while end > floor:
        begin = max(floor, end - _BLOCK_BYTES)
        stream.seek(begin)
        rest, *lines = (stream.read(end - begin) + rest).split(b"\n")
        yield from reversed(lines)
        rest = rest[-MAX_LINE_BYTES - 1 :]
        end = begin
    if floor == 0:
        yield rest


def _end_of_earlier(stream: BinaryIO, size: int, before: int) -> int:
    """An offset with all events below `before` in front of it, and not many others: numbers rise, so it is bisected."""
    low, high = 0, size
    while high - low > 2 * _BLOCK_BYTES:
        found = _first_event(stream, (low + high) // 2, high)
        if found is None:
            break
        offset, seq = found
        if seq < before:
            low = offset
        else:
            high = offset
    return high


def _first_event(stream: BinaryIO, begin: int, end: int) -> tuple[int, int] | None:
    """Offset and number of the first event that begins behind `begin`, or None where none is near."""
    stream.seek(begin)
    torn, *lines = stream.read(min(_BLOCK_BYTES, end - begin)).split(b"\n")
    offset = begin + len(torn) + 1
    for line in lines[:-1]:
        event = _parsed(line)
        if event is not None:
            return offset, event.seq
        offset += len(line) + 1
    return None
