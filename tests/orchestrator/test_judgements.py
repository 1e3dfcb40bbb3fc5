"""What was judged is kept once and for all, and what follows from it: `valid.txt`, figures, `rejected.jsonl`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.export import export
from archive.filesystem import MemoryFileSystem
from archive.format import SCHEMA_VERSION
from contract.errors import StorageError
from orchestrator.store import Store
from orchestrator.store.judgements import MAX_TRIES, JudgedTotals, Judgements
from tests.orchestrator.store_cases import batch, end, feed, make_older, open_store, read_bytes, read_lines

FOLDER = Path("/runs/paris")
TEXTS = ("Louvre", "Of course, here are more", "Orsay", "Pompidou")


def validating(store: Store) -> int:
    """A new validating order."""
    return store.issue_order(provider="openai", model="m-1", mode="validate", size=4, producer=0)


def judged(files: MemoryFileSystem) -> Store:
    """A folder of four items; of them two are judged to belong, one not, and of one nothing could be believed."""
    store = open_store(FOLDER, files)
    feed(store, *TEXTS)
    store.keep_verdict(validating(store), valid=[1, 3], invalid={2: TEXTS[1]}, unsure=[4])
    return store


def test_a_verdict_is_kept_at_once() -> None:
    """A process that dies right after it has lost nothing: the next one knows what was judged, and by which order."""
    files = MemoryFileSystem()
    judged(files)  # never closed
    database = files.connect_database(FOLDER / "run.db", read_only=True)
    rows = database.execute("SELECT item_id, order_id, verdict, tries FROM judgements ORDER BY item_id").fetchall()
    database.close()
    assert rows == [(1, 2, "valid", 0), (2, 2, "invalid", 0), (3, 2, "valid", 0), (4, 2, "unsure", 1)]


def test_a_later_run_does_not_ask_again() -> None:
    """What was judged is read back; only what nothing was believed of is asked about once more."""
    files = MemoryFileSystem()
    store = judged(files)
    store.close()
    again = open_store(FOLDER, files)
    assert again.totals().judged == JudgedTotals(valid=2, invalid=1, unjudged=1)
    assert again.judgements.newest_open(9) == [4]
    assert again.judgements.invalid_ids() == [2]
    again.close()


def test_the_list_without_what_does_not_belong() -> None:
    """attributes.txt keeps every item; valid.txt leaves out what was judged not to belong, and nothing else."""
    files = MemoryFileSystem()
    store = judged(files)
    store.begin_run({})
    store.end_run("iterations")
    assert read_lines(files, FOLDER) == list(TEXTS)
    assert read_bytes(files, FOLDER / "valid.txt").decode().splitlines() == ["Louvre", "Orsay", "Pompidou"]
    line = json.loads(read_bytes(files, FOLDER / "rejected.jsonl"))
    assert (line["by"], line["reason"], line["order"], line["text"]) == ("model", "not_of_topic", 2, TEXTS[1])
    manifest = json.loads(read_bytes(files, FOLDER / "run.json"))
    assert manifest["totals"]["judged"] == {"valid": 2, "invalid": 1, "unjudged": 1, "unsure": 0}
    store.close()


def test_without_judgements_there_is_no_such_list() -> None:
    """A run that judges nothing writes no file for it."""
    files = MemoryFileSystem()
    store = open_store(FOLDER, files)
    feed(store, *TEXTS)
    store.begin_run({})
    store.end_run("iterations")
    assert not files.exists(FOLDER / "valid.txt")
    store.close()


def test_the_list_is_made_up_for_when_the_folder_is_used_again() -> None:
    """A run that was killed left valid.txt as it was; the next one writes it before it asks anything."""
    files = MemoryFileSystem()
    store = judged(files)
    store.close()  # no end of a run was written
    assert not files.exists(FOLDER / "valid.txt")
    again = open_store(FOLDER, files)
    again.begin_run({})
    assert read_bytes(files, FOLDER / "valid.txt").decode().splitlines() == ["Louvre", "Orsay", "Pompidou"]
    again.close()


def test_nothing_is_left_out_that_stands_nowhere(tmp_path: Path) -> None:
    """Where rejected.jsonl cannot be written, nothing is judged."""
    store = open_store(tmp_path)
    feed(store, *TEXTS)
    order = validating(store)

    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    store._rejected = Full()  # type: ignore[assignment]
    with pytest.raises(StorageError):
        store.keep_verdict(order, valid=[1], invalid={2: TEXTS[1]}, unsure=[])
    store.close()
    database = sqlite3.connect(tmp_path / "run.db")
    assert database.execute("SELECT count(*) FROM judgements").fetchone() == (0,)
    database.close()


def test_a_line_that_a_person_added_is_not_judged(tmp_path: Path) -> None:
    """Whoever puts a line into attributes.txt has chosen it."""
    (tmp_path / "attributes.txt").write_text("By hand\n", encoding="utf-8")
    store = open_store(tmp_path)
    feed(store, "Louvre")
    store.judgements.vouch()
    assert store.judgements.newest_open(9) == [2]
    assert store.totals().judged == JudgedTotals(valid=1, unjudged=1)
    store.close()


def test_what_cannot_be_judged_is_given_up() -> None:
    """After so many answers that could not be believed an item is not asked about any more, by no later run either."""
    files = MemoryFileSystem()
    store = open_store(FOLDER, files)
    feed(store, "Louvre", "Orsay")
    for tries in range(1, MAX_TRIES + 1):
        assert store.judgements.open == 2
        store.judgements.asked([1, 2])
        assert store.judgements.open == 0
        store.keep_verdict(validating(store), valid=(), invalid={}, unsure=[1, 2])
        assert store.judgements.never_asked == 0, tries
    store.close()
    again = open_store(FOLDER, files)
    assert again.judgements.open == 0
    assert again.totals().judged == JudgedTotals(unjudged=2, unsure=2)
    again.close()


def test_new_items_are_asked_about_before_doubtful_ones() -> None:
    """An order asks about items that were asked about equally often, those first that never were, the newest first."""
    store = open_store(FOLDER, MemoryFileSystem())
    feed(store, "Louvre", "Orsay")
    store.judgements.asked([2])
    store.keep_verdict(validating(store), valid=(), invalid={}, unsure=[2])
    feed(store, "Pompidou")
    assert store.judgements.newest_open(9) == [3, 1]
    store.judgements.asked([3, 1])
    assert store.judgements.newest_open(9) == [2]
    store.judgements.returned([3, 1])
    assert store.judgements.newest_open(1) == [3]
    store.close()


def test_a_folder_of_the_format_before_can_be_judged_and_exported(tmp_path: Path) -> None:
    """It is exported as it is, and gets its table when a run opens it."""
    store = open_store(tmp_path)
    feed(store, "Louvre")
    store.close()
    make_older(tmp_path, 2)
    out = tmp_path / "out.jsonl"
    assert export(tmp_path, "jsonl", out, valid=True) == 1
    assert json.loads(out.read_bytes())["verdict"] is None
    store = open_store(tmp_path)
    store.keep_verdict(validating(store), valid=[1], invalid={}, unsure=())
    store.close()
    database = sqlite3.connect(tmp_path / "run.db")
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


def test_a_row_of_an_item_that_is_not_there_is_left_alone() -> None:
    """Somebody's own work in the table cannot break a run."""
    files = MemoryFileSystem()
    judged(files).close()
    database = files.connect_database(FOLDER / "run.db")
    database.execute("INSERT INTO judgements VALUES (999, NULL, 'invalid', -7, 0)")
    database.execute("UPDATE judgements SET tries = -7 WHERE item_id = 4")
    database.close()
    store = open_store(FOLDER, files)
    assert store.totals().judged == JudgedTotals(valid=2, invalid=1, unjudged=1)
    store.close()


