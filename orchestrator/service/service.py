"""The service of web mode: one loop between the topics' processes and the web server. It decides; they do.

Signal handlers only leave a wish (`interrupt`, `terminate`). Nothing here waits for a child: what the web server does
not take is held as the newest state of each topic, and sent when it takes again.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable

import msgspec

from contract.errors import OrchestratorError, ProducerStartError, ServiceError
from contract.messages import LogLine, Ready, Shutdown
from contract.service import (
    Answer,
    Begin,
    Continue,
    FromTopic,
    FromWebServer,
    News,
    Progress,
    Relay,
    Serve,
    Start,
    Steer,
    Stop,
    TopicView,
    ToTopic,
    ToWebServer,
)
from orchestrator.processes.communicator import Closed, Communicator
from orchestrator.processes.process_manager import ProcessHandle, ProcessManager
from orchestrator.producers import describe_exit
from orchestrator.service.observer import UNOBSERVED, ServiceObserver
from orchestrator.service.requests import TopicRequests
from orchestrator.service.topics import LiveTopic
from telemetry.logs import TRACE

log = logging.getLogger("orchestrator")

ServiceChannels = Communicator[ToTopic | ToWebServer, FromTopic | FromWebServer]

_TICK_S = 0.5
_BUSY_TICK_S = 0.05
_WEB_BACKLOG_BYTES = 1024 * 1024
"""With so much unsent, the web server gets the newest state of each topic only, and no news."""
_FINAL_VIEWS = 500
"""So many ended topics' last views are kept for the web server."""
MAX_LIVE_TOPICS = 32
_MAX_FAILED_STARTS = 3
_RESTART_S = (0.0, 0.2, 1.0)
_TERMINATE_S = 8.0
"""Seconds that topics get to end at once before SIGTERM; then SIGKILL. All that had come is kept in any case."""
_KILL_S = 3.0
_REAP_S = 1.0
_WEB_CLOSE_S = 2.0


class _WebServer:
    """The web server's process; it may be replaced."""

    def __init__(self) -> None:
        self.channel: int | None = None
        self.handle: ProcessHandle | None = None
        self.failed_starts = 0
        self.restart_at: float | None = 0.0
        self.ready = False
        self.dirty: set[str] = set()


