"""Starts commands behind a guard process, so that none of them outlives its owner, however the owner dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 1.6
"""Seconds until a guard that was told to stop is killed; with it the command dies at once."""

_GUARD = Path(__file__).with_name("guard.py")


class GuardedProcess:
    """A command in its own session (Ctrl-C in the terminal does not reach it), bound to this process's life.

    Args:
        command: Program and arguments.
        output: Where its standard output and standard error go.
        environment: The command's whole environment.
        directory: Working directory.

    Raises:
        OSError: The guard cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        output: IO[bytes],
        environment: Mapping[str, str],
        directory: Path | None = None,
    ) -> None:
        # The write end of the pipe is close-on-exec: no sibling inherits it, so the kernel closes it with this process.
        self._guard = subprocess.Popen(  # noqa: S603 - a list, no shell; the command is ours
            [sys.executable, "-I", "-S", _GUARD, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id of the guard."""
        return self._guard.pid

    def exit_code(self) -> int | None:
        """The command's exit code (128 + signal when a signal ended it), or None while it runs."""
        code = self._guard.poll()
        return 128 - code if code is not None and code < 0 else code

    def wait(self, timeout_s: float) -> int | None:
        """Wait up to `timeout_s` seconds for the end; returns as `exit_code`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(timeout_s)
        return self.exit_code()

    def stop(self) -> None:
        """End the command's process group within 2 s: SIGTERM, then SIGKILL. Safe to call again."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        if self.wait(STOP_TIMEOUT_S) is None:
            self._guard.kill()
            self._guard.wait()


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the providers' keys, which no tool started here needs."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_API_KEY")}
    return kept | dict(extra or {})


def explain_exit(code: int) -> str:
    """What an exit code means, for an error message."""
    if code == 128 + signal.SIGILL:
        return "this processor lacks instructions that the program needs"
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(code - 128).name}"
    return f"exit code {code}"
