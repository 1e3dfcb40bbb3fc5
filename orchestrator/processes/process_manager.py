"""Starting and ending processes. The seam where another engine (containers, other machines) can take over."""

from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from contract.errors import ProducerStartError

_SAFE_PATH = "PYTHONSAFEPATH"


class ProcessHandle(Protocol):
    """One started process."""

    @property
    def pid(self) -> int | None:
        """Process id, where there is one."""
        ...

    def exit_code(self) -> int | None:
        """None while it runs; else its exit code, negative for the signal that killed it."""
        ...

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        ...

    def kill(self) -> None:
        """End it now (SIGKILL)."""
        ...

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; whether it has ended."""
        ...


class ProcessManager(Protocol):
    """Starts processes that serve a channel endpoint."""

    def prepare(self) -> None:
        """Do what can be done before the first `start`, without waiting for it."""
        ...

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        """Start a process on its end of a channel. Raises `ProducerStartError`."""
        ...

    def close(self) -> None:
        """Free what `prepare` made. All processes have ended."""
        ...


class SpawnTarget:
    """A function of another package, named instead of imported: only the new process pays for its import.

    Args:
        module: Where it is.
        function: Its name; it is called with the endpoint.
    """

    def __init__(self, module: str, function: str) -> None:
        self.module = module
        self.function = function

    def __call__(self, endpoint: object) -> None:
        """Import and call it."""
        getattr(importlib.import_module(self.module), self.function)(endpoint)


class _ForkedProcess:
    """A `ProcessHandle` over `multiprocessing`."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def exit_code(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def join(self, timeout_s: float) -> bool:
        self._process.join(timeout_s)
        return self._process.exitcode is not None


class ForkServerProcessManager:
    """`ProcessManager` over `multiprocessing`'s fork server.

    The fork server imports the modules once and forks each process from there: 11 ms and 4 MB a process instead of
    587 ms and 38 MB (FACTS: "Processes and queues"). It has no threads when it forks, ends when this process is
    gone, and is shared by all managers of this process.

    Args:
        target: Called in the new process with the endpoint.
        preload: Modules that the fork server imports, in this order.
        hidden: Environment variables that the processes must not have (keys).
    """

    _users: ClassVar[int] = 0

    def __init__(self, target: Callable[[Any], None], preload: Sequence[str], hidden: Collection[str] = ()) -> None:
        self._target = target
        self._hidden = frozenset(hidden)
        self._preload = list(preload)
        self._context = multiprocessing.get_context("forkserver")
        self._prepared = False

    def prepare(self) -> None:
        """Start the fork server; it imports in the background while this process goes on."""
        if not self._prepared:
            self._prepared = True
            ForkServerProcessManager._users += 1
        self._context.set_forkserver_preload(self._preload)
        with _blank_main(), _safe_path(), without_variables(self._hidden):
            try:
                # Started first and by itself: it unblocks SIGINT in this process when it starts.
                multiprocessing.resource_tracker.ensure_running()
                with terminal_signals_blocked():
                    multiprocessing.forkserver.ensure_running()
            except OSError as error:
                hint = "; TMPDIR is too long a path, set a shorter one" if "AF_UNIX" in str(error) else ""
                raise ProducerStartError(f"cannot start processes: {error.strerror or error}{hint}") from error

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        """See `ProcessManager`."""
        process = self._context.Process(target=self._target, args=(endpoint,), name=name, daemon=True)
        try:
            # Hidden here too: a fork server that has died is started anew by this.
            with terminal_signals_blocked(), _blank_main(), _safe_path(), without_variables(self._hidden):
                process.start()
        except (OSError, EOFError) as error:
            raise ProducerStartError(f"cannot start {name}: {error or type(error).__name__}") from error
        return _ForkedProcess(process)

    def close(self) -> None:
        """See `ProcessManager`. The last manager to close ends the fork server; it would live as long as we do."""
        if not self._prepared:
            return
        self._prepared = False
        ForkServerProcessManager._users -= 1
        server: Any = multiprocessing.forkserver._forkserver
        stop = getattr(server, "_stop", None)  # the standard library's only way; its own tests use it
        if stop is not None and ForkServerProcessManager._users == 0:
            stop()


@contextmanager
def terminal_signals_blocked() -> Iterator[None]:
    """Let processes started here inherit a mask in which Ctrl-C and a closed terminal do not reach them.

    The terminal signals its whole process group; the orchestrator alone decides what that means for the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _blank_main() -> Iterator[None]:
    """Hide `__main__` while a process starts.

    `multiprocessing` imports the parent's main module again in each child. Ours needs nothing from there, and a
    user's script without an `if __name__ == "__main__"` guard would start itself over and over.
    """
    real = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = real


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let a process started here import nothing from the working directory, as `-P` does: the fork server would."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def signal_name(number: int) -> str:
    """`SIGKILL` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


@contextmanager
def without_variables(names: Collection[str]) -> Iterator[None]:
    """Take variables out of the environment while a process starts: what it inherits can be read in `/proc`."""
    taken = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


class _ThreadProcess:
    """A `ProcessHandle` over a thread."""

    def __init__(self, thread: threading.Thread, state: dict[str, int]) -> None:
        self._thread = thread
        self._state = state

    @property
    def pid(self) -> int | None:
        return os.getpid()

    def exit_code(self) -> int | None:
        return None if self._thread.is_alive() else self._state.get("code", 1)

    def terminate(self) -> None:
        """A thread ends when its channel does."""

    def kill(self) -> None:
        """As `terminate`."""

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


class ThreadProcessManager:
    """`ProcessManager` that runs each "process" as a thread, with a `MemoryCommunicator`'s endpoints.

    Args:
        target: Called in the thread with the endpoint; an exception there is exit code 1.
    """

    def __init__(self, target: Callable[[Any], None]) -> None:
        self._target = target

    def prepare(self) -> None:
        """Nothing is needed."""

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        """See `ProcessManager`."""
        state: dict[str, int] = {}

        def body() -> None:
            try:
                self._target(endpoint)
                state["code"] = 0
            except SystemExit as end:
                state["code"] = end.code if isinstance(end.code, int) else 1
            except Exception:
                state["code"] = 1

        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        return _ThreadProcess(thread, state)

    def close(self) -> None:
        """Nothing is kept."""
