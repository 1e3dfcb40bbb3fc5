"""What the tests of the reading side share: topic folders written row by row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from archive.filesystem import RealFileSystem
from contract.identity import Identity
from orchestrator.store.schema import open_database

START = 1_790_000_000.0


class Folder:
    """A topic folder whose database is open for writing.

    Args:
        path: The folder; created.
        topic: The topic.
    """

    def __init__(self, path: Path, topic: str = "Paris attractions") -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.database = open_database(path, topic, Identity.NORMALIZED, RealFileSystem())

    def insert(self, table: str, **values: object) -> None:
        """Write one row."""
        marks = ", ".join("?" * len(values))
        self.database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))  # noqa: S608

    def last(self, table: str) -> int:
        """The highest number of a row."""
        return int(self.database.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0])  # noqa: S608

    def run(
        self,
        started_at: float = START,
        ended_at: float | None = None,
        stop_reason: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> int:
        """Write a run; returns its number."""
        self.insert(
            "runs",
            version="1",
            settings=msgspec.json.encode(settings or {}).decode(),
            started_at=started_at,
            ended_at=ended_at,
            stop_reason=stop_reason,
            unique_before=0,
        )
        return self.last("runs")

    def order(self, provider: str = "openai", model: str = "m-1", run: int = 1, **values: object) -> int:
        """Write an order, done with one attempt unless told otherwise; returns its number."""
        self.insert(
            "orders",
            **{
                "run_id": run,
                "provider": provider,
                "model": model,
                "mode": "explore",
                "size": 60,
                "producer": 0,
                "known_at_issue": 0,
                "issued_at": START,
                "ended_at": START + 1,
                "attempts": 1,
                "state": "done",
                **values,
            },
        )
        return self.last("orders")

    def item(self, text: object, order: int | None = None, first_at: object = START, description: object = "") -> int:
        """Write an item; returns its number."""
        number = self.last("items") + 1
        self.insert(
            "items", id=number, key=b"k", text=text, description=description, first_order=order, first_at=first_at
        )
        return number

    def items(self, texts: Iterable[str]) -> None:
        """Write several items that a person added, at once."""
        first = self.last("items") + 1
        rows = [(number, b"k", text, "", None, START) for number, text in enumerate(texts, first)]
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.database.execute("COMMIT")

    def sighting(self, item: int, order: int = 1) -> None:
        """Write that a further order named an item."""
        self.insert("sightings", item_id=item, order_id=order)

    def checkpoint_is_free(self) -> bool:
        """Whether no reader keeps the write-ahead log from being folded into the database."""
        return bool(self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
