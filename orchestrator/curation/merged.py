"""Merges that were applied: rows in `run.db`, from which `merged.txt` is written.

The table is made when the first merge is applied. The format keeps its version: earlier programs never look at the
table and lose nothing by that, and without it nothing is applied. Items, sightings and `attributes.txt` are not
touched, so that recovery, counts and estimates stay as they are, and undoing is forgetting rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from archive.filesystem import FileSystem
from orchestrator.curation.merges import MergeItem, Method, Suggestion
from orchestrator.store.attributes_file import blocks_of_lines
from orchestrator.store.transaction import Transaction

MERGED_NAME = "merged.txt"

_TABLE = """
CREATE TABLE IF NOT EXISTS merged (
    item_id INTEGER PRIMARY KEY, into_id INTEGER NOT NULL,
    method TEXT NOT NULL, score REAL NOT NULL, at INTEGER NOT NULL
)
"""
_APPLIED = """
SELECT item_id, one.text, one.count, into_id, other.text, other.count, method, score
FROM merged JOIN counted_items AS one ON one.id = item_id JOIN counted_items AS other ON other.id = into_id
ORDER BY item_id
"""
_ITEMS = "SELECT id, text FROM items ORDER BY id"
_INVALID = "SELECT item_id FROM judgements WHERE verdict = 'invalid'"


class MergedItems:
    """The applied merges of one folder, read at the start and kept up.

    Args:
        database: The folder's database, open for writing; the folder's lock must be held.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        known = database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'merged'")
        self._has_table = bool(known.fetchone()[0])
        rows = database.execute("SELECT item_id, into_id FROM merged") if self._has_table else ()
        self._into: dict[int, int] = dict(rows)

    def __len__(self) -> int:
        return len(self._into)

    def items(self) -> list[MergeItem]:
        """The items that are merged into no other, in the order of discovery, without those that do not belong."""
        invalid = self._invalid()
        rows = self._database.execute("SELECT id, text, count FROM counted_items ORDER BY id")
        return [MergeItem(*row) for row in rows if row[0] not in self._into and row[0] not in invalid]

    def suggestions(self) -> list[Suggestion]:
        """What was applied."""
        if not self._has_table:
            return []
        return [
            Suggestion(MergeItem(*row[:3]), MergeItem(*row[3:6]), cast(Method, row[6]), row[7])
            for row in self._database.execute(_APPLIED)
        ]

    def are_one(self, suggestion: Suggestion) -> bool:
        """Whether both items are the same by now, directly or through others."""
        return self._root(suggestion.item.id) == self._root(suggestion.into.id)

    def apply(self, suggestions: Sequence[Suggestion], now_s: float) -> tuple[int, int]:
        """Merge; returns how many merges are new, and how many suggestions do not fit this folder's items.

        What is merged already, also through others, is left as it is. All are written, or none.

        Raises:
            sqlite3.Error: They cannot be written.
        """
        before = dict(self._into)
        rows = []
        unknown = 0
        for suggestion in suggestions:
            if not (self._is_known(suggestion.item) and self._is_known(suggestion.into)):
                unknown += 1
                continue
            goes, stays = self._root(suggestion.item.id), self._root(suggestion.into.id)
            if goes != stays and goes not in self._into:  # what stands in a circle has no root
                self._into[goes] = stays
                rows.append((goes, stays, suggestion.method, suggestion.score, int(now_s)))
        try:
            with Transaction(self._database):
                self._database.execute(_TABLE)
                self._database.executemany("INSERT INTO merged VALUES (?, ?, ?, ?, ?)", rows)
        except BaseException:
            self._into = before
            raise
        self._has_table = True
        return len(rows), unknown

    def undo(self) -> int:
        """Forget all merges; returns how many there were. Raises `sqlite3.Error`."""
        count = len(self._into)
        if self._has_table:
            with Transaction(self._database):
                self._database.execute("DELETE FROM merged")
        self._into.clear()
        return count

    def write_list(self, folder: Path, filesystem: FileSystem) -> None:
        """Write `merged.txt`: every item once, without spellings that were merged and items that do not belong.

        There is none where nothing is merged. Raises `OSError`.
        """
        if not self._into:
            (folder / MERGED_NAME).unlink(missing_ok=True)
            return
        filesystem.replace(folder / MERGED_NAME, (block for block, _ in blocks_of_lines(self._texts())))

    def _texts(self) -> Iterator[str]:
        """An item that the others were merged into may have been judged since: then one of them stands for them all."""
        invalid = self._invalid()
        stood_for: set[int] = set()
        rows: Iterable[tuple[int, str]] = self._database.execute(_ITEMS)
        for item_id, text in rows:
            if item_id in invalid:
                continue
            root = self._root(item_id)
            if root == item_id:
                yield text
            elif root in invalid and root not in stood_for:
                stood_for.add(root)
                yield text

    def _invalid(self) -> set[int]:
        """Items that were judged not to belong; folders of earlier formats have no judgements."""
        judged = self._database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'judgements'").fetchone()[0]
        return {row[0] for row in self._database.execute(_INVALID)} if judged else set()

    def _is_known(self, item: MergeItem) -> bool:
        if not 0 < item.id < 2**63:
            return False
        row = self._database.execute("SELECT text FROM items WHERE id = ?", (item.id,)).fetchone()
        return row is not None and row[0] == item.text

    def _root(self, item_id: int) -> int:
        # A circle can only be somebody's own work in the table; it must not hold us for ever.
        for _ in range(len(self._into)):
            if item_id not in self._into:
                break
            item_id = self._into[item_id]
        return item_id
