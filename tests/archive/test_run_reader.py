"""Reading `run.db`: what is refused, what is told, and that a writer is never in the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from archive import run_reader
from archive.filesystem import RealFileSystem
from archive.format import SCHEMA_VERSION
from archive.run_reader import Origin, integers, moment, reading, stamp
from contract.errors import ConfigurationError, ForeignDatabaseError, OrchestratorError, StorageError
from tests.archive.folder_cases import START, Folder
from tests.orchestrator.store_cases import feed, open_store


def topic_of(folder: Path) -> object:
    """Something that is read from the folder."""
    with reading(folder) as reader:
        return reader.row("SELECT value FROM meta WHERE name = 'topic'")[0]


def refusal(folder: Path) -> OrchestratorError:
    """The error that reading ends with: one line."""
    with pytest.raises(OrchestratorError) as caught:
        topic_of(folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_run_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A folder whose run goes on is read as it stands, and the run goes on."""
    store = open_store(tmp_path / "x")
    assert topic_of(tmp_path / "x") == "Paris attractions"
    feed(store, "a")
    with reading(tmp_path / "x") as reader:
        assert reader.row("SELECT count(*) FROM items") == (1,)
        feed(store, "b")
    with reading(tmp_path / "x") as reader:
        assert reader.row("SELECT count(*) FROM items") == (2,)
    store.close()
    assert topic_of(tmp_path / "x") == "Paris attractions"


def test_a_killed_run_is_read(tmp_path: Path) -> None:
    """What a killed process left in the write-ahead log belongs to the folder."""
    store = open_store(tmp_path / "x")
    feed(store, "a")
    (tmp_path / "y").mkdir()
    for name in ("run.db", "run.db-wal"):
        shutil.copy(tmp_path / "x" / name, tmp_path / "y")
    store.close()
    with reading(tmp_path / "y") as reader:
        assert reader.row("SELECT count(*) FROM items") == (1,)


def test_no_run_and_none_yet(tmp_path: Path) -> None:
    """A missing folder, one without a database, and one whose database is just being made hold no run."""
    folder = tmp_path / "x"
    assert isinstance(refusal(folder), ConfigurationError)
    folder.mkdir()
    assert "is missing" in str(refusal(folder))
    (folder / "run.db").touch()
    assert "is being created" in str(refusal(folder))
    database = sqlite3.connect(folder / "run.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    assert "is being created" in str(refusal(folder))
    database.close()
    assert topic_of(Folder(folder).path) == "Paris attractions"


def test_a_database_that_is_created_while_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is seen before its tables or with all of them, never as somebody else's."""
    database = sqlite3.connect(tmp_path / "run.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    check = run_reader.check_database

    def checked(reader: sqlite3.Connection, folder: Path) -> bool:
        reader.execute("SELECT * FROM sqlite_master").fetchall()
        Folder(folder)
        return check(reader, folder)

    monkeypatch.setattr(run_reader, "check_database", checked)
    assert "is being created" in str(refusal(tmp_path))
    monkeypatch.undo()
    assert topic_of(tmp_path) == "Paris attractions"
    database.close()


def test_a_database_whose_making_was_broken_off(tmp_path: Path) -> None:
    """What a process left that was killed in the first step of making a database is no run yet."""
    script = (
        "import os, sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "database.execute('PRAGMA cache_size = 2'); database.execute('BEGIN IMMEDIATE');"
        "database.execute('CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 99) "
        "SELECT zeroblob(3000) FROM n'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "run.db")], check=True)
    assert (tmp_path / "run.db-journal").exists()
    error = refusal(tmp_path)
    assert isinstance(error, ConfigurationError)
    assert "its making was broken off" in str(error)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "newer version"),
        ("PRAGMA application_id = 7", "another program's file"),
        ("DROP TABLE sightings", "tables are missing"),
        ("ALTER TABLE items RENAME TO others; CREATE VIEW items AS SELECT * FROM others", "tables are missing"),
    ],
)
def test_foreign_databases(tmp_path: Path, statement: str, told: str) -> None:
    """A database of a newer version, of another program, or with other tables is refused."""
    folder = Folder(tmp_path / "x")
    folder.database.executescript(statement)
    error = refusal(folder.path)
    assert isinstance(error, ForeignDatabaseError)
    assert told in str(error)


