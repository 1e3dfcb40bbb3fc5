"""Reading a topic's event log from its end."""

from __future__ import annotations

import errno
import io
import itertools
import os
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.event_log import EVENTS_NAME, MAX_LINE_BYTES, MAX_SEQ, newest_first, read_events
from contract.errors import StorageError
from contract.service import TopicEvent


def event(seq: int, text: str = "order 1 failed") -> TopicEvent:
    """A line."""
    return TopicEvent(seq, 1700000000.5 + seq, "info", "retry", text)


def line(seq: int, text: str = "order 1 failed") -> bytes:
    """A line as it stands in the file."""
    return msgspec.json.encode(event(seq, text)) + b"\n"


def numbers(folder: Path, before: int | None = None, after: int | None = None, limit: int = 1000) -> list[int]:
    """What is read, by number."""
    return [one.seq for one in read_events(folder, before, after, limit)]


@pytest.mark.parametrize(
    ("before", "after", "limit", "expected"),
    [
        (None, None, 200, range(1, 51)),
        (None, None, 3, range(48, 51)),
        (11, None, 200, range(1, 11)),
        (11, None, 4, range(7, 11)),
        (None, 45, 200, range(46, 51)),
        (None, 45, 2, range(49, 51)),
        (48, 45, 200, range(46, 48)),
        (1, None, 200, ()),
        (None, 50, 200, ()),
        (1000, 0, 1, (50,)),
        (None, None, 0, ()),
        (-5, None, 10, ()),
    ],
)
def test_the_newest_that_were_asked_for(
    tmp_path: Path, before: int | None, after: int | None, limit: int, expected: range
) -> None:
    """The newest lines between the two numbers, at most `limit`, the newest last."""
    (tmp_path / EVENTS_NAME).write_bytes(b"".join(line(seq) for seq in range(1, 51)))
    assert numbers(tmp_path, before, after, limit) == list(expected)


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Every field comes back, in any script."""
    (tmp_path / EVENTS_NAME).write_bytes(line(1, "Städte – 東京 🎈"))
    assert read_events(tmp_path, None, None, 10) == [event(1, "Städte – 東京 🎈")]


@pytest.mark.parametrize("kind", ["nothing", "a folder", "a pipe", "an empty file"])
def test_without_a_log_there_are_no_events(tmp_path: Path, kind: str) -> None:
    """A missing log, and what is no file, is read as empty, and nobody waits for a pipe's writer."""
    path = tmp_path / EVENTS_NAME
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "an empty file":
        path.touch()
    assert numbers(tmp_path) == []


def test_a_log_that_may_not_be_read_is_an_error_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback: one line that names the file."""

    def refused(path: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / EVENTS_NAME).write_bytes(line(1))
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(StorageError, match=f"cannot read .*{EVENTS_NAME}: Permission denied"):
        numbers(tmp_path)


class Counting(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("wanted", [3, 70_000, 149_990])
def test_a_long_log_is_not_read_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    """Of 15 MB, a page anywhere in the middle costs some blocks."""
    whole = b"".join(line(seq) for seq in range(1, 150_001))
    (tmp_path / EVENTS_NAME).touch()
    stream = Counting(whole)
    monkeypatch.setattr(Path, "open", lambda path, mode: stream)
    assert numbers(tmp_path, before=wanted, limit=2) == [wanted - 2, wanted - 1]
    assert stream.taken < len(whole) / 10


def test_every_page_of_a_long_log_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever line a page ends with, and wherever the search for it looked, no line is lost."""
    monkeypatch.setattr("archive.event_log._BLOCK_BYTES", 300)
    (tmp_path / EVENTS_NAME).write_bytes(b"".join(line(seq, "x" * (seq % 70)) for seq in range(1, 301)))
    for before in range(2, 301):
        assert numbers(tmp_path, before=before, limit=2) == list(range(max(1, before - 2), before))


def test_an_endless_line_fills_no_memory(tmp_path: Path) -> None:
    """Megabytes without a line's end take some blocks of memory."""
    (tmp_path / EVENTS_NAME).write_bytes(line(1) + b"x" * 3_000_000)
    tracemalloc.start()
    try:
        assert numbers(tmp_path) == [1]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\n\n\n",
        b"\xff\xfe\n",
        b"[" * 10_000 + b"\n",
        b'{"x": ' + b"[" * 10_000 + b"\n",
        b"{}\n",
        b'{"seq": 4, "at": 1, "level": "fatal", "kind": "x", "text": ""}\n',
        b'{"seq": "4", "at": 1, "level": "info", "kind": "x", "text": ""}\n',
        b'{"seq": 4, "at": 1e999, "level": "info", "kind": "x", "text": ""}\n',
        b'{"seq": 4, "at": 1, "level": "info", "kind": "x", "text": "\\ud800"}\n',
        b'{"seq": 0, "at": 1, "level": "info", "kind": "x", "text": ""}\n',
        f'{{"seq": {MAX_SEQ + 1}, "at": 1, "level": "info", "kind": "x", "text": ""}}\n'.encode(),
        b'{"seq": 1e30, "at": 1, "level": "info", "kind": "x", "text": ""}\n',
        b"x" * (MAX_LINE_BYTES * 20) + b"\n",
        line(4, "x" * MAX_LINE_BYTES),
        line(1),
        line(3),
        line(4)[:-9] + b"\n",
    ],
)
def test_what_is_no_event_is_left_out(tmp_path: Path, rubbish: bytes) -> None:
    """Garbage, huge lines and numbers out of place between good lines hide none of these."""
    (tmp_path / EVENTS_NAME).write_bytes(line(1) + line(2) + line(3) + rubbish + line(5) + line(6))
    seen = numbers(tmp_path)
    assert seen[-2:] == [5, 6]
    assert seen == sorted(set(seen))
    assert {1, 5, 6} <= set(seen) <= {1, 2, 3, 5, 6}


@given(st.lists(st.binary(max_size=60) | st.integers(1, 30).map(line), max_size=40), st.integers(0, 40))
@example([b"", line(2), b"\n", line(3)[:-1]], 10)
def test_any_bytes_are_read(blocks: list[bytes], limit: int) -> None:
    """Whatever stands in the file: no error, numbers that fall from the end on, and each one really stands there."""
    whole = b"".join(blocks)
    seen = list(newest_first(io.BytesIO(whole), len(whole)))[:limit]
    assert all(earlier.seq < later.seq for later, earlier in itertools.pairwise(seen))
    for one in seen:
        assert msgspec.json.encode(one) in whole


@given(st.integers(0, 5), st.integers(0, 200))
def test_a_torn_last_line_is_ignored(more: int, cut: int) -> None:
    """A line that was cut anywhere before its end is no event; those before it are all there."""
    last = line(more + 1)
    whole = b"".join(line(seq) for seq in range(1, more + 1)) + last[: min(cut, len(last) - 2)]
    assert [one.seq for one in newest_first(io.BytesIO(whole), len(whole))] == list(range(more, 0, -1))


def test_lines_that_span_blocks_are_whole(tmp_path: Path) -> None:
    """Lines of every length, so that the blocks' borders fall anywhere in them."""
    written = [event(seq, "é" * (seq * 37 % 5000)) for seq in range(1, 201)]
    (tmp_path / EVENTS_NAME).write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in written))
    assert read_events(tmp_path, None, None, 1000) == written
