"""The store: every item once, whatever happens."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from contract.discovery import ExplorationView, KeptExploration
from contract.errors import ConfigurationError, ErrorKind, FolderBusyError, ForeignDatabaseError, StorageError
from contract.identity import Identity, key_of
from contract.messages import Item, Refusal, Usage
from orchestrator.store import IncomingBatch, NewItem, ProviderTotals, Store
from orchestrator.store import key_index as key_index_module
from orchestrator.store import store as store_module
from orchestrator.store.attributes_file import clean_line
from tests.orchestrator.store_cases import (
    batch,
    end,
    feed,
    issue,
    open_store,
    read_bytes,
    read_items,
    read_lines,
)


@pytest.fixture(params=["real", "memory"])
def files(request: pytest.FixtureRequest) -> FileSystem:
    """Both file systems: the store must not know the difference."""
    return RealFileSystem() if request.param == "real" else MemoryFileSystem()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "output" / "paris-attractions"


# --- items ---------------------------------------------------------------------------------------------------


def test_new_items_come_once_and_in_order(files: FileSystem, folder: Path) -> None:
    """An item is written with its first spelling and counted again by later orders."""
    store = open_store(folder, files)
    first, second = issue(store), issue(store)
    outcomes = store.ingest(
        [
            IncomingBatch(first, [Item("Louvre", "a museum"), Item("The Eiffel Tower"), Item("louvre")]),
            batch(second, ["eiffel tower", "Seine"]),
        ]
    )
    assert outcomes[0].new == (NewItem(1, "Louvre", "a museum"), NewItem(2, "The Eiffel Tower", ""))
    assert (outcomes[0].duplicate, outcomes[0].sighted, outcomes[0].held) == (1, (), 0)
    assert outcomes[1].new == (NewItem(3, "Seine", ""),)
    assert (outcomes[1].duplicate, outcomes[1].sighted) == (1, (2,))
    # On disk at once, not only after the close.
    assert read_lines(files, folder) == ["Louvre", "The Eiffel Tower", "Seine"]
    store.close()
    assert read_items(files, folder) == [("Louvre", 1), ("The Eiffel Tower", 2), ("Seine", 1)]


def test_an_order_counts_an_item_once(files: FileSystem, folder: Path) -> None:
    """A repeat within an order, over batches and attempts, is a duplicate but no further sighting."""
    store = open_store(folder, files)
    order = issue(store)
    store.ingest([batch(order, ["A1", "a1"]), batch(order, ["A1"])])
    assert store.ingest([batch(order, ["A1"])])[0].sighted == ()
    other = issue(store)
    assert store.ingest([batch(other, ["a1"])])[0].sighted == (1,)
    assert store.ingest([batch(other, ["a1"])])[0].sighted == ()
    assert store.totals().sightings == 2
    store.close()
    assert read_items(files, folder) == [("A1", 2)]


def test_untrusted_text_cannot_break_a_line(files: FileSystem, folder: Path) -> None:
    """Line breaks and controls in an item never reach the file; an item of nothing else counts as refused."""
    store = open_store(folder, files)
    outcome = feed(store, "two\nlines", "\x00\n", "\x1b[31mred", "\ud800x")
    assert [item.text for item in outcome.new] == ["two lines", "red", "\ufffdx"]
    assert store.totals().over_all().refused == 1
    assert read_lines(files, folder) == ["two lines", "red", "\ufffdx"]
    store.close()


def test_refused_output_is_kept_beside(files: FileSystem, folder: Path) -> None:
    """What the parser refused stands in rejected.jsonl with order, reason and count; a torn last line is cut."""
    store = open_store(folder, files)
    order = issue(store)
    store.ingest([batch(order, ["x"], [Refusal("Sure! Here\n", "preamble"), Refusal("y", "repetition", 7)])])
    store.close()
    path = folder / "rejected.jsonl"
    lines = [json.loads(line) for line in read_bytes(files, path).splitlines()]
    at = "2026-09-21T14:13:20Z"
    kept = {"order": order, "by": "parser", "reason": "repetition", "count": 7, "text": "y", "at": at}
    assert lines[1] == kept
    handle = files.append(path)
    handle.write(b'{"order": 1, "rea')
    handle.close()
    store = open_store(folder, files)
    assert store.totals().over_all().refused == 8
    store.close()
    assert [json.loads(line) for line in read_bytes(files, path).splitlines()] == lines


def test_a_batch_for_an_order_that_is_not_open_is_a_mistake(files: FileSystem, folder: Path) -> None:
    """Items after an order's end are refused loudly, and the store goes on."""
    store = open_store(folder, files)
    order = issue(store)
    end(store, order)
    with pytest.raises(ValueError, match="not open"):
        store.ingest([batch(order, ["x"])])
    assert len(feed(store, "y").new) == 1
    store.close()


