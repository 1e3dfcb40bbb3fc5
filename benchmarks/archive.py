"""What the web server reads of a topic with a million items: `python -m benchmarks archive` fills one and measures.

Searching and paging in memory, the history, the topic's view, and exports as streams.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from archive.filesystem import RealFileSystem
from archive.history import History
from archive.item_index import ItemIndex, Sort
from archive.spool import open_spool
from archive.topic_view import topic_view
from benchmarks.report import Figure, Table
from contract.identity import Identity
from contract.messages import Item
from orchestrator.store import IncomingBatch, Store

_ITEMS = 1_000_000
_BATCH = 600
_ITEMS_A_SECOND = 600
_PAGE = 100
_SYLLABLES = ("ka", "ri", "to", "mon", "sel", "bra", "ven", "dor", "li", "na", "est", "ung", "pha", "qui", "zo", "el")

_SEARCHES: tuple[tuple[str, str, Sort], ...] = (
    ("a letter in nearly all", "a", "time"),
    ("a rare word", "zoquimibra", "time"),
    ("a word in one of three", "zo", "time"),
    ("no match", "nothing at all", "time"),
    ("letters that do not occur", "東京", "time"),
    ("two words", "tre gar", "time"),
    ("four letters in most", "a e i o", "time"),
    ("all, by count", "", "count"),
    ("nearly all, by count", "a", "count"),
    ("nearly all, by provider", "a", "provider"),
)


def _fill(folder: Path) -> None:
    """Write the topic as a run does: two of three items are new, names of one to three words, six providers."""
    rng = random.Random(1)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))).capitalize() for _ in range(5000)]
    seconds = 1_790_000_000.0
    files = RealFileSystem()
    store = Store.open(folder, "benchmark", identity=Identity.NORMALIZED, filesystem=files, clock=lambda: seconds)
    store.begin_run({})
    known: list[str] = []
    while len(known) < _ITEMS:
        names = [" ".join(rng.choices(words, k=rng.choice((2, 2, 3)))) for _ in range(_BATCH * 2 // 3)]
        names += rng.choices(known, k=_BATCH // 3) if known else []
        # As many orders as there would be with 60 items each.
        for start in range(0, len(names), 60):
            order = store.issue_order(
                provider=rng.choice(("a", "b", "c")), model=rng.choice(("1", "2")), mode="explore", size=60, producer=0
            )
            outcome = store.ingest([IncomingBatch(order, [Item(name) for name in names[start : start + 60]])])[0]
            known += [item.text for item in outcome.new]
            store.end_order(
                order, state="done", attempts=1, usage=None, cost_usd=0.01, error=None,
                time_to_first_chunk_s=0.2, duration_s=2.0,
            )  # fmt: skip
        seconds += _BATCH / _ITEMS_A_SECOND
    store.end_run("iterations")
    store.close()


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def archive_reading(repeats: int) -> Table:
    """Times at a million items; medians of `repeats`."""
    table = Table(
        "archive",
        "a topic with 1 million items; targets: index ≤ 3,000 ms and about 45 bytes an item, first answer ≤ 150 ms, "
        "next page ≤ 10 ms, history ≤ 300 ms",
    )
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "benchmark"
        _fill(folder)

        def median(work: Callable[[], object]) -> float:
            return statistics.median(_ms(work) for _ in range(repeats))

        table.add("index built", Figure("ms", median(lambda: ItemIndex(folder).refresh())))
        index = ItemIndex(folder)
        index.refresh()
        table.add("index, nothing new", Figure("ms", median(index.refresh)))
        memory = index.memory_bytes
        for name, search, sort in _SEARCHES:
            first, following = [], []
            for _ in range(repeats):
                index = ItemIndex(folder)
                index.refresh()
                first.append(_ms(lambda: index.page(0, _PAGE, search, sort)))  # noqa: B023
                following += [_ms(lambda: index.page(n * 50_000, _PAGE, search, sort)) for n in range(1, 20)]  # noqa: B023
            found = index.page(0, 1, search, sort).total
            table.add(
                name,
                Figure("ms", statistics.median(first)),
                Figure("next page ms", statistics.median(following)),
                Figure("slowest next page ms", max(following)),
                Figure("items", found),
            )
            memory = max(memory, index.memory_bytes)
        scrolled = [_ms(lambda: index.page(n * 10_000, _PAGE)) for n in range(100)]  # noqa: B023
        table.add(
            "scrolled through all",
            Figure("next page ms", statistics.median(scrolled)),
            Figure("slowest next page ms", max(scrolled)),
        )
        table.add("memory", Figure("bytes an item", memory / len(index)))
        table.add("history", Figure("ms", median(lambda: History(folder).curve())))
        history = History(folder)
        history.curve()
        table.add("history, nothing new", Figure("ms", median(history.curve)))
        table.add("topic's view", Figure("ms", median(lambda: topic_view(folder))))
        for wanted in ("txt", "jsonl", "csv"):
            table.add(
                f"export {wanted}",
                Figure("ms", median(lambda: sum(map(len, open_spool(folder, wanted).chunks())))),  # noqa: B023
                Figure("first bytes ms", median(lambda: next(open_spool(folder, wanted).chunks()))),  # noqa: B023
            )
    return table
