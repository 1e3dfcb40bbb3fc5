"""A topic's process in web mode: one run, steered and watched over a channel.

`python -m orchestrator.service.topic_process FD`: the service starts it. It ends with its run; when the service is
gone, it ends the run at once and keeps everything that had come.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from contract.errors import ExitCode, FolderBusyError, OrchestratorError
from contract.messages import LogLine, Ready, Shutdown
from contract.service import Answer, Begin, FoundItem, News, Progress, Steer, Stop, TopicView, ToTopic
from orchestrator.composition import Seams, built_run
from orchestrator.events import ItemFound, RunEvent
from orchestrator.service.link import NEWS_BACKLOG_BYTES, ServiceLink
from orchestrator.settings import settings_from_json
from orchestrator.steering import ENDED, STOPPING
from orchestrator.view import view_of
from telemetry.logs import CallbackHandler, set_up_logging

if TYPE_CHECKING:
    from orchestrator.run import Run

log = logging.getLogger("orchestrator")

_VIEW_EVERY_S = 0.25
_NEWS_ITEMS = 300
"""Items in one message: more than a page can show at once."""
_ORPHAN_S = 10.0
"""Seconds that an orphaned run may take to end by itself."""
_CLOSE_S = 10.0
"""The run is over and its folder free: what the service has not heard may wait a while for it."""


def main(arguments: Sequence[str]) -> int:
    """Serve the channel with this file descriptor; the exit code."""
    started = time.monotonic()
    link = ServiceLink(socket.socket(fileno=int(arguments[0])))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service hears Ctrl-C and decides
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    begin = link.receive()
    if not isinstance(begin, Begin):
        return 1
    set_up_logging(begin.log_level, [CallbackHandler(lambda *record: link.log(LogLine(*record)))])
    link.send(Ready(os.getpid(), time.monotonic() - started))
    process = _TopicProcess(link, begin)
    try:
        return process.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # for its thread a closed link means: end
        link.close(_CLOSE_S)


class _TopicProcess:
    def __init__(self, link: ServiceLink, begin: Begin) -> None:
        self._link = link
        self._begin = begin
        self._run: Run | None = None
        self._answered = False
        self._ending = False
        self._unwinding = False
        self._next_view = 0.0
        self._starting = threading.Lock()
        self._early: list[Steer] = []

    def run(self) -> int:
        """The run, from its building to its end."""
        begin = self._begin
        try:
            signal.signal(signal.SIGTERM, lambda number, frame: self.terminate())
            self._link.read(self.heard)  # behind the handler: what it hears may be the end
            settings = settings_from_json(begin.settings)
            environment = self._environment(begin)
            with built_run(settings, Seams(environment=environment), self._progress) as run:
                self._adopt(run)
                self._view(run)  # before the answer: who asks for it then is not told that there is no such topic
                self._answer()
                for events in run.rounds():
                    self._round(run, events)
                self._view(run)
            return run.result().exit_code
        except KeyboardInterrupt:  # asked to end while the run was being built
            self._stopped_early()
            return ExitCode.INTERRUPTED
        except OrchestratorError as error:
            self._answer(str(error), 409 if isinstance(error, FolderBusyError) else 400)
            return error.exit_code
        except Exception as error:  # a fault of ours: the user is told, the log has the rest
            log.exception("the topic's process failed")
            self._answer(f"internal error ({type(error).__name__}); everything found is kept", 500)
            return 1

    def _environment(self, begin: Begin) -> Mapping[str, str]:
        environment = {**os.environ, **{name: value.reveal() for name, value in begin.environment.items()}}
        for name in ("traceparent", "tracestate"):
            environment.pop(name.upper(), None)
            if name in begin.carrier:
                environment[name.upper()] = begin.carrier[name]
        return environment

    def _adopt(self, run: Run) -> None:
        with self._starting:
            self._run = run
            early, self._early = self._early, []
        for steer in early:
            self._steer(run, steer)
        if self._ending:
            run.terminate()

    def _answer(self, error: str = "", status: int = 200) -> None:
        """Answer the request that started this, once; what goes wrong later is told in the same way."""
        if error or not self._answered:
            self._answered = True
            self._link.send(Answer(0, error, status, self._begin.id))

    def _stopped_early(self) -> None:
        words = "it was stopped before it had begun"
        if not self._answered:
            self._answer(words, 409)
        elif self._run is None:
            now, topic = time.time(), str(self._begin.settings["topic"])
            self._link.send(TopicView(self._begin.id, topic, "interrupted", now, explanation=words, ended_at=now))

    def _progress(self, text: str) -> None:
        self._answer()  # what takes long goes on behind the answer
        self._link.send(Progress(text))

    # --- what the service says -----------------------------------------------------------------------------

    def heard(self, message: ToTopic | None) -> None:
        """Called in the link's thread."""
        match message:
            case Steer() as steer:
                with self._starting:
                    if self._run is None and not isinstance(steer.action, Stop):
                        self._early.append(steer)
                        return
                if self._run is None:  # what takes long is not waited for
                    self._link.send(Answer(steer.request, id=self._begin.id))
                    self.terminate()
                    return
                self._steer(self._run, steer)
            case Shutdown():
                self.terminate()
            case None:
                threading.Thread(target=_end_hard, daemon=True).start()
                self.terminate()

    def _steer(self, run: Run, steer: Steer) -> None:
        run.steer(
            steer.action,
            lambda refusal: self._link.send(Answer(steer.request, refusal, _status(refusal), self._begin.id)),
        )

    def terminate(self) -> None:
        """End at once; everything received is kept. May be called by a signal's handler, and by the link's thread."""
        self._ending = True
        if self._run is not None:
            self._run.terminate()
        elif threading.current_thread() is threading.main_thread():
            if not self._unwinding:  # once: what is built is being taken down
                self._unwinding = True
                raise KeyboardInterrupt
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    # --- what it is told -----------------------------------------------------------------------------------

    def _round(self, run: Run, events: Sequence[RunEvent]) -> None:
        now = time.time()
        items = [
            FoundItem(event.id, event.text, event.description, event.provider, now)
            for event in events
            if isinstance(event, ItemFound)
        ][-_NEWS_ITEMS:]
        lines = tuple(run.told)
        ended = run.stats.ended_at is not None  # nothing later would tell of what is left out now
        if (items or lines) and (ended or self._link.unsent < NEWS_BACKLOG_BYTES):
            self._link.send(News(tuple(items), lines))
        if time.monotonic() >= self._next_view:
            self._view(run)
        self._link.flush()

    def _view(self, run: Run) -> None:
        self._next_view = time.monotonic() + _VIEW_EVERY_S
        if self._link.unsent < NEWS_BACKLOG_BYTES or run.stop_reason is not None:
            self._link.send(view_of(run, self._begin.id))


def _status(refusal: str) -> int:
    if not refusal:
        return 200
    return 409 if refusal in (ENDED, STOPPING) else 400


def _end_hard() -> None:
    time.sleep(_ORPHAN_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