@pytest.mark.parametrize("filter_name", ["rbloom", "pybloom"])
def test_keys_move_into_the_index_and_are_found_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, filter_name: str
) -> None:
    """An item is known whether its key waits in memory, stands in the index, or was read at a later start."""
    monkeypatch.setattr(key_index_module, "PORTION", 10)
    files = MemoryFileSystem()
    for start in (0, 25, 50):
        store = open_store(folder, files, filter_name=filter_name)
        for number in range(start, start + 35, 5):
            feed(store, *(f"item {n}" for n in range(number, number + 5)))
        store.close()
    assert read_lines(files, folder) == [f"item {n}" for n in range(85)]
    assert [count for _, count in read_items(files, folder)] == [1] * 25 + [2] * 10 + [1] * 15 + [2] * 10 + [1] * 25


# --- limits --------------------------------------------------------------------------------------------------


def test_max_items_is_exact_and_the_surplus_is_held(files: FileSystem, folder: Path) -> None:
    """Nothing beyond the limit is written, nothing is lost: a later run that allows more admits it first."""
    store = open_store(folder, files, max_items=3)
    order = issue(store)
    outcome = store.ingest([IncomingBatch(order, [Item(text, text.upper()) for text in "abcde"])])[0]
    assert ([item.text for item in outcome.new], outcome.held, outcome.duplicate) == (["a", "b", "c"], 2, 0)
    again = feed(store, "d", "f", "a")
    assert (again.new, again.held, again.duplicate) == ((), 1, 2)
    assert (store.totals().unique, store.totals().held) == (3, 3)
    assert read_lines(files, folder) == ["a", "b", "c"]
    store.close()

    store = open_store(folder, files, max_items=5)
    assert (store.recovered.items_admitted, store.recovered.items_known) == (2, 5)
    assert read_lines(files, folder) == ["a", "b", "c", "d", "e"]
    assert feed(store, "g", "e").held == 1
    store.close()

    store = open_store(folder, files)
    assert store.totals().held == 0
    assert [item.text for item in feed(store, "h", "f").new] == ["h"]
    store.close()
    assert read_lines(files, folder) == ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert store.newest(3) == ["h", "g", "f"]


def test_a_lower_limit_takes_nothing_away(files: FileSystem, folder: Path) -> None:
    """A limit below what is known keeps everything and admits nothing."""
    store = open_store(folder, files)
    feed(store, "a", "b", "c")
    store.close()
    store = open_store(folder, files, max_items=2)
    assert feed(store, "d", "a").held == 1
    store.close()
    assert read_lines(files, folder) == ["a", "b", "c"]


# --- figures -------------------------------------------------------------------------------------------------


