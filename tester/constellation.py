"""Real orchestrators for users' own scenarios: started, watched and ended; none is left behind."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from tester.checks import CheckError
from tester.command import (
    CLOSE_S,
    PAGE_ADDRESS,
    Command,
    Ended,
    clean_environment,
    command_line,
    traced_environment,
)
from tester.config import ConfigError, OrchestratorConfig
from tester.process_table import kill_marked, marked
from tester.reaper import Reaper

if TYPE_CHECKING:
    from tester.web_client import WebClient

_START_S = 30.0
_SHOWN_CHARACTERS = 1500
_SHOWN_LINES = 3
_S = TypeVar("_S", bound="Service")


class Service:
    """An orchestrator that was started, with its producers.

    Args:
        name: Also the name of its log files, `NAME.stdout` and `NAME.stderr`.
        command: Its process.
        config: What it was started with.

    Attributes:
        stop_s: Seconds that it has for ending when asked.
    """

    stop_s = 5.0

    def __init__(self, name: str, command: Command, config: OrchestratorConfig) -> None:
        self.name = name
        self.command = command
        self.config = config

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.command.pid

    @property
    def trace_id(self) -> str:
        """Of the trace that all its spans belong to: 32 hexadecimal digits."""
        return self.command.trace_id

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.command.running

    async def ended(self, timeout_s: float) -> Ended:
        """Wait for its end; gives exit code, outputs and duration.

        Raises:
            CheckError: It did not end in time, or a process of it holds its output open.
        """
        if await self._until(lambda: not self.command.running, timeout_s):
            await self._until(lambda: self.command.closed, CLOSE_S)
        return self.command.outcome(timeout_s)

    async def until_ended(self, timeout_s: float) -> bool:
        """Wait for its exit; whether it has come in time."""
        return await self._until(lambda: not self.command.running, timeout_s)

    def last_words(self) -> str:
        """Its name, how it ended if it has, and the end of what it said on stderr."""
        how = "runs" if self.running else f"ended with exit code {self.command.outcome(0).exit_code}"
        said = self.command.stderr.rstrip().splitlines()[-_SHOWN_LINES:]
        return "\n  ".join([f"{self.name}, which {how}{':' if said else ''}", *said])

    async def wait_for_output(self, pattern: str, timeout_s: float, *, stream: str = "stderr") -> re.Match[str]:
        """Wait until its output matches a regular expression.

        Args:
            pattern: Searched for anywhere in the whole output so far.
            timeout_s: Seconds.
            stream: `stdout` or `stderr`.

        Raises:
            CheckError: It ended, or the time is over, before that.
        """
        wanted = re.compile(pattern)

        def text() -> str:
            return self.command.stdout if stream == "stdout" else self.command.stderr

        await self._until(lambda: bool(wanted.search(text())) or self.command.closed, timeout_s)
        if match := wanted.search(text()):
            return match
        why = "it ended" if self.command.closed else f"{timeout_s:g} s were over"
        raise CheckError(f"{stream} should say {pattern!r}, but {why} after {text()[-_SHOWN_CHARACTERS:]!r}")

    def signal(self, number: signal.Signals) -> None:
        """Signal its process; nothing happens if it has ended."""
        self.command.signal(number)

    async def stop(self, timeout_s: float | None = None) -> Ended:
        """Ask it to end (SIGTERM) and wait for that, `stop_s` if no other time is said.

        Raises:
            CheckError: See `ended`.
        """
        self.signal(signal.SIGTERM)
        return await self.ended(self.stop_s if timeout_s is None else timeout_s)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for news of the process until a condition holds; whether it does."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop may have ended before the process
                loop.call_soon_threadsafe(changed.set)

        with suppress(TimeoutError), self.command.listening(wake):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await changed.wait()
                    changed.clear()
        return condition()


class WebService(Service):
    """The service of web mode, with its web server and its topics' processes; asked to end, it ends all topics at once.

    Args:
        name: See `Service`.
        command: See `Service`.
        config: See `Service`.

    Attributes:
        address: Where its page and its API are, such as `http://localhost:8080`.
    """

    address = ""
    stop_s = 20.0  # what scripts/stop.sh gives it, too

    async def ready(self, timeout_s: float) -> Self:
        """Wait until it takes requests.

        Raises:
            CheckError: It ended, or the time is over, before that.
        """
        self.address = (await self.wait_for_output(PAGE_ADDRESS, timeout_s, stream="stdout")).group(1)
        return self

    def client(self, token: str = "") -> WebClient:
        """A client whose requests belong to the service's trace."""
        from tester.web_client import WebClient  # its HTTP client takes as long to import as all the rest

        return WebClient(self.address, self.trace_id, token=token)


