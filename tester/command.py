"""The real `orchestrator` command as a real process: started, watched, signalled, collected."""

from __future__ import annotations

import os
import re
import resource
import selectors
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals
from typing import IO, cast

import msgspec

from tester.checks import CheckError
from tester.process_table import MARKER

_PASSED_ON = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that a started command inherits; no other, so that no key, proxy or setting of the user's reaches it."""
_CLOSE_S = 5.0
"""Seconds after the command's exit in which all its children must have closed its output."""


class Ended(msgspec.Struct, frozen=True):
    """A command that has ended.

    Attributes:
        exit_code: Negative for the signal that killed it.
        stdout: All of it.
        stderr: All of it.
        duration_s: Wall time from start to exit.
    """

    exit_code: int
    stdout: str
    stderr: str
    duration_s: float


def command_line(program: str = "orchestrator") -> list[str]:
    """How to start one of the project's commands: its installed script, or the module where there is none."""
    script = Path(sys.executable).parent / program
    return [str(script)] if script.is_file() else [sys.executable, "-m", program]


def clean_environment(home: Path, marker: str, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of a started command.

    Args:
        home: Its home directory.
        marker: See `process_table`.
        more: Variables to add; None removes one.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # Where the project is not installed, the commands find it beside the tester.
    environment |= {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[1]), "LC_ALL": "C.UTF-8"}
    environment[MARKER] = marker
    for name, value in (more or {}).items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


class Command:
    """One started process, leader of a session and process group of its own. A thread reads its output all the time.

    Args:
        arguments: Program and arguments.
        folder: Working directory.
        environment: All its variables.
        name: For the files `NAME.stdout` and `NAME.stderr`, which keep the output.
        logs: Where those files go.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, name: str, logs: Path
    ) -> None:
        program = shutil.which(arguments[0], path=environment.get("PATH")) or arguments[0]
        self.arguments = list(arguments)
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - the project's own command
            [program, *arguments[1:]],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._files = {stream: (logs / f"{name}.{stream}").open("wb") for stream in ("stdout", "stderr")}
        self._output = {"stdout": bytearray(), "stderr": bytearray()}
        self._changed = threading.Condition()
        self._exit_code: int | None = None
        self._duration_s = 0.0
        self._reading = True
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    def _read(self) -> None:
        pidfd = os.pidfd_open(self.pid)
        with selectors.DefaultSelector() as selector:
            for stream in ("stdout", "stderr"):
                selector.register(cast(IO[bytes], getattr(self._process, stream)), selectors.EVENT_READ, stream)
            selector.register(pidfd, selectors.EVENT_READ, "exit")
            while selector.get_map():
                for key, _ in selector.select():
                    if not self._take(key.data, key.fd):
                        selector.unregister(key.fileobj)
        os.close(pidfd)
        with self._changed:
            self._reading = False
            self._changed.notify_all()

    def _take(self, what: str, fd: int) -> bool:
        """Take in one piece of news; False if nothing more can come from there."""
        if what == "exit":
            code = self._process.wait()
            with self._changed:
                self._exit_code, self._duration_s = code, time.monotonic() - self._started
                self._changed.notify_all()
            return False
        data = os.read(fd, 65536)
        self._files[what].write(data)
        self._files[what].flush()
        with self._changed:
            self._output[what] += data
            self._changed.notify_all()
        return bool(data)

    @property
    def stdout(self) -> str:
        """Standard output so far."""
        with self._changed:
            return self._output["stdout"].decode(errors="replace")

    @property
    def stderr(self) -> str:
        """Standard error so far."""
        with self._changed:
            return self._output["stderr"].decode(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        with self._changed:
            return self._exit_code is None

    def wait_for(self, pattern: str, timeout_s: float, *, stream: str = "stderr") -> re.Match[str]:
        """Wait until its output matches.

        Raises:
            CheckError: It ended, or the time is over, before that.
        """
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                text = self._output[stream].decode(errors="replace")
                if match := wanted.search(text):
                    return match
                left = deadline - time.monotonic()
                if not self._reading or left <= 0:
                    why = "it ended" if not self._reading else f"{timeout_s:g} s were over"
                    raise CheckError(f"{stream} should say {pattern!r}, but {why} after {text[-1500:]!r}")
                self._changed.wait(left)

    def has_ended(self, within_s: float) -> bool:
        """Wait for its exit, at most so long; whether it has come."""
        with self._changed:
            return self._changed.wait_for(lambda: self._exit_code is not None, within_s)

    def ended(self, timeout_s: float) -> Ended:
        """Wait for its exit and for the end of its output, which comes when its last child is gone.

        Raises:
            CheckError: One of both did not come in time.
        """
        if not self.has_ended(timeout_s):
            what = " ".join(self.arguments)
            raise CheckError(f"{what!r} did not end within {timeout_s:g} s; stderr ends with {self.stderr[-1500:]!r}")
        with self._changed:
            if not self._changed.wait_for(lambda: not self._reading, _CLOSE_S):
                raise CheckError(f"{_CLOSE_S:g} s after the command's exit a process still held its output open")
            code = cast(int, self._exit_code)
        return Ended(code, self.stdout, self.stderr, self._duration_s)

    def signal(self, number: Signals) -> None:
        """Signal the command's own process."""
        if self.running:
            os.kill(self.pid, number)

    def signal_group(self, number: Signals) -> None:
        """Signal the whole process group, as a terminal does with Ctrl-C."""
        if self.running:
            os.killpg(self.pid, number)

    def limit(self, kind: int, value: int) -> None:
        """Set a resource limit of the running command itself, such as `resource.RLIMIT_FSIZE` in bytes."""
        resource.prlimit(self.pid, kind, (value, resource.RLIM_INFINITY))

    def close(self) -> None:
        """Kill the process group and free everything."""
        if self.running:
            self.signal_group(SIGKILL)
        self._process.wait()
        self._reader.join(_CLOSE_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None and not self._reader.is_alive():
                pipe.close()
        for file in self._files.values():
            file.close()
