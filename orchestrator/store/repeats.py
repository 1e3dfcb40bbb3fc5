"""How often each item was seen, one byte an item, and the items seen most often."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest

LISTED = 2000
"""So many of the most repeated items are known at any time."""

_SATURATED = 255


class Repeats:
    """Counts the orders that named an item, beyond the first.

    The leaders are exact up to ties: counts only grow and every growth passes `sighted`, so an item that overtakes the
    weakest leader is noticed when it does.

    Args:
        listed: How many leaders to keep at least, where there are so many.
    """

    def __init__(self, listed: int = LISTED) -> None:
        self._listed = listed
        self._further = bytearray()
        self._leaders: dict[int, int] = {}
        self._floor = 0
        self.sightings = 0

    def load(self, items: int, sighted: Iterable[int]) -> None:
        """Start from a database: number of items, and the item ids of all further sightings."""
        further = self._further = bytearray(items)
        self.sightings = items
        for item_id in sighted:
            self.sightings += 1
            if further[item_id - 1] < _SATURATED:
                further[item_id - 1] += 1
        best = nlargest(self._listed, (i for i in range(items) if further[i]), key=further.__getitem__)
        self._leaders = {i + 1: further[i] for i in best}
        self._floor = further[best[-1]] if len(best) == self._listed else 0

    def added(self) -> None:
        """A new item has the next id."""
        self._further.append(0)
        self.sightings += 1

    def sighted(self, item_id: int) -> None:
        """A further order has named this item."""
        self.sightings += 1
        count = self._further[item_id - 1] + 1
        if count <= _SATURATED:
            self._further[item_id - 1] = count
        if item_id in self._leaders:
            self._leaders[item_id] += 1
        elif count > self._floor:
            self._leaders[item_id] = count
            if len(self._leaders) > 2 * self._listed:
                self._prune()

    def count(self, item_id: int) -> int:
        """How many orders have named this item, at most 256."""
        return 1 + self._further[item_id - 1]

    def _prune(self) -> None:
        best = self._best(self._listed)
        self._leaders = {item_id: self._leaders[item_id] for item_id in best}
        self._floor = self._leaders[best[-1]]

    def _best(self, count: int) -> list[int]:
        return nlargest(count, self._leaders, key=lambda item_id: (self._leaders[item_id], -item_id))

    def leaders(self, count: int) -> list[int]:
        """The numbers of items seen at least twice, the most often seen first, at most `LISTED`."""
        return self._best(min(count, self._listed))
