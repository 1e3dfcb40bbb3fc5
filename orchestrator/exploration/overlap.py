"""Which parts of a topic name the same items: how much of a part's answers another part gives, too."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from orchestrator.exploration.arms import Arm, Way

PARTS = (Way.FACET, Way.LETTER, Way.LANGUAGE)
"""Ways that cut the topic into parts."""
_NOBODY, _SEVERAL = -1, -2


class Overlaps:
    """Counts, for each arm, the items that another part of the same partition has named (`Arm.shared`).

    A part and those that it was split into are one. Memory is four bytes for each item's number.
    """

    def __init__(self) -> None:
        self._first: dict[Way, array[int]] = {way: array("i") for way in PARTS}
        self._arms: list[Arm] = []
        self._numbers: dict[int, int] = {}

    def took(self, arm: Arm, item_ids: Iterable[int]) -> None:
        """An arm's response has named these items; call it before `Arm.took`."""
        if arm.way not in PARTS:
            return
        first = self._first[arm.way]
        number = self._number(arm)
        for item in item_ids:
            if arm.has_named(item):
                continue
            arm.distinct_items += 1
            if item >= len(first):
                first.extend([_NOBODY] * (max(1024, 2 * len(first), item + 1) - len(first)))
            if first[item] == _NOBODY:
                first[item] = number
            elif first[item] == _SEVERAL:
                arm.shared += 1
            elif _whole(self._arms[first[item]]) is not _whole(arm):
                self._arms[first[item]].shared += 1
                arm.shared += 1
                first[item] = _SEVERAL

    def _number(self, arm: Arm) -> int:
        number = self._numbers.setdefault(id(arm), len(self._arms))
        if number == len(self._arms):
            self._arms.append(arm)
        return number


def _whole(arm: Arm) -> Arm:
    """The part that it was split off from, over all splittings."""
    while arm.parent is not None and arm.parent.way is arm.way:
        arm = arm.parent
    return arm
