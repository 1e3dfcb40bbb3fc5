"""What `--keep-running` does: tells what is up and how to reach and stop it, waits, stops it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tester.command import Command
from tester.process_table import poll_until

_STOP_S = 3.0
"""Seconds that a command which was asked to end may take."""


def hold(commands: Sequence[Command], logs: Path, endpoint: str) -> None:
    """Print what runs, and wait until it ends, or is interrupted, which stops it.

    Args:
        commands: Those that run.
        logs: Folder of their outputs.
        endpoint: Where their spans are received.
    """
    try:  # Ctrl-C may come as soon as the first line can be read
        announce(
            "running until Ctrl-C:",
            *(f"  pid {one.pid}, working directory {one.folder}: {' '.join(one.arguments)}" for one in commands),
            f"  logs: {logs}",
            f"  spans are received at {endpoint}",
            f"  to stop it from elsewhere: kill {' '.join(str(one.pid) for one in commands)}",
        )
        _wait_for_all(commands)
    except KeyboardInterrupt:
        for command in commands:
            command.signal(signal.SIGTERM)
        poll_until(lambda: not any(command.running for command in commands), _STOP_S)


def announce(*lines: str) -> None:
    """Print lines on stderr, at once."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def _wait_for_all(commands: Sequence[Command]) -> None:
    changed = threading.Event()
    with ExitStack() as stack:
        for command in commands:
            stack.enter_context(command.listening(changed.set))
        while any(command.running for command in commands):
            changed.wait()
            changed.clear()
