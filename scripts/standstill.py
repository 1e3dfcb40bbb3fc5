"""Runs a command and lets everything that it started stand still now and then, as on a machine that is paused.

Finds what relies on a machine that always runs: a time-out shorter than the pause, a wait that nobody extends, a
process that was already running when its neighbour had given up. For the tests:

    python scripts/standstill.py .venv/bin/pytest -n 3
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

_PASSES = 2
"""A process may start another one while they are being stopped."""
_INSTALLED = str(Path(__file__).resolve().parents[1] / ".venv")


def _family(command: psutil.Process) -> Iterator[psutil.Process]:
    """The command, its descendants, and the project's processes that are in sessions of their own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        yield command
        yield from command.children(recursive=True)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and any(part.startswith(_INSTALLED) for part in process.cmdline()[:2]):
                yield process


def _stand_still(command: psutil.Process, seconds: float) -> int:
    stopped: dict[int, psutil.Process] = {}
    try:
        for _ in range(_PASSES):
            for process in _family(command):
                with contextlib.suppress(psutil.Error):
                    if process.pid not in stopped and process.status() not in ("stopped", "zombie"):
                        process.suspend()
                        stopped[process.pid] = process
        time.sleep(seconds)
    finally:
        for process in stopped.values():
            with contextlib.suppress(psutil.Error):
                process.resume()
    return len(stopped)


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pause", type=float, default=4.0, metavar="SECONDS", help="length of each (default: 4)")
    parser.add_argument("--every", type=float, default=8.0, metavar="SECONDS", help="between two, about (default: 8)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("which command?")
    rng = random.Random(options.seed)
    running = subprocess.Popen(options.command)
    pauses = 0
    try:
        while running.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(options.every * rng.uniform(0.5, 1.5))
            if running.poll() is None:
                pauses += _stand_still(psutil.Process(running.pid), options.pause) > 0
    except KeyboardInterrupt:
        running.send_signal(signal.SIGINT)
        running.wait()
    sys.stderr.write(f"stood still {pauses} times for {options.pause:g} s\n")
    return running.returncode


if __name__ == "__main__":
    sys.exit(main())
