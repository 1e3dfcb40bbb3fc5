"""Child processes that are programs of their own: started by their module's name, not forked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Collection, Sequence

from contract.errors import ProducerStartError
from orchestrator.processes.process_manager import ProcessHandle, terminal_signals_blocked


class _Program:
    """A `ProcessHandle` over `subprocess`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def exit_code(self) -> int | None:
        return self._process.poll()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def join(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


class ProgramProcessManager:
    """`ProcessManager` for processes that have children of their own, or share nothing with each other.

    A process of the fork server is a daemon: it may have no children, as a topic process has.

    Args:
        module: What it runs, as `python -m MODULE FD…` would; the first FD is its end of the channel.
        hidden: Environment variables that it must not have (keys).
        inherited: Further sockets that it gets, in this order.
    """

    def __init__(self, module: str, hidden: Collection[str] = (), inherited: Sequence[socket.socket] = ()) -> None:
        self._module = module
        self._hidden = frozenset(hidden)
        self._inherited = tuple(inherited)

    def prepare(self) -> None:
        """Nothing is needed."""

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        """See `ProcessManager`; the endpoint is a socket."""
        if not isinstance(endpoint, socket.socket):
            raise TypeError("a program's channel is a socket")
        descriptors = [endpoint.fileno(), *(one.fileno() for one in self._inherited)]
        environment = {key: value for key, value in os.environ.items() if key not in self._hidden}
        try:
            with terminal_signals_blocked():
                # -P: a file of the user's working directory must not be taken for a module of ours.
                process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of ours
                    [sys.executable, "-P", "-m", self._module, *map(str, descriptors)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=descriptors,
                    env=environment,
                )
        except OSError as error:
            raise ProducerStartError(f"cannot start {name}: {error.strerror or error}") from error
        return _Program(process)

    def close(self) -> None:
        """Nothing is kept."""
