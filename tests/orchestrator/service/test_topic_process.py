"""What a topic's process tells the service; the rest of it is driven through the service."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest

from contract.service import Begin, News, TopicEvent, TopicView
from orchestrator.events import StopReason
from orchestrator.service.link import NEWS_BACKLOG_BYTES, ServiceLink
from orchestrator.service.topic_process import _TopicProcess
from tests.orchestrator.run_cases import Clock, still_run


class Link:
    """A service that takes nothing for now: all that is sent waits."""

    unsent = NEWS_BACKLOG_BYTES

    def __init__(self) -> None:
        self.sent: list[msgspec.Struct] = []

    def send(self, *messages: msgspec.Struct) -> None:
        self.sent += messages

    def flush(self) -> None:
        """Nothing goes."""


@pytest.mark.parametrize(("over", "told"), [(False, []), (True, [News, TopicView])])
def test_the_end_is_told_whatever_waits(over: bool, told: list[type]) -> None:
    """News that is too much is left out, but not a run's last: its `ended` comes, and before the state that says so."""
    link, run = Link(), still_run(Clock())
    process = _TopicProcess(cast(ServiceLink, link), Begin("fruit", {"topic": "Fruit"}, {}))
    run.told = [TopicEvent(1, 1.0, "info", "ended", "run 1 ended")]
    if over:
        run.stop_reason = StopReason.ITERATIONS
        run.stats.end()
    process._round(run, [])
    assert [type(message) for message in link.sent] == told