steps = st.lists(
    st.tuples(st.sampled_from(["add", "ask", "return", "valid", "invalid", "unsure"]), st.integers(1, 12)), max_size=40
)


@given(steps)
def test_the_figures_are_those_of_the_table(taken: list[tuple[str, int]]) -> None:
    """Whatever was asked, returned and judged, in whatever order: memory says what a new reading of the table says."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE judgements "
        "(item_id INTEGER PRIMARY KEY, order_id INTEGER, verdict TEXT, tries INTEGER, at INTEGER)"
    )
    database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, first_order INTEGER)")  # none of a person's
    one = Judgements(database, 3)
    items = 3
    for step, number in taken:
        if step == "add":
            one.added(number)
            items += number
        elif number > items:
            continue
        elif step == "ask":
            one.asked([number])
        elif step == "return":
            one.returned([number])
        else:
            given_of = {name: [number] if name == step else [] for name in ("valid", "invalid", "unsure")}
            rows = one.rows(1, given_of["valid"], given_of["invalid"], given_of["unsure"], 0)
            one.write(rows)
            one.took(rows)
    one.returned(range(1, items + 1))
    again = Judgements(database, items)
    assert again.totals() == one.totals()
    assert again.newest_open(99) == one.newest_open(99)
    assert again.open == one.open
    assert sorted(again.invalid_ids()) == sorted(one.invalid_ids())
    totals = one.totals()
    assert totals.valid + totals.invalid + totals.unjudged == items
    database.close()


def test_a_validating_order_is_no_response(tmp_path: Path) -> None:
    """It is kept with its cost, and brings no item."""
    store = open_store(tmp_path)
    feed(store, "Louvre")
    order = validating(store)
    store.keep_verdict(order, valid=[1], invalid={}, unsure=())
    end(store, order)
    store.flush()
    (_, past) = store.past_orders()
    assert (past.mode, past.item_ids, past.new) == ("validate", (), 0)
    assert store.ingest(
        [batch(store.issue_order(provider="x", model="m", mode="audit", size=1, producer=0), ["Louvre"])]
    )
    store.close()
