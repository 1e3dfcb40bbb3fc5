"""One transaction as a `with` block."""

from __future__ import annotations

import sqlite3


class Transaction:
    """Commits at the end of the block, rolls back on any error."""

    __slots__ = ("_database",)

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._database.execute("COMMIT")
        finally:
            # A full disk makes SQLite roll back by itself, or leaves a commit undone.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
