"""Exports as streams."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from pyarrow import parquet

from archive import spool as spool_module
from archive.export import FORMATS, export
from archive.spool import CHUNK_BYTES, FormatOption, Spool, formats, open_spool
from contract.errors import ConfigurationError, ForeignDatabaseError, StorageError
from tests.archive.folder_cases import Folder
from tests.orchestrator.store_cases import feed, open_store

WAIT_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A topic's folder with 30,000 items."""
    made = Folder(tmp_path / "paris")
    made.items(f"item number {number}" for number in range(30_000))
    return made


@pytest.fixture(autouse=True)
def _no_writer_is_left() -> Iterator[None]:
    """After each test every writer has come to its end."""
    yield
    for thread in writers():
        thread.join(WAIT_S)
        assert not thread.is_alive()


def writers() -> list[threading.Thread]:
    """The writers' threads."""
    return [thread for thread in threading.enumerate() if thread.name == "archive-export"]


def replaced(monkeypatch: pytest.MonkeyPatch, write: Callable[[BinaryIO], None]) -> None:
    """Let another function write the export."""
    monkeypatch.setattr(spool_module, "export", lambda folder, wanted, out, valid: write(out))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A topic's folder without items."""
    folder = Folder(tmp_path / "small")
    folder.database.close()
    return folder.path


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_stream_is_the_whole_export(folder: Folder, wanted: str) -> None:
    """The pieces together are what an export writes, none of them larger than said."""
    out = io.BytesIO()
    export(folder.path, wanted, out)
    spool = open_spool(folder.path, wanted)
    assert spool.size is None
    chunks = list(spool.chunks())
    assert max(map(len, chunks)) <= CHUNK_BYTES
    if wanted == "parquet":
        assert parquet.read_table(io.BytesIO(b"".join(chunks))).equals(parquet.read_table(out))
    else:
        assert b"".join(chunks) == out.getvalue()


@pytest.mark.parametrize("wanted", ["txt", *FORMATS])
def test_an_empty_run(tmp_path: Path, wanted: str) -> None:
    """A run without items gives a valid file, which may be empty."""
    open_store(tmp_path).close()
    out = b"".join(open_spool(tmp_path, wanted).chunks())
    assert out == b"" or wanted in ("csv", "parquet")


def test_the_text_is_that_of_the_moment(tmp_path: Path) -> None:
    """`txt` is attributes.txt with its whole lines of the moment it was asked for; its size is known."""
    store = open_store(tmp_path)
    feed(store, *(f"item {number}" for number in range(10_000)))
    expected = (tmp_path / "attributes.txt").read_bytes()
    with (tmp_path / "attributes.txt").open("ab") as file:
        file.write(b"torn line" * 20_000)
    spool = open_spool(tmp_path, "txt")
    assert spool.size == len(expected)
    chunks = spool.chunks()
    first = next(chunks)
    with (tmp_path / "attributes.txt").open("ab") as file:
        file.write(b"\nlater\n")
    assert first + b"".join(chunks) == expected
    store.close()


def test_a_text_without_a_line(tmp_path: Path) -> None:
    """A file that holds no line break has no whole line."""
    (tmp_path / "attributes.txt").write_bytes(b"x" * 200_000)
    spool = open_spool(tmp_path, "txt")
    assert spool.size == 0
    assert list(spool.chunks()) == []


def test_a_text_that_is_cut_meanwhile(tmp_path: Path) -> None:
    """If the file becomes shorter while it is read, the stream ends with an error, not as if it were whole."""
    (tmp_path / "attributes.txt").write_bytes(b"line\n" * 50_000)
    chunks = open_spool(tmp_path, "txt").chunks()
    next(chunks)
    os.truncate(tmp_path / "attributes.txt", 10)
    with pytest.raises(StorageError, match="was cut"):
        next(chunks)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), Path.mkdir])
