from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from contract.errors import ConfigurationError, StorageError
from orchestrator.service.pid_file import NAME, PidFile, Running, running


def test_it_says_who_holds_it_and_where(tmp_path: Path) -> None:
    """While it is held, others learn the process and the addresses; afterwards the file is gone."""
    with PidFile(tmp_path) as file:
        file.tell("http://localhost:1", "http://127.0.0.1:1")
        assert running(tmp_path) == Running(os.getpid(), "http://localhost:1", "http://127.0.0.1:1")
        assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
    assert running(tmp_path) is None
    assert not (tmp_path / NAME).exists()


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    """A second service for the same folder is told who runs, and the first keeps its file."""
    with PidFile(tmp_path) as file:
        file.tell("http://localhost:7", "")
        with pytest.raises(ConfigurationError, match=rf"process {os.getpid()}, http://localhost:7"), PidFile(tmp_path):
            pass
        assert running(tmp_path) is not None


@pytest.mark.parametrize("left", [b"", b'{"pid": 1}', b'{"pid": "x"}', b"\xff garbage", b"[" * 10_000])
def test_a_file_left_by_a_crash_is_stale(tmp_path: Path, left: bytes) -> None:
    """Whatever stands in a file that nobody holds, nobody runs, and a new service can begin."""
    (tmp_path / NAME).write_bytes(left)
    assert running(tmp_path) is None
    with PidFile(tmp_path):
        assert running(tmp_path) == Running(os.getpid())


def _hold(folder: Path, told: Connection) -> None:
    with PidFile(folder):
        told.send(os.getpid())
        signal.pause()


def test_a_killed_holder_leaves_the_way_free(tmp_path: Path) -> None:
    """SIGKILL takes the lock with it, though the file stays."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, theirs))
    process.start()
    pid = ours.recv()
    assert running(tmp_path) == Running(pid)
    process.kill()
    process.join()
    assert (tmp_path / NAME).exists()
    assert running(tmp_path) is None
    with PidFile(tmp_path):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in place of the file cannot make the service write elsewhere."""
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / NAME).symlink_to(target)
    with pytest.raises(StorageError, match="cannot use"), PidFile(tmp_path):
        pass
    assert target.read_text() == "kept"
