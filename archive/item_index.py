"""A topic's items in memory, for searching, sorting and paging through them; what is shown is read from `run.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from archive.column import Column
from archive.folded_text import FoldedTexts, words_of
from archive.run_reader import PORTION, Origin, RunReader, integers, moment, reading
from contract.errors import StorageError

Sort = Literal["time", "count", "provider"]
SORTS: tuple[str, ...] = get_args(Sort)

MAX_SEARCH_CHARACTERS = 200
MAX_PAGE_ITEMS = 500

_SHOWN_CHARACTERS = 10_000
"""Longer texts are cut in a page. No item of a model is so long; a line that a person added may be."""

_MAX_PROVIDERS = 2**16
_MAX_RESULTS = 8
_RESULTS_ROOM = 100_000
_ATTEMPTS = 3

_BOUNDS = """
SELECT (SELECT CAST(coalesce(max(id), 0) AS INTEGER) FROM orders),
    (SELECT CAST(coalesce(max(id), 0) AS INTEGER) FROM items), (SELECT coalesce(max(rowid), 0) FROM sightings)
"""
_ORDERS = """
SELECT id, substr(provider, 1, 200) || ':' || substr(model, 1, 200) FROM orders
WHERE id > ? AND id <= ? ORDER BY id LIMIT ?
"""
# A row for each item costs three times as much as one for all. The numbers come along to show that the order is right.
_ITEMS = """
SELECT group_concat(CAST(id AS INTEGER)), CAST(group_concat({text}, char(10)) AS BLOB),
    group_concat(coalesce(CAST(first_order AS INTEGER), 0))
FROM (SELECT id, text, first_order FROM items WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)
"""
_AS_THEY_ARE = _ITEMS.format(text="coalesce(text, '')")
_IN_ONE_LINE = _ITEMS.format(text="replace(coalesce(text, ''), char(10), ' ')")
_SIGHTINGS = """
SELECT max(rowid), group_concat(CAST(item_id AS INTEGER))
FROM (SELECT rowid, item_id FROM sightings WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?)
"""
_PAGE = """
SELECT CAST(id AS INTEGER), substr(CAST(text AS BLOB), 1, {0}), substr(CAST(description AS BLOB), 1, {0}), first_at
FROM items WHERE id IN ({1})
"""


class ItemRow(msgspec.Struct, frozen=True):
    """An item as a list shows it.

    Attributes:
        id: Its place in the order of discovery, from 1.
        text: The item, at most 10,000 characters of it. Untrusted.
        description: What the model said of it, or empty. Untrusted.
        provider: Who named it first, `vendor:model`; empty for a line that a person added.
        first_at: When it was taken in, in seconds since 1970.
        count: Answers that named it.
    """

    id: int
    text: str
    description: str
    provider: str
    first_at: float
    count: int


class Page(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        total: Items that match the search.
        unique: All items.
        items: The part that was asked for.
    """

    total: int
    unique: int
    items: tuple[ItemRow, ...]


class _Result(msgspec.Struct):
    """Items that match, as numbers from 0, ascending in a sort.

    Attributes:
        numbers: The items.
        items: Items of the index that it covers.
        version: Of the index, when it was made.
    """

    numbers: NDArray[np.int32]
    items: int
    version: int


