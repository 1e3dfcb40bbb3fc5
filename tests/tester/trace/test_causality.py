"""Order, concurrency and causes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Span, Spans, Trace
from tester.trace.causality import assert_max_concurrency, causes, happens_before, max_concurrency, overlap, within
from tests.tester.trace.build import INTERVALS, Run, changed, intervals, span

Drawn = list[tuple[int, int]]


def two(a: list[Span], b: list[Span]) -> tuple[Spans, Spans]:
    """Two selections of one trace."""
    trace = Trace([*a, *b])
    return Spans(trace, a, "the first"), Spans(trace, b, "the second")


def holds(check: object, *arguments: object, **options: object) -> bool:
    """Whether an assertion holds."""
    assert callable(check)
    try:
        check(*arguments, **options)
    except CheckError:
        return False
    return True


@given(INTERVALS, INTERVALS)
def test_happens_before_is_every_pair_in_order(a: Drawn, b: Drawn) -> None:
    """It holds exactly if each ended by the time each other began, and there is a pair at all."""
    first, second = two(intervals(a), intervals(b))
    wanted = bool(a and b) and all(x.end_ns <= y.start_ns for x in first for y in second)
    assert holds(happens_before, first, second) == wanted


@given(INTERVALS, INTERVALS)
@example([(0, 6), (1, 1)], [(4, 2)])
def test_overlap_is_some_pair_at_the_same_time(a: Drawn, b: Drawn) -> None:
    """It holds exactly if two have a stretch of time in common."""
    first, second = two(intervals(a), intervals(b))
    wanted = any(max(x.start_ns, y.start_ns) < min(x.end_ns, y.end_ns) for x in first for y in second)
    assert holds(overlap, first, second) == wanted


@given(INTERVALS)
def test_max_concurrency_is_the_most_at_any_moment(drawn: Drawn) -> None:
    """It equals the most that hold one of their starts; touching ones do not add up."""
    spans = intervals(drawn)
    moments = [one.start_ns for one in spans]
    wanted = max((sum(one.start_ns <= moment < one.end_ns for one in spans) for moment in moments), default=0)
    assert max_concurrency(spans) == wanted


def test_too_much_concurrency_shows_who_was_open() -> None:
    """The message has the limit, the number, and the spans of that moment; within the limit the number is returned."""
    spans = intervals([(0, 4), (1, 4), (2, 4), (9, 1)])
    selection = Spans(Trace(spans), spans, "calls")
    assert assert_max_concurrency(selection, 3) == 3
    with pytest.raises(CheckError, match=r"concurrency of calls: expected at most 2, saw 3") as raised:
        assert_max_concurrency(selection, 2)
    assert str(raised.value).count("▶") == 3
    with pytest.raises(CheckError, match="number of calls"):
        assert_max_concurrency(Spans(Trace([]), [], "calls"), 2)


def test_the_pair_out_of_order_is_shown() -> None:
    """The last end and the first beginning, with the time between them."""
    first, second = two(intervals([(0, 1), (2, 3)], "a"), intervals([(4, 1)], "b"))
    with pytest.raises(CheckError, match=r"the first happen before the second: .*1\.000 ms before") as raised:
        happens_before(first, second)
    assert str(raised.value).count("▶") == 2


def test_linked_spans_are_compared_with_each_other_only() -> None:
    """`by="link"` looks at pairs: others may be in any order, and one wrong pair is found."""
    sends = intervals([(0, 1), (10, 1)], "send")
    good = [span("order", 1, 2, links=sends[:1]), span("order", 11, 12, links=sends[1:])]
    first, second = two(sends, good)
    happens_before(first, second, by="link")
    assert not holds(happens_before, first, second)
    assert not holds(happens_before, *two(sends, [good[0], span("order", 10, 12, links=sends[1:])]), by="link")


def test_siblings_and_equal_attributes_are_compared_with_each_other_only() -> None:
    """`by="parent"` and `by=` an attribute's name group the spans; spans without it are left out."""
    for by, starts, wanted in (
        ("parent", (0, 5), True),
        ("parent", (6, 5), False),
        ("k", (0, 5), True),
        ("k", (6, 5), False),
    ):
        a = [changed(span("a", start, start + 1, parent=str(group)), k=group) for group, start in enumerate(starts)]
        b = [changed(span("b", start, start + 9, parent=str(group)), k=group) for group, start in enumerate((4, 6))]
        assert holds(happens_before, *two([*a, span("a", 99, 100)], [*b, span("b", 0, 1)]), by=by) == wanted
    with pytest.raises(CheckError, match="no pair"):
        happens_before(*two(intervals([(0, 1)]), intervals([(3, 1)])), by=by)


def test_causes_go_through_parents_and_links() -> None:
    """A write goes back to its order over links and parents, and to nothing that does not lead to it."""
    trace = Run().trace
    orders, writes = trace.select(name=names.ORDER), trace.select(name=names.WRITE)
    causes(orders, writes)
    causes(trace.select(name=names.SEND_ORDERS), orders)
    assert not holds(causes, writes, orders)
    assert not holds(causes, orders, trace.select(name="other"))


def test_causes_in_a_circle_end() -> None:
    """Spans that a stranger linked to each other are looked at once."""
    one, other = span("one", span_id="1" * 16), span("other", parent="1" * 16)
    trace = Trace([msgspec.structs.replace(one, parent_id=other.span_id), other, span("alone")])
    assert not holds(causes, trace.select(name="alone"), trace.select(name="one"))
    causes(trace.select(name="one"), trace.select(name="other"))


def test_an_effect_without_a_cause_is_shown() -> None:
    """The failure marks it."""
    run = Run()
    write = run.trace.select(name=names.WRITE).last
    other = span(names.WRITE, parent=run.trace.root)
    trace = run.with_other(write, other)
    with pytest.raises(CheckError, match=r"a cause for each, saw 1 of 8 without one") as raised:
        causes(trace.select(name=names.ORDER), trace.select(name=names.WRITE))
    assert other.span_id[:6] in str(raised.value)


@pytest.mark.parametrize(
    ("start", "end", "parent", "wanted"),
    [(10, 20, True, True), (11, 19, True, True), (9, 20, True, False), (10, 21, True, False), (11, 12, False, False)],
)
def test_within_is_below_and_inside(start: int, end: int, parent: bool, wanted: bool) -> None:
    """A span lies within another if it descends from it and its time does not stand out."""
    outer = span("outer", 10, 20)
    middle = span("middle", 0, 99, parent=outer if parent else "")
    inner = span("inner", start, end, parent=middle)
    trace = Trace([outer, middle, inner])
    assert holds(within, trace.select(name="inner"), trace.select(name="outer")) == wanted
    assert not holds(within, trace.select(name="other"), trace.select(name="outer"))
