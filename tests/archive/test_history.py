"""How items came over time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import history as history_module
from archive.history import Bucket, Curve, History, HistoryCache, RunSpan, history
from archive.run_reader import RunReader
from contract.errors import ConfigurationError, ForeignDatabaseError
from tests.archive.folder_cases import START, Folder
from tests.orchestrator.store_cases import feed, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A topic's folder without a run."""
    return Folder(tmp_path / "paris")


def sums(curve: Curve) -> tuple[int, int, int, int]:
    """New, duplicate, calls and failures over all buckets."""
    rows = [(bucket.new, bucket.duplicate, bucket.calls, bucket.failures) for bucket in curve.buckets]
    new, duplicate, calls, failures = (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0, 0)
    return new, duplicate, calls, failures


def test_buckets_of_one_run(folder: Folder) -> None:
    """Each bucket has what came in its span; `unique` is the sum so far."""
    folder.run(START, START + 4, "iterations")
    folder.order(ended_at=START + 1.5, attempts=1, duplicate=2)
    folder.order(ended_at=START + 1.9, attempts=3, duplicate=1)
    folder.order(ended_at=START + 4, attempts=2, state="failed")
    folder.order(ended_at=START + 4, attempts=2, state="interrupted", duplicate=1)
    for at in (0, 1, 1, 1):
        folder.item("x", first_at=int(START) + at)
    assert history(folder.path, 600) == Curve(
        1.0,
        (
            Bucket(START, 1, 1, 0, 0, 0),
            Bucket(START + 1, 4, 3, 3, 4, 2),
            Bucket(START + 2, 4, 0, 0, 0, 0),
            Bucket(START + 3, 4, 0, 0, 0, 0),
            Bucket(START + 4, 4, 0, 1, 4, 3),
        ),
        (RunSpan(START, START + 4, "iterations"),),
    )


def test_the_time_between_runs_costs_no_buckets(folder: Folder) -> None:
    """Runs with months between them are shown as finely as if they had followed each other."""
    for run in range(3):
        start = START + run * 86400 * 40
        folder.run(start, start + 99, "iterations")
        folder.item("x", first_at=int(start) + 50)
    curve = history(folder.path, 300)
    assert curve.bucket_s == 1
    assert len(curve.buckets) == 300
    assert [span.started_at for span in curve.runs] == [START + run * 86400 * 40 for run in range(3)]
    assert history(folder.path, 299).bucket_s == 2


def test_buckets_stay_while_a_run_goes_on(folder: Folder) -> None:
    """Buckets begin at multiples of their width, so a longer run adds some and moves none."""
    folder.run(START + 3)
    reader = History(folder.path)
    folder.item("x", first_at=int(START) + 500)
    before = reader.curve(100)
    folder.item("x", first_at=int(START) + 900)
    after = reader.curve(100)
    assert before.bucket_s == after.bucket_s == 10
    assert after.buckets[: len(before.buckets)] == before.buckets
    assert all(bucket.at % 10 == 0 for bucket in after.buckets)


def test_the_end_of_a_killed_run(folder: Folder) -> None:
    """A run that was killed ends with its last sign of life, not with the next run that tidied up after it."""
    folder.run(START, None, "killed")
    folder.order(issued_at=START + 5, ended_at=START + 7)
    folder.order(issued_at=START + 8, ended_at=START + 5000, state="interrupted", attempts=None)
    folder.item("x", first_at=int(START) + 6)
    folder.run(START + 5000)
    curve = history(folder.path)
    assert curve.runs == (RunSpan(START, START + 8, "killed"), RunSpan(START + 5000, START + 5000, ""))
    assert len(curve.buckets) == 10


def test_items_outside_of_any_run(folder: Folder) -> None:
    """What was adopted before the first run, or after a clock was set back, is counted where it was."""
    folder.item("by hand", first_at=int(START) - 100)
    folder.run(START, START + 1, "iterations")
    folder.item("late", first_at=int(START) + 50)
    curve = history(folder.path)
    assert [(bucket.at - START, bucket.unique) for bucket in curve.buckets] == [(-100, 1), (0, 1), (1, 1), (50, 2)]


def test_an_empty_folder(folder: Folder) -> None:
    """A folder without a run has an empty history."""
    assert history(folder.path) == Curve(1.0, (), ())


def test_open_orders_count_when_they_end(folder: Folder) -> None:
    """An order that is open counts nothing; once it has ended it does, also if later ones ended before it."""
    folder.run()
    reader = History(folder.path)
    first = folder.order(state="open", ended_at=None, attempts=None, duplicate=5)
    folder.order(ended_at=START + 2, duplicate=1)
    assert sums(reader.curve()) == (0, 1, 1, 0)
    assert sums(reader.curve()) == (0, 1, 1, 0)
    folder.database.execute(
        "UPDATE orders SET state = 'failed', attempts = 4, ended_at = ? WHERE id = ?", (START + 3, first)
    )
    assert sums(reader.curve()) == sums(history(folder.path)) == (0, 6, 5, 4)


TIMES = st.integers(0, 400) | st.integers(0, 40 * 86400)
STEPS = st.one_of(
    st.tuples(st.just("run"), TIMES, st.none() | st.integers(0, 5000)),
    st.tuples(st.just("item"), TIMES, st.just(0)),
    st.tuples(st.just("order"), TIMES, st.sampled_from(["open", "done", "failed", "interrupted"])),
    st.tuples(st.just("end"), TIMES, st.integers(1, 9)),
    st.tuples(st.just("curve"), st.integers(1, 50), st.just(0)),
)


