"""The format of a topic folder's database: how a `run.db` is told from any other file, and its fixed facts."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from archive.failures import DATABASE_NAME, damaged
from contract.errors import ForeignDatabaseError

APPLICATION_ID = 0x546F7049
"""`TopI` in the file's header."""

SCHEMA_VERSION = 4
"""1 had no `scope` and `listed` of an order and no `parts`, 2 no `said` of an order and no `judgements`, 3 no `whole`,
`cut`, `replaced` and `in_vain` of an order; all can be read as they are, and are brought up for writing. A program that
knows no judgements would take the answers to validating orders for responses."""

_BUSY_TIMEOUT_MS = 5000


def check_database(database: sqlite3.Connection, folder: Path) -> bool:
    """Whether this is a run's database; False for an empty one.

    Raises:
        ForeignDatabaseError: It is something else, or from a newer version.
    """
    database.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return False
    if application != APPLICATION_ID or version < 1:
        raise damaged(folder, "another program's file")
    if version > SCHEMA_VERSION:
        raise ForeignDatabaseError(
            f"{folder / DATABASE_NAME} was written by a newer version (format {version}, this version knows "
            f"{SCHEMA_VERSION}); nothing was changed; update the program, or start anew with --fresh"
        )
    return True


def read_meta(database: sqlite3.Connection) -> dict[str, str]:
    """The folder's fixed facts: topic, identity, the version that made it."""
    return dict(database.execute("SELECT name, value FROM meta").fetchall())


def iso_time(unix_s: float | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    if unix_s is None:
        return None
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