def test_totals_add_up_and_survive(files: FileSystem, folder: Path) -> None:
    """Sums by provider and state are the same from memory and from the database."""
    store = open_store(folder, files)
    store.begin_run({"topic": "x"})
    first, second, third = issue(store, "openai"), issue(store, "gemini"), issue(store, "openai")
    store.ingest([batch(first, ["a", "b"]), batch(second, ["b"], [Refusal("r", "cut_off", 2)])])
    usage = Usage(input_tokens=10, output_tokens=20, cached_input_tokens=3, reasoning_tokens=4)
    store.end_order(first, state="done", attempts=2, usage=usage, cost_usd=0.5, error=None,
                    time_to_first_chunk_s=0.1, duration_s=2.0)  # fmt: skip
    store.end_order(second, state="failed", attempts=3, usage=None, cost_usd=None, error=ErrorKind.TIMEOUT,
                    time_to_first_chunk_s=None, duration_s=None)  # fmt: skip
    totals = store.totals()
    assert totals.orders == {"open": 1, "done": 1, "failed": 1, "interrupted": 0}
    assert totals.providers == {
        "openai": ProviderTotals(2, 1, 0, 2, 2, 0, 0, 10, 20, 3, 4, 0.5, 0),
        "gemini": ProviderTotals(1, 0, 1, 1, 0, 1, 2, 0, 0, 0, 0, 0.0, 1),
    }
    assert (totals.over_all().orders, totals.over_all().output_tokens) == (3, 20)
    assert (totals.unique, totals.sightings, totals.held) == (2, 3, 0)
    store.close()
    again = open_store(folder, files)
    assert again.recovered.orders_interrupted == 1
    assert again.totals().providers == totals.providers
    assert (again.totals().unique, again.totals().sightings) == (2, 3)
    assert again.totals().orders == {"open": 0, "done": 1, "failed": 1, "interrupted": 1}
    # Order numbers go on over the runs.
    assert issue(again) == third + 1
    again.close()


def test_an_orders_end_is_durable_after_flush(files: FileSystem, folder: Path) -> None:
    """A noted end reaches the database with the flush, with all it says."""
    store = open_store(folder, files)
    order = issue(store)
    store.end_order(order, state="failed", attempts=2, usage=Usage(1, 2, 3, 4, estimated=True), cost_usd=None,
                    error=ErrorKind.RATE_LIMITED, time_to_first_chunk_s=0.5, duration_s=1.5)  # fmt: skip
    store.flush()
    reader = files.connect_database(folder / "run.db", read_only=True)
    row = reader.execute(
        "SELECT state, attempts, error, cost_usd, input_tokens, reasoning_tokens, usage_estimated, duration_s "
        "FROM orders"
    ).fetchone()
    assert row == ("failed", 2, "rate_limited", None, 1, 4, 1, 1.5)
    reader.close()
    store.close()


