"""Exports as streams for readers of any speed, such as browsers.

An export holds one read transaction. A reader that takes minutes must not hold it for minutes, so a thread writes the
export to an unnamed temporary file as fast as the disk allows, and the reader follows.
"""

from __future__ import annotations

import atexit
import io
import os
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from archive.export import FORMATS, PARQUET_HINT, export
from archive.failures import translated
from archive.run_reader import reading
from contract.errors import ConfigurationError, StorageError

ATTRIBUTES_NAME = "attributes.txt"
CHUNK_BYTES = 64 * 1024
_END_BYTES = 64 * 1024


class FormatOption(msgspec.Struct, frozen=True):
    """A format that can be asked for.

    Attributes:
        name: As `open_spool` takes it.
        available: Whether this installation can write it.
        hint: How to make it so, if not; else empty.
    """

    name: str
    available: bool
    hint: str = ""


def formats() -> list[FormatOption]:
    """All formats: `txt`, which is `attributes.txt` as it is, and those of `archive.export`."""
    found = [FormatOption("txt", available=True)]
    for name in FORMATS:
        available = name != "parquet" or find_spec("pyarrow") is not None
        found.append(FormatOption(name, available, "" if available else PARQUET_HINT))
    return found


def open_spool(folder: Path, format: str, *, valid: bool = False) -> Spool:  # noqa: A002 - as in export
    """Begin an export; returns when its first bytes are there, which takes half a second at a million items.

    Args:
        folder: A topic's folder.
        format: `txt`, `jsonl`, `csv` or `parquet`. `txt` is `attributes.txt` up to its last whole line of this moment.
        valid: Leave out the items that were judged not to belong.

    Raises:
        ConfigurationError: There is no run, the format is unknown, or the extra `parquet` is not installed.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: The folder cannot be read, or there is no room for temporary files.
    """
    if format == "txt" and not valid:
        return _open_text(folder)
    with reading(folder):
        pass  # it tells a run that is just being created from a damaged one, and links from files
    return _begin_export(folder, format, valid)


class Spool:
    """An export that is being read. Made by `open_spool`; ends by itself when it is dropped.

    Attributes:
        size: Bytes of the whole export, where that is known from the start (`txt`); else None.
    """

    def __init__(self, file: BinaryIO, end_behind: Callable[[int], int], leave: Callable[[], None], size: int | None):
        self.size = size
        self._file = file
        self._end_behind = end_behind
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _leave, leave, file, self._lock)

    def close(self) -> None:
        """End the export, also while another thread reads it, which then gets an error; a second call does nothing."""
        self._finalizer()

    def chunks(self) -> Iterator[bytes]:
        """The export in pieces of at most 64 KiB; closes the spool at the end, and when the iterator is closed.

        Blocks where the reader is ahead of the writer, for the time of 10,000 items at most; while the reader does
        something else no thread is held up. So it suits a server that iterates in worker threads, as Starlette's
        `StreamingResponse` does; call `close` when the response is over, however it ended.

        Raises:
            StorageError: The disk failed on the way, or `close` was called. What came before is no whole export.
            ForeignDatabaseError: `run.db` turned out to be damaged.
        """
        position = 0
        try:
            while (end := self._end_behind(position)) > position:
                chunk = self._read(position, min(CHUNK_BYTES, end - position))
                position += len(chunk)
                yield chunk
        finally:
            self.close()

    def _read(self, position: int, length: int) -> bytes:
        with self._lock:
            if self._file.closed:
                raise StorageError("the export was ended before it was complete; start it again")
            chunk = os.pread(self._file.fileno(), length, position)
        if not chunk:
            raise StorageError("the exported file was cut while it was read; start the export again")
        return chunk


def _leave(leave: Callable[[], None], file: BinaryIO, lock: threading.Lock) -> None:
    leave()
    with lock:
        file.close()


# --- attributes.txt -------------------------------------------------------------------------------------------


