"""Translates what SQLite and the operating system report into the project's errors, at one place."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import ForeignDatabaseError, OrchestratorError, StorageError

DATABASE_NAME = "run.db"

_BY_ERRNO = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit of file sizes is reached",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EIO: "the disk reports an input/output error",
    errno.ENAMETOOLONG: "the path is too long",
}
_BY_SQLITE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk is full or reports an error",
    sqlite3.SQLITE_READONLY: "this user may not write there",
    sqlite3.SQLITE_PERM: "this user may not write there",
    sqlite3.SQLITE_CANTOPEN: "run.db cannot be opened",
    sqlite3.SQLITE_BUSY: "another program holds run.db locked",
    sqlite3.SQLITE_LOCKED: "another program holds run.db locked",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Raise `StorageError` or `ForeignDatabaseError` for any failure of the folder's files or database."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise storage_error(error, folder) from error


def storage_error(error: OSError | sqlite3.Error, folder: Path) -> OrchestratorError:
    """The project's error with one line for the user."""
    if isinstance(error, OSError):
        reason = _BY_ERRNO.get(error.errno or 0) or error.strerror or str(error)
        return _unwritable(folder, reason)
    # Extended codes keep the primary one in their low byte; errors of the Python module itself have none.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if (
        code in _DAMAGED
        or (not code and isinstance(error, sqlite3.IntegrityError))
        or code == sqlite3.SQLITE_CONSTRAINT
    ):
        return damaged(folder, str(error))
    return _unwritable(folder, _BY_SQLITE.get(code) or str(error))


def damaged(folder: Path, detail: str) -> ForeignDatabaseError:
    """The error of a database that cannot be trusted."""
    return ForeignDatabaseError(
        f"{folder / DATABASE_NAME} is damaged or not a run's database ({detail}); nothing was changed; "
        "restore it, delete it to rebuild from attributes.txt, or start anew with --fresh"
    )


def _unwritable(folder: Path, reason: str) -> StorageError:
    return StorageError(
        f"cannot keep items in {folder}: {reason}; all items counted so far are kept; "
        "put that right and start the same command again"
    )
