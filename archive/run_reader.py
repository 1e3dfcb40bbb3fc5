"""Reading a topic folder's `run.db`, also while a run writes it, and even if somebody else made the file.

Every statement is a read transaction of its own, which ends with the statement: a reader that held one open would keep
the run's write-ahead log from being folded into the database. So callers read at most `PORTION` rows at a time.

Never open `run.db` in this process by other means than SQLite: closing any descriptor of the file gives back all of
the process's POSIX locks on it, SQLite's included.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archive.failures import DATABASE_NAME, damaged, storage_error
from archive.filesystem import RealFileSystem
from archive.format import check_database
from contract.errors import ConfigurationError, ForeignDatabaseError, OrchestratorError, StorageError
from contract.text import printable

PORTION = 50_000
"""Rows that one statement may read."""

_TABLES = ("held", "items", "meta", "orders", "runs", "sightings")
_MAX_VALUE_BYTES = 64 * 1024 * 1024
"""Longest value that is read, and longest one that a statement may put together."""

_STEPS_AT_ONCE = 1_000_000
_MAX_STEPS = 200
"""A portion takes about two million of SQLite's steps. A hundred times that is a trap, such as an endless view."""

_OPENINGS = 3
_FAULTS_OF_THE_FILE = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_RANGE,
    sqlite3.SQLITE_AUTH,
)
_LATEST_S = 253_402_300_799.0
"""The end of the year 9999: later times have no date."""


class Origin(NamedTuple):
    """Tells a folder's database from one that took its place: its file, and when its first run began."""

    device: int
    inode: int
    first_run: float | None

    def continues(self, earlier: Origin | None) -> bool:
        """Whether this is the same database as before. A file's number may be given to another file later."""
        return (
            earlier is not None
            and self[:2] == earlier[:2]
            and (earlier.first_run is None or earlier.first_run == self.first_run)
        )


class RunReader:
    """An open `run.db`; made by `reading`.

    Attributes:
        folder: The topic's folder.
        file: Device and inode of the database.
    """

    def __init__(self, database: sqlite3.Connection, folder: Path, file: tuple[int, int]) -> None:
        self.folder = folder
        self.file = file
        self._database = database
        self._steps = 0
        # The file may be somebody else's work: bad UTF-8 is shown as such, and nothing in it is trusted or endless.
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        database.set_progress_handler(self._step, _STEPS_AT_ONCE)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        database.execute("PRAGMA trusted_schema = OFF")
        if self.row("PRAGMA encoding")[0] != "UTF-8":
            raise self.damaged("its texts are not UTF-8")
        names = ", ".join(f"'{name}'" for name in _TABLES)
        if self.row(f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ({names})") != (6,):  # noqa: S608
            raise self.damaged("tables are missing")

    def _step(self) -> bool:
        self._steps += 1
        return self._steps > _MAX_STEPS

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement that reads at most `PORTION` rows."""
        self._steps = 0
        return self._database.execute(statement, values).fetchall()

    def row(self, statement: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        """The only row of a statement that has one for certain, such as a sum."""
        return self.rows(statement, values)[0]

    def origin(self) -> Origin:
        """Which database this is."""
        first = self.rows("SELECT started_at FROM runs ORDER BY id LIMIT 1")
        return Origin(*self.file, moment(first[0][0]) if first else None)

    def damaged(self, detail: str) -> ForeignDatabaseError:
        """The error of a file that breaks the format."""
        return damaged(self.folder, detail)


@contextmanager
def reading(folder: Path) -> Iterator[RunReader]:
    """Open a folder's database read-only for a short while.

    Raises:
        ConfigurationError: There is no run in the folder, or none yet.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: It cannot be read.
    """
    try:
        database, file = _open(folder)
        try:
            yield RunReader(database, folder, file)
        finally:
            database.close()
    except (OSError, sqlite3.Error) as error:
        raise _reading_error(error, folder) from error


def _open(folder: Path) -> tuple[sqlite3.Connection, tuple[int, int]]:
    for _ in range(_OPENINGS):
        file = _file(folder)
        database = None
        try:
            database = RealFileSystem().connect_database(folder / DATABASE_NAME, read_only=True)
            # One transaction: a database that is being created has either nothing or all.
            database.execute("BEGIN")
            complete = check_database(database, folder)
            database.execute("COMMIT")
            # SQLite finds the write-ahead log by its path when it first reads. If the folder was replaced in between
            # (--fresh), the log belongs to another database than the one that is open.
            if _file(folder) == file:
                if not complete:
                    raise ConfigurationError(f"{folder} holds no run yet ({DATABASE_NAME} is being created)")
                return database, file
        except BaseException as error:
            if database is not None:
                database.close()
            if not isinstance(error, sqlite3.Error | ForeignDatabaseError) or _file(folder) == file:
                raise
        else:
            database.close()
    raise StorageError(f"cannot read {folder}: it is replaced again and again; nothing was changed; try again")


def _file(folder: Path) -> tuple[int, int]:
    """Device and inode of the database. Links and pipes in its place, or beside it, are refused."""
    found = None
    for suffix in ("-shm", "-wal", ""):
        path = folder / f"{DATABASE_NAME}{suffix}"
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            found = None
            continue
        if not stat.S_ISREG(found.st_mode):
            raise damaged(folder, f"{path.name} is no file")
    if found is None:
        raise ConfigurationError(f"{folder} holds no run ({DATABASE_NAME} is missing)")
    return found.st_dev, found.st_ino


def _reading_error(error: OSError | sqlite3.Error, folder: Path) -> OrchestratorError:
    detail = printable(str(error))
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_READONLY_ROLLBACK:
            # Only the first step of its making is no part of a write-ahead log.
            return ConfigurationError(f"{folder} holds no run yet (its making was broken off; start the topic again)")
        code &= 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            return damaged(folder, "reading it does not come to an end")
        if code in _FAULTS_OF_THE_FILE or isinstance(error, sqlite3.DataError):
            return damaged(folder, detail)
    known = storage_error(error, folder)
    if isinstance(known, ForeignDatabaseError):
        return damaged(folder, detail)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else detail
    return StorageError(f"cannot read {folder}: {reason}; nothing was changed")


def moment(value: object) -> float | None:
    """A column's value as seconds since 1970, within the years that have dates; None if it is no number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(max(float(value), 0.0), _LATEST_S)


def integers(joined: str | None) -> NDArray[np.int64]:
    """The numbers of a text such as `1,2,3`, as `group_concat` makes it: a third of the time of a row for each."""
    return np.fromstring(joined or "", dtype=np.int64, sep=",")


def stamp(folder: Path) -> tuple[tuple[int, ...], float]:
    """What changes whenever a run writes to the folder's database, and when it last did.

    Returns:
        Number, time and length of the database and of its log; and the later time, in seconds since 1970.

    Raises:
        OSError: There is no database, or it cannot be looked at.
    """
    files = [(folder / DATABASE_NAME).lstat()]
    with contextlib.suppress(FileNotFoundError):
        log = (folder / f"{DATABASE_NAME}-wal").lstat()
        if log.st_size:  # readers leave an empty one behind
            files.append(log)
    found = tuple(value for file in files for value in (file.st_ino, file.st_mtime_ns, file.st_size))
    return found, max(file.st_mtime for file in files)