def test_newest_and_most_repeated(files: FileSystem, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists for the avoid-list are right, also beyond what memory keeps and after a new start."""
    monkeypatch.setattr(store_module, "NEWEST_KEPT", 3)
    store = open_store(folder, files)
    feed(store, "a", "b", "c", "d", "e")
    feed(store, "b", "d")
    feed(store, "d")
    for _ in range(2):
        assert store.newest(2) == ["e", "d"]
        assert store.newest(5) == ["e", "d", "c", "b", "a"]
        assert store.newest(50) == ["e", "d", "c", "b", "a"]
        assert store.newest(0) == []
        assert store.most_repeated(10) == [4, 2]
        assert store.most_repeated(1) == [4]
        store.close()
        store = open_store(folder, files)
    store.close()


def test_run_json_says_what_happened(files: FileSystem, folder: Path) -> None:
    """The manifest is there from the start of a run and complete at its end."""
    store = open_store(folder, files, topic="Paris  attractions")
    store.begin_run({"producers": 3, "output": folder})
    early = json.loads(read_bytes(files, folder / "run.json"))
    assert early["run"]["stop_reason"] is None
    feed(store, "a", "b")
    issue(store)
    store.end_run("exhausted")
    store.close()
    late = json.loads(read_bytes(files, folder / "run.json"))
    assert late["topic"] == "Paris attractions"
    assert late["identity"] == "normalized"
    assert late["run"] | {"settings": None} == {
        "id": 1,
        "started_at": "2026-09-21T14:13:20Z",
        "ended_at": "2026-09-21T14:13:20Z",
        "stop_reason": "exhausted",
        "explanation": None,
        "unique_before": 0,
        "unique_after": 2,
        "settings": None,
    }
    assert late["run"]["settings"]["producers"] == 3
    assert late["totals"]["orders"] == {"open": 0, "done": 1, "failed": 0, "interrupted": 1}
    assert (late["totals"]["cost_usd"], late["providers"]["openai"]["new"]) == (0.25, 2)


def test_run_json_says_how_far_the_topic_is_explored(files: FileSystem, folder: Path) -> None:
    """The last figures that were kept, and why the run ended; what was kept before is replaced."""
    store = open_store(folder, files)
    number = store.begin_run({})
    assert json.loads(read_bytes(files, folder / "run.json"))["exploration"] is None
    explored = ExplorationView(0.8, 0.9, 0.95, 12, 0.7, 3.5, 0.001, {"facet": (3, 40)})
    store.keep_exploration(KeptExploration(number, "", 0.5, explored))
    store.keep_exploration(KeptExploration(number, "nothing is left", 0.85, explored))
    store.end_run("exhausted")
    store.close()
    manifest = json.loads(read_bytes(files, folder / "run.json"))
    assert manifest["run"]["explanation"] == "nothing is left"
    assert manifest["exploration"] == {
        "coverage": 0.85,
        "coverage_low": 0.8,
        "coverage_high": 0.9,
        "without_noise": 0.95,
        "fresh_responses": 12,
        "distinct_at_most": 0.7,
        "next_yield": 3.5,
        "next_price_usd": 0.001,
        "ways": {"facet": [3, 40]},
    }
    store = open_store(folder, files)
    store.begin_run({})
    store.close()
    later = json.loads(read_bytes(files, folder / "run.json"))
    assert (later["run"]["explanation"], later["exploration"]) == (None, manifest["exploration"])


# --- opening -------------------------------------------------------------------------------------------------


def test_a_second_run_continues(files: FileSystem, folder: Path) -> None:
    """What an earlier run found is known to the next one."""
    store = open_store(folder, files)
    feed(store, "a", "b")
    store.close()
    store.close()
    store = open_store(folder, files)
    assert store.recovered.items_known == 2
    assert [item.text for item in feed(store, "B", "c").new] == ["c"]
    store.close()
    assert read_lines(files, folder) == ["a", "b", "c"]


def test_one_run_at_a_time(files: FileSystem, folder: Path) -> None:
    """A second opener is refused and harms nothing; after the close the folder is free."""
    store = open_store(folder, files)
    feed(store, "a")
    with pytest.raises(FolderBusyError, match="process"):
        open_store(folder, files)
    with pytest.raises(FolderBusyError):
        open_store(folder, files, fresh=True)
    feed(store, "b")
    store.close()
    open_store(folder, files).close()
    assert read_lines(files, folder) == ["a", "b"]


def test_fresh_moves_the_earlier_run_aside(files: FileSystem, folder: Path) -> None:
    """The earlier folder keeps everything under a new name, also twice within a second."""
    for text in ("a", "b", "c"):
        store = open_store(folder, files, fresh=True)
        aside = store.recovered.set_aside
        feed(store, text)
        store.close()
    assert aside == "paris-attractions.20260921T141320Z-2"
    assert read_lines(files, folder) == ["c"]
    assert read_lines(files, folder.with_name("paris-attractions.20260921T141320Z")) == ["a"]
    assert read_items(files, folder.with_name(aside)) == [("b", 1)]


def test_a_folder_belongs_to_one_topic_and_identity(files: FileSystem, folder: Path) -> None:
    """Another topic or identity is refused with both names; the folder stays usable."""
    open_store(folder, files).close()
    with pytest.raises(ConfigurationError, match=r"'Paris attractions'.*'Rome'"):
        open_store(folder, files, topic="Rome")
    with pytest.raises(ConfigurationError, match=r"normalized.*exact"):
        open_store(folder, files, identity=Identity.EXACT)
    open_store(folder, files, topic=" Paris\tattractions").close()
    open_store(folder, files, topic="Rome", fresh=True).close()


def test_an_unknown_filter_leaves_no_lock(files: FileSystem, folder: Path) -> None:
    """A failed opening frees the folder."""
    with pytest.raises(ConfigurationError):
        open_store(folder, files, filter_name="cuckoo")
    open_store(folder, files).close()


def test_a_path_that_is_a_file(files: FileSystem, folder: Path) -> None:
    """An output path that is a file is an error of the settings."""
    files.make_folder(folder.parent)
    files.replace(folder, [b"x"])
    with pytest.raises(ConfigurationError, match="not a folder"):
        open_store(folder, files)


@pytest.mark.parametrize("content", [b"hello, this is no database\n" * 50, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database(folder: Path, content: bytes) -> None:
    """A run.db that is something else is refused and left as it is."""
    folder.mkdir(parents=True)
    (folder / "run.db").write_bytes(content)
    with pytest.raises(ForeignDatabaseError, match=r"run\.db"):
        open_store(folder)
    assert (folder / "run.db").read_bytes() == content
    store = open_store(folder, fresh=True)
    assert (folder.with_name(store.recovered.set_aside) / "run.db").read_bytes() == content
    store.close()


def test_a_database_of_another_program(files: FileSystem, folder: Path) -> None:
    """A valid database that is not ours is refused and left as it is."""
    files.make_folder(folder)
    other = files.connect_database(folder / "run.db")
    other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ForeignDatabaseError, match="another program"):
        open_store(folder, files)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    other.close()


def test_a_database_of_a_newer_version(files: FileSystem, folder: Path) -> None:
    """A newer format is refused with the advice to update."""
    open_store(folder, files).close()
    database = files.connect_database(folder / "run.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ForeignDatabaseError, match=r"newer version \(format 99.*update"):
        open_store(folder, files)


def test_a_damaged_database(folder: Path) -> None:
    """Overwritten pages are noticed at the opening; attributes.txt is not touched."""
    store = open_store(folder)
    feed(store, *(f"item number {number}" for number in range(2000)))
    store.close()
    data = bytearray((folder / "run.db").read_bytes())
    data[8192 : len(data) // 2] = b"\xa5" * (len(data) // 2 - 8192)
    (folder / "run.db").write_bytes(data)
    lines = (folder / "attributes.txt").read_bytes()
    with pytest.raises(ForeignDatabaseError, match="damaged"):
        open_store(folder)
    assert (folder / "attributes.txt").read_bytes() == lines


def test_an_empty_database_file_is_a_new_one(folder: Path) -> None:
    """A process that died while creating the file leaves nothing in the way."""
    folder.mkdir(parents=True)
    (folder / "run.db").touch()
    store = open_store(folder)
    feed(store, "a")
    store.close()
    assert read_lines(RealFileSystem(), folder) == ["a"]


def test_a_reader_sees_the_run_while_it_writes(folder: Path) -> None:
    """Another connection reads a consistent state and does not stop the writer."""
    store = open_store(folder)
    feed(store, "a")
    reader = RealFileSystem().connect_database(folder / "run.db", read_only=True)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM items").fetchone() == (1,)
    feed(store, "b")
    assert reader.execute("SELECT count(*) FROM items").fetchone() == (1,)
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM items").fetchone() == (2,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM items")
    reader.close()
    store.close()


# --- against a model -----------------------------------------------------------------------------------------

TEXTS = st.sampled_from(
    ["a", "A", "b", "the b", "c", "C", "c++", "C ++", "d\n", "é", "e", "f (x)", "F", "", "\x00", "g", "h", "- h"]
)
BATCHES = st.lists(st.tuples(st.integers(0, 2), st.lists(TEXTS, max_size=6)), max_size=4)
STEPS = st.lists(BATCHES | st.sampled_from(["reopen", "rotate"]), max_size=10)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, limit=st.none() | st.integers(0, 6), portion=st.integers(1, 4))
def test_the_store_agrees_with_a_set(steps: list[object], limit: int | None, portion: int) -> None:
    """Any sequence of batches, new starts and orders gives what a dictionary of keys gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_index_module, "PORTION", portion)
        _compare_with_model(steps, limit)