def _open_text(folder: Path) -> Spool:
    path = folder / ATTRIBUTES_NAME
    try:
        # Neither a link to another file nor a pipe that never answers is opened.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{folder} holds no run ({ATTRIBUTES_NAME} is missing)") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}; nothing was changed") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StorageError(f"cannot read {path}: it is no file; nothing was changed")
        size = _end_of_last_line(descriptor)
        file = cast("BinaryIO", os.fdopen(descriptor, "rb", buffering=0))
    except BaseException:
        os.close(descriptor)
        raise
    return Spool(file, lambda position: size, lambda: None, size)


def _end_of_last_line(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _END_BYTES)
        line_feed = os.pread(descriptor, end - start, start).rfind(b"\n")
        if line_feed >= 0:
            return start + line_feed + 1
        end = start
    return 0


# --- written meanwhile ----------------------------------------------------------------------------------------


class _ReaderLeftError(Exception):
    """Ends the writer."""


class _Progress:
    """What writer and reader know of each other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._written = 0
        self._ended = False
        self._left = False
        self._error: BaseException | None = None

    def wrote(self, count: int) -> None:
        """The writer has written so many more bytes. Raises if the reader has left."""
        with self._changed:
            self._written += count
            self._changed.notify_all()
            if self._left:
                raise _ReaderLeftError

    def end(self, error: BaseException | None) -> None:
        """The writer has come to its end."""
        with self._changed:
            self._ended = True
            self._error = error
            self._changed.notify_all()

    def leave(self) -> None:
        """The reader wants no more."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def end_behind(self, position: int) -> int:
        """Wait for bytes behind `position`; how far one can read, `position` at the end of the export.

        Raises:
            OrchestratorError: The writer failed there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._written > position or self._ended or self._left)
            if self._written <= position and self._error is not None:
                raise self._error
            if self._left:
                raise StorageError("the export was ended before it was complete; start it again")
            return self._written


class _Sink(io.RawIOBase):
    """The temporary file as the export writes to it."""

    def __init__(self, descriptor: int, progress: _Progress) -> None:
        self._descriptor = descriptor
        self._progress = progress
        self._length = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes written; Parquet's footer needs to know."""
        return self._length

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of `data`."""
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(self._descriptor, rest)
            except OSError as error:
                raise StorageError(
                    f"cannot keep the export in {tempfile.gettempdir()}: {error.strerror}; nothing was changed; "
                    "make room there, or set TMPDIR to another folder"
                ) from error
            rest = rest[count:]
            self._length += count
            self._progress.wrote(count)
        return len(data)


def _begin_export(folder: Path, wanted: str, valid: bool) -> Spool:
    progress = _Progress()
    with translated(Path(tempfile.gettempdir())):
        file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the spool closes it
        # One descriptor for each side: neither may close the other's.
        descriptor = os.dup(file.fileno())
    spool = Spool(file, progress.end_behind, progress.leave, None)
    thread = threading.Thread(
        target=_write, args=(folder, wanted, valid, descriptor, progress), name="archive-export", daemon=True
    )
    _writers[thread] = progress
    thread.start()
    try:
        progress.end_behind(0)
    except BaseException:
        spool.close()
        raise
    return spool


def _write(folder: Path, wanted: str, valid: bool, descriptor: int, progress: _Progress) -> None:
    """The writer's thread."""
    error: BaseException | None = None
    try:
        export(folder, wanted, cast("BinaryIO", _Sink(descriptor, progress)), valid=valid)
    except _ReaderLeftError:
        pass
    except BaseException as failure:  # it is raised where the reader is
        error = failure
    finally:
        os.close(descriptor)
        progress.end(error)
        _writers.pop(threading.current_thread(), None)


_writers: dict[threading.Thread, _Progress] = {}


@atexit.register
def _end_writers() -> None:
    """End the writers before the interpreter goes down: it cannot stop a thread that is in Parquet's C++."""
    for thread, progress in list(_writers.items()):
        progress.leave()
        thread.join()
