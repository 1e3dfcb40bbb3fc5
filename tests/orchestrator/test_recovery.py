"""What a new start repairs: kills at any moment, full disks, edited and lost files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from contract.errors import StorageError
from contract.identity import Identity, key_of
from orchestrator.store import key_index as key_index_module
from tests.orchestrator.store_cases import batch, feed, issue, open_store, read_bytes, read_items, read_lines

FOLDER = Path("/memory/output/paris-attractions")


def filled(files: FileSystem, folder: Path = FOLDER, *texts: str) -> None:
    """A closed folder with these items."""
    store = open_store(folder, files)
    feed(store, *(texts or ("Louvre", "Eiffel Tower", "Seine", "Notre-Dame")))
    store.close()


def set_file(files: FileSystem, data: bytes) -> None:
    """Put other bytes into attributes.txt."""
    files.replace(FOLDER / "attributes.txt", [data])


WHOLE = b"Louvre\nEiffel Tower\nSeine\nNotre-Dame\n"


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_any_truncation_is_repaired(length: int) -> None:
    """Wherever an append broke off, the torn line is cut and every missing line is written."""
    files = MemoryFileSystem()
    filled(files)
    set_file(files, WHOLE[:length])
    store = open_store(FOLDER, files)
    store.close()
    assert read_bytes(files, FOLDER / "attributes.txt") == WHOLE
    whole_lines = WHOLE[:length].count(b"\n")
    assert store.recovered.lines_written == 4 - whole_lines
    assert store.recovered.torn_bytes == length - (WHOLE[:length].rfind(b"\n") + 1)
    assert (store.recovered.lines_adopted, store.recovered.edited_copy) == (0, "")


def test_a_missing_file_is_written_again() -> None:
    """Without attributes.txt all lines come from the database."""
    files = MemoryFileSystem()
    filled(files)
    del files.files[FOLDER / "attributes.txt"]
    store = open_store(FOLDER, files)
    store.close()
    assert store.recovered.lines_written == 4
    assert read_bytes(files, FOLDER / "attributes.txt") == WHOLE


def test_lines_added_at_the_end_become_items_in_place() -> None:
    """Lines that a person appended are adopted, known to the next order, and the file stays as it is."""
    files = MemoryFileSystem()
    filled(files)
    set_file(files, WHOLE + b"Moulin Rouge\nOrsay\n")
    store = open_store(FOLDER, files)
    assert (store.recovered.lines_adopted, store.recovered.items_known, store.recovered.edited_copy) == (2, 6, "")
    assert feed(store, "moulin rouge").new == ()
    store.close()
    assert read_lines(files, FOLDER)[-2:] == ["Moulin Rouge", "Orsay"]
    assert read_items(files, FOLDER)[4] == ("Moulin Rouge", 2)


@pytest.mark.parametrize(
    ("edited", "lines"),
    [
        (b"Eiffel Tower\nSeine\nNotre-Dame\n", []),
        (b"Notre-Dame\nSeine\nEiffel Tower\nLouvre\n", []),
        (b"Louvre\n\nEiffel Tower\n  \nSeine\nNotre-Dame\n", []),
        (WHOLE.replace(b"\n", b"\r\n"), []),
        (b"\xef\xbb\xbf" + WHOLE, []),
        (WHOLE + b"louvre\n", []),
        (WHOLE + b"Orsay", ["Orsay"]),
        (b"Orsay\n" + WHOLE, ["Orsay"]),
        (b"Louvre\nOrsay\nSeine\nBar\xff\n", ["Orsay", "Bar\ufffd"]),
        (WHOLE[:10] + b"\0" * 50, []),
        (b"Lou\n", ["Lou"]),
    ],
)
def test_an_edited_file_loses_nothing(edited: bytes, lines: list[str]) -> None:
    """Unknown lines become items, known ones come back, and the person's version is kept beside."""
    files = MemoryFileSystem()
    filled(files)
    set_file(files, edited)
    store = open_store(FOLDER, files)
    store.close()
    if edited.startswith(WHOLE[:10] + b"\0"):
        lines = ["Eif"]
    assert store.recovered.lines_adopted == len(lines)
    assert read_lines(files, FOLDER) == [*WHOLE.decode().splitlines(), *lines]
    assert read_bytes(files, FOLDER / store.recovered.edited_copy) == edited
    again = open_store(FOLDER, files)
    again.close()
    assert (again.recovered.edited_copy, again.recovered.lines_adopted, again.recovered.items_known) == (
        "",
        0,
        4 + len(lines),
    )


