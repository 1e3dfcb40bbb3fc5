"""The `FileSystem` seam: the few file operations that the store needs, on disk and in memory.

`RealFileSystem` and `MemoryFileSystem` behave alike; one test suite runs over both. Failures are `OSError`s, as the
operating system reports them, except for a held lock (`FolderBusyError`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

from contract.errors import FolderBusyError


class AppendHandle(Protocol):
    """A file open for appending, unbuffered."""

    def write(self, data: bytes) -> None:
        """Append all of `data`. On an `OSError` a part of it may stand in the file."""
        ...

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        ...


class LockHandle(Protocol):
    """A held lock."""

    def release(self) -> None:
        """Give the lock back; a second call does nothing. The process's death does the same."""
        ...


class FileSystem(Protocol):
    """What the store does with files. Paths are whole paths; files hold bytes."""

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents; an existing one is fine."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether a file or folder has this path."""
        ...

    def entries(self, folder: Path) -> list[Path]:
        """What a folder holds, sorted; empty if there is no such folder."""
        ...

    def size(self, path: Path) -> int:
        """Length of a file in bytes."""
        ...

    def open_read(self, path: Path) -> BinaryIO:
        """Open a file for buffered reading, line by line or in blocks."""
        ...

    def append(self, path: Path) -> AppendHandle:
        """Open a file for appending; it is created if needed."""
        ...

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file to `size` bytes."""
        ...

    def replace(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Write a whole file so that a reader, or a crash, sees the earlier content or the new one, nothing between."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Move a file or folder within one disk. Raises `FileExistsError` if the target exists."""
        ...

    def lock(self, path: Path) -> LockHandle:
        """Take the exclusive lock of this file without waiting; the holder's process id stands in the file.

        Raises:
            FolderBusyError: Another process or handle holds it.
        """
        ...

    def connect_database(self, path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        """Open a SQLite database in autocommit mode, usable from one thread at a time.

        Raises:
            sqlite3.Error: It cannot be opened.
        """
        ...

    def free_bytes(self, path: Path) -> int:
        """Free space of the disk that holds this folder."""
        ...


def _busy(path: Path, holder: bytes) -> FolderBusyError:
    pid = holder.strip().decode("ascii", "replace")
    who = f"another run (process {pid})" if pid.isdigit() else "another run"
    return FolderBusyError(f"{who} works in {path.parent}; wait for it, stop it, or choose another --output")


class _RealAppend:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def write(self, data: bytes) -> None:
        # A nearly full disk takes a part and reports the error only at the next call.
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _RealLock:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0)
            self.release()
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise _busy(path, holder) from error
            raise
        # The process id only serves the other side's message; a full disk must not forbid the run.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class RealFileSystem:
    """The operating system's files."""

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents."""
        path.mkdir(parents=True, exist_ok=True)

    def exists(self, path: Path) -> bool:
        """Whether a file or folder has this path."""
        return path.exists()

    def entries(self, folder: Path) -> list[Path]:
        """What a folder holds."""
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def size(self, path: Path) -> int:
        """Length of a file in bytes."""
        return path.stat().st_size

    def open_read(self, path: Path) -> BinaryIO:
        """Open a file for buffered reading."""
        return path.open("rb", buffering=1 << 18)

    def append(self, path: Path) -> AppendHandle:
        """Open a file for appending."""
        return _RealAppend(path)

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file."""
        os.truncate(path, size)

    def replace(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Write a whole file through a temporary one beside it."""
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with temporary.open("wb") as file:
                file.writelines(blocks)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def rename(self, source: Path, target: Path) -> None:
        """Move a file or folder."""
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)

    def lock(self, path: Path) -> LockHandle:
        """Take the lock (`flock`: it dies with the process, and a copy of the file has its own)."""
        return _RealLock(path)

    def connect_database(self, path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        """Open a SQLite database file."""
        uri = path.absolute().as_uri()
        if not read_only:
            return _connect(f"{uri}?mode=rwc")
        # A finished run on a read-only medium has no write-ahead log, and none can be made there.
        finished = not path.with_name(f"{path.name}-wal").exists() and not os.access(path.parent, os.W_OK)
        return _connect(f"{uri}?immutable=1" if finished else f"{uri}?mode=ro")

    def free_bytes(self, path: Path) -> int:
        """Free space for this user."""
        return shutil.disk_usage(path).free


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)


class _MemoryAppend:
    def __init__(self, data: bytearray, spend: Callable[[int], int]) -> None:
        self._data: bytearray | None = data
        self._spend = spend

    def write(self, data: bytes) -> None:
        if self._data is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        taken = self._spend(len(data))
        self._data += data[:taken]
        if taken < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self._data = None


class _MemoryLock:
    def __init__(self, held: set[Path], path: Path) -> None:
        self._held: set[Path] | None = held
        self._path = path
        held.add(path)

    def release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.discard(self._path)


class _MemoryDatabase:
    """A named in-memory database; the connection kept here holds its content while nobody else is connected."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.uri = f"file:topic-orchestrator-{os.getpid()}-{next(self._numbers)}?mode=memory&cache=shared"
        self.keeper = _connect(self.uri)


class MemoryFileSystem:
    """Files in a dictionary, databases in SQLite's memory; shared by everybody who holds this object.

    A folder exists once it was made. A database stands apart from the files: it has a path, but no bytes.
    """

    def __init__(self) -> None:
        self.files: dict[Path, bytearray] = {}
        self._folders: set[Path] = set()
        self._databases: dict[Path, _MemoryDatabase] = {}
        self._locks: set[Path] = set()
        self._budget: int | None = None

    def fail_after_bytes(self, count: int | None) -> None:
        """Let appends fail as on a full disk once `count` more bytes are written; None ends that."""
        self._budget = count

    def _spend(self, wanted: int) -> int:
        if self._budget is None:
            return wanted
        taken = min(wanted, self._budget)
        self._budget -= taken
        return taken

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents."""
        if path in self.files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._folders.update((path, *path.parents))

    def exists(self, path: Path) -> bool:
        """Whether a file, database or folder has this path."""
        return path in self.files or path in self._databases or path in self._folders

    def entries(self, folder: Path) -> list[Path]:
        """What a folder holds."""
        everything = itertools.chain(self.files, self._databases, self._folders)
        return sorted({path for path in everything if path.parent == folder and path != folder})

    def size(self, path: Path) -> int:
        """Length of a file in bytes."""
        return len(self._file(path))

    def _file(self, path: Path) -> bytearray:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None

    def open_read(self, path: Path) -> BinaryIO:
        """Open a copy of the file's present content."""
        return io.BytesIO(self._file(path))

    def append(self, path: Path) -> AppendHandle:
        """Open a file for appending."""
        return _MemoryAppend(self.files.setdefault(path, bytearray()), self._spend)

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file."""
        del self._file(path)[size:]

    def replace(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Write a whole file."""
        self.files[path] = bytearray(b"".join(blocks))

    def rename(self, source: Path, target: Path) -> None:
        """Move a file or folder with all it holds."""
        if self.exists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        if not self.exists(source):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))

        def moved(path: Path) -> Path:
            return target / path.relative_to(source) if path.is_relative_to(source) else path

        self.files = {moved(path): data for path, data in self.files.items()}
        self._databases = {moved(path): database for path, database in self._databases.items()}
        self._folders = {moved(path) for path in self._folders}

    def lock(self, path: Path) -> LockHandle:
        """Take the lock."""
        if path in self._locks:
            raise _busy(path, bytes(self.files.get(path, b"")))
        self.files[path] = bytearray(f"{os.getpid()}\n".encode())
        return _MemoryLock(self._locks, path)

    def connect_database(self, path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        """Open the database of this path; it is made if needed, unless `read_only`."""
        if path not in self._databases:
            if read_only:
                raise sqlite3.OperationalError("unable to open database file")
            self._databases[path] = _MemoryDatabase()
        return _connect(self._databases[path].uri)

    def free_bytes(self, path: Path) -> int:
        """What `fail_after_bytes` leaves, or a terabyte."""
        return 1 << 40 if self._budget is None else self._budget
