"""A topic's folder copied into memory, so that it can be opened as a run would open it, and stays as it is.

Opening a database for reading alone leaves `run.db-wal` and `run.db-shm` beside one that no run has open: where no run
works in the folder its files are copied byte by byte, and elsewhere read through the run's own.
"""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import closing
from pathlib import Path

from archive.busy import is_busy
from archive.failures import DATABASE_NAME, translated
from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from orchestrator.store.attributes_file import ATTRIBUTES_NAME


def snapshot(folder: Path, filesystem: FileSystem) -> MemoryFileSystem:
    """A file system that holds a copy of what the folder's items and orders are kept in, under the same path.

    Raises:
        ForeignDatabaseError: `run.db` is no database.
        StorageError: The files cannot be read.
    """
    memory = MemoryFileSystem()
    with translated(folder):
        with contextlib.suppress(OSError), filesystem.open_read(folder):
            memory.files[folder] = bytearray()  # a file, which the store will refuse
        items = folder / ATTRIBUTES_NAME
        if filesystem.exists(items):
            with filesystem.open_read(items) as file:
                memory.files[items] = bytearray(file.read())
        if filesystem.exists(folder / DATABASE_NAME):
            _copy_database(folder / DATABASE_NAME, filesystem, memory)
    return memory


def _copy_database(path: Path, filesystem: FileSystem, memory: MemoryFileSystem) -> None:
    with tempfile.TemporaryDirectory(prefix="topic-orchestrator-") as temporary:
        source, at = filesystem, path
        if isinstance(filesystem, RealFileSystem) and not is_busy(path.parent):
            at = Path(temporary) / path.name
            for suffix in ("", "-wal"):
                part = path.with_name(path.name + suffix)
                if filesystem.exists(part):
                    with filesystem.open_read(part) as file, at.with_name(at.name + suffix).open("wb") as copy:
                        while block := file.read(1 << 20):
                            copy.write(block)
        with (
            closing(source.connect_database(at, read_only=True)) as database,
            closing(memory.connect_database(path)) as copied,
        ):
            database.backup(copied)
