"""A response that goes round in circles: repeated items, counters, and when to stop listening."""

from __future__ import annotations

import re
from collections import deque

from producer.parser.reasons import Reason

LONGEST_PERIOD = 6
"""Items in the longest cycle that is looked for; small models were seen to loop over 1 to 6 items (FACTS.md)."""

MIN_LOOP_LINES = 6
"""Repeated lines that a cycle must have before it counts as a loop, however short its period is."""

BARREN_LINES = 24
"""Lines without a new item after which a response brings nothing any more."""

REMEMBERED_ITEMS = 20_000
"""Items of one response that are remembered; the oldest go first, which keeps an endless response bounded."""

COUNTER_FROM_START = 6
"""Consecutive counters taken when the count began at 0, 1 or 2, as made-up ones do ("Arsenaut 1", "Arsenaut 2" …)."""

COUNTER_ELSEWHERE = 20
"""The same for a count that began higher: "Apollo 7" to "Apollo 17" are eleven real items."""

_OPEN_COUNTERS = 8
_COUNTER = re.compile(r"(.*\w[\s#-]+)(\d{1,6})")


class _Counter:
    """A stem ("Arsenaut ") and how far its count has run without a gap."""

    __slots__ = ("at", "last", "run", "start")

    def __init__(self, number: int, at: int) -> None:
        self.start = self.last = number
        self.run = 1
        self.at = at


class Loops:
    """Remembers one response's items and tells new ones from repeats and counters.

    A counter needs a space (or # or -) before its number, so that codes ("A1", "U7") are not counters, and strictly
    consecutive numbers, so that "Boeing 737", "Boeing 747" pass. Counters may alternate ("Room 1", "Hall 1",
    "Room 2" …) as loops do.

    Args:
        max_repeats: How often a cycle of 1 to 6 items may come again before the response is `looping`.
    """

    __slots__ = ("_at", "_barren", "_counters", "_max_repeats", "_recent", "_seen", "_streaks")

    def __init__(self, max_repeats: int) -> None:
        self._max_repeats = max(1, max_repeats)
        self._seen: dict[str, None] = {}
        self._recent: deque[str] = deque(maxlen=LONGEST_PERIOD)
        self._streaks = [0] * (LONGEST_PERIOD + 1)
        self._counters: dict[str, _Counter] = {}
        self._at = 0
        self._barren = 0

    def refuse(self, text: str) -> Reason | None:
        """None for a new item, which is then remembered; otherwise why it is refused."""
        key = text.casefold()
        self._at += 1
        counted = text[-1].isdigit() and self._count(key)
        if key in self._seen:
            self._follow_cycle(key)
            self._barren += 1
            return Reason.REPETITION
        if self._barren:
            self._streaks = [0] * (LONGEST_PERIOD + 1)
        self._recent.append(key)
        if counted:
            self._barren += 1
            return Reason.COUNTER
        self._barren = 0
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_ITEMS:
            del self._seen[next(iter(self._seen))]
        return None

    def barren_line(self) -> None:
        """A line came that was no item at all (prose, punctuation). Before the first item none counts: it thinks."""
        if self._seen:
            self._barren += 1

    @property
    def looping(self) -> bool:
        """Whether the response only repeats itself now."""
        if self._barren >= BARREN_LINES:
            return True
        return any(
            streak >= max(period * self._max_repeats, MIN_LOOP_LINES)
            for period, streak in enumerate(self._streaks)
            if period
        )

    def _follow_cycle(self, key: str) -> None:
        recent = self._recent
        for period in range(1, LONGEST_PERIOD + 1):
            same = len(recent) >= period and recent[-period] == key
            self._streaks[period] = self._streaks[period] + 1 if same else 0
        recent.append(key)

    def _count(self, key: str) -> bool:
        """Whether this is one counter too many."""
        match = _COUNTER.fullmatch(key)
        if match is None:
            return False
        stem, number = match[1], int(match[2])
        counter = self._counters.pop(stem, None)
        if counter is None or number != counter.last + 1 or self._at - counter.at > LONGEST_PERIOD:
            counter = _Counter(number, self._at)
        else:
            counter.last, counter.at = number, self._at
            counter.run += 1
        self._counters[stem] = counter
        if len(self._counters) > _OPEN_COUNTERS:
            del self._counters[next(iter(self._counters))]
        return counter.run > (COUNTER_FROM_START if counter.start <= 2 else COUNTER_ELSEWHERE)
