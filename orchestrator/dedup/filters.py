"""Filters that answer "certainly new" without touching the database; "perhaps seen" is confirmed exactly behind them.

A false positive costs one look-up, never an item. Measured (FACTS.md): while the store fits into memory a filter saves
nothing worth naming; it pays once the store is larger than memory and most items are new (21 µs instead of 137 µs an
item on a cold disk).
"""

from __future__ import annotations

import math
import sys
from typing import Protocol

from rbloom import Bloom

from contract.errors import ConfigurationError

FALSE_POSITIVE_RATE = 1e-3
"""Upper bound over all layers of a filter, at any size."""

GROWTH = 4
"""Each layer holds so many times the keys of the one before."""


class DuplicateFilter(Protocol):
    """A set of 16-byte keys that may claim to hold a key it does not, but never the reverse."""

    def add(self, key: bytes) -> None:
        """Take a key in. Adding a key again is allowed."""
        ...

    def __contains__(self, key: bytes, /) -> bool:
        """False: certainly new. True: perhaps seen."""
        ...

    def __len__(self) -> int:
        """How many keys were added (repeats that the filter recognised may be left out)."""
        ...

    @property
    def size_bytes(self) -> int:
        """Memory of the filter's bits."""
        ...


def _own_hash(key: bytes) -> int:
    return int.from_bytes(key, "little", signed=True)


class RbloomFilter:
    """A growing chain of `rbloom` filters.

    `rbloom` saturates silently past its capacity, so a full layer is followed by one `GROWTH` times as large; each has
    half the error rate of the one before, so that the chain stays below `FALSE_POSITIVE_RATE`. The keys are uniform
    128-bit hashes already and serve as rbloom's hash themselves; its default hash is salted per process.

    Args:
        capacity: Keys expected; a good guess saves layers.
        error_rate: Upper bound of the false positive rate over all layers.
    """

    def __init__(self, capacity: int, error_rate: float = FALSE_POSITIVE_RATE) -> None:
        self._capacity = max(capacity, 1)
        self._error_rate = error_rate / 2
        self._room = self._capacity
        self._count = 0
        self._newest = self._layer()
        self._layers = [self._newest]

    def _layer(self) -> Bloom:
        return Bloom(self._capacity, self._error_rate, _own_hash)

    def add(self, key: bytes) -> None:
        """Take a key in."""
        if not self._room:
            self._capacity *= GROWTH
            self._error_rate /= 2
            self._room = self._capacity
            self._newest = self._layer()
            # Newest first: the largest layer is the likeliest to know a key.
            self._layers.insert(0, self._newest)
        self._newest.add(key)
        self._room -= 1
        self._count += 1

    def __contains__(self, key: bytes, /) -> bool:
        return any(key in layer for layer in self._layers) if len(self._layers) > 1 else key in self._newest

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """Memory of all layers."""
        return sum(layer.size_in_bits for layer in self._layers) // 8


class PybloomFilter:
    """`pybloom-live`'s pure-Python `ScalableBloomFilter`, an extra.

    Its own series of error rates sums up to nine times the first layer's (FACTS.md measured 5 ε), which is allowed for.

    Args:
        capacity: Keys expected; growing costs speed and memory.
        error_rate: Upper bound of the false positive rate over all layers.

    Raises:
        ConfigurationError: The extra is not installed.
    """

    def __init__(self, capacity: int, error_rate: float = FALSE_POSITIVE_RATE) -> None:
        try:
            from pybloom_live import ScalableBloomFilter
        except ImportError as error:
            raise ConfigurationError(
                f"the pybloom filter is not installed; install it with: {sys.executable} -m pip install pybloom-live"
            ) from error
        self._filter = ScalableBloomFilter(initial_capacity=max(capacity, 1), error_rate=error_rate / 9, mode=GROWTH)

    def add(self, key: bytes) -> None:
        """Take a key in."""
        # pybloom-live hashes str(key) of anything but text; latin-1 is the short text for any bytes.
        self._filter.add(key.decode("latin-1"))

    def __contains__(self, key: bytes, /) -> bool:
        return key.decode("latin-1") in self._filter

    def __len__(self) -> int:
        return len(self._filter)

    @property
    def size_bytes(self) -> int:
        """Memory of all layers."""
        return sum(math.ceil(layer.num_bits / 8) for layer in self._filter.filters)


class ExactSetFilter:
    """A plain set: no false positives, 100 bytes and more a key. For tests and small in-memory runs."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()

    def add(self, key: bytes) -> None:
        """Take a key in."""
        self._keys.add(key)

    def __contains__(self, key: bytes, /) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def size_bytes(self) -> int:
        """Memory of the set and its keys."""
        return sys.getsizeof(self._keys) + sum(map(sys.getsizeof, self._keys))


def make_filter(name: str, capacity: int) -> DuplicateFilter:
    """The filter of that name, `rbloom` or `pybloom`, for about `capacity` keys; it grows past it.

    Raises:
        ConfigurationError: The name is unknown, or its package is not installed.
    """
    if name == "rbloom":
        return RbloomFilter(capacity)
    if name == "pybloom":
        return PybloomFilter(capacity)
    raise ConfigurationError(f"there is no duplicate filter {name!r}; choose rbloom or pybloom")
