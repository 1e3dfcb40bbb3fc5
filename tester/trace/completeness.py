"""Whether all spans of a run have been received: computed from what the spans say, never guessed from a silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from contract import spans as names
from tester.trace.lifecycle import child_pid, killed_pids, orchestrator_killed
from tester.trace.render import explain, label, short
from tester.trace.span import Span
from tester.trace.topics import TopicRun, in_web_mode, is_of_a_caller, parts_of
from tester.trace.trace import Trace, key

_LAST_SPANS = {names.PRODUCER: names.PRODUCER_RUN, names.WEBSERVER: names.WEBSERVER_RUN}
"""The span that ends with its process, by service; an orchestrator's is its root."""
_ENDS = {
    names.SPAWN: names.PRODUCER_EXITED,
    names.SPAWN_TOPIC: names.TOPIC_EXITED,
    names.SPAWN_WEB_SERVER: names.WEB_SERVER_EXITED,
}
"""What tells of a child's end, by what tells of its start."""
_CAUSES = {
    names.ORDER: names.SEND_ORDERS,
    names.PROCESS_ITEMS: names.SEND_ITEMS,
    names.WRITE: names.PROCESS_ITEMS,
    **{exited: spawned for spawned, exited in _ENDS.items()},
}
"""What the spans of a name link to."""


class Completeness(msgspec.Struct, frozen=True):
    """What is known of a trace's completeness.

    Attributes:
        complete: Nothing is missing.
        missing: What is, each in words.
        offending: Received spans that tell of something missing, in the order of `missing`.
        received: Spans received.
        emitted: Spans that the processes which told so had ended.
        processes: Processes that spans were received from.
        killed: Those of them that a signal ended; their last spans may be lost.
        spawned: Producers started.
        exited: Ends of producers.
        lost_parents: Parents that were lost with a killed process.
        lost_links: Links to spans that were lost with a killed process.
    """

    complete: bool
    missing: list[str]
    offending: list[Span]
    received: int
    emitted: int
    processes: int
    killed: int
    spawned: int
    exited: int
    lost_parents: int
    lost_links: int


def completeness(trace: Trace, killed: Collection[int] = ()) -> Completeness:
    """Compare what was received with what the spans say must be there.

    The root has ended; every `spawn producer` has one `producer exited`; every process that ended by itself says how
    many spans it emitted, and as many came; parents and links lead to received spans. A producer's death by a signal
    is told by its `producer exited`: it may have lost spans, no other may.

    In web mode the root is `orchestrator service`, and the same holds for it, its web servers and topics, and for each
    topic's run by itself. A topic process that was killed is told by its `topic exited`; its producers, who outlive it
    for a moment, may have lost spans then.

    Args:
        trace: A run's, or a service's.
        killed: Process ids known to have been killed otherwise. With the orchestrator's, or the service's, among them
            the root, ends of its children, and what else only it knew may be missing.
    """
    dead = killed_pids(trace, killed)
    inspections = list(_inspections(trace, killed, dead))
    gaps = [*_mixed_up(trace), *(gap for inspection in inspections for gap in inspection.gaps())]
    return Completeness(
        complete=not gaps,
        missing=[gap.words for gap in gaps],
        offending=list({id(gap.span): gap.span for gap in gaps if gap.span is not None}.values()),
        received=len(trace),
        emitted=int(trace.select().sum(names.SPANS_EMITTED)),
        processes=len(trace.instances),
        killed=sum(members[0].pid in dead for members in trace.instances.values()),
        spawned=len(trace.named(names.SPAWN)),
        exited=len(trace.named(names.PRODUCER_EXITED)),
        lost_parents=sum(inspection.lost_parents for inspection in inspections),
        lost_links=sum(inspection.lost_links for inspection in inspections),
    )


def is_complete(spans: Iterable[Span], killed: Collection[int] = ()) -> bool:
    """Whether these spans are a whole run's, or a whole service's; made to be asked at each arrival.

    The root ends last, so that nothing is computed before it has come (unless some process is known to be killed).
    """
    received = tuple(spans)
    if not killed:
        root = names.SERVICE if in_web_mode(received) and not is_of_a_caller(received) else names.RUN
        if all(span.name != root for span in received):
            return False
    return completeness(Trace(received), killed).complete


def assert_complete(trace: Trace, killed: Collection[int] = ()) -> Completeness:
    """Assert that nothing is missing; see `completeness`.

    Raises:
        CheckError: Something is: all of it in words, and the spans that tell.
    """
    found = completeness(trace, killed)
    if not found.complete:
        seen = f"{len(found.missing)} missing beside {found.received} spans of {found.processes} processes"
        raise explain(trace, "the trace is complete", "nothing missing", seen, found.offending, details=found.missing)
    return found


