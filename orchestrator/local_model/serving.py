"""One llama-server process: its command line, its log, and the wait until it answers."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contract.errors import ConfigurationError
from orchestrator.local_model.endpoint import HOST, free_port, is_healthy, offers
from orchestrator.local_model.guarded import GuardedProcess, explain_exit
from orchestrator.local_model.logs import fresh_log, last_line, tail
from orchestrator.local_model.progress import Progress, Report

START_TIMEOUT_S = 120.0
PORT_ATTEMPTS = 3

_POLL_S = 0.05
_PORT_TAKEN = ("couldn't bind", "address already in use")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_EMBEDDED = Path(__file__).with_name("embedded_server.py")

Origin = Literal["wheel", "source"]
"""Where a server comes from: ready built out of a wheel, or built here from its source."""


class StartFailed(ConfigurationError):  # noqa: N818 - named like its siblings in the error tree
    """The server ended at its start or did not answer in time.

    Args:
        reason: What happened, with the last line of the log.
        log: The whole log.
    """

    def __init__(self, reason: str, log: Path) -> None:
        super().__init__(f"the local model server does not start ({reason}); its log is {log}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Installation:
    """What is needed to serve the model.

    Attributes:
        server: The folder that holds the package xllamacpp (origin `wheel`) or the program llama-server (`source`).
        model: The weights (GGUF).
        model_name: Name under which the model is offered and asked for.
        origin: Where the server comes from.
    """

    server: Path
    model: Path
    model_name: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much the server takes on.

    Attributes:
        slots: Requests answered at the same time; more wait in the server.
        context_per_slot: Tokens of prompt and answer together, for each request.
        threads: Threads that compute.
    """

    slots: int
    context_per_slot: int
    threads: int


def default_threads() -> int:
    """All usable cores but one, which the program itself needs; at least one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable - 1)


def server_command(installation: Installation, capacity: Capacity, port: int) -> list[str | Path]:
    """The command line of the server; the embedded one takes llama-server's names of the options."""
    options: list[str | Path] = [
        *("--model", installation.model, "--alias", installation.model_name),
        *("--host", HOST, "--port", str(port)),
        *("--parallel", str(capacity.slots), "--ctx-size", str(capacity.slots * capacity.context_per_slot)),
        *("--threads", str(capacity.threads)),
    ]
    if installation.origin == "wheel":
        return [sys.executable, "-I", "-S", "-B", _EMBEDDED, installation.server, *options]
    # No prompt cache in main memory (8 GiB by default), no download, no page, no access from web pages.
    return [installation.server, *options, "--cache-ram", "0", "--offline", "--no-webui", "--cors-origins", ""]


class ServerProcess:
    """A llama-server that answers. Use `launch`, which waits until it does."""

    def __init__(self, installation: Installation, capacity: Capacity, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        # Its environment is built from nothing: LLAMA_ARG_* would change its options, keys are none of its business.
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # Kept open: another run that rotates the file by its name does not take this server's last words away.
        self._output = fresh_log(log)
        try:
            command = server_command(installation, capacity, port)
            self._process = GuardedProcess(command, output=self._output, environment=environment)
        except BaseException:
            self._output.close()
            raise

    @property
    def guard_pid(self) -> int:
        """Process id of the guard that holds the server."""
        return self._process.pid

    def ended(self) -> str | None:
        """Why the server ended, with the last line of its log, or None while it runs."""
        code = self._process.exit_code()
        return None if code is None else f"{explain_exit(code)}: {self.last_words()}"

    def last_words(self) -> str:
        """The last line of its log."""
        return last_line(self._output)

    def wait_healthy(self, deadline: float, report: Report) -> bool:
        """Wait until the server answers.

        Args:
            deadline: On the clock of `time.monotonic`, in seconds.
            report: Told once that the wait has begun.

        Returns:
            Whether it answers; if not, it has ended or the deadline has passed.
        """
        report(Progress("start local model", "loading the model"))
        while time.monotonic() < deadline:
            if self._process.wait(_POLL_S) is not None:
                return False
            if is_healthy(self.port):
                return True
        return False

    def lost_its_port(self) -> bool:
        """Whether it ended because another program had taken the port."""
        if self._process.exit_code() is None:
            return False
        text = tail(self._output).lower()
        return any(sign in text for sign in _PORT_TAKEN)

    def stop(self) -> None:
        """End the server within 2 s; safe to call again, but nothing else is, afterwards."""
        self._process.stop()
        self._output.close()


def launch(
    installation: Installation, capacity: Capacity, log: Path, *, timeout_s: float, report: Report
) -> ServerProcess:
    """Start a server on a free port and wait until it answers.

    Args:
        installation: What to start.
        capacity: Slots, context and threads.
        log: Receives the server's output; the earlier one is kept once.
        timeout_s: Seconds in all, over every attempt.
        report: Told when the wait begins.

    Raises:
        StartFailed: It cannot be started, ended, or did not answer in time. Nothing of it is left running.
    """
    deadline = time.monotonic() + timeout_s
    for attempt in range(1, PORT_ATTEMPTS + 1):
        server = _start(installation, capacity, log)
        try:
            healthy = server.wait_healthy(deadline, report)
            if healthy and offers(server.port, installation.model_name) and server.ended() is None:
                return server  # had it ended, another run's server would have answered on a port that ours lost
            reason, port_lost = server.ended(), server.lost_its_port()
            last_words = server.last_words()
        except BaseException:
            server.stop()
            raise
        server.stop()
        if port_lost and attempt < PORT_ATTEMPTS:
            continue
        if reason is None and healthy:
            reason = f"what answers on its port does not offer {installation.model_name}"
        elif reason is None:
            reason = f"it did not answer within {timeout_s:.0f} s: {last_words}"
        raise StartFailed(reason, log)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _start(installation: Installation, capacity: Capacity, log: Path) -> ServerProcess:
    try:
        return ServerProcess(installation, capacity, free_port(), log)
    except OSError as error:
        raise StartFailed(str(error), log) from error
