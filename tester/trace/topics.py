"""The parts of a trace of web mode: the run of each topic, as if it had been started alone, and what is around them.

A run of the command line is one part by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from contract import spans as names
from tester.trace.lifecycle import child_pid, killed_pids
from tester.trace.span import Span
from tester.trace.trace import Trace

_OF_THE_SERVICE = frozenset(
    {names.SERVICE, names.SPAWN_WEB_SERVER, names.WEB_SERVER_EXITED, names.SPAWN_TOPIC, names.TOPIC_EXITED}
)
"""Spans that only the service's own process makes."""
_OF_ITS_LIFE = frozenset({names.SERVICE, names.SPAWN_WEB_SERVER, names.WEB_SERVER_EXITED, names.WEBSERVER_RUN})
"""Spans that stand in the trace of whoever started the service, and in no caller's."""


class TopicRun(msgspec.Struct, frozen=True):
    """The run of one topic process; a topic that was continued has several.

    Attributes:
        id: Name of the topic's folder; empty where its `spawn topic` was not received.
        spawned: Its `spawn topic`.
        exited: Its `topic exited`; None while it runs.
        trace: The spans of its process and of its producers, which is all that a run of the command line has.
        killed: Its process id, if a signal ended it: what `assert_complete` and `assert_conserved` are to be told.
    """

    id: str
    spawned: Span | None
    exited: Span | None
    trace: Trace
    killed: frozenset[int] = frozenset()

    @property
    def pid(self) -> int:
        """Of its process; 0 where it is not known."""
        return child_pid(self.spawned) if self.spawned is not None else next((span.pid for span in self.trace), 0)


class Parts(NamedTuple):
    """A trace of web mode, taken apart.

    Attributes:
        around: Spans of the service and of its web servers.
        runs: In the order of their start.
        strays: Spans of producers whose topic process is not known.
    """

    around: Trace
    runs: list[TopicRun]
    strays: Trace


def in_web_mode(spans: Iterable[Span]) -> bool:
    """Whether these are spans of a service, of what it runs, or of a caller of it."""
    return any(span.name in _OF_THE_SERVICE or span.name == names.WEBSERVER_RUN for span in spans)


def is_of_a_caller(spans: Iterable[Span]) -> bool:
    """Whether this is the trace of somebody who called a service that belongs to another trace."""
    return not any(span.name in _OF_ITS_LIFE for span in spans)


def topic_runs(trace: Trace, killed: Collection[int] = ()) -> list[TopicRun]:
    """The runs of a trace of web mode, in the order of their start; none for a run of the command line.

    Args:
        trace: A service's, or a caller's.
        killed: Process ids known to have been killed, besides those of which the trace says so.
    """
    return parts_of(trace, killed).runs if in_web_mode(trace) else []


def part_of(trace: Trace, run: Span) -> Trace:
    """What belongs to one run: in web mode the spans of its topic process and its producers, else the whole trace.

    Args:
        trace: Any.
        run: An `orchestrator run` of it.
    """
    return next((one.trace for one in topic_runs(trace) if run in one.trace.named(names.RUN)), trace)


def parts_of(trace: Trace, killed: Collection[int] = ()) -> Parts:
    """Take a trace of web mode apart, by processes; see `topic_runs`."""
    services = {span.instance for span in trace if span.name in _OF_THE_SERVICE}
    members: dict[str, list[Span]] = {}
    for instance, spans in trace.instances.items():
        if spans[0].service == names.ORCHESTRATOR and instance not in services:
            members[instance] = list(spans)
    around: list[Span] = []
    strays: list[Span] = []
    for instance, spans in trace.instances.items():
        if instance in members:
            continue
        if instance in services or spans[0].service == names.WEBSERVER:
            around += spans
            continue
        parents = (trace.parent(span) for span in spans)
        home = next((parent.instance for parent in parents if parent is not None and parent.instance in members), None)
        (strays if home is None else members[home]).extend(spans)
    return Parts(Trace(around), _runs(trace, members, killed_pids(trace, killed)), Trace(strays))


def _runs(trace: Trace, members: dict[str, list[Span]], dead: frozenset[int]) -> list[TopicRun]:
    by_pid = {spans[0].pid: Trace(spans) for spans in members.values()}
    runs = []
    for spawned in trace.named(names.SPAWN_TOPIC):
        exited = next((one for one in trace.linked_from(spawned) if one.name == names.TOPIC_EXITED), None)
        pid = child_pid(spawned)
        topic_id = str(spawned.attributes.get(names.TOPIC_ID, ""))
        runs.append(TopicRun(topic_id, spawned, exited, by_pid.pop(pid, Trace([])), dead & {pid}))
    runs += [TopicRun("", None, None, part, dead & {pid}) for pid, part in by_pid.items()]
    return runs