def _compare_with_model(steps: list[object], limit: int | None) -> None:
    files, folder = MemoryFileSystem(), Path("/model/x")
    store = open_store(folder, files, max_items=limit)
    orders = [issue(store) for _ in range(3)]
    known: dict[bytes, str] = {}
    held: set[bytes] = set()
    named: set[tuple[int, bytes]] = set()
    counts: dict[bytes, int] = {}
    for step in steps:
        if step == "reopen":
            store.close()
            store = open_store(folder, files, max_items=limit)
            orders = [issue(store) for _ in range(3)]
        elif step == "rotate":
            for order in orders:
                end(store, order)
            orders = [issue(store) for _ in range(3)]
        else:
            assert isinstance(step, list)
            outcomes = store.ingest([batch(orders[which], texts) for which, texts in step])
            for (which, texts), outcome in zip(step, outcomes, strict=True):
                new = []
                for text in filter(None, map(clean_line, texts)):
                    key = key_of(text, Identity.NORMALIZED)
                    if (orders[which], key) in named:
                        continue
                    named.add((orders[which], key))
                    if key in known:
                        counts[key] += 1
                    elif limit is None or len(known) < limit:
                        known[key] = text
                        counts[key] = 1
                        new.append(text)
                    else:
                        held.add(key)
                assert [item.text for item in outcome.new] == new
        assert read_lines(files, folder) == list(known.values())
        assert (store.totals().unique, store.totals().held) == (len(known), len(held))
        assert store.totals().sightings == sum(counts.values())
    repeated = sorted((-count, list(known).index(key)) for key, count in counts.items() if count > 1)
    assert store.most_repeated(99) == [index + 1 for _, index in repeated]
    assert store.newest(99) == list(known.values())[::-1]
    store.close()
    assert read_items(files, folder) == [(text, counts[key]) for key, text in known.items()]


