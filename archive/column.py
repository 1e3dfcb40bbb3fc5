"""A column of numbers that grows at its end."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.int32, np.uint16)

_LEAST_ROOM = 1024


class Column(Generic[Number]):
    """An array with room at its end; grows by an eighth, so that little memory is idle.

    Args:
        kind: The numbers' type.
    """

    def __init__(self, kind: type[Number]) -> None:
        self._kind: type[Number] = kind
        self._room: NDArray[Number] = np.zeros(0, dtype=kind)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> NDArray[Number]:
        """The numbers, as a view that holds until the next `append`."""
        return self._room[: self._length]

    @property
    def memory_bytes(self) -> int:
        """What the column takes, its room included."""
        return self._room.nbytes

    def append(self, values: NDArray[Number]) -> None:
        """Add numbers at the end."""
        length = self._length + len(values)
        if length > len(self._room):
            room = np.zeros(max(_LEAST_ROOM, length + length // 8), dtype=self._kind)
            room[: self._length] = self.values
            self._room = room
        self._room[self._length : length] = values
        self._length = length
