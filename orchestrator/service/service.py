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

from contract.errors import ExitCode, OrchestratorError, ProducerStartError
from contract.messages import LogLine, Ready, Shutdown, encode
from contract.service import (
    Answer,
    Begin,
    Continue,
    FromTopic,
    FromWebServer,
    News,
    Progress,
    Serve,
    Start,
    Steer,
    Stop,
    TopicView,
    ToTopic,
)
from orchestrator.processes.communicator import Closed
from orchestrator.processes.process_manager import ProcessManager
from orchestrator.producers import describe_exit
from orchestrator.service.observer import UNOBSERVED, ServiceObserver
from orchestrator.service.requests import RequestError, TopicRequests
from orchestrator.service.topics import LiveTopic
from orchestrator.service.web_server import ServiceChannels, WebServer
from telemetry.logs import TRACE, log_for_child

log = logging.getLogger("orchestrator")

_TICK_S = 0.5
_BUSY_TICK_S = 0.05
_FINAL_VIEWS = 500
"""So many ended topics' last views are kept for the web server."""
MAX_LIVE_TOPICS = 32
_TERMINATE_S = 10.0
"""Seconds that topics get to end at once before SIGTERM; then SIGKILL. All that had come is kept in any case."""
_KILL_S = 3.0
_REAP_S = 5.0
"""Seconds between the end of a topic's channel and of its process, at most: it can do nothing useful any more."""
_WEB_CLOSE_S = 5.5
"""A little more than the web server itself takes at most; after that it is killed."""


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
        self._channels = channels
        self._topic_processes = topics
        self._observer = observer
        self._on_ready = ready
        self._clock = clock
        self._web = WebServer(serve, channels, web_servers, observer, self._newest, clock)
        self._live: dict[str, LiveTopic] = {}
        self._by_channel: dict[int, LiveTopic] = {}
        self._final: dict[str, TopicView] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[int, int]] = {}
        self._wishes: list[bool] = []
        self._ending = False
        self._announced = False

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
                    self._web.keep([*self._live, *self._final])
                self._press_on()
                self._reap()
                for channel, message in self._channels.receive(self._timeout_s()):
                    self._heard(channel, message)
                self._web.catch_up()
        finally:
            self._end_everything()

    def _timeout_s(self) -> float:
        busy = self._ending or self._web.busy or any(one.closed for one in self._live.values())
        return _BUSY_TICK_S if busy else _TICK_S

    def _newest(self, id: str) -> TopicView | None:  # noqa: A002 - the message's word
        live = self._live.get(id)
        return self._final.get(id) if live is None or live.view is None else live.view

    def _apply_wishes(self) -> None:
        while self._wishes:
            now = self._wishes.pop(0) or self._ending
            if not self._ending and self._live:
                words = "ending" if now else "finishing open responses of"
                hint = "" if now else "; Ctrl-C again ends at once"
                log.info("%s %d topic%s%s", words, len(self._live), "" if len(self._live) == 1 else "s", hint)
            self._ending = True
            for topic in self._live.values():
                self._end_topic(topic, now=now)

    def _end_topic(self, topic: LiveTopic, *, now: bool) -> None:
        if now:
            topic.deadline = min(topic.deadline, self._clock() + _TERMINATE_S)
        self._send(topic, Shutdown() if now else Steer(next(self._numbers), topic.id, Stop(now=False)))

    def _press_on(self) -> None:
        """A topic that does not end at once when asked is terminated, then killed."""
        now = self._clock()
        for topic in self._live.values():
            if now >= topic.deadline:
                step = topic.steps.pop(0) if len(topic.steps) > 1 else topic.steps[0]
                topic.deadline = now + _KILL_S
                log.warning("%s does not end: %s", topic.id, step)
                getattr(topic.handle, step)()

    def _reap(self) -> None:
        """Bury children whose channel and process have ended; the latter may take a moment longer."""
        now = self._clock()
        for topic in [one for one in self._live.values() if one.closed is not None]:
            if topic.handle.exit_code() is None and now - topic.closed_at > _REAP_S:
                topic.handle.kill()
            if topic.handle.exit_code() is not None:
                self._bury_topic(topic)
        if self._web.reap(expected=self._ending):
            # Nobody waits for these answers any more; the next web server counts its requests anew.
            self._asked.clear()
            for topic in self._live.values():
                topic.request = topic.next = None

    def _heard(self, channel: int, message: FromTopic | FromWebServer | Closed) -> None:
        # What a topic begins with may hold an address with a password: only its kind is shown.
        shown = type(message).__name__ if isinstance(message, Start | Continue) else message
        log.log(TRACE, "from channel %d: %r", channel, shown)
        if channel == self._web.channel:
            self._heard_web(message)
        elif (topic := self._by_channel.get(channel)) is not None:
            self._heard_topic(topic, message)

    def _send(self, topic: LiveTopic, message: ToTopic) -> None:
        # What a topic begins with holds variables and may hold an address with a password: only its kind is shown.
        shown = type(message).__name__ if isinstance(message, Begin) else message
        log.log(TRACE, "to %s: %r", topic.id, shown)
        self._channels.send(topic.channel, message)

    # --- the web server ------------------------------------------------------------------------------------

    def _heard_web(self, message: FromTopic | FromWebServer | Closed) -> None:
        match message:
            case Ready():
                self._web.ready()
                if not self._announced:
                    self._announced = True
                    self._on_ready()
            case LogLine():
                log_for_child(message, "web server: ")
            case Start() | Continue() | Steer():
                self._asked_for(message)
            case Closed():
                self._web.closed(message)

    # --- requests ------------------------------------------------------------------------------------------

    def _asked_for(self, message: Start | Continue | Steer) -> None:
        try:
            match message:
                case Steer():
                    self._forward(message)
                case Start() | Continue():
                    self._start(message)
        except RequestError as error:
            self._web.answer(Answer(message.request, str(error), error.status))
        except OrchestratorError as error:
            self._web.answer(Answer(message.request, str(error), 400))
        except Exception:  # a request must never end the topics of others
            log.exception("a request failed")
            self._web.answer(Answer(message.request, "internal error: the service's log has more", 500))

    def _forward(self, steer: Steer) -> None:
        topic = self._live.get(steer.id)
        if topic is None:
            raise RequestError(f"{steer.id} does not run", 409)
        if isinstance(steer.action, Stop) and steer.action.now:
            topic.deadline = min(topic.deadline, self._clock() + _TERMINATE_S)
        number = next(self._numbers)
        self._asked[number] = (topic.channel, steer.request)
        self._send(topic, msgspec.structs.replace(steer, request=number))

    def _start(self, message: Start | Continue) -> None:
        if self._ending:
            raise RequestError("the service is ending", 409)
        begin = self._requests.begin(message)
        live = self._live.get(begin.id)
        if live is not None and live.done and live.next is None:
            live.next = message  # its run has ended: as soon as its process has, too
            return
        if live is not None:
            self._web.answer(Answer(message.request, "this topic runs already", 409, begin.id))
            return
        if len(self._live) >= MAX_LIVE_TOPICS:
            raise RequestError(f"{MAX_LIVE_TOPICS} topics run already: stop one first", 409)
        self._spawn(begin, message)

    def _spawn(self, begin: Begin, message: Start | Continue) -> None:
        encode(begin)  # what cannot be sent is refused before a process is started for it
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
        self._send(topic, msgspec.structs.replace(begin, carrier=dict(carrier)))

    # --- topics --------------------------------------------------------------------------------------------

    def _heard_topic(self, topic: LiveTopic, message: FromTopic | FromWebServer | Closed) -> None:
        match message:
            case Ready():
                self._observer.topic_ready(topic.id)
            case LogLine():
                log_for_child(message, f"{topic.id}: ")
            case Progress(text):
                self._web.tell(topic.id, topic.progress(text))
            case TopicView():
                self._web.tell(topic.id, topic.show(message))
            case News():
                self._web.tell(topic.id, message)
            case Answer(request=0):
                self._started(topic, message)
            case Answer():
                self._answered(message)
            case Closed():
                topic.closed = message
                topic.closed_at = self._clock()

    def _started(self, topic: LiveTopic, answer: Answer) -> None:
        topic.begun = topic.begun or not answer.error
        if topic.request is not None:
            self._web.answer(msgspec.structs.replace(answer, request=topic.request))
            topic.request = None
        if answer.error:
            topic.failed(answer.error)
        else:
            self._final.pop(topic.id, None)
            if topic.view is not None:
                self._web.tell(topic.id, topic.view)

    def _answered(self, answer: Answer) -> None:
        _, request = self._asked.pop(answer.request, (0, 0))
        if request:
            self._web.answer(msgspec.structs.replace(answer, request=request))

    def _bury_topic(self, topic: LiveTopic) -> None:
        exit_code = topic.handle.exit_code()
        in_order = exit_code is not None and exit_code >= 0 and exit_code != ExitCode.INTERNAL
        self._observer.topic_exited(topic.id, topic.handle.pid, exit_code, expected=topic.done or in_order)
        del self._live[topic.id]
        del self._by_channel[topic.channel]
        why = (topic.closed.error if topic.closed is not None else "") or describe_exit(exit_code)
        if topic.begun or topic.view is not None:
            if not topic.done and exit_code != 0:
                log.warning("%s: its process ended: %s; everything found is kept, it can be continued", topic.id, why)
            self._keep_last(topic.ended(exit_code, why))
        elif topic.request is not None:
            self._web.answer(Answer(topic.request, f"its process ended before it had begun: {why}", 503, topic.id))
        for number, (channel, request) in list(self._asked.items()):
            if channel == topic.channel:
                del self._asked[number]
                error = "" if topic.deadline < float("inf") else f"{topic.id} has ended"
                self._web.answer(Answer(request, error, 409 if error else 200, topic.id))
        if topic.next is not None:
            self._asked_for(topic.next)

    def _keep_last(self, view: TopicView) -> None:
        self._final.pop(view.id, None)
        self._final[view.id] = view
        while len(self._final) > _FINAL_VIEWS:
            del self._final[next(iter(self._final))]
        self._web.tell(view.id, view)

    # --- the end -------------------------------------------------------------------------------------------

    def _end_everything(self) -> None:
        self._ending = True
        self._end_left_topics()
        self._web.ask_to_end()
        deadline = self._clock() + _WEB_CLOSE_S
        while not self._web.gone and self._clock() < deadline:
            for channel, message in self._channels.receive(_BUSY_TICK_S):
                if channel == self._web.channel:
                    self._heard_web(message)
            self._reap()
        self._web.kill()

    def _end_left_topics(self) -> None:
        """There are some only where the loop was left by an error."""
        for step in ("terminate", "kill"):
            deadline = self._clock() + _KILL_S
            alive = [topic for topic in self._live.values() if topic.handle.exit_code() is None]
            for topic in alive:
                getattr(topic.handle, step)()
            for topic in alive:
                topic.handle.join(max(0.0, deadline - self._clock()))
        for topic in self._live.values():
            self._observer.topic_exited(topic.id, topic.handle.pid, topic.handle.exit_code(), expected=True)