def test_damaged_files(tmp_path: Path) -> None:
    """Garbage, a torn file and a folder in the place of the database are damaged; nothing crashes."""
    for name, content in (("a", b"no database" * 500), ("b", b"SQLite format 3\0" + bytes(84))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.db").write_bytes(content)
        assert isinstance(refusal(tmp_path / name), ForeignDatabaseError)
    (tmp_path / "c" / "run.db").mkdir(parents=True)
    assert "is no file" in str(refusal(tmp_path / "c"))
    folder = Folder(tmp_path / "d")
    folder.items(f"item {number}" for number in range(5000))
    folder.database.close()
    database = tmp_path / "d" / "run.db"
    database.write_bytes(database.read_bytes()[:8192].ljust(database.stat().st_size, b"\xff"))
    with pytest.raises(ForeignDatabaseError), reading(tmp_path / "d") as reader:
        reader.rows("SELECT text FROM items")


@pytest.mark.parametrize("name", ["run.db", "run.db-wal", "run.db-shm"])
def test_links_and_pipes_are_not_opened(tmp_path: Path, name: str) -> None:
    """A link that leads elsewhere and a pipe that never answers are refused without being opened."""
    Folder(tmp_path / "other").database.close()
    for number, make in enumerate((lambda path: path.symlink_to(tmp_path / "other" / "run.db"), os.mkfifo)):
        folder = tmp_path / str(number)
        Folder(folder).database.close()
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        assert "is no file" in str(refusal(folder))


def test_a_statement_that_never_ends_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes far more steps than a portion of rows needs ends as an error."""
    monkeypatch.setattr(run_reader, "_MAX_STEPS", 2)
    folder = Folder(tmp_path / "x")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ForeignDatabaseError, match="does not come to an end"), reading(folder.path) as reader:
        reader.row(endless)
    assert topic_of(folder.path) == "Paris attractions"


def test_a_folder_that_is_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another database takes the folder's place between opening and first reading, that one is read."""
    Folder(tmp_path / "x", "earlier").database.close()
    Folder(tmp_path / "y", "later").database.close()
    check = run_reader.check_database
    moved = []

    def replaced(database: sqlite3.Connection, folder: Path) -> bool:
        if not moved:
            moved.append((tmp_path / "x").rename(tmp_path / "x.1"))
            (tmp_path / "y").rename(tmp_path / "x")
        return check(database, folder)

    monkeypatch.setattr(run_reader, "check_database", replaced)
    assert topic_of(tmp_path / "x") == "later"


def test_a_folder_that_is_moved_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of SQLite that comes of another database taking the place is none: that one is read."""
    Folder(tmp_path / "x", "earlier").database.close()
    Folder(tmp_path / "y", "later").database.close()
    connect = RealFileSystem.connect_database

    def moved(files: RealFileSystem, path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        if not (tmp_path / "y").exists():
            return connect(files, path, read_only=read_only)
        (tmp_path / "x").rename(tmp_path / "x.1")
        (tmp_path / "y").rename(tmp_path / "x")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(RealFileSystem, "connect_database", moved)
    assert topic_of(tmp_path / "x") == "later"


def test_a_folder_that_is_replaced_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening is given up, with an error, when the database is another one each time."""
    Folder(tmp_path / "x").database.close()
    numbers = iter(range(100))
    monkeypatch.setattr(run_reader, "_file", lambda folder: (0, next(numbers)))
    assert isinstance(refusal(tmp_path / "x"), StorageError)


def test_an_unreadable_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operating system refuses is told as a storage error that speaks of reading."""
    Folder(tmp_path / "x")

    def refused(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "lstat", refused)
    error = refusal(tmp_path / "x")
    assert isinstance(error, StorageError)
    assert "cannot read" in str(error)
    assert "Permission denied" in str(error)


@pytest.mark.parametrize(
    ("earlier", "now", "same"),
    [
        (None, Origin(1, 2, None), False),
        (Origin(1, 2, None), Origin(1, 2, None), True),
        (Origin(1, 2, None), Origin(1, 2, 5.0), True),
        (Origin(1, 2, 5.0), Origin(1, 2, 5.0), True),
        (Origin(1, 2, 5.0), Origin(1, 2, 6.0), False),
        (Origin(1, 2, 5.0), Origin(1, 2, None), False),
        (Origin(1, 2, 5.0), Origin(1, 3, 5.0), False),
        (Origin(1, 2, 5.0), Origin(2, 2, 5.0), False),
    ],
)
def test_origins(earlier: Origin | None, now: Origin, same: bool) -> None:
    """A database goes on while file and first run are the same; a first run may come after the file."""
    assert now.continues(earlier) is same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (START, START),
        (5, 5.0),
        (None, None),
        ("x", None),
        (b"x", None),
        (float("inf"), None),
        (-1, 0.0),
        (1e300, 253402300799.0),
    ],
)
def test_moments(value: object, expected: float | None) -> None:
    """A time is a number within the years that have dates."""
    assert moment(value) == expected


def test_integers() -> None:
    """Joined numbers come apart as they were."""
    assert integers(None).tolist() == []
    assert integers(f"0,-1,{2**63 - 1}").tolist() == [0, -1, 2**63 - 1]


def test_stamps(tmp_path: Path) -> None:
    """Writing changes the stamp, reading does not, and there is none without a database."""
    with pytest.raises(OSError, match="No such file"):
        stamp(tmp_path)
    store = open_store(tmp_path / "x")
    store.close()
    first = stamp(tmp_path / "x")
    topic_of(tmp_path / "x")
    assert stamp(tmp_path / "x") == first
    store = open_store(tmp_path / "x")
    before = stamp(tmp_path / "x")
    feed(store, "a")
    assert stamp(tmp_path / "x")[0] != before[0]
    store.close()
    assert stamp(tmp_path / "x")[0] != first[0]