class ServiceConstellation:
    """Owns every process that is started through it; an async context manager, at whose end none of them is left.

    They are asked to end, then killed: after success, failure, and cancellation. If the process that uses it is
    killed itself, a process of its own (`Reaper`) kills them.

    Args:
        trace_endpoint: Where their spans go, such as a `Collector`'s `endpoint`.
        folder: Their working directory, with their logs; None for a new temporary one, which is removed after
            success and kept after a failure.
        environment: Variables of each of them, besides `clean_environment` and `traced_environment`.
        stop_s: Seconds that they have for ending when asked; None: each its own `Service.stop_s`.

    Attributes:
        folder: As given, or the temporary one.
        services: What was started, in that order.
    """

    def __init__(
        self,
        trace_endpoint: str,
        folder: Path | str | None = None,
        *,
        environment: Mapping[str, str | None] | None = None,
        stop_s: float | None = None,
    ) -> None:
        self.trace_endpoint = trace_endpoint
        self.services: list[Service] = []
        self._marker = secrets.token_hex(8)
        self._own_folder = folder is None
        self.folder = Path(folder or Path(gettempdir()) / f"constellation-{self._marker}").absolute()
        self._temporary: TemporaryDirectory[str] | None = None
        self._environment = dict(environment or {})
        self._stop_s = stop_s
        self._reaper: Reaper | None = None

    async def __aenter__(self) -> Self:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=not self._own_folder)
        # Not within the folder: the path of a socket may have a hundred characters only.
        self._temporary = TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True)
        self._reaper = Reaper(self._marker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = [service.last_words() for service in self.services if error is not None and not service.running]
        try:
            await self.stop()
        finally:  # also when this waiting is cancelled
            self._kill()
            if error is None and self._own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            elif error is not None:
                error.add_note(f"files and logs: {self.folder}")
                for words in failed:
                    error.add_note(words)

    async def start_orchestrator(self, config: OrchestratorConfig) -> Service:
        """Start an orchestrator, as leader of a session of its own, with a trace of its own.

        Args:
            config: Its arguments and environment.

        Raises:
            NotInstalledError: There is no such command.
        """
        return self._start(Service, config)

    async def start_service(self, config: OrchestratorConfig | None = None, timeout_s: float = _START_S) -> WebService:
        """Start web mode, and wait until it takes requests.

        Args:
            config: As `ConfigBuilder.build_service` makes it; None: nothing is said, on any port that is free.
            timeout_s: Seconds that it may take.

        Raises:
            CheckError: It ended, or the time is over, before that.
            NotInstalledError: There is no such command.
        """
        config = OrchestratorConfig.builder().build_service() if config is None else config
        if config.topic is not None:
            raise ConfigError("a service has no topic: say .build_service()")
        return await self._start(WebService, config).ready(timeout_s)

    def _start(self, kind: type[_S], config: OrchestratorConfig) -> _S:
        if self._reaper is None or self._temporary is None:
            raise RuntimeError("a ServiceConstellation is used with `async with`")
        name = f"orchestrator-{len(self.services) + 1}"
        variables = {
            **traced_environment(self.trace_endpoint),
            "TMPDIR": self._temporary.name,
            **self._environment,
            **dict(config.environment),
        }
        environment = clean_environment(self.folder, self._marker, variables)
        program = command_line()
        command = Command([*program, *config.arguments()], self.folder, environment, name=name, logs=self.folder)
        service = kind(name, command, config)
        self.services.append(service)
        return service

    def pids(self) -> list[int]:
        """Ids of all processes of all services that are alive: orchestrators, producers, fork servers."""
        return [process.pid for process in marked(self._marker)]

    async def stop(self) -> None:
        """Ask all services to end and wait for that, at most `stop_s`; those that do not are killed at the end."""
        endings = [service.stop(self._stop_s) for service in self.services]
        await asyncio.gather(*endings, return_exceptions=True)

    def _kill(self) -> None:
        kill_marked(self._marker)
        for service in self.services:
            service.command.close()
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None
        if self._temporary is not None:
            self._temporary.cleanup()