def test_every_edited_version_is_kept() -> None:
    """Two edits within a second leave two copies."""
    files = MemoryFileSystem()
    filled(files)
    for edited in (b"x\n", b"y\n"):
        set_file(files, edited)
        store = open_store(FOLDER, files)
        store.close()
        assert read_bytes(files, FOLDER / store.recovered.edited_copy) == edited
    assert len([path for path in files.entries(FOLDER) if ".edited-" in path.name]) == 2


def test_a_lost_database_is_rebuilt_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without run.db every line of attributes.txt becomes an item again, once."""
    monkeypatch.setattr(key_index_module, "PORTION", 3)
    texts = [f"item {number}" for number in range(10)]
    (tmp_path / "attributes.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    store = open_store(tmp_path)
    assert (store.recovered.lines_adopted, store.recovered.edited_copy) == (10, "")
    assert feed(store, "Item 3", "new").sighted == (4,)
    store.close()
    assert read_lines(RealFileSystem(), tmp_path) == [*texts, "new"]


def test_an_adopted_line_is_no_longer_held() -> None:
    """A held item that a person wrote into the file is an item and is not admitted a second time."""
    files = MemoryFileSystem()
    store = open_store(FOLDER, files, max_items=1)
    feed(store, "a", "b")
    store.close()
    set_file(files, b"a\nb\n")
    store = open_store(FOLDER, files)
    store.close()
    assert (store.recovered.lines_adopted, store.recovered.items_admitted, store.totals().held) == (1, 0, 0)
    assert read_lines(files, FOLDER) == ["a", "b"]


PIECES = [*WHOLE.splitlines(keepends=True), b"x\n", b"\r\n", b"seine\n", b"Lou", b"\xff"]


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=40) | st.lists(st.sampled_from(PIECES)).map(b"".join),
)
def test_any_file_ends_as_the_database_says(data: bytes) -> None:
    """Whatever stands in the file: afterwards file and database agree, every earlier item and every line is there."""
    files = MemoryFileSystem()
    filled(files)
    set_file(files, data)
    store = open_store(FOLDER, files)
    feed(store, "one more")
    store.close()
    lines = read_lines(files, FOLDER)
    assert lines == [text for text, _ in read_items(files, FOLDER)]
    assert lines[:4] == WHOLE.decode().splitlines()
    keys = [key_of(line, Identity.NORMALIZED) for line in lines]
    assert len(set(keys)) == len(keys)
    assert open_store(FOLDER, files).recovered.edited_copy == ""


@settings(max_examples=40, deadline=None)
@given(room=st.integers(0, 200), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_a_disk_that_fills_up_anywhere(room: int, sizes: list[int]) -> None:
    """Whichever append fails: what was acknowledged is there, nothing twice; a new start has all that was committed."""
    files = MemoryFileSystem()
    store = open_store(FOLDER, files)
    order = issue(store)
    files.fail_after_bytes(room)
    given_in: list[str] = []
    acknowledged: list[str] = []
    try:
        for size in sizes:
            texts = [f"item number {len(given_in) + number}" for number in range(size)]
            given_in += texts
            acknowledged += [item.text for item in store.ingest([batch(order, texts)])[0].new]
    except StorageError:
        assert read_lines(files, FOLDER)[: len(acknowledged)] == acknowledged
    files.fail_after_bytes(None)
    store.close()
    store = open_store(FOLDER, files)
    store.close()
    lines = read_lines(files, FOLDER)
    assert lines == given_in[: len(lines)]
    assert len(lines) >= len(acknowledged)
    assert [text for text, _ in read_items(files, FOLDER)] == lines


CHILD = """
import random, resource, sys
from pathlib import Path
from contract.errors import OrchestratorError
from contract.messages import Item, Refusal
from orchestrator.store import key_index, IncomingBatch
from tests.orchestrator.store_cases import open_store, issue, end

