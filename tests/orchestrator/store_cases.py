"""What the store's tests share: opening, feeding and reading a topic's folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from archive.filesystem import FileSystem, RealFileSystem
from archive.format import SCHEMA_VERSION
from contract.identity import Identity
from contract.messages import Item, Refusal
from orchestrator.store import IncomingBatch, Ingested, Store

TOPIC = "Paris attractions"


def open_store(
    folder: Path,
    files: FileSystem | None = None,
    *,
    topic: str = TOPIC,
    identity: Identity = Identity.NORMALIZED,
    fresh: bool = False,
    max_items: int | None = None,
    filter_name: str = "rbloom",
    clock: Callable[[], float] = lambda: 1_790_000_000.5,
) -> Store:
    """An open store with the tests' defaults; the clock stands still unless told otherwise."""
    return Store.open(
        folder,
        topic,
        identity=identity,
        filesystem=files or RealFileSystem(),
        filter_name=filter_name,
        fresh=fresh,
        max_items=max_items,
        clock=clock,
    )


def issue(store: Store, provider: str = "openai") -> int:
    """A new order."""
    return store.issue_order(provider=provider, model="m-1", mode="explore", size=60, producer=0)


def batch(order_id: int, texts: Iterable[str], refused: Iterable[Refusal] = ()) -> IncomingBatch:
    """A batch of items without descriptions."""
    return IncomingBatch(order_id, [Item(text) for text in texts], tuple(refused))


def feed(store: Store, *texts: str) -> Ingested:
    """One order with one batch, ended."""
    order_id = issue(store)
    outcome = store.ingest([batch(order_id, texts)])[0]
    end(store, order_id)
    return outcome


def end(store: Store, order_id: int, state: str = "done", cost_usd: float | None = 0.25) -> None:
    """End an order without usage."""
    store.end_order(
        order_id,
        state=state,
        attempts=1,
        usage=None,
        cost_usd=cost_usd,
        error=None,
        time_to_first_chunk_s=0.1,
        duration_s=1.0,
    )


def read_bytes(files: FileSystem, path: Path) -> bytes:
    """All bytes of a file."""
    with files.open_read(path) as file:
        return file.read()


def read_lines(files: FileSystem, folder: Path) -> list[str]:
    """The lines of attributes.txt; the last one must be whole."""
    data = read_bytes(files, folder / "attributes.txt")
    assert not data or data.endswith(b"\n")
    return data.decode().split("\n")[:-1]


def read_items(files: FileSystem, folder: Path) -> list[tuple[str, int]]:
    """Text and count of all items in the database, in order."""
    database = files.connect_database(folder / "run.db", read_only=True)
    rows = database.execute("SELECT text, count FROM counted_items ORDER BY id").fetchall()
    database.close()
    return rows


OLDER = {
    1: (
        "ALTER TABLE orders DROP COLUMN scope",
        "ALTER TABLE orders DROP COLUMN listed",
        "DROP TABLE parts",
    ),
    2: ("ALTER TABLE orders DROP COLUMN said", "DROP TABLE judgements"),
    3: tuple(f"ALTER TABLE orders DROP COLUMN {name}" for name in ("whole", "cut", "replaced", "in_vain")),
}
"""What makes a database of the format after one of this format."""


def make_older(folder: Path, version: int) -> None:
    """Take a folder back to an older format."""
    database = sqlite3.connect(folder / "run.db")
    for step in range(SCHEMA_VERSION - 1, version - 1, -1):
        for statement in OLDER[step]:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {version}")
    database.commit()
    database.close()
