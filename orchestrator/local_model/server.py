"""The local model as the program uses it: install, start, check, stop."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from contract.errors import ConfigurationError, ConnectionFailed
from orchestrator.local_model.cache import default_cache, usable_cache
from orchestrator.local_model.endpoint import HOST
from orchestrator.local_model.install import Installer
from orchestrator.local_model.pins import PINS
from orchestrator.local_model.progress import Progress, Report, ignore
from orchestrator.local_model.serving import (
    START_TIMEOUT_S,
    Capacity,
    Installation,
    ServerProcess,
    default_threads,
    launch,
)


class LocalModelServer:
    """A real model on loopback, with an OpenAI-compatible API, no key and no internet after the installation.

    The server ends within 2 s when this process ends, however that happens.

    Args:
        cache_dir: Where it is installed; default: `default_cache()`.
        slots: Requests answered at the same time.
        context_per_slot: Tokens of prompt and answer together, for each request.
        threads: Threads that compute; default: all usable cores but one.
        progress: Receives what is being done, about four times a second, in the calling thread.
        installation: An installation to use instead of the cache's.
        start_timeout_s: Seconds that the server may take until it answers.

    Attributes:
        model: Model name to send in requests.
        slots: Requests answered at the same time.
        context_tokens: Tokens of prompt and answer together that one request may use.
    """

    def __init__(
        self,
        *,
        cache_dir: Path | None = None,
        slots: int = 4,
        context_per_slot: int = 2048,
        threads: int | None = None,
        progress: Report = ignore,
        installation: Installation | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        if min(slots, context_per_slot, threads or 1) < 1:
            raise ConfigurationError("the local model needs at least one slot, one token of context and one thread")
        self.model = installation.model_name if installation is not None else PINS.model.alias
        self.slots = slots
        self.context_tokens = context_per_slot
        self._cache = cache_dir if cache_dir is not None else default_cache()
        self._capacity = Capacity(slots, context_per_slot, threads or default_threads())
        self._progress = progress
        self._given = installation
        self._start_timeout_s = start_timeout_s
        self._server: ServerProcess | None = None

    def ensure_installed(self) -> Installation:
        """Install what is missing; takes about a millisecond if nothing is.

        Raises:
            ConfigurationError: It cannot be installed; one line that says why and what to do.
        """
        return self._given or Installer(self._cache, self._progress).ensure_installed()

    def start(self) -> str:
        """Install if need be, start the server and wait until it answers. Called again, it returns the same address.

        Returns:
            The API's base URL, `http://127.0.0.1:PORT/v1`.

        Raises:
            ConfigurationError: It cannot be installed or does not start; nothing of it is left running.
        """
        if self._server is None or self._server.ended() is not None:
            self.stop()
            installation = self.ensure_installed()
            log = usable_cache(self._cache) / "server.log"
            self._server = launch(
                installation, self._capacity, log, timeout_s=self._start_timeout_s, report=self._progress
            )
            self._progress(Progress("start local model", "ready", 1.0))
        return f"http://{HOST}:{self._server.port}/v1"

    def check(self) -> None:
        """See that the server still runs; costs microseconds.

        Raises:
            ConnectionFailed: It was started and has ended; the message has the last line of its log.
        """
        if self._server is not None and (reason := self._server.ended()) is not None:
            raise ConnectionFailed(
                f"the local model server has ended ({reason}); what was found is kept, its log is {self._server.log}"
            )

    def stop(self) -> None:
        """End the server within 2 s; safe to call again, and before `start`."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def guard_pid(self) -> int | None:
        """Process id of the guard that holds the server, None while there is none."""
        return None if self._server is None else self._server.guard_pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
