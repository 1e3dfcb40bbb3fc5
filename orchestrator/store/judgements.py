"""What a model, or a person, has judged of each item: rows in `run.db`, one byte an item in memory.

The table is the truth. `valid.txt`, exports and counts follow from it; `attributes.txt` keeps every item.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

MAX_TRIES = 3
"""So many answers about an item that could not be believed, and it is not asked about any more."""

_IN_FLIGHT = 64
"""Added to the tries while an order is on its way."""
_UNSURE = 128
_VALID = 129
_INVALID = 130

Finding = Literal["valid", "invalid", "unsure"]
"""`unsure`: no answer about the item could be believed so far."""

Row = tuple[int, int | None, Finding, int, int]
"""Item, order (None: a person), verdict, tries, Unix seconds."""

_KEEP = """
INSERT INTO judgements (item_id, order_id, verdict, tries, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (item_id) DO UPDATE SET order_id = excluded.order_id, verdict = excluded.verdict, tries = excluded.tries,
    at = excluded.at
"""
_VALID_TEXTS = """
SELECT text FROM items WHERE id NOT IN (SELECT item_id FROM judgements WHERE verdict = 'invalid') ORDER BY id
"""


class JudgedTotals(msgspec.Struct, frozen=True):
    """How far the items of a folder are judged.

    Attributes:
        valid: Items that a model, or a person, found to belong.
        invalid: Items that were found not to belong; they are in `attributes.txt` all the same.
        unjudged: Items that nobody has judged, those among them that no answer could be believed of.
        unsure: Those among `unjudged` that are not asked about any more.
    """

    valid: int = 0
    invalid: int = 0
    unjudged: int = 0
    unsure: int = 0


class Judgements:
    """The judgements of one folder.

    Args:
        database: The folder's database.
        items: How many items it has.
    """

    def __init__(self, database: sqlite3.Connection, items: int) -> None:
        self._database = database
        self._states = bytearray(items)
        self._tally = [0] * 256
        self._tally[0] = items
        self._seen_by_people = False
        for item_id, verdict, tries in database.execute("SELECT item_id, verdict, tries FROM judgements"):
            if 0 < item_id <= items:
                self._set(item_id, _state(verdict, tries))
        if self.any:
            self.vouch()

    def vouch(self) -> None:
        """Take the lines that a person added to `attributes.txt` for judged: that person has chosen them."""
        if not self._seen_by_people:
            self._seen_by_people = True
            for (item_id,) in self._database.execute("SELECT id FROM items WHERE first_order IS NULL"):
                if self._states[item_id - 1] != _INVALID:
                    self._set(item_id, _VALID)

    def added(self, items: int) -> None:
        """So many new items have the next numbers."""
        self._states += bytes(items)
        self._tally[0] += items

    # --- what there is to judge ----------------------------------------------------------------------------

    @property
    def never_asked(self) -> int:
        """Items of which no order has asked yet."""
        return self._tally[0]

    @property
    def open(self) -> int:
        """Items that can still be asked about, those on their way not counted."""
        return sum(self._tally[:MAX_TRIES])

    @property
    def any(self) -> bool:
        """Whether anything has been judged."""
        return self._tally[_VALID] + self._tally[_INVALID] + self._tally[_UNSURE] + sum(self._tally[1:MAX_TRIES]) > 0

    def newest_open(self, count: int) -> list[int]:
        """Numbers of items to ask about, the newest first; all have been asked about equally often."""
        for tries in range(MAX_TRIES):
            found = self._newest(tries, count)
            if found:
                return found
        return []

    def is_valid(self, item_id: int) -> bool:
        """Whether the item was found to belong."""
        return self._states[item_id - 1] == _VALID

    def oldest_valid(self, count: int) -> list[int]:
        """Numbers of items that were found to belong, those found first."""
        found: list[int] = []
        start = 0
        while len(found) < count and (start := self._states.find(_VALID, start) + 1) > 0:
            found.append(start)
        return found

    def _newest(self, state: int, count: int) -> list[int]:
        found: list[int] = []
        end = len(self._states)
        while len(found) < count and self._tally[state] > len(found):
            end = self._states.rfind(state, 0, end)  # in C: a millisecond for a million items
            if end < 0:
                break
            found.append(end + 1)
        return found

    def tries(self, item_id: int) -> int:
        """How many answers about an open item could not be believed."""
        return self._states[item_id - 1] % _IN_FLIGHT

    def asked(self, item_ids: Iterable[int]) -> None:
        """An order about these went out."""
        for item_id in item_ids:
            if self._states[item_id - 1] < MAX_TRIES:
                self._set(item_id, self._states[item_id - 1] + _IN_FLIGHT)

    def returned(self, item_ids: Iterable[int]) -> None:
        """The order about these came to nothing, through no fault of the answer: they may be asked about again."""
        for item_id in item_ids:
            if _IN_FLIGHT <= self._states[item_id - 1] < _IN_FLIGHT + MAX_TRIES:
                self._set(item_id, self._states[item_id - 1] - _IN_FLIGHT)

    # --- what was judged -----------------------------------------------------------------------------------

    def rows(
        self, order_id: int, valid: Sequence[int], invalid: Sequence[int], unsure: Sequence[int], now: int
    ) -> list[Row]:
        """The rows of one answer, to be written by `write` and then told to `took`."""
        tries = {item_id: self.tries(item_id) + 1 for item_id in unsure}
        return [
            *((item_id, order_id, "valid", 0, now) for item_id in valid),
            *((item_id, order_id, "invalid", 0, now) for item_id in invalid),
            *((item_id, order_id, "unsure", min(tries[item_id], MAX_TRIES), now) for item_id in unsure),
        ]

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows into the current transaction."""
        self._database.executemany(_KEEP, rows)

    def took(self, rows: Iterable[Row]) -> None:
        """The rows are written."""
        for item_id, _, verdict, tries, _ in rows:
            self._set(item_id, _state(verdict, tries))

    def is_invalid(self, item_id: int) -> bool:
        """Whether the item was found not to belong."""
        return 0 < item_id <= len(self._states) and self._states[item_id - 1] == _INVALID

    def invalid_ids(self) -> list[int]:
        """Numbers of all items that were found not to belong."""
        return self._newest(_INVALID, self._tally[_INVALID])

    def newest_judged(self, count: int) -> tuple[list[int], list[int]]:
        """Of the items found last, the numbers of `count` at most that belong, and of as many that do not."""
        return self._newest(_VALID, count), self._newest(_INVALID, count)

    def totals(self) -> JudgedTotals:
        """The figures; a snapshot."""
        valid, invalid = self._tally[_VALID], self._tally[_INVALID]
        return JudgedTotals(valid, invalid, len(self._states) - valid - invalid, self._tally[_UNSURE])

    def valid_texts(self) -> Iterator[str]:
        """All items but those that were found not to belong, in the order of discovery."""
        return (row[0] for row in self._database.execute(_VALID_TEXTS))

    def _set(self, item_id: int, state: int) -> None:
        self._tally[self._states[item_id - 1]] -= 1
        self._tally[state] += 1
        self._states[item_id - 1] = state


def _state(verdict: str, tries: int) -> int:
    if verdict == "valid":
        return _VALID
    if verdict == "invalid":
        return _INVALID
    return _UNSURE if tries >= MAX_TRIES else max(0, tries)
