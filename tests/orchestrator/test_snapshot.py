"""A folder is copied into memory, and stays as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archive.filesystem import MemoryFileSystem, RealFileSystem
from contract.errors import ConfigurationError, ForeignDatabaseError
from contract.identity import Identity
from orchestrator.store import Store
from orchestrator.store.snapshot import snapshot
from tests.orchestrator.store_cases import TOPIC, feed, open_store


def opened(folder: Path, memory: MemoryFileSystem) -> list[str]:
    """The items of the copy."""
    store = Store.open(folder, TOPIC, identity=Identity.NORMALIZED, filesystem=memory)
    texts = store.newest(100)[::-1]
    store.close()
    return texts


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file's time and content."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def test_a_finished_folder_is_not_touched(tmp_path: Path) -> None:
    """No file appears, changes, or is written anew; the copy has its items, and takes more for itself."""
    store = open_store(tmp_path)
    feed(store, "Robin", "Wren")
    store.close()
    before = state(tmp_path)
    memory = snapshot(tmp_path, RealFileSystem())
    assert opened(tmp_path, memory) == ["Robin", "Wren"]
    copy = Store.open(tmp_path, TOPIC, identity=Identity.NORMALIZED, filesystem=memory)
    feed(copy, "Swift")
    copy.close()
    assert state(tmp_path) == before


def test_a_killed_run_s_folder_is_read_with_its_log(tmp_path: Path) -> None:
    """What stands in the write-ahead log alone is in the copy; log and database stay as they were."""
    store = open_store(tmp_path)
    feed(store, "Robin", "Wren")
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # as a kill would leave it
    store.close()
    killed = tmp_path / "killed"
    killed.mkdir()
    for name, data in held.items():
        (killed / name).write_bytes(data)
    assert (killed / "run.db-wal").stat().st_size > 0
    before = state(killed)
    assert opened(killed, snapshot(killed, RealFileSystem())) == ["Robin", "Wren"]
    assert state(killed) == before


def test_a_running_one_s_folder_can_be_copied(tmp_path: Path) -> None:
    """While a run holds it; the run goes on."""
    store = open_store(tmp_path)
    feed(store, "Robin")
    names = {path.name for path in tmp_path.iterdir()}
    memory = snapshot(tmp_path, RealFileSystem())
    assert opened(tmp_path, memory) == ["Robin"]
    assert {path.name for path in tmp_path.iterdir()} == names
    feed(store, "Wren")
    store.close()


def test_no_folder_is_an_empty_one(tmp_path: Path) -> None:
    """And none is made."""
    assert opened(tmp_path / "none", snapshot(tmp_path / "none", RealFileSystem())) == []
    assert list(tmp_path.iterdir()) == []


def test_lines_without_a_database_are_items(tmp_path: Path) -> None:
    """As a run would adopt them; the file stays."""
    (tmp_path / "attributes.txt").write_text("Robin\nWren\n", encoding="utf-8")
    before = state(tmp_path)
    assert opened(tmp_path, snapshot(tmp_path, RealFileSystem())) == ["Robin", "Wren"]
    assert state(tmp_path) == before


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """The store refuses it as it would refuse the file itself."""
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        opened(file, snapshot(file, RealFileSystem()))


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"\1" * 5000])
def test_a_damaged_database_is_refused_and_kept(tmp_path: Path, damage: bytes) -> None:
    """In the words of the real folder."""
    (tmp_path / "run.db").write_bytes(damage)
    before = state(tmp_path)
    with pytest.raises(ForeignDatabaseError, match=str(tmp_path)):
        opened(tmp_path, snapshot(tmp_path, RealFileSystem()))
    assert state(tmp_path) == before


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    """It is not ours."""
    database = sqlite3.connect(tmp_path / "run.db")
    database.execute("CREATE TABLE theirs (x)")
    database.commit()
    database.close()
    with pytest.raises(ForeignDatabaseError):
        opened(tmp_path, snapshot(tmp_path, RealFileSystem()))


def test_memory_is_copied_too() -> None:
    """The same over the in-memory file system."""
    files, folder = MemoryFileSystem(), Path("/runs/birds")
    store = Store.open(folder, TOPIC, identity=Identity.NORMALIZED, filesystem=files)
    feed(store, "Robin")
    assert opened(folder, snapshot(folder, files)) == ["Robin"]
    store.close()
