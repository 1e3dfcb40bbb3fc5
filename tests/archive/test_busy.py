"""Whether a run holds a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive import busy
from archive.busy import LOCK_NAME, is_busy
from archive.filesystem import RealFileSystem
from orchestrator.store import opening
from tests.orchestrator.store_cases import open_store


@pytest.fixture(params=[Path("/proc/locks"), Path("/proc/none")], ids=["listed", "tried"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to find out."""
    if request.param.name == "locks" and not request.param.exists():
        pytest.skip("this system lists no locks")
    monkeypatch.setattr(busy, "_HELD_LOCKS", request.param)


@pytest.mark.usefixtures("_way")
def test_a_folder_is_busy_while_its_lock_is_held(tmp_path: Path) -> None:
    """From a run's start to its end the folder is busy; asking changes nothing and creates nothing."""
    assert not is_busy(tmp_path)
    assert not is_busy(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    store = open_store(tmp_path)
    (tmp_path / "other").mkdir()
    other = RealFileSystem().lock(tmp_path / "other" / LOCK_NAME)
    assert is_busy(tmp_path)
    assert is_busy(tmp_path)
    store.close()
    assert (tmp_path / LOCK_NAME).exists()
    assert not is_busy(tmp_path)
    open_store(tmp_path).close()
    other.release()


def test_asking_takes_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where locks are listed the lock file is not even opened, so that a run that just starts is never refused."""
    if not Path("/proc/locks").exists():
        pytest.skip("this system lists no locks")
    open_store(tmp_path).close()
    (tmp_path / LOCK_NAME).chmod(0)

    def opened(*arguments: object) -> int:
        raise AssertionError(arguments)

    monkeypatch.setattr(os, "open", opened)
    assert not is_busy(tmp_path)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null"), Path.mkdir])
def test_what_is_no_lock_file(tmp_path: Path, make: object) -> None:
    """A pipe, a link and a folder in the place of the lock file neither hang nor count."""
    make(tmp_path / LOCK_NAME)  # type: ignore[operator]
    assert not is_busy(tmp_path)


@pytest.mark.parametrize(
    ("line", "busy_by_it"),
    [
        ("1: FLOCK  ADVISORY  WRITE 708 {device}:{inode} 0 EOF", True),
        ("1: FLOCK  ADVISORY  WRITE 708 00:2f:{inode} 0 EOF", True),
        ("1: FLOCK  ADVISORY  WRITE 708 ff:ff:{inode} 0 EOF", False),
        ("1: FLOCK  ADVISORY  READ 708 {device}:{inode} 0 EOF", False),
        ("1: POSIX  ADVISORY  WRITE 708 {device}:{inode} 0 EOF", False),
        ("1: -> FLOCK  ADVISORY  WRITE 708 {device}:{inode} 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE 708 {device}:1{inode} 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE 708 <none>:0 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE 708 x:y:z 0 EOF", False),
        ("", False),
    ],
)
def test_lines_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, busy_by_it: bool) -> None:
    """Only a held exclusive `flock` of this very file counts."""
    (tmp_path / LOCK_NAME).touch()
    found = (tmp_path / LOCK_NAME).stat()
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    (tmp_path / "locks").write_text(
        "0: junk\n" + line.format(device=device, inode=found.st_ino) + "\n", encoding="ascii"
    )
    monkeypatch.setattr(busy, "_HELD_LOCKS", tmp_path / "locks")
    assert is_busy(tmp_path) is busy_by_it


def test_the_lock_file_has_the_name_that_runs_give_it() -> None:
    """The writer's name of the lock file is the one that is looked at."""
    assert LOCK_NAME == opening.LOCK_NAME