class _Gap(NamedTuple):
    """Something missing, and the received span that tells."""

    words: str
    span: Span | None = None


def _inspections(trace: Trace, killed: Collection[int], dead: frozenset[int]) -> Iterator[_Inspection]:
    """What is looked at by itself: a run of the command line, or each part of a trace of web mode."""
    if not in_web_mode(trace):
        yield _Inspection(trace, trace, dead, names.RUN, parent_killed=orchestrator_killed(trace, killed))
        return
    around, runs, strays = parts_of(trace, killed)
    service_killed = orchestrator_killed(around, killed)
    yield _Surroundings(trace, around, dead, runs, service_killed=service_killed)
    for run in runs:
        if len(run.trace):
            whose = f" of topic {run.id!r}"
            yield _Inspection(trace, run.trace, dead, names.RUN, parent_killed=bool(run.killed), whose=whose)
    if len(strays):
        lost = service_killed or any(run.killed for run in runs)
        yield _Inspection(trace, strays, dead, "", parent_killed=lost)


def _mixed_up(trace: Trace) -> Iterator[_Gap]:
    """What no trace may have, whoever made it."""
    if not len(trace):
        yield _Gap("no span has been received")
    traces = {span.trace_id for span in trace}
    if len(traces) > 1:
        yield _Gap(f"the spans belong to {len(traces)} traces")
    seen: set[tuple[str, str]] = set()
    for span in trace:
        if key(span) in seen:
            yield _Gap(f"{label(span)} has the id of another span", span)
        seen.add(key(span))


class _Inspection:
    """Of the spans of a parent process and of its children.

    Args:
        trace: All spans.
        part: Those that are looked at.
        dead: Process ids of those that a signal ended.
        root: Name of the parent's last span; empty where the parent is not among them.
        parent_killed: Whether the parent is among the dead.
        whose: Words that follow the root's name.
    """

    def __init__(
        self, trace: Trace, part: Trace, dead: frozenset[int], root: str, *, parent_killed: bool, whose: str = ""
    ) -> None:
        self._trace = trace
        self._part = part
        self._dead = dead
        self._root = root
        self._parent_killed = parent_killed
        self._whose = whose
        self.lost_parents = 0
        self.lost_links = 0

    def gaps(self) -> Iterator[_Gap]:
        yield from self._roots()
        yield from self._children()
        yield from self._processes()
        yield from self._parents()
        yield from self._links()

    def _roots(self) -> Iterator[_Gap]:
        roots = self._part.named(self._root)
        if self._root and len(self._part) and not roots and not self._parent_killed:
            yield _Gap(f"the root, {self._root!r},{self._whose} has not been received")
        if len(roots) > 1:
            yield _Gap(f"there are {len(roots)} roots, {self._root!r}{self._whose}", roots[1])

    def _children(self) -> Iterator[_Gap]:
        heard = {members[0].pid for members in self._trace.instances.values()}
        for spawned, exited in _ENDS.items():
            for spawn in self._part.named(spawned):
                exits = [span for span in self._trace.linked_from(spawn) if span.name == exited]
                place = f"{label(spawn)}{_place(spawn)}"
                if len(exits) > 1 or (not exits and not self._parent_killed):
                    yield _Gap(f"{place} has {len(exits) or 'no'} {exited!r}", spawn)
                pid = child_pid(spawn) or next(map(child_pid, exits), 0)
                # A topic that cannot begin may end before it makes any span, and says so with its exit code.
                refused = spawned == names.SPAWN_TOPIC and any(one.number(names.PROCESS_EXIT_CODE) for one in exits)
                if pid and spawn.status != "error" and not refused and pid not in heard | self._dead:
                    yield _Gap(f"{place}: no span of its process, pid {pid}, has been received", spawn)

    def _processes(self) -> Iterator[_Gap]:
        for members in self._part.instances.values():
            service, pid = members[0].service, members[0].pid
            process = f"{service or 'process'} pid {pid}"
            last = [span for span in members if names.SPANS_EMITTED in span.attributes]
            if pid in self._dead or (not last and self._may_be_cut_off(service)):
                continue
            began = sum(span.name == names.PROCESS_STARTED for span in members)
            if began != 1:
                yield _Gap(f"{process}: one {names.PROCESS_STARTED!r} was expected, {began} were received", members[0])
            if last:
                emitted, received = last[-1].number(names.SPANS_EMITTED), len({key(span) for span in members})
                if emitted != received:
                    yield _Gap(f"{process}: {emitted:g} spans were emitted, {received} received", last[-1])
            elif service != names.ORCHESTRATOR or self._part.named(self._root):
                name = self._root if service == names.ORCHESTRATOR else _LAST_SPANS.get(service, "")
                words = f"its last span{f', {name!r}' if name else ''}, with {names.SPANS_EMITTED}"
                yield _Gap(f"{process}: {words} has not been received ({len(members)} others were)", members[-1])

    def _may_be_cut_off(self, service: str) -> bool:
        """Whether a process need not have told its end: a producer whose topic process was killed, in web mode."""
        return service == names.PRODUCER and self._parent_killed and self._part is not self._trace

    def _parents(self) -> Iterator[_Gap]:
        for span in self._part:
            if (parent := self._trace.parent(span)) is not None:
                yield from _of_one_order(span, parent)
            if span.may_have_a_caller or parent is not None:
                continue
            if not span.parent_id:
                yield _Gap(f"{label(span)} has no parent", span)
            elif self._is_lost_parent_of(span):
                self.lost_parents += 1
            else:
                yield _Gap(f"{label(span)}: its parent, {short(span.parent_id)}, has not been received", span)

    def _is_lost_parent_of(self, span: Span) -> bool:
        return self._parent_killed or span.pid in self._dead

    def _links(self) -> Iterator[_Gap]:
        for span in self._part:
            targets = [self._trace.target(link) for link in span.links]
            wanted = _CAUSES.get(span.name)
            if wanted and not any(target is None or target.name == wanted for target in targets):
                yield _Gap(f"{label(span)} has no link to a {wanted!r}", span)
            for link, target in zip(span.links, targets, strict=True):
                if target is not None:
                    yield from _of_one_order(span, target)
                    continue
                if self._parent_killed or (span.name == names.PROCESS_ITEMS and child_pid(span) in self._dead):
                    self.lost_links += 1
                else:
                    yield _Gap(f"{label(span)} links to {short(link.span_id)}, which has not been received", span)