class Service:
    """Web mode.

    Args:
        requests: Turns what is asked for into runs.
        serve: The web server's first message.
        channels: To all children.
        topics: Starts topic processes.
        web_servers: Starts the web server.
        observer: Told of children's starts and ends.
        ready: Called when the web server takes requests for the first time.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        requests: TopicRequests,
        serve: Serve,
        channels: ServiceChannels,
        topics: ProcessManager,
        web_servers: ProcessManager,
        observer: ServiceObserver = UNOBSERVED,
        ready: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests
        self._serve = serve
        self._channels = channels
        self._topic_processes = topics
        self._web_processes = web_servers
        self._observer = observer
        self._on_ready = ready
        self._clock = clock
        self._web = _WebServer()
        self._live: dict[str, LiveTopic] = {}
        self._by_channel: dict[int, LiveTopic] = {}
        self._final: dict[str, TopicView] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[int, int]] = {}
        self._wishes: list[bool] = []
        self._ending = False
        self._deadline = float("inf")
        self._steps = ["terminate", "kill"]

    # --- wishes --------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: finish open responses, then end. Second call: end at once. Safe in a signal handler."""
        self._wishes.append(False)
        self._channels.wake()

    def terminate(self) -> None:
        """End at once; everything received is kept. Safe in a signal handler."""
        self._wishes.append(True)
        self._channels.wake()

    # --- the loop ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until asked to end; then all topics and the web server have ended.

        Raises:
            ServiceError: The web server cannot be started.
        """
        try:
            while not (self._ending and not self._live):
                self._apply_wishes()
                if not self._ending:
                    self._replace_web_server()
                self._press_on()
                for channel, message in self._channels.receive(self._timeout_s()):
                    self._heard(channel, message)
                self._send_dirty()
        finally:
            self._end_everything()

    def _timeout_s(self) -> float:
        return _BUSY_TICK_S if self._ending or self._web.dirty or self._web.restart_at is not None else _TICK_S

    def _apply_wishes(self) -> None:
        while self._wishes:
            now = self._wishes.pop(0) or self._ending
            if not self._ending and self._live:
                words = "ending" if now else "finishing open responses of"
                hint = "" if now else "; Ctrl-C again ends at once"
                log.info("%s %d topic%s%s", words, len(self._live), "" if len(self._live) == 1 else "s", hint)
            self._ending = True
            for topic in self._live.values():
                self._send(topic.channel, Shutdown() if now else Steer(next(self._numbers), topic.id, Stop(now=False)))
            if now and self._deadline == float("inf"):
                self._deadline = self._clock() + _TERMINATE_S

    def _press_on(self) -> None:
        """A topic that does not end when asked is terminated, then killed."""
        if self._clock() < self._deadline or not self._live:
            return
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        self._deadline = self._clock() + _KILL_S
        for topic in self._live.values():
            log.warning("%s does not end: %s", topic.id, step)
            getattr(topic.handle, step)()

    def _heard(self, channel: int, message: FromTopic | FromWebServer | Closed) -> None:
        log.log(TRACE, "from channel %d: %r", channel, message)
        if channel == self._web.channel:
            self._heard_web(message)
        elif (topic := self._by_channel.get(channel)) is not None:
            self._heard_topic(topic, message)

    def _send(self, channel: int, message: ToTopic | ToWebServer) -> None:
        # What a child begins with holds variables and may hold an address with a password: only its kind is shown.
        shown = type(message).__name__ if isinstance(message, Begin | Serve) else message
        log.log(TRACE, "to channel %d: %r", channel, shown)
        self._channels.send(channel, message)

    # --- the web server ------------------------------------------------------------------------------------

    def _replace_web_server(self) -> None:
        web = self._web
        if web.handle is not None or web.restart_at is None or self._clock() < web.restart_at:
            return
        if web.failed_starts >= _MAX_FAILED_STARTS:
            raise ServiceError(
                f"the web server ends before it is ready ({web.failed_starts} times in a row): see the log above; "
                "all topics are stopped, everything found is kept"
            )
        channel, endpoint = self._channels.open()
        telemetry = self._observer.spawning_web_server()
        try:
            web.handle = self._web_processes.start("webserver", endpoint)
        except ProducerStartError as error:
            self._channels.close(channel)
            self._observer.web_server_exited(None, None, expected=False)
            raise ServiceError(str(error)) from error
        self._observer.web_server_spawned(web.handle.pid)
        self._channels.started(channel)
        web.channel, web.restart_at = channel, None
        self._send(channel, msgspec.structs.replace(self._serve, telemetry=telemetry))
        web.dirty = {*self._live, *self._final}

    def _heard_web(self, message: FromTopic | FromWebServer | Closed) -> None:
        match message:
            case Ready():
                first = not self._web.ready
                self._web.ready = True
                self._web.failed_starts = 0
                self._observer.web_server_ready()
                if first:
                    self._on_ready()
            case LogLine():
                _log_for_child(message, "web server: ")
            case Start() | Continue() | Steer():
                self._asked_for(message)
            case Closed():
                self._bury_web_server(message)

    def _bury_web_server(self, closed: Closed) -> None:
        web = self._web
        exit_code = _reaped(web.handle)
        self._observer.web_server_exited(
            None if web.handle is None else web.handle.pid, exit_code, expected=self._ending
        )
        if not self._ending:
            web.failed_starts += 1
            log.warning(
                "the web server ended: %s; it is replaced, topics go on", closed.error or describe_exit(exit_code)
            )
        web.channel, web.handle = None, None
        self._asked.clear()
        web.restart_at = self._clock() + _RESTART_S[min(web.failed_starts, len(_RESTART_S)) - 1]

    def _tell_web(self, id: str, content: TopicView | News) -> None:  # noqa: A002 - the message's word
        channel = self._web.channel
        if channel is None:
            return
        if self._channels.unsent(channel) > _WEB_BACKLOG_BYTES:
            self._web.dirty.add(id)
        else:
            self._send(channel, Relay(id, content))
            if isinstance(content, TopicView):
                self._web.dirty.discard(id)

    def _send_dirty(self) -> None:
        """Bring a web server that is new, or takes again, to the newest state of each topic."""
        channel = self._web.channel
        while channel is not None and self._web.dirty and self._channels.unsent(channel) <= _WEB_BACKLOG_BYTES:
            id = self._web.dirty.pop()  # noqa: A001 - the message's word
            live = self._live.get(id)
            view = live.view if live is not None else self._final.get(id)
            if view is not None:
                self._send(channel, Relay(id, view))

    # --- requests ------------------------------------------------------------------------------------------

    def _asked_for(self, message: Start | Continue | Steer) -> None:
        try:
            match message:
                case Steer():
                    self._forward(message)
                case Start() | Continue():
                    self._start(message)
        except OrchestratorError as error:
            self._answer(Answer(message.request, str(error), getattr(error, "status", 400)))

    def _answer(self, answer: Answer) -> None:
        if self._web.channel is not None:
            self._send(self._web.channel, answer)

    def _forward(self, steer: Steer) -> None:
        topic = self._live.get(steer.id)
        if topic is None:
            raise RequestError(f"{steer.id} does not run", 409)
        number = next(self._numbers)
        self._asked[number] = (topic.channel, steer.request)
        self._send(topic.channel, msgspec.structs.replace(steer, request=number))

    def _start(self, message: Start | Continue) -> None:
        if self._ending:
            raise RequestError("the service is ending", 409)
        begin = self._requests.begin(message)
        live = self._live.get(begin.id)
        if live is not None and live.done and live.next is None:
            live.next = message  # its run has ended: as soon as its process has, too
            return
        if live is not None:
            self._answer(Answer(message.request, "this topic runs already", 409, begin.id))
            return
        if len(self._live) >= MAX_LIVE_TOPICS:
            raise RequestError(f"{MAX_LIVE_TOPICS} topics run already: stop one first", 409)
        self._spawn(begin, message)

    def _spawn(self, begin: Begin, message: Start | Continue) -> None:
        channel, endpoint = self._channels.open()
        carrier = self._observer.spawning_topic(begin.id, message.carrier)
        try:
            handle = self._topic_processes.start(f"topic {begin.id}", endpoint)
        except ProducerStartError:
            self._channels.close(channel)
            self._observer.topic_exited(begin.id, None, None, expected=False)
            raise
        self._observer.topic_spawned(begin.id, handle.pid)
        self._channels.started(channel)
        topic = LiveTopic(begin, channel, handle, message.request)
        self._live[begin.id] = topic
        self._by_channel[channel] = topic
        self._send(channel, msgspec.structs.replace(begin, carrier=dict(carrier)))

    # --- topics --------------------------------------------------------------------------------------------

    def _heard_topic(self, topic: LiveTopic, message: FromTopic | FromWebServer | Closed) -> None:
        match message:
            case Ready():
                self._observer.topic_ready(topic.id)
            case LogLine():
                _log_for_child(message, f"{topic.id}: ")
            case Progress(text):
                self._tell_web(topic.id, topic.progress(text))
            case TopicView():
                self._tell_web(topic.id, topic.show(message))
            case News():
                self._tell_web(topic.id, message)
            case Answer(request=0):
                self._started(topic, message)
            case Answer():
                self._answered(message)
            case Closed():
                self._bury_topic(topic, message)

    def _started(self, topic: LiveTopic, answer: Answer) -> None:
        if topic.request is not None:
            self._answer(msgspec.structs.replace(answer, request=topic.request))
            topic.request = None
        if answer.error:
            topic.failed(answer.error)
        else:
            self._final.pop(topic.id, None)
            if topic.view is not None:
                self._tell_web(topic.id, topic.view)

    def _answered(self, answer: Answer) -> None:
        _, request = self._asked.pop(answer.request, (0, 0))
        if request:
            self._answer(msgspec.structs.replace(answer, request=request))

    def _bury_topic(self, topic: LiveTopic, closed: Closed) -> None:
        exit_code = _reaped(topic.handle)
        self._observer.topic_exited(topic.id, topic.handle.pid, exit_code, expected=topic.done)
        del self._live[topic.id]
        del self._by_channel[topic.channel]
        why = closed.error or describe_exit(exit_code)
        if topic.request is not None:
            self._answer(Answer(topic.request, f"its process ended before it had begun: {why}", 503, topic.id))
        elif topic.shown:
            if not topic.done:
                log.warning("%s: its process ended: %s; everything found is kept, it can be continued", topic.id, why)
            view = topic.ended(why)
            self._final[topic.id] = view
            while len(self._final) > _FINAL_VIEWS:
                del self._final[next(iter(self._final))]
            self._tell_web(topic.id, view)
        if topic.next is not None:
            self._asked_for(topic.next)
        for number, (channel, request) in list(self._asked.items()):
            if channel == topic.channel:
                del self._asked[number]
                self._answer(Answer(request, f"{topic.id} has ended", 409, topic.id))

    # --- the end -------------------------------------------------------------------------------------------

    def _end_everything(self) -> None:
        self._ending = True
        for topic in list(self._live.values()):  # only where the loop was left by an error
            topic.handle.terminate()
            if not topic.handle.join(_KILL_S):
                topic.handle.kill()
                topic.handle.join(_REAP_S)
            self._observer.topic_exited(topic.id, topic.handle.pid, topic.handle.exit_code(), expected=True)
        web = self._web
        if web.handle is not None and web.channel is not None:
            self._send(web.channel, Shutdown())
            deadline = self._clock() + _WEB_CLOSE_S
            while web.handle is not None and self._clock() < deadline:
                for channel, message in self._channels.receive(_BUSY_TICK_S):
                    if channel == web.channel:
                        self._heard_web(message)
        if web.handle is not None:
            web.handle.terminate()
            if not web.handle.join(_REAP_S):
                web.handle.kill()
                web.handle.join(_REAP_S)
            self._observer.web_server_exited(web.handle.pid, web.handle.exit_code(), expected=True)


class RequestError(OrchestratorError):
    """A request that cannot be carried out as things are.

    Args:
        message: Why, in words.
        status: The HTTP status that says the same.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def _reaped(handle: ProcessHandle | None) -> int | None:
    """A child whose channel is closed can do nothing useful any more; its exit code."""
    if handle is None:
        return None
    if not handle.join(_REAP_S):
        handle.kill()
        handle.join(_REAP_S)
    return handle.exit_code()


def _log_for_child(message: LogLine, prefix: str) -> None:
    ids = {"trace_id": message.trace_id, "span_id": message.span_id} if message.trace_id else None
    logging.getLogger(message.logger).log(message.level, "%s%s", prefix, message.text, extra=ids)
