"""Whether all spans of a run have been received: computed from what the spans say, never guessed from a silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from contract import spans as names
from tester.trace.lifecycle import child_pid, killed_pids, orchestrator_killed
from tester.trace.render import explain, label, short
from tester.trace.span import Span
from tester.trace.trace import Trace, key

_LAST_SPANS = {names.ORCHESTRATOR: names.RUN, names.PRODUCER: names.PRODUCER_RUN}
"""The span that ends with its process, by service."""
_ENDLESS = frozenset({names.WEBSERVER})
"""Services that outlive a run: nothing is their last span of its trace."""
_CAUSES = {
    names.ORDER: names.SEND_ORDERS,
    names.PROCESS_ITEMS: names.SEND_ITEMS,
    names.WRITE: names.PROCESS_ITEMS,
    names.PRODUCER_EXITED: names.SPAWN,
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

    Args:
        trace: The run's.
        killed: Process ids known to have been killed otherwise. With the orchestrator's among them the root, ends of
            producers, and what else only the orchestrator knew may be missing.
    """
    dead = killed_pids(trace, killed)
    inspected = _Inspection(trace, dead, orchestrator_killed=orchestrator_killed(trace, killed))
    gaps = [*inspected.root(), *inspected.producers(), *inspected.processes(), *inspected.parents(), *inspected.links()]
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
        lost_parents=inspected.lost_parents,
        lost_links=inspected.lost_links,
    )


def is_complete(spans: Iterable[Span], killed: Collection[int] = ()) -> bool:
    """Whether these spans are a whole run's; made to be asked at each arrival.

    The root ends last, so that nothing is computed before it has come (unless some process is known to be killed).
    """
    received = tuple(spans)
    if not killed and all(span.name != names.RUN for span in received):
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


class _Inspection:
    def __init__(self, trace: Trace, dead: frozenset[int], *, orchestrator_killed: bool) -> None:
        self._trace = trace
        self._dead = dead
        self._orchestrator_killed = orchestrator_killed
        self.lost_parents = 0
        self.lost_links = 0

    def root(self) -> Iterator[_Gap]:
        runs = self._trace.named(names.RUN)
        if not len(self._trace):
            yield _Gap("no span has been received")
        elif not runs and not self._orchestrator_killed:
            yield _Gap(f"the root, {names.RUN!r}, has not been received")
        if len(runs) > 1:
            yield _Gap(f"there are {len(runs)} roots, {names.RUN!r}", runs[1])
        traces = {span.trace_id for span in self._trace}
        if len(traces) > 1:
            yield _Gap(f"the spans belong to {len(traces)} traces")
        seen: set[tuple[str, str]] = set()
        for span in self._trace:
            if key(span) in seen:
                yield _Gap(f"{label(span)} has the id of another span", span)
            seen.add(key(span))

    def producers(self) -> Iterator[_Gap]:
        heard = {members[0].pid for members in self._trace.instances.values()}
        for spawn in self._trace.named(names.SPAWN):
            exits = [span for span in self._trace.linked_from(spawn) if span.name == names.PRODUCER_EXITED]
            place = f"{label(spawn)} (producer {spawn.attributes.get(names.PRODUCER_INDEX)})"
            if len(exits) > 1 or (not exits and not self._orchestrator_killed):
                number = len(exits) or "no"
                yield _Gap(f"{place} has {number} {names.PRODUCER_EXITED!r}", spawn)
            pid = child_pid(spawn) or next(map(child_pid, exits), 0)
            if pid and spawn.status != "error" and pid not in heard | self._dead:
                yield _Gap(f"{place}: no span of its process, pid {pid}, has been received", spawn)

    def processes(self) -> Iterator[_Gap]:
        for members in self._trace.instances.values():
            service, pid = members[0].service, members[0].pid
            process = f"{service or 'process'} pid {pid}"
            last = [span for span in members if names.SPANS_EMITTED in span.attributes]
            if pid in self._dead or (service in _ENDLESS and not last):
                continue
            began = sum(span.name == names.PROCESS_STARTED for span in members)
            if began != 1:
                yield _Gap(f"{process}: one {names.PROCESS_STARTED!r} was expected, {began} were received", members[0])
            if last:
                emitted, received = last[-1].number(names.SPANS_EMITTED), len({key(span) for span in members})
                if emitted != received:
                    yield _Gap(f"{process}: {emitted:g} spans were emitted, {received} received", last[-1])
            elif service != names.ORCHESTRATOR or self._trace.named(names.RUN):
                name = _LAST_SPANS.get(service, "")
                words = f"its last span{f', {name!r}' if name else ''}, with {names.SPANS_EMITTED}"
                yield _Gap(f"{process}: {words} has not been received ({len(members)} others were)", members[-1])

    def parents(self) -> Iterator[_Gap]:
        for span in self._trace:
            if (parent := self._trace.parent(span)) is not None:
                yield from _of_one_order(span, parent)
            if span.name == names.RUN or self._trace.parent(span) is not None:
                continue
            if not span.parent_id:
                yield _Gap(f"{label(span)} has no parent", span)
            elif self._orchestrator_killed or span.pid in self._dead:
                self.lost_parents += 1
            else:
                yield _Gap(f"{label(span)}: its parent, {short(span.parent_id)}, has not been received", span)

    def links(self) -> Iterator[_Gap]:
        for span in self._trace:
            targets = [self._trace.target(link) for link in span.links]
            wanted = _CAUSES.get(span.name)
            if wanted and not any(target is None or target.name == wanted for target in targets):
                yield _Gap(f"{label(span)} has no link to a {wanted!r}", span)
            for link, target in zip(span.links, targets, strict=True):
                if target is not None:
                    yield from _of_one_order(span, target)
                    continue
                if self._orchestrator_killed or (span.name == names.PROCESS_ITEMS and child_pid(span) in self._dead):
                    self.lost_links += 1
                else:
                    yield _Gap(f"{label(span)} links to {short(link.span_id)}, which has not been received", span)


def _of_one_order(span: Span, other: Span) -> Iterator[_Gap]:
    """A span and its parent, or what it links to, are of the same attempt of the same order, if they are of any."""
    ours, theirs = (
        [one.attributes.get(name) for name in (names.ORDER_ID, names.ORDER_ATTEMPT)] for one in (span, other)
    )
    if None not in (*ours, *theirs) and ours != theirs:
        words = f"{label(span)} is of order {ours[0]}.{ours[1]}, but {label(other)} is of order {theirs[0]}.{theirs[1]}"
        yield _Gap(words, span)