def test_the_store_needs_no_numpy_nor_pyarrow() -> None:
    """Opening a store loads only what it uses."""
    import subprocess

    code = "import sys, orchestrator.store; print({'numpy', 'pyarrow', 'pybloom_live'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_after_a_failure_the_store_takes_nothing_more(folder: Path) -> None:
    """A failed append is a storage error; the items are committed, the next start writes their lines."""
    files = MemoryFileSystem()
    store = open_store(folder, files)
    feed(store, "a")
    order = issue(store)
    files.fail_after_bytes(3)
    with pytest.raises(StorageError, match=r"the disk is full.*kept"):
        store.ingest([batch(order, ["bcd", "efg"])])
    assert read_lines(files, folder) == ["a"]
    files.fail_after_bytes(None)
    with pytest.raises(StorageError, match="full"):
        store.ingest([batch(order, ["x"])])
    with pytest.raises(StorageError):
        store.end_run("storage")
    store.close()
    store.close()
    store = open_store(folder, files)
    assert (store.recovered.lines_written, store.recovered.orders_interrupted) == (2, 1)
    store.close()
    assert read_lines(files, folder) == ["a", "bcd", "efg"]


def test_a_mistake_in_the_middle_of_an_ingest_rolls_back(folder: Path) -> None:
    """An unexpected error leaves neither half a transaction nor a store that goes on with wrong figures."""
    files = MemoryFileSystem()
    store: Store = open_store(folder, files)
    order = issue(store)
    with pytest.raises(AttributeError):
        store.ingest([batch(order, ["a"]), IncomingBatch(order, [Item("b"), Item(b"c")])])  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="broken off"):
        feed(store, "x")
    store.close()
    assert read_items(files, folder) == []
    assert read_lines(files, folder) == []