class ItemIndex:
    """Searches and sorts one topic's items. One thread at a time; nothing is open between calls.

    Takes the folded text and about 14 bytes an item, and as much as 8 more for the last searches. Counts and providers
    are those of the last `refresh`; so are the items, all as at one moment.

    Args:
        folder: The topic's folder. It need not hold a run yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clear()

    def _clear(self) -> None:
        self._origin: Origin | None = None
        self._texts = FoldedTexts()
        self._counts = Column(np.int32)
        self._providers = Column(np.uint16)
        self._orders = Column(np.uint16)
        self._orders.append(np.zeros(1, dtype=np.uint16))
        self._sightings_to = 0
        self._codes = {"": 0}
        self._results: dict[tuple[tuple[str, ...], str], _Result] = {}
        self._version = 0

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def memory_bytes(self) -> int:
        """What the index takes."""
        columns = self._counts.memory_bytes + self._providers.memory_bytes + self._orders.memory_bytes
        return self._texts.memory_bytes + columns + sum(result.numbers.nbytes for result in self._results.values())

    # --- taking in -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what is new; all, if the folder's database is another one than before.

        Raises:
            ConfigurationError: There is no run in the folder, or none yet.
            ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
            StorageError: It cannot be read.
        """
        with reading(self.folder) as reader:
            origin = reader.origin()
            orders, items, sightings = reader.row(_BOUNDS)
            behind = orders < len(self._orders) - 1 or items < len(self) or sightings < self._sightings_to
            if behind or not origin.continues(self._origin):
                self._clear()
            self._origin = origin
            if orders >= len(self._orders) or items > len(self) or sightings > self._sightings_to:
                self._version += 1
            # These bounds are of one moment: what an item or a sighting refers to lies within them.
            self._read_orders(reader, orders)
            self._read_items(reader, items)
            self._read_sightings(reader, sightings)

    def _read_orders(self, reader: RunReader, last: int) -> None:
        while (known := len(self._orders) - 1) < last:
            rows = reader.rows(_ORDERS, (known, last, PORTION))
            if [row[0] for row in rows] != list(range(known + 1, known + 1 + len(rows))) or not rows:
                raise reader.damaged("orders are missing")
            codes = [self._codes.setdefault(provider or "", len(self._codes)) for _, provider in rows]
            if len(self._codes) > _MAX_PROVIDERS:
                raise reader.damaged("it has too many providers")
            self._orders.append(np.array(codes, dtype=np.uint16))

    def _read_items(self, reader: RunReader, last: int) -> None:
        portion = PORTION
        while (known := len(self)) < last:
            try:
                bounds = (known, last, portion)
                ids, texts, orders = reader.row(_AS_THEY_ARE, bounds)
            except sqlite3.DataError:
                # Texts so long that together they are more than is read at once.
                if portion == 1:
                    raise
                portion = max(1, portion // 8)
                continue
            numbers = integers(ids)
            count = len(numbers)
            if not count or not np.array_equal(numbers, np.arange(known + 1, known + 1 + count)):
                raise reader.damaged("items are missing")
            first_orders = integers(orders)
            if first_orders.min() < 0 or first_orders.max() >= len(self._orders):
                raise reader.damaged("orders of items are missing")
            # No text of ours has a line feed; somebody else's may.
            if not self._texts.append(texts, count) and not self._texts.append(
                reader.row(_IN_ONE_LINE, bounds)[1], count
            ):
                raise reader.damaged("its texts change while they are read")
            self._counts.append(np.ones(count, dtype=np.int32))
            self._providers.append(self._orders.values[first_orders])

    def _read_sightings(self, reader: RunReader, last: int) -> None:
        while self._sightings_to < last:
            to, items = reader.row(_SIGHTINGS, (self._sightings_to, last, PORTION))
            numbers = integers(items) - 1
            if to is None or numbers.min() < 0 or numbers.max() >= len(self):
                raise reader.damaged("items of sightings are missing")
            np.add.at(self._counts.values, numbers, 1)
            self._sightings_to = to

    # --- answering -----------------------------------------------------------------------------------------

    def page(self, offset: int, limit: int, search: str = "", sort: Sort = "time", descending: bool = True) -> Page:
        """A part of the items that match, as they were at the last `refresh`.

        Args:
            offset: Matching items to leave out.
            limit: Items at most, 1 to 500.
            search: Words, each of which must occur somewhere in an item, whatever its case; at most 200 characters.
                Every character means itself. Empty: all items match.
            sort: By time of discovery, number of answers that named it, or provider's name; equal ones by time.
            descending: The same list from its other end.

        Raises:
            ValueError: An argument is out of its bounds.
            ConfigurationError: There is no run in the folder any more.
            ForeignDatabaseError: `run.db` is damaged.
            StorageError: It cannot be read.
        """
        if offset < 0 or not 1 <= limit <= MAX_PAGE_ITEMS or len(search) > MAX_SEARCH_CHARACTERS or sort not in SORTS:
            raise ValueError(f"no such page: offset {offset}, limit {limit}, {len(search)} characters, sort {sort!r}")
        words = words_of(search)
        for _ in range(_ATTEMPTS):
            numbers: NDArray[np.int32] | range = range(len(self))
            if words or sort != "time":
                numbers = self._matching(words, sort)
            total = len(numbers)
            if descending:
                chosen = numbers[max(0, total - offset - limit) : max(0, total - offset)][::-1]
            else:
                chosen = numbers[offset : offset + limit]
            ids = [int(number) + 1 for number in chosen]
            with reading(self.folder) as reader:
                if self._origin is None or reader.file == self._origin[:2]:
                    return Page(total, len(self), self._rows(reader, ids))
            self.refresh()
        raise StorageError(f"cannot read {self.folder}: it is replaced again and again; nothing was changed; try again")

    def _rows(self, reader: RunReader, ids: Sequence[int]) -> tuple[ItemRow, ...]:
        statement = _PAGE.format(4 * _SHOWN_CHARACTERS, ", ".join("?" * len(ids)))
        found = {row[0]: row[1:] for row in reader.rows(statement, ids)}
        if len(found) != len(ids):
            raise reader.damaged("items are missing")
        names = list(self._codes)
        counts, providers = self._counts.values, self._providers.values
        rows = []
        for number in ids:
            text, description, first_at = found[number]
            rows.append(
                ItemRow(
                    id=number,
                    text=_shown(text),
                    description=_shown(description),
                    provider=names[providers[number - 1]],
                    first_at=moment(first_at) or 0.0,
                    count=int(counts[number - 1]),
                )
            )
        return tuple(rows)

    def _matching(self, words: tuple[str, ...], sort: Sort) -> NDArray[np.int32]:
        """The matching items in this sort's ascending order; kept for the next page."""
        key = (words, sort)
        result = self._results.pop(key, None)
        if sort == "time":
            result = self._searched(words, result)
        elif result is None or result.version != self._version:
            result = self._sorted(words, sort)
        self._results[key] = result
        self._forget()
        return result.numbers

    def _searched(self, words: tuple[str, ...], earlier: _Result | None) -> _Result:
        if earlier is None:
            return _Result(self._texts.search(words), len(self), self._version)
        if earlier.items < len(self):
            found = self._texts.search(words, earlier.items)
            earlier.numbers = np.concatenate((earlier.numbers, found)) if len(found) else earlier.numbers
            earlier.items = len(self)
        return earlier

    def _sorted(self, words: tuple[str, ...], sort: Sort) -> _Result:
        numbers = self._matching(words, "time") if words else np.arange(len(self), dtype=np.int32)
        keys: NDArray[np.int32] | NDArray[np.uint16]
        if sort == "count":
            keys = self._counts.values[numbers]
        else:
            ranks = np.empty(len(self._codes), dtype=np.uint16)
            ranks[[code for _, code in sorted(self._codes.items())]] = np.arange(len(ranks), dtype=np.uint16)
            keys = ranks[self._providers.values[numbers]]
        if len(keys) and keys.max() <= np.iinfo(np.uint16).max:
            keys = keys.astype(np.uint16)  # sorted by radix, five times as fast
        return _Result(numbers[np.argsort(keys, kind="stable")], len(self), self._version)

    def _forget(self) -> None:
        """Let go of the results that were used longest ago."""
        room = _RESULTS_ROOM + 2 * len(self)
        for key in list(self._results)[:-1]:
            if len(self._results) <= _MAX_RESULTS and sum(len(one.numbers) for one in self._results.values()) <= room:
                break
            del self._results[key]


def _shown(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
