"""The web server's process as the service keeps it: started, replaced when it dies or hangs, told what it takes.

A web server that does not take what it is sent is told the newest state of each topic only, once it takes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from contract.errors import ProducerStartError, ServiceError
from contract.messages import Shutdown
from contract.service import Answer, FromTopic, FromWebServer, News, Relay, Serve, TopicView, ToTopic, ToWebServer
from orchestrator.processes.communicator import Closed, Communicator
from orchestrator.processes.process_manager import ProcessHandle, ProcessManager
from orchestrator.producers import describe_exit
from orchestrator.service.observer import ServiceObserver

log = logging.getLogger("orchestrator")

ServiceChannels = Communicator[ToTopic | ToWebServer, FromTopic | FromWebServer]

_BACKLOG_BYTES = 1024 * 1024
"""With so much unsent, it gets the newest state of each topic only, and no news."""
_MAX_FAILED_STARTS = 3
_RESTART_S = (0.0, 0.2, 1.0)
_READY_S = 60.0
_STUCK_S = 30.0
"""One that has taken nothing for so long is replaced."""
_PROVEN_S = 10.0
"""One that has served for so long is no failed start."""
_REAP_S = 5.0
"""Seconds between the end of its channel and its own, at most: it can do nothing useful any more."""


class WebServer:
    """Keeps one web server running.

    Args:
        serve: Its first message.
        channels: To all children.
        processes: Starts it.
        observer: Told of its start and end.
        newest: The newest state of a topic; None where there is none.
        clock: Monotonic seconds.

    Attributes:
        channel: To the process; None while there is none.
    """

    def __init__(
        self,
        serve: Serve,
        channels: ServiceChannels,
        processes: ProcessManager,
        observer: ServiceObserver,
        newest: Callable[[str], TopicView | None],
        clock: Callable[[], float],
    ) -> None:
        self.channel: int | None = None
        self._serve = serve
        self._channels = channels
        self._processes = processes
        self._observer = observer
        self._newest = newest
        self._clock = clock
        self._handle: ProcessHandle | None = None
        self._closed: Closed | None = None
        self._failed_starts = 0
        self._restart_at = 0.0
        self._started_at = 0.0
        self._ready_at: float | None = None
        self._taking_at = 0.0
        self._untold: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether something is to be done for it soon."""
        return bool(self._untold) or self.channel is None

    @property
    def gone(self) -> bool:
        """Whether its process has ended and been waited for."""
        return self._handle is None

    # --- its life ------------------------------------------------------------------------------------------

    def keep(self, topics: Iterable[str]) -> None:
        """Start one if there is none; replace one that hangs.

        Args:
            topics: What a new one is told of.

        Raises:
            ServiceError: Several in a row have come to nothing.
        """
        if self._handle is None and self._clock() >= self._restart_at:
            self._start(topics)
        self._end_hung()

    def _start(self, topics: Iterable[str]) -> None:
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise ServiceError(
                f"the web server ends before it is of use ({self._failed_starts} times in a row): see the log above; "
                "all topics are stopped, everything found is kept"
            )
        channel, endpoint = self._channels.open()
        telemetry = self._observer.spawning_web_server()
        try:
            self._handle = self._processes.start("the web server", endpoint)
        except ProducerStartError as error:
            self._channels.close(channel)
            self._observer.web_server_exited(None, None, expected=False)
            self._plan_restart(str(error))
            return
        self._observer.web_server_spawned(self._handle.pid)
        self._channels.started(channel)
        self.channel, self._ready_at = channel, None
        self._started_at = self._taking_at = self._clock()
        self._channels.send(channel, msgspec.structs.replace(self._serve, telemetry=telemetry))
        self._untold = set(topics)

    def _plan_restart(self, why: str) -> None:
        self._failed_starts += 1
        log.warning("the web server ended: %s; it is replaced, topics go on", why)
        self._restart_at = self._clock() + _RESTART_S[min(self._failed_starts, len(_RESTART_S)) - 1]

    def _end_hung(self) -> None:
        if self.channel is None or self._handle is None:
            return
        now = self._clock()
        if self._channels.unsent(self.channel) <= _BACKLOG_BYTES:
            self._taking_at = now
        if now - self._taking_at > _STUCK_S or (self._ready_at is None and now - self._started_at > _READY_S):
            log.warning("the web server hangs: kill")
            self._taking_at = self._started_at = now
            self._handle.kill()

    def ready(self) -> None:
        """It says that it takes requests."""
        self._ready_at = self._clock()
        self._observer.web_server_ready()

    def closed(self, closed: Closed) -> None:
        """Its channel has ended: so does its process."""
        self._closed = closed
        self.channel = None
        self._taking_at = self._clock()

    def reap(self, *, expected: bool) -> bool:
        """Wait for nothing, but notice its process's end; whether it has been noticed now.

        Args:
            expected: It was asked to end, and no other is wanted.
        """
        handle, closed = self._handle, self._closed
        if handle is None or closed is None:
            return False
        if handle.exit_code() is None and self._clock() - self._taking_at > _REAP_S:
            handle.kill()
        exit_code = handle.exit_code()
        if exit_code is None:
            return False
        self._observer.web_server_exited(handle.pid, exit_code, expected=expected)
        self._handle = self._closed = None
        if not expected:
            if self._ready_at is not None and self._taking_at - self._ready_at >= _PROVEN_S:
                self._failed_starts = 0
            self._plan_restart(closed.error or describe_exit(exit_code))
        return True

    def ask_to_end(self) -> None:
        """Tell it to close its connections and end."""
        if self.channel is not None:
            self._channels.send(self.channel, Shutdown())

    def kill(self) -> None:
        """End what has not ended by itself."""
        if self._handle is not None:
            self._handle.kill()
            self._handle.join(_REAP_S)
            self._observer.web_server_exited(self._handle.pid, self._handle.exit_code(), expected=True)
            self._handle = None

    # --- what it is told -----------------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Answer one of its requests."""
        if self.channel is not None:
            self._channels.send(self.channel, answer)

    def tell(self, id: str, content: TopicView | News) -> None:  # noqa: A002 - the message's word
        """Tell it of a topic, now or when it takes again."""
        if self.channel is None:
            return
        if self._channels.unsent(self.channel) > _BACKLOG_BYTES:
            self._untold.add(id)
            return
        self._channels.send(self.channel, Relay(id, content))
        if isinstance(content, TopicView):
            self._untold.discard(id)

    def catch_up(self) -> None:
        """Bring one that is new, or takes again, to the newest state of each topic."""
        while self.channel is not None and self._untold and self._channels.unsent(self.channel) <= _BACKLOG_BYTES:
            id = self._untold.pop()  # noqa: A001 - the message's word
            view = self._newest(id)
            if view is not None:
                self._channels.send(self.channel, Relay(id, view))
