"""Which processes there are, from `/proc`.

Those that a scenario started are found by a marker in their environment, which every descendant inherits.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

MARKER = "TOPIC_TESTER_MARKER"
"""Environment variable that names the scenario a process belongs to."""
_PROC = Path("/proc")
_POLL_S = 0.01


class Running(msgspec.Struct, frozen=True):
    """One live process (a zombie is none).

    Attributes:
        pid: Its id.
        parent: Its parent's id.
        arguments: Its command line, joined by spaces.
        environment: What it was started with.
    """

    pid: int
    parent: int
    arguments: str
    environment: bytes


def marked(marker: str) -> list[Running]:
    """The live processes that carry this marker."""
    needle = f"{MARKER}={marker}".encode()
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (process := _read(entry)) and needle in process.environment.split(b"\0"):
            found.append(process)
    return found


def _read(entry: Path) -> Running | None:
    try:
        environment = (entry / "environ").read_bytes()
        arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        # The name in parentheses may hold anything; the fields after it are state and parent.
        state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    except OSError:
        return None  # it has ended meanwhile, or belongs to somebody else
    return None if state in "ZX" else Running(int(entry.name), int(parent), arguments, environment)


def kill_marked(marker: str) -> list[Running]:
    """SIGKILL to all that carry the marker; returns those that were alive."""
    alive = marked(marker)
    for process in alive:
        kill(process.pid)
    return alive


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Signal a process; whether there was one."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def poll_until(condition: Callable[[], object], timeout_s: float) -> bool:
    """Look at a condition a hundred times a second until it holds; False if it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def resident_bytes(pid: int) -> int:
    """Memory that a process holds now; 0 if it has ended."""
    try:
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def unix_sockets() -> list[str]:
    """Paths and abstract names of all Unix sockets on this machine."""
    lines = (_PROC / "net" / "unix").read_text(errors="replace").splitlines()[1:]
    return [fields[7] for line in lines if len(fields := line.split()) > 7]
