"""How a topic's items came over time: new ones, repeats, calls and failures, over all its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from archive.run_reader import PORTION, Origin, RunReader, integers, moment, reading
from archive.topics import folder_of

MAX_POINTS = 10_000

_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MAX_RUNS = 10_000
_MOST_ROWS = 2**31
_LATEST_S = 253_402_300_799
"""The end of the year 9999."""

_RUNS = """
SELECT started_at, ended_at, stop_reason
FROM (SELECT * FROM runs ORDER BY id DESC LIMIT ?) ORDER BY id
"""
_BOUNDS = """
SELECT (SELECT CAST(coalesce(max(id), 0) AS INTEGER) FROM items),
    (SELECT CAST(coalesce(max(id), 0) AS INTEGER) FROM orders),
    (SELECT CAST(min(id) AS INTEGER) FROM orders WHERE state = 'open')
"""
# Seconds since a base have few digits: a third faster than the whole numbers.
_ITEMS = """
SELECT group_concat(CAST(first_at - ? AS INTEGER)) FROM items WHERE id > ? AND id <= ?
"""
# An order that a killed run left open was ended by the next run, perhaps days later; it has no attempts.
_ORDERS = """
SELECT coalesce(CAST(CASE WHEN attempts IS NULL THEN issued_at ELSE ended_at END AS INTEGER), 0) AS second,
    coalesce(sum(CAST(duplicate AS INTEGER)), 0), coalesce(sum(CAST(attempts AS INTEGER)), 0),
    coalesce(sum(CAST(attempts AS INTEGER) - (state <> 'failed' AND attempts > 0)), 0)
