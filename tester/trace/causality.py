"""What came before what, what ran at the same time, what caused what.

The processes of a run share a machine and its clock; a span takes the time from its start up to, not including, its
end. Touching spans therefore do not overlap, and one without length overlaps nothing.

An assertion about no spans at all would hold whatever the product does: it is a failure.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tester.trace.render import label
from tester.trace.select import Spans
from tester.trace.span import Span

LINK, PARENT = "link", "parent"


def happens_before(a: Spans, b: Spans, *, by: str | None = None) -> None:
    """Assert that every span of `a` ended before any of `b` began, or no later than that.

    Args:
        a: The earlier ones.
        b: The later ones.
        by: Compare only those that belong together: `link` (one links to the other), `parent` (same parent), or the
            name of an attribute (same value).

    Raises:
        CheckError: One began too soon, or there are none to compare.
    """
    asserted = f"{a.words} happen before {b.words}{f', by {by}' if by else ''}"
    compared = 0
    for earlier, later in _groups(a, b, by):
        compared += 1
        last, first = max(earlier, key=lambda span: span.end_ns), min(later, key=lambda span: span.start_ns)
        if first.start_ns < last.end_ns:
            sooner_ms = (last.end_ns - first.start_ns) / 1e6
            raise a.error(
                asserted,
                f"{label(first)} after {label(last)}",
                f"that it began {sooner_ms:.3f} ms before the other's end",
                [last, first],
            )
    if not compared:
        raise (a | b).error(asserted, "some that belong together", f"{len(a)} before, {len(b)} after, but no pair")


def overlap(a: Spans, b: Spans) -> None:
    """Assert that at some time a span of `a` and a span of `b` were both open.

    Raises:
        CheckError: At no time; the two that were nearest to it are shown.
    """
    # Of all that could overlap a span, only the one that reaches furthest so far matters: a single pass finds it.
    furthest: dict[bool, Span] = {}
    nearest: tuple[int, list[Span]] | None = None
    both = [(span, in_b) for in_b, spans in ((False, a), (True, b)) for span in spans]
    for span, in_b in sorted(both, key=lambda one: _interval(one[0])):
        if (other := furthest.get(not in_b)) is not None:
            gap_ns = span.start_ns - other.end_ns
            if gap_ns < 0 and span.start_ns < span.end_ns:
                return
            if nearest is None or gap_ns < nearest[0]:
                nearest = gap_ns, [other, span]
        if (own := furthest.get(in_b)) is None or span.end_ns > own.end_ns:
            furthest[in_b] = span
    seen = f"{len(a)} and {len(b)} of them, never two at once"
    raise a.error(f"{a.words} overlap {b.words}", "two open at the same time", seen, nearest[1] if nearest else None)


def max_concurrency(spans: Iterable[Span]) -> int:
    """Most of these spans that were open at the same time."""
    return len(_busiest(spans))


def assert_max_concurrency(spans: Spans, limit: int) -> int:
    """Assert that never more than `limit` of these were open at the same time, and return how many were.

    Raises:
        CheckError: There were more; those of the first such moment are shown. Or there are no spans.
    """
    spans.at_least(1)
    busiest = _busiest(spans)
    if len(busiest) > limit:
        raise spans.error(f"concurrency of {spans.words}", f"at most {limit}", str(len(busiest)), busiest)
    return len(busiest)


def causes(a: Spans, b: Spans) -> None:
    """Assert that each span of `b` goes back to one of `a`, through parents and links, over as many steps as it takes.

    Raises:
        CheckError: Some do not, or `b` is empty.
    """
    b.at_least(1)
    sources = {id(span) for span in a}
    without = [span for span in b if not any(id(cause) in sources for cause in _causes_of(b, span))]
    if without:
        asserted = f"{a.words} cause {b.words}"
        raise b.error(asserted, "a cause for each", f"{len(without)} of {len(b)} without one", without)


def within(spans: Spans, parent: Spans) -> None:
    """Assert that each span descends from one of `parent` and lies within its time.

    Raises:
        CheckError: Some do not, or there are no spans.
    """
    spans.at_least(1)
    asserted = f"{spans.words} lie within {parent.words}"
    parents = {id(span) for span in parent}
    for span in spans:
        above = next((one for one in spans.trace.ancestors(span) if id(one) in parents), None)
        if above is None:
            raise spans.error(asserted, "such an ancestor for each", f"none of {label(span)}", [span])
        if span.start_ns < above.start_ns or span.end_ns > above.end_ns:
            after_ms, before_ms = (span.start_ns - above.start_ns) / 1e6, (above.end_ns - span.end_ns) / 1e6
            seen = f"{label(span)}, from {after_ms:.3f} ms after its start to {before_ms:.3f} ms before its end,"
            raise spans.error(asserted, f"that {label(above)} holds it", seen, [above, span])


def _interval(span: Span) -> tuple[int, int]:
    return span.start_ns, span.end_ns


def _groups(a: Spans, b: Spans, by: str | None) -> Iterator[tuple[list[Span], list[Span]]]:
    """What is compared with what, neither side empty."""
    if by is None:
        if a and b:
            yield list(a), list(b)
        return
    if by == LINK:
        later = {id(span): span for span in b}
        for span in a:
            partners = [*a.trace.links_of(span), *a.trace.linked_from(span)]
            if found := [later[id(partner)] for partner in partners if id(partner) in later]:
                yield [span], found
        return
    groups: dict[object, tuple[list[Span], list[Span]]] = defaultdict(lambda: ([], []))
    for side, spans in enumerate((a, b)):
        for span in spans:
            if by == PARENT and span.parent_id:
                groups[span.trace_id, span.parent_id][side].append(span)
            elif by != PARENT and by in span.attributes:
                groups[repr(span.attributes[by])][side].append(span)
    yield from (group for group in groups.values() if all(group))


def _busiest(spans: Iterable[Span]) -> list[Span]:
    """The spans that are open at the first moment at which the most are."""
    by_start = sorted((span for span in spans if span.start_ns < span.end_ns), key=_interval)
    by_end = sorted(by_start, key=lambda span: span.end_ns)
    ended, most, moment_ns = 0, 0, 0
    for begun, span in enumerate(by_start, start=1):
        while by_end[ended].end_ns <= span.start_ns:
            ended += 1
        if begun - ended > most:
            most, moment_ns = begun - ended, span.start_ns
    return [span for span in by_start if span.start_ns <= moment_ns < span.end_ns]


def _causes_of(spans: Spans, span: Span) -> Iterator[Span]:
    """Everything that a span goes back to, nearest first."""
    trace = spans.trace
    seen, found = {id(span)}, [span]
    for effect in found:
        for cause in itertools.chain(trace.links_of(effect), filter(None, [trace.parent(effect)])):
            if id(cause) not in seen:
                seen.add(id(cause))
                found.append(cause)
                yield cause
