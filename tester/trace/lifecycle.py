"""The lives of a run's processes: started, ready, ended, replaced, and gone."""

from __future__ import annotations

from collections.abc import Collection

from contract import spans as names
from tester.trace.render import explain
from tester.trace.select import Spans
from tester.trace.span import Span
from tester.trace.trace import Trace

_EXITS = (names.PRODUCER_EXITED, names.TOPIC_EXITED, names.WEB_SERVER_EXITED)
"""Spans that tell of a child's end; each links to the span of its start."""


def producers_started(trace: Trace, number: int) -> Spans:
    """Assert in how many places producers were started; one that replaced another stands in the other's place.

    Returns:
        All `spawn producer`.
    """
    spawned = trace.select(name=names.SPAWN)
    _check_places(spawned, "producers started", number)
    return spawned


def producers_ready(trace: Trace, number: int | None = None) -> Spans:
    """Assert in how many places a producer became ready; in every one where one was started if `number` is None.

    Returns:
        The `spawn producer` that went well.
    """
    spawned = trace.select(name=names.SPAWN)
    ready = spawned - spawned.failed()
    _check_places(ready, "producers ready", len(spawned.group_by(names.PRODUCER_INDEX)) if number is None else number)
    return ready


def died_by(trace: Trace, signal: str, count: int | None = None) -> Spans:
    """Assert that producers were killed by a signal.

    Args:
        trace: The run's.
        signal: Its name, `SIGKILL`.
        count: How many were; any number but none if None.

    Returns:
        Their `producer exited`.
    """
    died = trace.select(name=names.PRODUCER_EXITED).where({names.EXIT_SIGNAL: signal})
    return died.at_least(1) if count is None else died.count(count)


def exited(trace: Trace, code: int = 0, *, apart_from: Spans | None = None) -> Spans:
    """Assert that producers ended and that each did with this exit code.

    Args:
        trace: The run's.
        code: The exit code.
        apart_from: `producer exited` of those that need not have: `apart_from=died_by(trace, "SIGKILL")`.

    Returns:
        The others' `producer exited`.
    """
    ended = trace.select(name=names.PRODUCER_EXITED)
    ended = ended if apart_from is None else ended - apart_from
    return ended.at_least(1).every({names.PROCESS_EXIT_CODE: code})


def restarted(trace: Trace, times: int | None = None) -> Spans:
    """Assert that producers were replaced: a place has more than one `spawn producer`.

    Args:
        trace: The run's.
        times: How often, over all places; any number but zero if None.

    Returns:
        The `spawn producer` of those that replaced another.
    """
    spawned = trace.select(name=names.SPAWN)
    places = spawned.group_by(names.PRODUCER_INDEX).values()
    for place in places:
        told = [
            span.attributes.get(names.PRODUCER_GENERATION) for span in sorted(place, key=lambda span: span.start_ns)
        ]
        if told != list(range(len(told))):
            raise place.error(f"generations of {place.words}", str(list(range(len(told)))), str(told))
    first = {id(place.first) for place in places}
    again = Spans(trace, (span for span in spawned if id(span) not in first), "restarts of a producer", wider=spawned)
    return again.at_least(1) if times is None else again.count(times)


def no_leaked_pids(trace: Trace, alive: Collection[int]) -> None:
    """Assert that no process of the run lives.

    Args:
        trace: The run's.
        alive: Process ids of now.
    """
    living = set(alive)
    leaked = [span for span in trace if _pids(span) & living]
    if leaked:
        pids = sorted({pid for span in leaked for pid in _pids(span) & living})
        raise explain(trace, "processes of the run that are alive", "none", f"pid {', '.join(map(str, pids))}", leaked)


def killed_pids(trace: Trace, killed: Collection[int] = ()) -> frozenset[int]:
    """Process ids of those that a signal ended: `producer exited`, `topic exited` and `webserver exited` tell them.

    Args:
        trace: The run's, or a service's.
        killed: Others that are known to have been killed, such as the orchestrator.
    """
    exits = (span for name in _EXITS for span in trace.named(name) if span.attributes.get(names.EXIT_SIGNAL))
    return frozenset(killed) | {pid for span in exits if (pid := child_pid(span))}


def orchestrator_killed(trace: Trace, killed: Collection[int]) -> bool:
    """Whether the orchestrator is among the killed processes."""
    spans = trace.of(names.ORCHESTRATOR)
    # Killed before its first span came: then it can only be among those that the caller names.
    return any(span.pid in killed for span in spans) if spans else bool(killed)


def child_pid(span: Span) -> int:
    """The process id of the child that one of its parent's spans is about, or 0."""
    pid = span.attributes.get(names.CHILD_PID)
    return pid if isinstance(pid, int) else 0


def _pids(span: Span) -> set[int]:
    return {pid for pid in (span.pid, child_pid(span)) if pid}


def _check_places(spans: Spans, what: str, number: int) -> None:
    places = spans.group_by(names.PRODUCER_INDEX)
    if len(places) != number:
        raise spans.error(what, str(number), f"{len(places)} ({len(spans)} processes)")