def test_only_a_file_is_sent(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A link to another file, a pipe and a folder in the place of attributes.txt are refused at once."""
    make(tmp_path / "attributes.txt")
    with pytest.raises(StorageError, match="cannot read"):
        open_spool(tmp_path, "txt")


def test_what_cannot_be_exported(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known to fail fails before there is a stream, with the error that an export has."""
    for wanted in ("txt", "jsonl"):
        with pytest.raises(ConfigurationError, match="holds no run"):
            open_spool(tmp_path, wanted)
    with pytest.raises(ConfigurationError, match="no export format"):
        open_spool(small, "xml")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"):
        open_spool(small, "parquet")
    (tmp_path / "run.db").write_bytes(b"no database" * 500)
    with pytest.raises(ForeignDatabaseError):
        open_spool(tmp_path, "csv")


def test_a_slow_reader_holds_no_transaction(folder: Folder) -> None:
    """Once the writer is done, a reader that has hardly begun does not keep the database from anything."""
    chunks = open_spool(folder.path, "jsonl").chunks()
    first = next(chunks)
    for thread in writers():
        thread.join(WAIT_S)
    assert folder.checkpoint_is_free()
    folder.item("later")
    rest = b"".join(chunks)
    assert (first + rest).count(b"\n") == 30_000


def test_the_reader_follows_the_writer(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written can be read at once; the reader waits for more, and ends with the writer."""
    go_on = threading.Event()

    def write(out: BinaryIO) -> None:
        out.write(b"first")
        assert go_on.wait(WAIT_S)
        out.write(b"second")

    replaced(monkeypatch, write)
    chunks = open_spool(small, "jsonl").chunks()
    assert next(chunks) == b"first"
    go_on.set()
    assert list(chunks) == [b"second"]


def close_iterator(spool: Spool) -> None:
    """As a server does when its client has gone."""
    chunks = spool.chunks()
    assert next(chunks) == b"first"
    chunks.close()  # type: ignore[attr-defined]


def drop_iterator(spool: Spool) -> None:
    """As a server does that forgets to."""
    assert next(spool.chunks()) == b"first"


def close_twice(spool: Spool) -> None:
    """A spool that nobody has begun to read."""
    spool.close()
    spool.close()


@pytest.mark.parametrize("leave", [close_iterator, drop_iterator, close_twice, lambda spool: None])
def test_a_reader_that_leaves_ends_the_writer(
    small: Path, monkeypatch: pytest.MonkeyPatch, leave: Callable[[Spool], None]
) -> None:
    """Closing the iterator, closing the spool, or dropping either of them ends the writer."""
    left = threading.Event()
    ended = []

    def write(out: BinaryIO) -> None:
        out.write(b"first")
        assert left.wait(WAIT_S)
        try:
            out.write(b"second")
        except BaseException:
            ended.append(True)
            raise

    replaced(monkeypatch, write)
    leave(open_spool(small, "jsonl"))
    gc.collect()
    left.set()
    for thread in writers():
        thread.join(WAIT_S)
    assert ended == [True]


@pytest.mark.parametrize("wanted", ["jsonl", "parquet"])
def test_a_process_that_ends_in_the_middle(folder: Folder, wanted: str) -> None:
    """A process with an export that nobody has finished ends at once and without a word."""
    script = (
        "import pathlib, sys; from archive.spool import open_spool\n"
        "chunks = open_spool(pathlib.Path(sys.argv[1]), sys.argv[2]).chunks(); next(chunks)"
    )
    command = [sys.executable, "-c", script, str(folder.path), wanted]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_an_export_that_is_closed_under_its_reader(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose spool is closed by somebody else gets an error: what it has is not the whole export."""
    waiting = threading.Event()
    written = threading.Event()

    def write(out: BinaryIO) -> None:
        out.write(b"first")
        written.set()
        waiting.wait(WAIT_S)

    replaced(monkeypatch, write)
    spool = open_spool(small, "jsonl")
    chunks = spool.chunks()
    assert next(chunks) == b"first"
    errors = []

    def read() -> None:
        try:
            next(chunks)
        except StorageError as error:
            errors.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    spool.close()
    reader.join(WAIT_S)
    waiting.set()
    assert "ended before it was complete" in errors[0]


def test_closed_before_it_is_read(folder: Folder) -> None:
    """A closed spool cannot be read."""
    for wanted in ("txt", "csv"):
        (folder.path / "attributes.txt").write_text("a\n", encoding="utf-8")
        spool = open_spool(folder.path, wanted)
        spool.close()
        with pytest.raises(StorageError, match="ended before it was complete"):
            next(spool.chunks())


def test_an_error_on_the_way(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before an error is delivered, then the error is raised."""

    def write(out: BinaryIO) -> None:
        out.write(b"first")
        raise ForeignDatabaseError("damaged")

    replaced(monkeypatch, write)
    chunks = open_spool(small, "jsonl").chunks()
    assert next(chunks) == b"first"
    with pytest.raises(ForeignDatabaseError, match="damaged"):
        next(chunks)


@pytest.mark.parametrize("wanted", FORMATS)
def test_no_room_for_temporary_files(folder: Folder, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    """A full disk is told as that of the temporary folder, not of the topic's."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: open("/dev/full", "r+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(StorageError, match="TMPDIR") as caught:
        open_spool(folder.path, wanted)
    assert str(folder.path) not in str(caught.value)


def test_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """All formats can be had here; without pyarrow it is said how to get parquet."""
    assert [(one.name, one.available, one.hint) for one in formats()] == [
        ("txt", True, ""), ("jsonl", True, ""), ("csv", True, ""), ("parquet", True, ""),
    ]  # fmt: skip
    monkeypatch.setattr(spool_module, "find_spec", lambda name: None)
    last = formats()[-1]
    assert last == FormatOption("parquet", False, last.hint)
    assert "pip install pyarrow" in last.hint
