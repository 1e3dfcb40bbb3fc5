"""Which keys are known, exactly: a filter, the newest keys in memory, all earlier ones in the database's index.

An index of random keys costs a random page for each new one. So new keys wait in a dictionary, and every `PORTION` of
them goes into the index in the index's own order. After a crash the waiting ones are read from the items again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from orchestrator.dedup.filters import DuplicateFilter

PORTION = 50_000
"""Keys in memory at most, about 7 MB."""

_LARGEST_LOOK_UP = 256
_LOOK_UP = "SELECT key, item_id FROM keys WHERE key IN ({})"
_LOOK_UPS = {2**power: _LOOK_UP.format(", ".join("?" * 2**power)) for power in range(9)}
"""By powers of two, so that few statements are kept; a look-up of 32 keys costs a third of 32 look-ups."""


class KeyIndex:
    """Finds the item of a key.

    Args:
        database: The folder's database.
        seen: The filter; `add_earlier` must tell it and this index every item there is before `find` is used.
    """

    def __init__(self, database: sqlite3.Connection, seen: DuplicateFilter) -> None:
        self._database = database
        self._seen = seen
        self._newest: dict[bytes, int] = {}
        row = database.execute("SELECT value FROM meta WHERE name = 'keys_filled_to'").fetchone()
        self._filled_to = int(row[0])

    def add_earlier(self, key: bytes, item_id: int) -> None:
        """Learn of an item that the database has."""
        self._seen.add(key)
        if item_id > self._filled_to:
            self._newest[key] = item_id

    def add(self, key: bytes, item_id: int) -> None:
        """Learn of an item that the current transaction inserts."""
        self._seen.add(key)
        self._newest[key] = item_id

    def find(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """The ids of the items of those keys that are known. Most new keys never reach the database."""
        newest, seen = self._newest, self._seen
        found: dict[bytes, int] = {}
        perhaps = []
        for key in keys:
            known = newest.get(key)
            if known is not None:
                found[key] = known
            elif key in seen:
                perhaps.append(key)
        for start in range(0, len(perhaps), _LARGEST_LOOK_UP):
            wanted = perhaps[start : start + _LARGEST_LOOK_UP]
            size = 1 << (len(wanted) - 1).bit_length()
            wanted += wanted[-1:] * (size - len(wanted))
            found.update(self._database.execute(_LOOK_UPS[size], wanted))
        return found

    @property
    def due(self) -> bool:
        """Whether `fill` should be called."""
        return len(self._newest) >= PORTION

    def fill(self) -> None:
        """Move the newest keys into the index, within the current transaction; all items must be inserted by now."""
        self._database.execute(
            "INSERT INTO keys SELECT key, id FROM items WHERE id > ? ORDER BY key", (self._filled_to,)
        )
        if self._newest:
            self._filled_to = max(self._newest.values())
        self._database.execute("UPDATE meta SET value = ? WHERE name = 'keys_filled_to'", (str(self._filled_to),))
        self._newest.clear()