FROM orders WHERE id > ? AND id <= ? AND state <> 'open' GROUP BY second
"""


class Bucket(msgspec.Struct, frozen=True):
    """What came in a span of time.

    Attributes:
        at: Its beginning, in seconds since 1970.
        unique: Items known at its end.
        new: Items found in it.
        duplicate: Items that came again, of the orders that ended in it.
        calls: Calls of these orders.
        failures: Failed calls among them, as `archive.topic_view` counts them.
    """

    at: float
    unique: int
    new: int
    duplicate: int
    calls: int
    failures: int


class RunSpan(msgspec.Struct, frozen=True):
    """When a run was.

    Attributes:
        started_at: Seconds since 1970.
        ended_at: The same; for a run that goes on or was killed, its last sign of life.
        stop_reason: As in the database: `killed` for a run that ended without a word, empty while nothing is written.
    """

    started_at: float
    ended_at: float
    stop_reason: str


class Curve(msgspec.Struct, frozen=True):
    """A topic's history.

    Attributes:
        bucket_s: Seconds that each bucket spans; all begin at multiples of it, so they stay while a run goes on.
        buckets: In order of time. Time in which no run was has none.
        runs: In order; the last 10,000.
    """

    bucket_s: float
    buckets: tuple[Bucket, ...]
    runs: tuple[RunSpan, ...]


class History:
    """One topic's history; reads only what is new. One thread at a time; nothing is open between calls.

    Takes a few bytes for each second in which something came.

    Args:
        folder: The topic's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clear()

    def _clear(self) -> None:
        self._origin: Origin | None = None
        self._items = _PerSecond(1)
        self._items_to = 0
        self._settled = _PerSecond(3)
        self._settled_to = 0
        self._unsettled = _PerSecond(3)
        self._runs: tuple[RunSpan, ...] = ()

    def curve(self, points: int = 600) -> Curve:
        """The history up to now, all runs of the folder.

        Args:
            points: Buckets at most, 1 to 10,000; the narrowest buckets are taken that are not more.

        Raises:
            ConfigurationError: There is no run in the folder, or none yet.
            ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
            StorageError: It cannot be read.
        """
        self._refresh()
        width, keys = _grid(self._intervals(), min(max(points, 1), MAX_POINTS))
        new = self._items.sums_in(keys, width)[:, 0]
        orders = self._settled.sums_in(keys, width) + self._unsettled.sums_in(keys, width)
        rows = np.column_stack((keys * width, np.cumsum(new), new, orders)).tolist()
        return Curve(float(width), tuple(Bucket(float(at), *counts) for at, *counts in rows), self._runs)

    # --- taking in -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        with reading(self.folder) as reader:
            origin = reader.origin()
            items, orders, first_open = reader.row(_BOUNDS)
            if not origin.continues(self._origin) or items < self._items_to or orders < self._settled_to:
                self._clear()
            self._origin = origin
            if max(items, orders) > _MOST_ROWS:
                raise reader.damaged("its items are not numbered from 1")
            settled_to = orders if first_open is None else max(self._settled_to, first_open - 1)
            self._read_items(reader, items)
            self._settled.add(*self._read_orders(reader, self._settled_to, settled_to))
            self._settled_to = settled_to
            self._unsettled = _PerSecond(3)
            self._unsettled.add(*self._read_orders(reader, settled_to, orders))
            self._runs = self._spans(reader.rows(_RUNS, (_MAX_RUNS,)))

    def _read_items(self, reader: RunReader, last: int) -> None:
        base = int(self._origin.first_run or 0) if self._origin else 0
        while self._items_to < last:
            to = min(self._items_to + PORTION, last)
            seconds, counts = np.unique(integers(reader.row(_ITEMS, (base, self._items_to, to))[0]), return_counts=True)
            self._items.add(seconds + base, counts[:, np.newaxis])
            self._items_to = to

    def _read_orders(self, reader: RunReader, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows: list[tuple[int, ...]] = []
        for start in range(first, last, PORTION):
            rows += reader.rows(_ORDERS, (start, min(start + PORTION, last)))
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        return table[:, 0], table[:, 1:]

    def _spans(self, rows: Sequence[tuple[object, object, object]]) -> tuple[RunSpan, ...]:
        events = np.unique(np.concatenate((self._items.seconds, self._settled.seconds, self._unsettled.seconds)))
        spans: list[RunSpan] = []
        following = float(_LATEST_S)
        for started, ended, reason in reversed(rows):
            start = moment(started)
            if start is None:
                continue
            end = moment(ended)
            if end is None:
                last = int(np.searchsorted(events, following))
                end = float(events[last - 1]) if last else start
            spans.append(RunSpan(start, max(start, end), reason if isinstance(reason, str) else ""))
            following = start
        return tuple(reversed(spans))

    # --- answering -----------------------------------------------------------------------------------------

    def _intervals(self) -> NDArray[np.int64]:
        """First and last second of all spans in which something was, sorted; of the runs, and of what is outside."""
        spans = np.array([(run.started_at, run.ended_at) for run in self._runs], dtype=np.float64).reshape(-1, 2)
        runs = spans.astype(np.int64)
        runs = runs[np.argsort(runs[:, 0], kind="stable")]
        events = np.unique(np.concatenate((self._items.seconds, self._settled.seconds, self._unsettled.seconds)))
        reach = np.concatenate((np.full(1, -1, dtype=np.int64), np.maximum.accumulate(runs[:, 1])))
        outside = events[events > reach[np.searchsorted(runs[:, 0], events, side="right")]]
        intervals = np.concatenate((runs, np.column_stack((outside, outside))))
        return intervals[np.argsort(intervals[:, 0], kind="stable")]


class _PerSecond:
    """Sums for each second in which something was.

    Args:
        columns: How many sums there are.

    Attributes:
        seconds: Since 1970, ascending, each once.
    """

    def __init__(self, columns: int) -> None:
        self.seconds = np.zeros(0, dtype=np.int64)
        self._sums = np.zeros((0, columns), dtype=np.int64)

    def add(self, seconds: NDArray[np.int64], values: NDArray[np.int64]) -> None:
        """Add a row of values for each of these seconds."""
        both = np.concatenate((self.seconds, np.clip(seconds, 0, _LATEST_S)))
        self.seconds, places = np.unique(both, return_inverse=True)
        sums = np.zeros((len(self.seconds), self._sums.shape[1]), dtype=np.int64)
        np.add.at(sums, places, np.concatenate((self._sums, values)))
        self._sums = sums

    def sums_in(self, keys: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """A row of sums for each bucket; all seconds must lie in one."""
        sums = np.zeros((len(keys), self._sums.shape[1]), dtype=np.int64)
        np.add.at(sums, np.searchsorted(keys, self.seconds // width), self._sums)
        return sums


def _grid(intervals: NDArray[np.int64], points: int) -> tuple[int, NDArray[np.int64]]:
    """The buckets' width in seconds, and the numbers of those that touch an interval, counted from 1970."""
    widths = iter(_WIDTHS_S)
    width = next(widths)
    while True:
        first, last = intervals[:, 0] // width, intervals[:, 1] // width
        before = np.concatenate((np.full(1, -1, dtype=np.int64), np.maximum.accumulate(last)))[:-1]
        first = np.maximum(first, before + 1)
        counts = np.maximum(last - first + 1, 0)
        if counts.sum() <= points:
            keys = [np.arange(begin, begin + count) for begin, count in zip(first, counts, strict=True) if count]
            return width, np.concatenate([np.zeros(0, dtype=np.int64), *keys])
        width = next(widths, 2 * width)


class HistoryCache:
    """The histories of the topics that were looked at last. One thread at a time.

    Args:
        root: The folder that holds the topics' folders.
        max_topics: How many are kept.
    """

    def __init__(self, root: Path, max_topics: int = 64) -> None:
        self._root = root
        self._max_topics = max_topics
        self._histories: dict[str, History] = {}

    def curve(self, topic_id: str, points: int = 600) -> Curve:
        """`History.curve` of a topic; raises what that does, and `ConfigurationError` for a topic that is none."""
        history = self._histories.pop(topic_id, None) or History(folder_of(self._root, topic_id))
        curve = history.curve(points)
        self._histories[topic_id] = history
        if len(self._histories) > self._max_topics:
            del self._histories[next(iter(self._histories))]
        return curve


def history(folder: Path, points: int = 600) -> Curve:
    """`History.curve` for once."""
    return History(folder).curve(points)
