"""Nothing outlives the tester: a tiny process of its own that kills what carries a marker once the tester is gone.

It holds the reading end of a pipe whose writing end only the tester has. However the tester ends, SIGKILL included,
the kernel closes that end; the reaper then kills every process that carries the marker, and ends. It is started as
`python -I -S reaper.py NAME=MARKER` and imports nothing that is not there already: it is running after some 20 ms.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_QUIET_PASSES = 3
"""Passes in a row that find nothing before it is over: a process that is just being started shows no marker yet."""
_PASS_S = 0.02
_LONGEST_S = 10.0
"""Seconds after which it gives up, on a process that the kernel cannot end (in uninterruptible sleep)."""
_CLOSE_S = 5.0


class Reaper:
    """Kills every process with the marker when it is closed, or when the process that made it ends in any way.

    Args:
        marker: See `process_table`.
    """

    def __init__(self, marker: str) -> None:
        import subprocess  # the process that this file is run as has no use for these, nor the time

        from tester.process_table import MARKER

        self._process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, "-I", "-S", __file__, f"{MARKER}={marker}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",  # it must not hold a temporary folder
            env={},  # and carry no marker itself
            start_new_session=True,  # a terminal's Ctrl-C is not for it
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def close(self) -> None:
        """Have everything killed; returns when that is done."""
        import subprocess

        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def kill_all(variable: bytes) -> None:
    """SIGKILL to every process with this variable (`NAME=VALUE`) in its environment, until none is left."""
    deadline, quiet = time.monotonic() + _LONGEST_S, 0
    while quiet < _QUIET_PASSES and time.monotonic() < deadline:
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and _carries(pid, variable)]  # noqa: PTH208 - pathlib takes long
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue  # it has ended meanwhile
        quiet = 0 if found else quiet + 1
        time.sleep(_PASS_S)


def _carries(pid: str, variable: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - pathlib takes as long as all the rest
            return variable in file.read().split(b"\0")
    except OSError:
        return False  # it has ended, or belongs to somebody else


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    kill_all(os.fsencode(sys.argv[1]))


if __name__ == "__main__":
    _main()