@given(steps=st.lists(STEPS, max_size=30), portion=st.sampled_from([1, 3, 50_000]))
@settings(deadline=None, max_examples=50)
def test_reading_bit_by_bit_is_reading_at_once(steps: list[tuple[Any, ...]], portion: int) -> None:
    """However it grows, each curve is that of a plain sum: nothing is lost or counted twice, in few enough buckets."""
    with tempfile.TemporaryDirectory() as path, pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "PORTION", portion)
        folder = Folder(Path(path))
        reader = History(folder.path)
        for kind, first, second in [*steps, ("curve", 7, 0)]:
            at = START + first
            match kind:
                case "run":
                    folder.run(at, None if second is None else at + second)
                case "item":
                    folder.item("x", first_at=int(at))
                case "order" if second == "open":
                    folder.order(state="open", issued_at=at, ended_at=None, attempts=None, duplicate=1)
                case "order":
                    folder.order(state=second, ended_at=at, attempts=1 + first % 3, duplicate=first % 5)
                case "end":
                    folder.database.execute(
                        "UPDATE orders SET state = 'done', ended_at = ?, attempts = 2 WHERE id = ? AND state = 'open'",
                        (at, second),
                    )
                case "curve":
                    curve = reader.curve(first)
                    assert curve == History(folder.path).curve(first)
                    assert len(curve.buckets) <= first
                    rows = folder.database.execute(
                        "SELECT ended_at, duplicate, attempts, state FROM orders WHERE state <> 'open'"
                    ).fetchall()
                    items = [row[0] for row in folder.database.execute("SELECT first_at FROM items")]
                    assert curve.buckets == tuple(
                        plain(bucket, curve.bucket_s, rows, items) for bucket in curve.buckets
                    )
                    assert sums(curve)[:3] == (len(items), sum(row[1] for row in rows), sum(row[2] for row in rows))
        folder.database.close()


def plain(bucket: Bucket, width: float, rows: list[tuple[Any, ...]], items: list[int]) -> Bucket:
    """What this bucket should be, by plain sums."""
    orders = [row for row in rows if bucket.at <= int(row[0]) < bucket.at + width]
    return Bucket(
        bucket.at,
        sum(at < bucket.at + width for at in items),
        sum(bucket.at <= at < bucket.at + width for at in items),
        sum(row[1] for row in orders),
        sum(row[2] for row in orders),
        sum(row[2] - (row[3] != "failed") for row in orders),
    )


def test_no_transaction_outlives_a_portion(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each statement the write-ahead log can be folded into the database."""
    monkeypatch.setattr(history_module, "PORTION", 10)
    folder.run()
    folder.items(map(str, range(35)))
    for _ in range(15):
        folder.order()
    rows = RunReader.rows
    statements = []

    def watched(reader: RunReader, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        found = rows(reader, statement, values)
        statements.append(statement)
        assert folder.checkpoint_is_free()
        return found

    monkeypatch.setattr(RunReader, "rows", watched)
    assert sums(history(folder.path)) == (35, 0, 15, 0)
    assert sum("id > ?" in statement for statement in statements) == 6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE items SET first_at = 1e300",
        "UPDATE items SET first_at = 'never'",
        "UPDATE items SET first_at = -9223372036854775808",
        "UPDATE runs SET started_at = -1e300, ended_at = 1e300",
        "UPDATE runs SET started_at = 'x', ended_at = x'ff'",
        "UPDATE orders SET ended_at = 1e300, attempts = 'many', duplicate = -5",
        "UPDATE orders SET ended_at = NULL",
        "CREATE TABLE o AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE o RENAME TO orders; "
        "UPDATE orders SET id = 'x', state = 'open'",
    ],
)
def test_times_that_are_none(folder: Folder, statement: str) -> None:
    """Whatever stands in the columns of time, there is a curve with all items, in few enough buckets."""
    folder.run()
    folder.order()
    folder.item("a")
    folder.item("b")
    folder.database.executescript(statement)
    curve = history(folder.path, 50)
    assert sums(curve)[0] == 2
    assert len(curve.buckets) <= 50


@pytest.mark.parametrize("table", ["items", "orders"])
def test_numbers_out_of_reach(folder: Folder, table: str) -> None:
    """A database whose rows are not numbered from 1 is damaged, and does not keep us busy."""
    folder.order()
    folder.item("a")
    folder.database.execute(f"UPDATE {table} SET id = 9000000000000000000")  # noqa: S608
    with pytest.raises(ForeignDatabaseError):
        history(folder.path)


def test_a_fresh_start_is_noticed(tmp_path: Path) -> None:
    """When --fresh moves the folder aside, the history begins anew."""
    store = open_store(tmp_path / "x")
    feed(store, "a", "b")
    store.close()
    reader = History(tmp_path / "x")
    assert sums(reader.curve())[0] == 2
    store = open_store(tmp_path / "x", fresh=True)
    feed(store, "c")
    store.flush()
    assert sums(reader.curve()) == (1, 0, 1, 0)
    store.close()


def test_the_cache_keeps_the_last_topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories are kept for the topics asked for last; an unknown topic is an error."""
    for name in "abc":
        Folder(tmp_path / name).database.close()
    made = []

    class Watched(History):
        def __init__(self, folder: Path) -> None:
            made.append(folder.name)
            super().__init__(folder)

    monkeypatch.setattr(history_module, "History", Watched)
    cache = HistoryCache(tmp_path, max_topics=2)
    for name in "abacab":
        cache.curve(name)
    assert "".join(made) == "abcb"
    with pytest.raises(ConfigurationError, match="no topic"):
        cache.curve("none")
