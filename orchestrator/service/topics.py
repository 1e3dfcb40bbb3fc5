"""A topic that runs now, as the service knows it."""

from __future__ import annotations

import time

import msgspec

from contract.errors import ExitCode
from contract.service import LIVE_STATES, Begin, Continue, Start, TopicState, TopicView
from orchestrator.processes.communicator import Closed
from orchestrator.processes.process_manager import ProcessHandle


class LiveTopic:
    """One topic process.

    Args:
        begin: What it was told to run.
        channel: To it.
        handle: Its process.
        request: The web server's request that asked for it.

    Attributes:
        begun: Whether that request has been answered.
        request: The request, while somebody waits for its answer.
        closed: Its channel's end, when that has come; its process's end follows.
        deadline: When it is pressed on, seconds of the service's clock, because it was asked to end at once.
        view: Newest state; None before it has told any.
        next: A request for another run on the same topic, to be met when this process has ended.
    """

    def __init__(self, begin: Begin, channel: int, handle: ProcessHandle, request: int) -> None:
        self.id = begin.id
        self.channel = channel
        self.handle = handle
        self.request: int | None = request
        self.view: TopicView | None = None
        self.next: Start | Continue | None = None
        self.begun = False
        self.closed: Closed | None = None
        self.closed_at = 0.0
        self.deadline = float("inf")
        self.steps = ["terminate", "kill"]
        self._topic = str(begin.settings["topic"])
        self._error = ""

    @property
    def done(self) -> bool:
        """Whether its run came to its end."""
        return self.view is not None and self.view.state not in LIVE_STATES

    def progress(self, text: str) -> TopicView:
        """It says what takes long before it begins."""
        self.view = TopicView(self.id, self._topic, "starting", time.time(), progress=text)
        return self.view

    def show(self, view: TopicView) -> TopicView:
        """It says how it is."""
        self.view = view
        return view

    def failed(self, error: str) -> None:
        """It says that it failed, after it had been shown."""
        self._error = error

    def ended(self, exit_code: int | None, why: str) -> TopicView:
        """Its last state: what it said, or what its process's end means."""
        now = time.time()
        view = self.view or TopicView(self.id, self._topic, "starting", now)
        if view.state in LIVE_STATES:
            view = msgspec.structs.replace(
                view,
                state=self._state(exit_code),
                error=self._error,
                explanation=self._error or f"its process ended: {why}; everything found is kept, it can be continued",
                progress="",
                at=now,
                ended_at=now,
                open_orders=0,
                waiting_orders=0,
                producers_alive=0,
                producers=(),
            )
        self.view = view
        return view

    def _state(self, exit_code: int | None) -> TopicState:
        if self._error:
            return "failed"
        return "finished" if exit_code == ExitCode.DONE else "interrupted"
