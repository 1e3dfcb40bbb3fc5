"""The real `orchestrator` command as a real process: started, watched, signalled, collected."""

from __future__ import annotations

import os
import re
import resource
import secrets
import selectors
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL, Signals
from typing import IO, cast

import msgspec

from tester.checks import CheckError
from tester.process_table import MARKER

_PASSED_ON = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that a started command inherits; no other, so that no key, proxy or setting of the user's reaches it."""
_SOURCES = Path(__file__).parents[1]
CLOSE_S = 10.0
"""Seconds after the command's exit in which all its children must have closed its output."""
PAGE_ADDRESS = r"the page is at (http://\S+)"
"""What the service of web mode says on stdout as soon as it takes requests."""
_TRACE_PARENT = "TRACEPARENT"
_TRACE_ENDPOINT = "ORCHESTRATOR_TRACE_EP"
_EXPORT_DELAY = "OTEL_BSP_SCHEDULE_DELAY"
_EXPORT_DELAY_MS = 50
EXPORT_TIMEOUT = "OTEL_BSP_EXPORT_TIMEOUT"
_EXPORT_TIMEOUT_MS = 3000
"""Milliseconds that the end of a process may wait for the collector, which on a busy machine may answer late."""
_VALID_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class NotInstalledError(Exception):
    """The command to test is not there: neither its script nor its module. The message is one line."""


class Ended(msgspec.Struct, frozen=True):
    """A command that has ended.

    Attributes:
        exit_code: Negative for the signal that killed it.
        stdout: All of it.
        stderr: All of it.
        duration_s: Wall time from start to exit.
        trace_id: See `Command`.
    """

    exit_code: int
    stdout: str
    stderr: str
    duration_s: float
    trace_id: str = ""


def command_line(program: str = "orchestrator") -> list[str]:
    """How to start one of the project's commands: its installed script, or the module where there is none.

    Raises:
        NotInstalledError: There is neither.
    """
    script = Path(sys.executable).parent / program
    if script.is_file():
        return [str(script)]
    if not (_SOURCES / program).is_dir() and find_spec(program) is None:
        raise NotInstalledError(
            f"{program} is not installed: neither {script} nor a module of this name is there; install the project"
        )
    return [sys.executable, "-m", program]


def clean_environment(home: Path, marker: str, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of a started command.

    Args:
        home: Its home directory.
        marker: See `process_table`.
        more: Variables to add; None removes one.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # Where the project is not installed, the commands find it beside the tester.
    environment |= {"HOME": str(home), "PYTHONPATH": str(_SOURCES), "LC_ALL": "C.UTF-8"}
    environment[MARKER] = marker
    for name, value in (more or {}).items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


def traced_environment(endpoint: str) -> dict[str, str]:
    """Variables that make a command send its spans to a collector at once, as a trace of its own.

    Args:
        endpoint: The collector's, such as `http://127.0.0.1:4318`.
    """
    return {
        _TRACE_PARENT: f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        _TRACE_ENDPOINT: endpoint,
        _EXPORT_DELAY: str(_EXPORT_DELAY_MS),
        EXPORT_TIMEOUT: str(_EXPORT_TIMEOUT_MS),
    }


class Command:
    """One started process, leader of a session and process group of its own. A thread reads its output all the time.

    Args:
        arguments: Program and arguments.
        folder: Working directory.
        environment: All its variables.
        name: For the files `NAME.stdout` and `NAME.stderr`, which keep the output.
        logs: Where those files go.

    Attributes:
        arguments: As given.
        folder: As given.
        trace_id: Of the trace that its spans belong to; empty if its environment names none.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, name: str, logs: Path
    ) -> None:
        program = shutil.which(arguments[0], path=environment.get("PATH")) or arguments[0]
        self.arguments = list(arguments)
        self.folder = folder
        parent = _VALID_PARENT.fullmatch(environment.get(_TRACE_PARENT, ""))
        self.trace_id = parent.group(1) if parent else ""
        self._started = time.monotonic()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the project's own command
                [program, *arguments[1:]],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if error.filename != program:
                raise  # the working directory
            raise NotInstalledError(f"{arguments[0]} cannot be started: {error.strerror}") from error
        self._files = {stream: (logs / f"{name}.{stream}").open("wb") for stream in ("stdout", "stderr")}
        self._output = {"stdout": bytearray(), "stderr": bytearray()}
        self._changed = threading.Condition()
        self._exit_code: int | None = None
        self._duration_s = 0.0
        self._reading = True
        self._listeners: list[Callable[[], object]] = []
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
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextmanager
    def listening(self, listener: Callable[[], object]) -> Iterator[None]:
        """Within it a function is called, in another thread, at each piece of output, at the exit and at its end."""
        with self._changed:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.remove(listener)

    def _take(self, what: str, fd: int) -> bool:
        """Take in one piece of news; False if nothing more can come from there."""
        if what == "exit":
            code = self._process.wait()
            with self._changed:
                self._exit_code, self._duration_s = code, time.monotonic() - self._started
            self._tell()
            return False
        data = os.read(fd, 65536)
        self._files[what].write(data)
        self._files[what].flush()
        with self._changed:
            self._output[what] += data
        self._tell()
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
    def failed(self) -> bool:
        """Whether it has ended by itself with an exit code that is an error."""
        with self._changed:
            return self._exit_code is not None and self._exit_code not in (0, 130) and self._exit_code > 0

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

    @property
    def closed(self) -> bool:
        """Whether it has ended and nobody holds its output open any more."""
        with self._changed:
            return not self._reading

    def ended(self, timeout_s: float) -> Ended:
        """Wait for its exit and for the end of its output, which comes when its last child is gone.

        Raises:
            CheckError: One of both did not come in time.
        """
        self.has_ended(timeout_s)
        if not self.running:
            with self._changed:
                self._changed.wait_for(lambda: not self._reading, CLOSE_S)
        return self.outcome(timeout_s)

    def outcome(self, waited_s: float) -> Ended:
        """How it ended; it should have, by now.

        Args:
            waited_s: Seconds that it was given, for the message.

        Raises:
            CheckError: It runs, or a child of it holds its output open.
        """
        with self._changed:
            code, reading = self._exit_code, self._reading
        if code is None:
            what = " ".join(self.arguments)
            raise CheckError(f"{what!r} did not end within {waited_s:g} s; stderr ends with {self.stderr[-1500:]!r}")
        if reading:
            raise CheckError(f"{CLOSE_S:g} s after the command's exit a process still held its output open")
        return Ended(code, self.stdout, self.stderr, self._duration_s, self.trace_id)

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
        self._reader.join(CLOSE_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None and not self._reader.is_alive():
                pipe.close()
        for file in self._files.values():
            file.close()
