"""The database of a topic's folder: its tables, how it is opened, and how it is told from any other file.

Why these tables: a new item or sighting is one row at the end of a table, and the index of keys, whose order is random,
is filled in large sorted portions (`key_index.py`). A unique index and a counter in each item would rewrite a random
page for every item: measured at 300,000 items in batches of 60, half of them known, 6,900 bytes written an item; these
tables need 600.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from archive.failures import DATABASE_NAME, damaged
from archive.filesystem import FileSystem
from archive.folder import canonical_topic
from archive.format import APPLICATION_ID, SCHEMA_VERSION, check_database, read_meta
from contract.errors import ConfigurationError
from contract.identity import Identity
from contract.text import without_surrogates
from contract.version import __version__
from orchestrator.store.transaction import Transaction

_CACHE_KIB = 48 * 1024
"""SQLite's page cache: the only part of the store's memory that does not grow with the items."""

_CHECKPOINT_PAGES = 4000

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, version TEXT NOT NULL, settings TEXT NOT NULL,
    started_at REAL NOT NULL, ended_at REAL, stop_reason TEXT, unique_before INTEGER NOT NULL, unique_after INTEGER
);
-- `scope`: the part of the topic that was asked about, as JSON; empty: all of it. `listed`: length of the avoid-list.
-- `said`: earlier answers of the conversation that the order continued. `whole`, `cut`, `replaced`, `in_vain`: how the
-- answer ended (records.Ending).
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id),
    provider TEXT NOT NULL, model TEXT NOT NULL, mode TEXT NOT NULL, size INTEGER NOT NULL, producer INTEGER NOT NULL,
    known_at_issue INTEGER NOT NULL, issued_at REAL NOT NULL, ended_at REAL, attempts INTEGER,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed', 'interrupted')),
    items INTEGER NOT NULL DEFAULT 0, new INTEGER NOT NULL DEFAULT 0,
    duplicate INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER, reasoning_tokens INTEGER,
    usage_estimated INTEGER, cost_usd REAL, error TEXT, time_to_first_chunk_s REAL, duration_s REAL,
    scope TEXT NOT NULL DEFAULT '', listed INTEGER NOT NULL DEFAULT 0, said INTEGER NOT NULL DEFAULT 0,
    whole INTEGER NOT NULL DEFAULT 1, cut INTEGER NOT NULL DEFAULT 0, replaced INTEGER NOT NULL DEFAULT 0,
    in_vain INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX orders_open ON orders (id) WHERE state = 'open';
-- In order of discovery. An item without a first order was adopted from attributes.txt.
CREATE TABLE items (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, text TEXT NOT NULL, description TEXT NOT NULL,
    first_order INTEGER, first_at INTEGER NOT NULL
);
-- Items up to meta's keys_filled_to; later ones are in memory.
CREATE TABLE keys (key BLOB PRIMARY KEY, item_id INTEGER NOT NULL) WITHOUT ROWID;
-- Every order after the first one that named an item, in order of time.
CREATE TABLE sightings (item_id INTEGER NOT NULL, order_id INTEGER NOT NULL);
CREATE TABLE held (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL, description TEXT NOT NULL,
    order_id INTEGER NOT NULL, at INTEGER NOT NULL
);
-- What the answers to orders of mode 'plan' named: parts of the topic, no items.
CREATE TABLE parts (order_id INTEGER NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL);
-- What a model, or a person (no order), has judged of an item. `unsure`: after so many tries nothing was believed.
CREATE TABLE judgements (
    item_id INTEGER PRIMARY KEY, order_id INTEGER,
    verdict TEXT NOT NULL CHECK (verdict IN ('valid', 'invalid', 'unsure')), tries INTEGER NOT NULL, at INTEGER NOT NULL
);
CREATE VIEW counted_items AS
    SELECT items.*, 1 + coalesce(further.sightings, 0) AS count, second.order_id AS second_order
    FROM items
    LEFT JOIN (SELECT item_id, count(*) AS sightings, min(rowid) AS first FROM sightings GROUP BY item_id) AS further
        ON further.item_id = items.id
    LEFT JOIN sightings AS second ON second.rowid = further.first;
"""


