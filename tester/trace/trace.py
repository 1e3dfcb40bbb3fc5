"""Spans with their relations: parents, children, and links in both directions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, Unpack

from contract import spans as names
from tester.trace.render import explain
from tester.trace.select import Criteria, Spans
from tester.trace.span import Link, Span

_K = TypeVar("_K")
Key = tuple[str, str]
"""Identity of a span: trace id and span id."""


def key(span: Span) -> Key:
    """A span's identity."""
    return span.trace_id, span.span_id


class Trace:
    """Spans in the order of their start, and what relates them.

    Any spans will do: of several traces, of an unfinished run, with parents and links that lead nowhere or in a circle.

    Args:
        spans: As they were received.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(sorted(spans, key=lambda span: (span.start_ns, span.end_ns)))
        self._by_key = {key(span): span for span in self.spans}
        self._by_name = _grouped(self.spans, lambda span: span.name)
        self._by_service = _grouped(self.spans, lambda span: span.service)
        self._by_instance = _grouped(self.spans, lambda span: span.instance)
        self._children = _grouped(self.spans, lambda span: (span.trace_id, span.parent_id))
        self._sources: dict[Key, list[Span]] = defaultdict(list)
        for span in self.spans:
            for target in dict.fromkeys((link.trace_id, link.span_id) for link in span.links):
                self._sources[target].append(span)

    def __len__(self) -> int:
        return len(self.spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    @property
    def root(self) -> Span:
        """The one `orchestrator service`, or where there is none the one `orchestrator run`.

        Raises:
            CheckError: There is none, or more than one.
        """
        name = names.SERVICE if self.named(names.SERVICE) else names.RUN
        roots = self.named(name)
        if len(roots) != 1:
            raise explain(self, f"the trace has one root, {name!r}", "1", str(len(roots)), roots)
        return roots[0]

    @property
    def instances(self) -> Mapping[str, tuple[Span, ...]]:
        """The spans of each process by its `service.instance.id`."""
        return self._by_instance

    def named(self, name: str) -> tuple[Span, ...]:
        """Spans of this name."""
        return self._by_name.get(name, ())

    def of(self, service: str) -> tuple[Span, ...]:
        """Spans of this service."""
        return self._by_service.get(service, ())

    def get(self, trace_id: str, span_id: str) -> Span | None:
        """The span of these ids, or None."""
        return self._by_key.get((trace_id, span_id))

    def target(self, link: Link) -> Span | None:
        """The span that a link leads to, or None where it was not received."""
        return self.get(link.trace_id, link.span_id)

    def parent(self, span: Span) -> Span | None:
        """The span's parent, or None where it has none or it was not received."""
        return self.get(span.trace_id, span.parent_id) if span.parent_id else None

    def ancestors(self, span: Span) -> list[Span]:
        """Parent, parent's parent …; those that were received."""
        found: dict[Key, Span] = {}
        above = self.parent(span)
        while above is not None and key(above) not in found:
            found[key(above)] = above
            above = self.parent(above)
        return list(found.values())

    def children(self, span: Span) -> tuple[Span, ...]:
        """Spans whose parent this is."""
        return self._children.get(key(span), ())

    def descendants(self, span: Span) -> list[Span]:
        """Children, their children …, without the span itself; in the order of their start."""
        found: dict[Key, Span] = {}
        waiting = list(self.children(span))
        while waiting:
            below = waiting.pop()
            if key(below) not in found and below is not span:
                found[key(below)] = below
                waiting += self.children(below)
        return sorted(found.values(), key=lambda below: (below.start_ns, below.end_ns))

    def links_of(self, span: Span) -> list[Span]:
        """Received spans that this one links to."""
        return [target for link in span.links if (target := self.target(link)) is not None]

    def linked_from(self, span: Span) -> list[Span]:
        """Spans that link to this one."""
        return list(self._sources.get(key(span), ()))

    def connected(self, spans: Sequence[Span]) -> list[list[Span]]:
        """`spans` in groups that links hold together, directly or through others of `spans`."""
        members = {id(span) for span in spans}
        beside: dict[int, list[Span]] = defaultdict(list)
        for span in spans:
            for target in self.links_of(span):
                if id(target) in members:
                    beside[id(span)].append(target)
                    beside[id(target)].append(span)
        groups: list[list[Span]] = []
        seen: set[int] = set()
        for span in spans:
            if id(span) in seen:
                continue
            seen.add(id(span))
            group = [span]
            for one in group:
                fresh = {id(other): other for other in beside[id(one)] if id(other) not in seen}
                seen |= fresh.keys()
                group += fresh.values()
            groups.append(group)
        return groups

    def select(self, **criteria: Unpack[Criteria]) -> Spans:
        """The spans that meet all criteria; see `Criteria`."""
        return Spans(self, self.spans).select(**criteria)


def _grouped(spans: Iterable[Span], by: Callable[[Span], _K]) -> dict[_K, tuple[Span, ...]]:
    groups: dict[_K, list[Span]] = defaultdict(list)
    for span in spans:
        groups[by(span)].append(span)
    return {name: tuple(members) for name, members in groups.items()}