class _Surroundings(_Inspection):
    """Of the spans of a service and of its web servers, and of how its topics' runs hang below them.

    In the trace of a caller these processes are guests, and say nothing of their starts and ends.
    """

    def __init__(
        self, trace: Trace, around: Trace, dead: frozenset[int], runs: Sequence[TopicRun], *, service_killed: bool
    ) -> None:
        super().__init__(trace, around, dead, names.SERVICE, parent_killed=service_killed)
        self._runs = runs
        self._is_of_a_caller = is_of_a_caller(trace)

    def gaps(self) -> Iterator[_Gap]:
        yield from super().gaps()
        for run in self._runs:
            for root in run.trace.named(names.RUN):
                if self._trace.parent(root) is not run.spawned:
                    yield _Gap(f"{label(root)} does not stand under the {names.SPAWN_TOPIC!r} of its process", root)
                elif run.spawned is None and not self._parent_killed:
                    yield _Gap(f"{label(root)}: its {names.SPAWN_TOPIC!r} has not been received", root)

    def _roots(self) -> Iterator[_Gap]:
        if not self._is_of_a_caller:
            yield from super()._roots()
        elif not any(run.trace.named(names.RUN) for run in self._runs):
            yield _Gap(f"the root, {names.RUN!r}, has not been received")

    def _processes(self) -> Iterator[_Gap]:
        if not self._is_of_a_caller:
            yield from super()._processes()

    def _is_lost_parent_of(self, span: Span) -> bool:
        # The request that asked for a topic is lost with the web server that was answering it.
        if span.name == names.SPAWN_TOPIC and any(one.pid in self._dead for one in self._part.of(names.WEBSERVER)):
            return True
        return super()._is_lost_parent_of(span)


def _place(spawn: Span) -> str:
    if spawn.name == names.SPAWN:
        return f" (producer {spawn.attributes.get(names.PRODUCER_INDEX)})"
    return f" (topic {spawn.attributes.get(names.TOPIC_ID)})" if spawn.name == names.SPAWN_TOPIC else ""


def _of_one_order(span: Span, other: Span) -> Iterator[_Gap]:
    """A span and its parent, or what it links to, are of the same attempt of the same order, if they are of any."""
    ours, theirs = (
        [one.attributes.get(name) for name in (names.ORDER_ID, names.ORDER_ATTEMPT)] for one in (span, other)
    )
    if None not in (*ours, *theirs) and ours != theirs:
        words = f"{label(span)} is of order {ours[0]}.{ours[1]}, but {label(other)} is of order {theirs[0]}.{theirs[1]}"
        yield _Gap(words, span)
