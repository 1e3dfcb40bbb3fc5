"""The newest items and events of a topic, in memory: what a client missed while it was away."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from contract.service import FoundItem, News, TopicEvent

KEPT = 200
"""So many of each; also the most that a client gets at once."""


class Recent:
    """The newest items and events of one topic, each in order."""

    def __init__(self) -> None:
        self._items: deque[FoundItem] = deque(maxlen=KEPT)
        self._events: deque[TopicEvent] = deque(maxlen=KEPT)

    @property
    def last_item(self) -> int:
        """Id of the newest item; 0 for none."""
        return self._items[-1].id if self._items else 0

    @property
    def last_event(self) -> int:
        """Number of the newest event; 0 for none."""
        return self._events[-1].seq if self._events else 0

    def without_known(self, news: News) -> News:
        """What of it is not here yet: a folder may have been read before the service told of what stands there."""
        known_items = {(item.id, item.text) for item in self._items}
        known_events = {(event.seq, event.at) for event in self._events}
        return News(
            tuple(item for item in news.items if (item.id, item.text) not in known_items),
            tuple(event for event in news.events if (event.seq, event.at) not in known_events),
        )

    def add(self, news: News) -> bool:
        """Take in what has just come; returns whether something is missing between it and what was there."""
        if news.items and news.items[0].id <= self.last_item:  # a run that was started anew counts from 1 again
            self._items.clear()
        if news.events and news.events[0].seq <= self.last_event:
            self._events.clear()
        ids = [item.id for item in news.items]
        torn = _torn([self.last_item, *ids] if self._items else ids)
        self._items.extend(news.items)
        self._events.extend(news.events)
        return torn

    def merge(self, items: Iterable[FoundItem], events: Iterable[TopicEvent]) -> None:
        """Take in what was read from the folder, in any order, in part known already."""
        by_id = {item.id: item for item in (*items, *self._items)}
        by_seq = {event.seq: event for event in (*events, *self._events)}
        self._items = deque((by_id[number] for number in sorted(by_id)), KEPT)
        self._events = deque((by_seq[number] for number in sorted(by_seq)), KEPT)

    def covers(self, items_after: int, events_after: int) -> bool:
        """Whether `missed` knows all that it must, without a look into the folder."""
        return _covers([item.id for item in self._items], items_after) and _covers(
            [event.seq for event in self._events], events_after
        )

    def missed(self, items_after: int, events_after: int) -> tuple[News, bool]:
        """What a client gets that was away, and whether it misses something still.

        It gets the newest at most `KEPT` items and events that it has not. One that has more than there is comes from
        a run that was moved aside: it gets everything, and misses something.

        Args:
            items_after: The last item that it has; 0: none.
            events_after: The last event that it has; 0: none.
        """
        first_item, items_gap = _first_wanted([item.id for item in self._items], items_after)
        first_event, events_gap = _first_wanted([event.seq for event in self._events], events_after)
        items = tuple(item for item in self._items if item.id >= first_item)
        events = tuple(event for event in self._events if event.seq >= first_event)
        return News(items, events), items_gap or events_gap


def _covers(numbers: Sequence[int], after: int) -> bool:
    if not numbers or _torn(numbers) or numbers[-1] < after:
        return False
    return len(numbers) >= KEPT or numbers[0] <= after + 1


def _first_wanted(numbers: Sequence[int], after: int) -> tuple[int, bool]:
    """From where on a client wants to know, and whether something is missing from there on."""
    if not numbers:
        return after + 1, False
    if numbers[-1] < after:
        return 0, True
    return after + 1, _torn([after, *(number for number in numbers if number > after)])


def _torn(numbers: Sequence[int]) -> bool:
    return any(later != earlier + 1 for earlier, later in pairwise(numbers))
