"""A run's files as anybody can read them: text, SQLite, JSON; no code of the orchestrator is used."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from tester.checks import CheckError


class ItemRow(msgspec.Struct, frozen=True):
    """An item of run.db.

    Attributes:
        id: From 1, in order of discovery.
        text: First spelling seen.
        count: Orders that named it.
        first_order: The order that named it first.
        provider: Vendor of that order.
    """

    id: int
    text: str
    count: int
    first_order: int | None
    provider: str | None


class OrderRow(msgspec.Struct, frozen=True):
    """An order of run.db; tokens are 0 where none were told.

    Attributes:
        scope: The part of the topic that it asked about, as it is written there; empty for all of it.
        listed: Items on its avoid-list.
        said: Earlier answers of the conversation that it continued.
    """

    id: int
    provider: str
    model: str
    state: str
    attempts: int
    items: int
    new: int
    duplicate: int
    input_tokens: int
    output_tokens: int
    error: str | None
    mode: str
    scope: str
    listed: int
    said: int


class RunFiles:
    """The files in a run's folder.

    Args:
        folder: Where they are, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attributes = folder / "attributes.txt"
        self.database = folder / "run.db"

    def lines(self, *, live: bool = False) -> list[str]:
        """The lines of attributes.txt.

        Args:
            live: The file may not be there yet and a last line that has no end is left out: it is being written.

        Raises:
            CheckError: The file is missing, torn or no UTF-8.
        """
        try:
            content = self.attributes.read_bytes()
        except OSError as error:
            if live:
                return []
            raise CheckError(f"attributes.txt cannot be read: {error}") from error
        whole, newline, rest = content.rpartition(b"\n")
        if rest and not live:
            raise CheckError(f"attributes.txt ends in the middle of a line: {rest!r}")
        try:
            return (whole + newline).decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise CheckError(f"attributes.txt is no UTF-8: {error}") from error

    def items(self) -> list[ItemRow]:
        """All items in order of discovery."""
        rows = self._query(
            "SELECT i.id, i.text, i.count, i.first_order, o.provider FROM counted_items i "
            "LEFT JOIN orders o ON o.id = i.first_order ORDER BY i.id"
        )
        return [ItemRow(*row) for row in rows]

    def orders(self, *, live: bool = False) -> list[OrderRow]:
        """All orders of all runs in the folder, as they were issued.

        Args:
            live: A database that is not there yet, or is being made, has none.

        Raises:
            CheckError: It cannot be read.
        """
        if live and not self._query("SELECT 1 FROM sqlite_master WHERE name = 'orders'", missing_ok=True):
            return []
        rows = self._query(
            "SELECT id, provider, model, state, coalesce(attempts, 0), items, new, duplicate, "
            "coalesce(input_tokens, 0), coalesce(output_tokens, 0), error, mode, scope, listed, said FROM orders "
            "ORDER BY id"
        )
        return [OrderRow(*row) for row in rows]

    def namings(self) -> list[tuple[int, int]]:
        """Each item's id with each order that named it, the first one included."""
        return self._query(
            "SELECT id, first_order FROM items WHERE first_order IS NOT NULL "
            "UNION ALL SELECT item_id, order_id FROM sightings"
        )

    def held(self) -> int:
        """Items found beyond --max-attributes."""
        return int(self._query("SELECT count(*) FROM held")[0][0])

    def held_texts(self) -> list[str]:
        """Items found beyond --max-attributes, in the order of their finding."""
        return [str(row[0]) for row in self._query("SELECT text FROM held ORDER BY rowid")]

    def refused(self) -> int:
        """Pieces of output that rejected.jsonl stands for."""
        lines = (self.folder / "rejected.jsonl").read_bytes().splitlines()
        return sum(json.loads(line)["count"] for line in lines)

    def manifest(self) -> dict[str, Any]:
        """run.json."""
        try:
            loaded: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckError(f"run.json cannot be read: {error}") from error
        return loaded

    def _query(self, sql: str, *, missing_ok: bool = False) -> list[Any]:
        if missing_ok and not self.database.exists():
            return []
        try:
            connection = sqlite3.connect(f"{self.database.absolute().as_uri()}?mode=ro", uri=True)
            try:
                return connection.execute(sql).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise CheckError(f"run.db cannot be read: {error}") from error
