"""Runs a command and measures it with everything it starts: wall time, CPU time, largest process.

CPU time is taken from the kernel when a process has ended and been waited for. Processes that outlive their parent
(a fork server's children do) come to us, because we declare ourselves their reaper: nothing is missed and nothing
is sampled.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36


class Measured(NamedTuple):
    """What a command took.

    Attributes:
        wall_s: From start to the command's exit.
        cpu_s: User and system time of the command and all its descendants.
        peak_mib: Resident memory of the largest single process among them.
        exit_code: The command's.
        stdout: What it printed.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    exit_code: int
    stdout: str


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: str | None = None) -> Measured:
    """Run `command` and wait for it and for all that it started. Linux only."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        list(command),
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - started
    _reap_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, after.ru_maxrss / 1024, done.returncode, done.stdout)


def _reap_orphans() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def measured_apart(
    command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: str | None = None
) -> Measured:
    """`measure` in a process of its own, so that children of this one (servers) are neither counted nor waited for."""
    import msgspec

    spec = msgspec.json.encode({"command": list(command), "environment": dict(environment or {}), "cwd": cwd}).decode()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", spec], stdout=subprocess.PIPE, text=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=Measured)


def main() -> None:
    """Measure the command given as JSON in the first argument; print the result as JSON."""
    import msgspec

    spec = msgspec.json.decode(sys.argv[1])
    measured = measure(spec["command"], spec["environment"], spec["cwd"])
    sys.stdout.write(msgspec.json.encode(measured).decode())


if __name__ == "__main__":
    main()