_UPGRADES = {
    1: (
        "ALTER TABLE orders ADD COLUMN scope TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE orders ADD COLUMN listed INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE parts (order_id INTEGER NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL)",
    ),
    2: (
        "ALTER TABLE orders ADD COLUMN said INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE judgements (item_id INTEGER PRIMARY KEY, order_id INTEGER, verdict TEXT NOT NULL CHECK "
        "(verdict IN ('valid', 'invalid', 'unsure')), tries INTEGER NOT NULL, at INTEGER NOT NULL)",
    ),
    3: (
        "ALTER TABLE orders ADD COLUMN whole INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE orders ADD COLUMN cut INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE orders ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE orders ADD COLUMN in_vain INTEGER NOT NULL DEFAULT 0",
        # What these list had come before, from another provider: no others were marked.
        "UPDATE orders SET whole = 0 WHERE mode = 'audit' AND listed > 0",
    ),
}
"""What brings a database of this version to the next one."""


def open_database(folder: Path, topic: str, identity: Identity, filesystem: FileSystem) -> sqlite3.Connection:
    """Create or open the folder's database for writing.

    Raises:
        ForeignDatabaseError: The file is damaged, something else, or from a newer version.
        ConfigurationError: The folder belongs to another topic, or was made with another identity.
        sqlite3.Error: The disk does not let us.
    """
    database = filesystem.connect_database(folder / DATABASE_NAME)
    try:
        if not check_database(database, folder):
            _create(database, topic, identity)
        _check_purpose(database, folder, topic, identity)
        _upgrade(database)
        _configure(database)
    except BaseException:
        database.close()
        raise
    return database


def open_checked(folder: Path, filesystem: FileSystem) -> sqlite3.Connection:
    """Open an existing folder's database for writing, whatever its topic; its lock must be held.

    Raises:
        ForeignDatabaseError: The file is damaged, something else, or from a newer version.
        sqlite3.Error: The disk does not let us.
    """
    database = filesystem.connect_database(folder / DATABASE_NAME)
    try:
        if not check_database(database, folder):
            raise damaged(folder, "it is empty")
        _upgrade(database)
        _configure(database)
    except BaseException:
        database.close()
        raise
    return database


def _create(database: sqlite3.Connection, topic: str, identity: Identity) -> None:
    # Before the tables: it cannot change inside a transaction.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    try:
        for statement in _TABLES.split(";\n"):
            database.execute(statement)
        database.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [
                ("topic", without_surrogates(canonical_topic(topic))),
                ("identity", identity.value),
                ("created_by", __version__),
                ("keys_filled_to", "0"),
            ],
        )
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _upgrade(database: sqlite3.Connection) -> None:
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version == SCHEMA_VERSION:
        return
    with Transaction(database):
        for older in range(version, SCHEMA_VERSION):
            for statement in _UPGRADES[older]:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _check_purpose(database: sqlite3.Connection, folder: Path, topic: str, identity: Identity) -> None:
    meta = read_meta(database)
    wanted = without_surrogates(canonical_topic(topic))
    if meta["topic"] != wanted:
        raise ConfigurationError(
            f"{folder} belongs to the topic {meta['topic']!r}, not to {wanted!r}; nothing was changed; "
            "choose another --output, or --fresh to move the earlier run aside"
        )
    if meta["identity"] != identity.value:
        raise ConfigurationError(
            f"the run in {folder} was made with --identity {meta['identity']}, not {identity.value}; "
            "nothing was changed; use the same identity, or --fresh to move the earlier run aside"
        )


def _configure(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # Commits survive the death of any process; only a power cut may cost the last of them.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
