from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tester.process_table import MARKER, kill_marked, marked, poll_until
from tester.reaper import Reaper

ROOT = Path(__file__).parents[2]
_PAUSE = "import signal, sys; print('up', flush=True); signal.pause()"
_MAKER = """
import signal, subprocess, sys
from tester.reaper import Reaper
# Who runs the tests in the background may have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
reaper = Reaper(sys.argv[1])
children = [
    subprocess.Popen(
        [sys.executable, "-c", "import signal, sys; print('up', flush=True); signal.pause()"],
        env={sys.argv[2]: sys.argv[1]}, stdout=subprocess.PIPE, start_new_session=True,
    )
    for _ in range(2)
]
for child in children:
    child.stdout.readline()
print(reaper.pid, flush=True)
if sys.argv[3] == "raise":
    raise RuntimeError("a fault of the tester")
signal.pause()
"""
_WITHIN_S = 20.0
Starter = Callable[[str | None], subprocess.Popen[str]]


@pytest.fixture
def marker() -> Iterator[str]:
    """A marker of the test's own; what still carries it at the end is killed."""
    value = secrets.token_hex(8)
    yield value
    kill_marked(value)


@pytest.fixture
def started() -> Iterator[Starter]:
    """Starts a process with a marker or without any; those that still run at the end are killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(marker: str | None) -> subprocess.Popen[str]:
        environment = {} if marker is None else {MARKER: marker}
        process = subprocess.Popen(
            [sys.executable, "-c", _PAUSE], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _make(marker: str, what: str) -> tuple[subprocess.Popen[str], int]:
    """A process that has a reaper and two marked children; with the reaper's id."""
    maker = subprocess.Popen(
        [sys.executable, "-c", _MAKER, marker, MARKER, what],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert maker.stdout is not None
    return maker, int(maker.stdout.readline())


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_closing_kills_what_carries_the_marker(marker: str, started: Starter) -> None:
    """Closed, it has killed every process with its marker, in whatever session, and none with another or none."""
    one, two, other, free = started(marker), started(marker), started(marker + "0"), started(None)
    reaper = Reaper(marker)
    assert len(marked(marker)) == 2
    reaper.close()
    assert (one.wait(_WITHIN_S), two.wait(_WITHIN_S)) == (-signal.SIGKILL, -signal.SIGKILL)
    assert (other.poll(), free.poll()) == (None, None)
    assert _gone(reaper.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_nothing_outlives_a_killed_maker(marker: str, number: signal.Signals) -> None:
    """However a signal ends the process that made it, SIGKILL included, the marked ones and the reaper end too."""
    maker, reaper = _make(marker, "wait")
    assert len(marked(marker)) == 2
    maker.send_signal(number)
    maker.wait(_WITHIN_S)
    assert poll_until(lambda: not marked(marker), _WITHIN_S)
    assert poll_until(lambda: _gone(reaper), _WITHIN_S)


def test_nothing_outlives_a_failed_maker(marker: str) -> None:
    """A process that ends by an exception before it could clean up leaves nothing either."""
    maker, reaper = _make(marker, "raise")
    assert maker.wait(_WITHIN_S) == 1
    assert poll_until(lambda: not marked(marker) and _gone(reaper), _WITHIN_S)


def test_it_stands_apart(marker: str) -> None:
    """It leads a session of its own, has no variable at all, no folder, and takes no notice of SIGINT or SIGTERM."""
    reaper = Reaper(marker)
    proc = Path(f"/proc/{reaper.pid}")
    wanted = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert poll_until(lambda: wanted <= _ignored(proc), _WITHIN_S)
    assert os.getsid(reaper.pid) == reaper.pid
    assert b"=" not in (proc / "environ").read_bytes()
    assert (proc / "cwd").readlink() == Path("/")
    for number in wanted:
        os.kill(reaper.pid, number)
    assert not _gone(reaper.pid)
    reaper.close()
    assert _gone(reaper.pid)


def _ignored(proc: Path) -> set[int]:
    line = next(line for line in (proc / "status").read_text().splitlines() if line.startswith("SigIgn"))
    mask = int(line.split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_it_imports_nothing_of_the_project(marker: str) -> None:
    """Its process loads no third-party package and no module of this project: it is there before anything else is."""
    reaper = Reaper(marker)
    proc = Path(f"/proc/{reaper.pid}")
    assert poll_until(lambda: _ignored(proc) >= {signal.SIGINT}, _WITHIN_S)
    words = (proc / "cmdline").read_bytes().split(b"\0")
    files = (proc / "maps").read_text()
    reaper.close()
    assert b"-I" in words
    assert b"-S" in words
    assert "site-packages" not in files
