"""What is known already, as far as a producer is told, and when an answer brings nothing else any more.

All of this only advises: the orchestrator's exact index decides what an item is. What a filter takes for known in error
costs at most the rest of one answer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.identity import Identity, key_of
from contract.messages import KNOWN_KEY_BYTES, Order
from producer.parser import Parsed
from producer.parser.reasons import Reason

if TYPE_CHECKING:
    from rbloom import Bloom

FALSE_POSITIVE_RATE = 1e-3
"""Upper bound over all layers of the filter, at any size."""

FIRST_CAPACITY = 16_384
GROWTH = 4
"""Each layer holds so many times the keys of the one before."""

REMEMBERED_ITEMS = 20_000
"""Items of one answer that are remembered, so that an endless one stays bounded."""


class KnownItems:
    """A growing filter of the keys that the orchestrator told of.

    `rbloom` is imported with the first key: a run that never asks for advice does not pay for it.

    Args:
        identity: What counts as the same item.
    """

    def __init__(self, identity: Identity = Identity.NORMALIZED) -> None:
        self._identity = identity
        self._layers: list[Bloom] = []
        self._capacity = FIRST_CAPACITY // GROWTH
        self._error_rate = FALSE_POSITIVE_RATE
        self._room = 0

    def add(self, keys: bytes) -> None:
        """Take in the keys of a `KnownKeys` message, joined; what is left over at the end is no key."""
        # "Q": whole numbers of `KNOWN_KEY_BYTES` each, in this machine's order of bytes.
        numbers = memoryview(keys)[: len(keys) - len(keys) % KNOWN_KEY_BYTES].cast("Q")
        while numbers:
            if not self._room:
                self._grow(len(numbers))
            self._layers[0].update(numbers[: self._room])
            added = min(self._room, len(numbers))
            self._room -= added
            numbers = numbers[added:]

    def _grow(self, expected: int) -> None:
        from rbloom import Bloom

        self._capacity = self._room = max(self._capacity * GROWTH, expected)
        # Halved each time, the layers' rates stay below the bound in sum.
        self._error_rate /= 2
        # Whole numbers are uniform already, and hash to themselves; newest first: it knows the most keys.
        self._layers.insert(0, Bloom(self._capacity, self._error_rate))

    def key_of(self, text: str) -> int:
        """The key of an item's text as this filter holds it."""
        return int.from_bytes(key_of(text, self._identity)[:KNOWN_KEY_BYTES], sys.byteorder)

    def __contains__(self, key: int, /) -> bool:
        """False: nobody told of it. True: known, or rarely taken for it."""
        return any(key in layer for layer in self._layers)


class Repeats:
    """Counts the items in a row that were known when they came, for one answer.

    Known is what the filter knows, and what this answer has brought before.

    Args:
        known: The filter; it goes on growing meanwhile.
        patience: Length of the row that is enough.

    Attributes:
        enough: Whether there was such a row; it stays so.
    """

    def __init__(self, known: KnownItems, patience: int) -> None:
        self.enough = False
        self._known = known
        self._patience = patience
        self._row = 0
        self._own: set[int] = set()

    def take(self, parsed: Parsed) -> None:
        """Count what a chunk brought."""
        # The parser tells of a run of repeats together with the item that ended it.
        self._count(sum(refusal.count for refusal in parsed.refused if refusal.reason == Reason.REPETITION))
        for item in parsed.items:
            key = self._known.key_of(item.text)
            if key in self._own or key in self._known:
                self._count(1)
            else:
                self._row = 0
            if len(self._own) >= REMEMBERED_ITEMS:
                self._own.clear()
            self._own.add(key)

    def _count(self, known: int) -> None:
        self._row += known
        self.enough = self.enough or self._row >= self._patience


def repeats_of(order: Order, known: KnownItems) -> Repeats | None:
    """Counts for an order whose answer may be ended early; None for all others."""
    return Repeats(known, order.patience) if order.mode == "explore" and order.patience > 0 else None
