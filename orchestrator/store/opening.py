"""Opening a topic's folder: its lock, an earlier run set aside, the database, the repair."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from archive.failures import DATABASE_NAME
from archive.filesystem import FileSystem, LockHandle
from contract.errors import ConfigurationError
from contract.identity import Identity
from orchestrator.dedup.filters import make_filter
from orchestrator.store.attributes_file import ATTRIBUTES_NAME, AttributesFile
from orchestrator.store.judgements import Judgements
from orchestrator.store.key_index import KeyIndex
from orchestrator.store.ledger import Ledger
from orchestrator.store.records import Recovery
from orchestrator.store.recovery import INSERT_ITEM, Reconciler
from orchestrator.store.rejected_file import REJECTED_NAME, cut_torn_line
from orchestrator.store.repeats import Repeats
from orchestrator.store.schema import open_database
from orchestrator.store.transaction import Transaction

LOCK_NAME = "run.lock"

_SMALLEST_CAPACITY = 200_000
"""Keys that a fresh filter has room for: 400 kB, and few topics ever need a second layer."""


class Opened(msgspec.Struct):
    """The parts of an open store."""

    lock: LockHandle
    database: sqlite3.Connection
    index: KeyIndex
    ledger: Ledger
    repeats: Repeats
    judgements: Judgements
    attributes: AttributesFile
    recovery: Recovery
    held: int


def open_parts(
    folder: Path,
    topic: str,
    identity: Identity,
    filesystem: FileSystem,
    filter_name: str,
    fresh: bool,
    max_items: int | None,
    clock: Callable[[], float],
) -> Opened:
    """Lock the folder, open and repair what it holds; on an error nothing stays open.

    Raises:
        OrchestratorError: As `Store.open` says.
        OSError: The disk does not let us.
        sqlite3.Error: The same, or a damaged database.
    """
    _make_folder(folder, filesystem)
    lock = filesystem.lock(folder / LOCK_NAME)
    stamp = datetime.fromtimestamp(clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
    database = file = None
    try:
        set_aside = ""
        if fresh and any(filesystem.exists(folder / name) for name in (DATABASE_NAME, ATTRIBUTES_NAME)):
            set_aside = _set_aside(folder, stamp, filesystem)
            lock.release()
            _make_folder(folder, filesystem)
            lock = filesystem.lock(folder / LOCK_NAME)
        database = open_database(folder, topic, identity, filesystem)
        ledger = Ledger(database, clock)
        with Transaction(database):
            interrupted = ledger.interrupt_open()
        known = int(database.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()[0])
        index = KeyIndex(database, make_filter(filter_name, max(_SMALLEST_CAPACITY, 2 * known)))
        found = Reconciler(folder, database, index, identity, filesystem, clock, stamp).run()
        cut_torn_line(folder / REJECTED_NAME, filesystem)
        admitted, held = _admit(database, index, found.items, max_items)
        ledger.load()
        file = AttributesFile(folder / ATTRIBUTES_NAME, filesystem)
        file.append(admitted)
        items = found.items + len(admitted)
        repeats = Repeats()
        repeats.load(items, (row[0] for row in database.execute("SELECT item_id FROM sightings")))
        judgements = Judgements(database, items)
    except BaseException:
        if file is not None:
            file.close()
        if database is not None:
            database.close()
        lock.release()
        raise
    recovery = Recovery(
        items_known=items,
        torn_bytes=found.torn_bytes,
        lines_written=found.lines_written,
        lines_adopted=found.lines_adopted,
        orders_interrupted=interrupted,
        items_admitted=len(admitted),
        edited_copy=found.edited_copy,
        set_aside=set_aside,
    )
    return Opened(lock, database, index, ledger, repeats, judgements, file, recovery, held)


def _make_folder(folder: Path, filesystem: FileSystem) -> None:
    try:
        filesystem.make_folder(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigurationError(f"{folder} is not a folder; choose another --output") from error


def _set_aside(folder: Path, stamp: str, filesystem: FileSystem) -> str:
    # The resolved name: "." and ".." have none of their own.
    folder = folder.absolute() if folder.name not in ("", "..") else folder.resolve()
    target = folder.with_name(f"{folder.name}.{stamp}")
    number = 1
    while filesystem.exists(target):
        number += 1
        target = folder.with_name(f"{folder.name}.{stamp}-{number}")
    filesystem.rename(folder, target)
    return target.name


def _admit(database: sqlite3.Connection, index: KeyIndex, items: int, max_items: int | None) -> tuple[list[str], int]:
    """Make items of held ones as far as `max_items` allows; returns their texts, and how many stay held."""
    admitted: list[str] = []
    held = int(database.execute("SELECT count(*) FROM held").fetchone()[0])
    room = held if max_items is None else max(0, min(held, max_items - items))
    if room:
        with Transaction(database):
            rows = database.execute(
                "SELECT id, key, text, description, order_id, at FROM held ORDER BY id LIMIT ?", (room,)
            ).fetchall()
            for offset, (_, key, text, description, order_id, at) in enumerate(rows, 1):
                database.execute(INSERT_ITEM, (items + offset, key, text, description, order_id, at))
                database.execute("UPDATE orders SET new = new + 1 WHERE id = ?", (order_id,))
                index.add(key, items + offset)
                admitted.append(text)
            database.execute("DELETE FROM held WHERE id <= ?", (rows[-1][0],))
    return admitted, held - room
