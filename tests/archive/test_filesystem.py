"""The file system seam: one suite over the real and the in-memory one."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from contract.errors import FolderBusyError


@pytest.fixture(params=["real", "memory"])
def files(request: pytest.FixtureRequest) -> FileSystem:
    """The implementation under test."""
    return RealFileSystem() if request.param == "real" else MemoryFileSystem()


@pytest.fixture
def folder(files: FileSystem, tmp_path: Path) -> Path:
    """An empty folder of that file system."""
    path = tmp_path / "deep" / "folder"
    files.make_folder(path)
    return path


def content(files: FileSystem, path: Path) -> bytes:
    """All bytes of a file."""
    with files.open_read(path) as file:
        return file.read()


def test_folders(files: FileSystem, folder: Path) -> None:
    """Folders are made with their parents, twice without complaint, and list what they hold."""
    files.make_folder(folder)
    assert files.exists(folder)
    assert files.exists(folder.parent)
    assert files.entries(folder) == []
    files.replace(folder / "b", [b""])
    files.make_folder(folder / "a")
    assert files.entries(folder) == [folder / "a", folder / "b"]
    assert files.entries(folder / "none") == []


def test_a_file_is_not_a_folder(files: FileSystem, folder: Path) -> None:
    """Making a folder where a file is fails."""
    files.replace(folder / "x", [b"1"])
    with pytest.raises(FileExistsError):
        files.make_folder(folder / "x")


def test_append_and_read(files: FileSystem, folder: Path) -> None:
    """What is appended stands in the file at once, in order, also through a handle opened again."""
    handle = files.append(folder / "log")
    handle.write(b"one\n")
    handle.write(b"")
    assert content(files, folder / "log") == b"one\n"
    handle.close()
    handle.close()
    again = files.append(folder / "log")
    again.write(b"two\n")
    again.close()
    with files.open_read(folder / "log") as file:
        assert list(file) == [b"one\n", b"two\n"]
    assert files.size(folder / "log") == 8
    files.truncate(folder / "log", 4)
    assert content(files, folder / "log") == b"one\n"


def test_a_closed_handle_writes_no_more(files: FileSystem, folder: Path) -> None:
    """Writing after the close is an error."""
    handle = files.append(folder / "log")
    handle.close()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        handle.write(b"x")


def test_an_append_after_a_truncation_goes_to_the_new_end(files: FileSystem, folder: Path) -> None:
    """A handle follows the file's end when the file is cut."""
    handle = files.append(folder / "log")
    handle.write(b"one\ntorn")
    files.truncate(folder / "log", 4)
    handle.write(b"two\n")
    assert content(files, folder / "log") == b"one\ntwo\n"
    handle.close()


def test_replace_is_whole_or_not_at_all(files: FileSystem, folder: Path) -> None:
    """A replacement that breaks off leaves the earlier content, and nothing beside it."""

    def broken() -> object:
        yield b"new"
        raise OSError(errno.ENOSPC, "full")

    files.replace(folder / "x", [b"a", b"b"])
    with pytest.raises(OSError, match="full"):
        files.replace(folder / "x", broken())  # type: ignore[arg-type]
    assert content(files, folder / "x") == b"ab"
    assert files.entries(folder) == [folder / "x"]


def test_rename_moves_a_folder_with_its_database(files: FileSystem, folder: Path) -> None:
    """A moved folder takes files and databases along; an existing target is never overwritten."""
    files.replace(folder / "x", [b"1"])
    with_data = files.connect_database(folder / "run.db")
    with_data.execute("CREATE TABLE t AS SELECT 7 AS n")
    with_data.close()
    target = folder.with_name("moved")
    files.rename(folder, target)
    assert not files.exists(folder / "x")
    assert content(files, target / "x") == b"1"
    database = files.connect_database(target / "run.db", read_only=True)
    assert database.execute("SELECT n FROM t").fetchone() == (7,)
    database.close()
    files.make_folder(folder)
    with pytest.raises(FileExistsError):
        files.rename(folder, target)
    with pytest.raises(FileNotFoundError):
        files.rename(folder / "none", folder / "other")


def test_missing_files(files: FileSystem, folder: Path) -> None:
    """Reading, measuring or cutting what is not there says so."""
    assert not files.exists(folder / "none")
    with pytest.raises(FileNotFoundError):
        files.open_read(folder / "none")
    with pytest.raises(FileNotFoundError):
        files.size(folder / "none")
    with pytest.raises(FileNotFoundError):
        files.truncate(folder / "none", 0)


def test_one_holder_of_a_lock(files: FileSystem, folder: Path) -> None:
    """A second holder is refused and told who holds the lock; after the release it gets it."""
    first = files.lock(folder / "run.lock")
    with pytest.raises(FolderBusyError, match=f"process {os.getpid()}.*{folder.name}"):
        files.lock(folder / "run.lock")
    first.release()
    second = files.lock(folder / "run.lock")
    first.release()
    with pytest.raises(FolderBusyError):
        files.lock(folder / "run.lock")
    second.release()


def test_a_database_is_shared_by_path(files: FileSystem, folder: Path) -> None:
    """Whoever opens the same path sees the same data; reading where there is none fails."""
    import sqlite3

    with pytest.raises(sqlite3.OperationalError):
        files.connect_database(folder / "none.db", read_only=True)
    writer = files.connect_database(folder / "run.db")
    writer.execute("CREATE TABLE t (n)")
    writer.execute("INSERT INTO t VALUES (1)")
    reader = files.connect_database(folder / "run.db", read_only=True)
    assert reader.execute("SELECT n FROM t").fetchall() == [(1,)]
    reader.close()
    writer.close()
    assert files.exists(folder / "run.db")


def test_free_space(files: FileSystem, folder: Path) -> None:
    """Free space is a number of bytes."""
    assert files.free_bytes(folder) > 1000


def test_memory_can_be_full(tmp_path: Path) -> None:
    """The in-memory disk takes what fits, then fails as a full disk does, until there is room again."""
    files = MemoryFileSystem()
    handle = files.append(tmp_path / "x")
    files.fail_after_bytes(4)
    handle.write(b"abc")
    assert files.free_bytes(tmp_path) == 1
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        handle.write(b"def")
    assert bytes(files.files[tmp_path / "x"]) == b"abcd"
    files.fail_after_bytes(None)
    handle.write(b"e")
    assert bytes(files.files[tmp_path / "x"]) == b"abcde"


def test_a_real_partial_write_is_finished_or_reported(tmp_path: Path) -> None:
    """A write that the system takes only in part is an error, not silence (seen through the file size limit)."""
    code = """
import resource, sys
from pathlib import Path
from archive.filesystem import RealFileSystem
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
handle = RealFileSystem().append(Path(sys.argv[1]))
try:
    handle.write(b"x" * 150)
except OSError as error:
    print(error.errno)
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(errno.EFBIG)
    assert (tmp_path / "x").stat().st_size == 100
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100


def test_death_releases_a_real_lock(tmp_path: Path) -> None:
    """A lock whose holder was killed can be taken at once."""
    code = """
import sys, time
from pathlib import Path
from archive.filesystem import RealFileSystem
lock = RealFileSystem().lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(FolderBusyError, match=f"process {child.pid}"):
            RealFileSystem().lock(tmp_path / "run.lock")
        child.kill()
        child.wait()
    RealFileSystem().lock(tmp_path / "run.lock").release()
