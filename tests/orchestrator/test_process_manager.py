"""Starting and ending real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import ProducerStartError
from orchestrator.processes.communicator import Closed, producer_channels
from orchestrator.processes.process_manager import ForkServerProcessManager, ProcessHandle, SpawnTarget

_WAIT_S = 20.0


def echo_pid(connection: socket.socket) -> None:
    """A child for these tests: tells its pid and its blocked signals, then waits for the end of its channel."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    connection.sendall(f"{os.getpid()} {int(signal.SIGINT in blocked)}\n".encode())
    while connection.recv(100):
        pass


@pytest.fixture
def manager() -> Iterator[ForkServerProcessManager]:
    """A fork server of its own for each test."""
    made = ForkServerProcessManager(SpawnTarget("tests.orchestrator.test_process_manager", "echo_pid"), [])
    made.prepare()
    yield made
    made.close()


def _start(manager: ForkServerProcessManager) -> tuple[ProcessHandle, socket.socket, list[str]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(_WAIT_S)
    handle = manager.start("child", theirs)
    theirs.close()
    return handle, ours, ours.recv(100).decode().split()


def test_a_child_runs_and_ends_with_its_channel(manager: ForkServerProcessManager) -> None:
    """The child is a process of its own, shielded from Ctrl-C, and ends when our end of the channel closes."""
    handle, ours, (pid, shielded) = _start(manager)
    assert int(pid) == handle.pid != os.getpid()
    assert shielded == "1"
    assert handle.exit_code() is None
    ours.close()
    assert handle.join(_WAIT_S)
    assert handle.exit_code() == 0


@pytest.mark.parametrize(("end", "code"), [("kill", -signal.SIGKILL), ("terminate", -signal.SIGTERM)])
def test_a_killed_child_is_told_by_its_exit_code(manager: ForkServerProcessManager, end: str, code: int) -> None:
    """The signal that ended a child stands in its exit code, and its channel ends at once."""
    handle, ours, _ = _start(manager)
    getattr(handle, end)()
    assert ours.recv(10) == b""
    assert handle.join(_WAIT_S)
    assert handle.exit_code() == code


def test_a_sibling_does_not_hold_a_dead_childs_channel(manager: ForkServerProcessManager) -> None:
    """A child started later has no copy of an earlier one's channel: its death is seen at once."""
    communicator = producer_channels()
    first, endpoint = communicator.open()
    victim = manager.start("victim", endpoint)
    communicator.started(first)
    other, endpoint = communicator.open()
    sibling = manager.start("sibling", endpoint)
    communicator.started(other)
    victim.kill()
    ends = next(news for news in iter(lambda: communicator.receive(_WAIT_S), []) if news)
    assert [(news.channel, type(news.message)) for news in ends] == [(first, Closed)]
    communicator.close_all()
    assert sibling.join(_WAIT_S)


def test_a_script_without_a_main_guard_is_not_started_again(tmp_path: Path) -> None:
    """A user's script may call us at its top level: children do not import it."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import socket\n"
        "from orchestrator.processes.process_manager import ForkServerProcessManager, SpawnTarget\n"
        "print('top level', flush=True)\n"
        "m = ForkServerProcessManager(SpawnTarget('tests.orchestrator.test_process_manager', 'echo_pid'), [])\n"
        "m.prepare()\n"
        "a, b = socket.socketpair()\n"
        "h = m.start('x', b)\n"
        "b.close()\n"
        "a.recv(100)\n"
        "a.close()\n"
        "h.join(20)\n"
        "print('exit', h.exit_code())\n"
        "m.close()\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["top level", "exit 0"], done.stderr


def test_a_process_that_cannot_be_made_is_our_error(
    manager: ForkServerProcessManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal (no more processes, no more files) comes as one line for the user."""

    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("multiprocessing.forkserver.connect_to_new_process", refuse)
    ours, theirs = socket.socketpair()
    with pytest.raises(ProducerStartError, match="Too many open files"):
        manager.start("child", theirs)
    ours.close()
    theirs.close()