folder, seed, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
key_index.PORTION = 150
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
source = random.Random(seed)
store = None
try:
    store = open_store(folder)
    store.begin_run({"seed": seed})
    print("open", flush=True)
    while True:
        order = issue(store)
        for _ in range(source.randrange(1, 4)):
            texts = [f"Item {source.randrange(60000)} of the list" for _ in range(source.randrange(1, 40))]
            incoming = IncomingBatch(order, [Item(text) for text in texts], (Refusal("no", "preamble"),))
            outcome = store.ingest([incoming])[0]
            sys.stdout.write("".join(f"{item.id} {item.text}\\n" for item in outcome.new))
            sys.stdout.flush()
        end(store, order)
except OrchestratorError as error:
    print("error", type(error).__name__, error, flush=True)
    if store is not None:
        store.close()
    print("closed", flush=True)
"""


def child(folder: Path, seed: int, limit: int = 0) -> subprocess.Popen[str]:
    """A process that ingests for ever and prints what was acknowledged; `limit` is its largest file in bytes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(seed), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def acknowledged_by(lines: list[str]) -> dict[int, str]:
    """Items by number, from what a child printed; a last line may be torn."""
    return {int(number): text for number, _, text in (line.rstrip("\n").partition(" ") for line in lines)}


def check_folder(folder: Path, acknowledged: dict[int, str]) -> None:
    """Every acknowledged item is there, in its place, once, and file and database agree."""
    files = RealFileSystem()
    store = open_store(folder)
    store.close()
    lines = read_lines(files, folder)
    assert lines == [text for text, _ in read_items(files, folder)]
    assert len({key_of(line, Identity.NORMALIZED) for line in lines}) == len(lines)
    for number, text in acknowledged.items():
        assert lines[number - 1] == text
    assert read_bytes(files, folder / "rejected.jsonl")[-1:] in (b"\n", b"")
    database = files.connect_database(folder / "run.db", read_only=True)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert database.execute("SELECT count(*) FROM orders WHERE state = 'open'").fetchone() == (0,)
    assert database.execute("SELECT sum(new) FROM orders").fetchone() == (len(lines),)
    database.close()


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Fifteen processes in turn are killed at random moments; every acknowledged item stays, once, untorn."""
    source = random.Random(7)
    acknowledged: dict[int, str] = {}
    for seed in range(15):
        process = child(tmp_path, seed)
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first == "open\n", first + process.stderr.read()
        # The kill comes while the child goes on with whatever stands behind the line read last.
        lines = [process.stdout.readline() for _ in range(source.randrange(1, 400))]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        lines += [line for line in rest if line.endswith("\n")]
        acknowledged |= acknowledged_by(lines)
        check_folder(tmp_path, acknowledged)
    assert len(acknowledged) > 500


@pytest.mark.parametrize("limit", [4_000, 20_000, 100_000, 300_000])
def test_a_full_disk_ends_in_one_clear_line(tmp_path: Path, limit: int) -> None:
    """A file that may not grow is a storage error; the store closes quietly, and a later start has everything."""
    process = child(tmp_path, seed=1, limit=limit)
    out, err = process.communicate(timeout=60)
    assert err == ""
    lines = out.splitlines()
    errors = [line for line in lines if line.startswith("error ")]
    assert len(errors) == 1
    assert errors[0].startswith("error StorageError cannot keep items in")
    assert "kept" in errors[0]
    if "open" in lines:
        assert lines[-1] == "closed"
        check_folder(tmp_path, acknowledged_by(lines[1:-2]))
    else:
        open_store(tmp_path).close()
