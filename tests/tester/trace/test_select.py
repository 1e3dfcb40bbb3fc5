"""Choosing spans and asserting of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Spans, Trace
from tester.trace.select import Criteria
from tests.tester.trace.build import Run, changed, span

Use = Callable[[Spans], object]
RUN = Run(producers=2, orders=2)
TRACE = RUN.trace


def large(one: object) -> bool:
    """More than ten."""
    return isinstance(one, int) and one > 10


@pytest.mark.parametrize(
    ("criteria", "count", "words"),
    [
        ({}, len(TRACE), "spans"),
        ({"name": names.ORDER}, 4, "spans named 'order'"),
        ({"name": {names.ORDER}, "service": names.PRODUCER}, 4, "spans named 'order' of service producer"),
        ({"name": [names.ORDER, names.SPAWN]}, 6, "spans named 'order' or 'spawn producer'"),
        ({"name": re.compile("process .*")}, 11, "spans named /process .*/"),
        ({"name": re.compile("process")}, 0, "spans named /process/"),
        ({"kind": "consumer"}, 8, "spans of kind consumer"),
        ({"status": "error"}, 0, "spans with status error"),
        ({"attributes": {names.ORDER_ATTEMPT: 0}}, 4, "spans with app.order.attempt=0"),
        ({"attributes": {names.ITEMS_SENT: large}}, 4, "spans with app.items.sent for which large holds"),
        ({"name": names.ORDER, "attributes": {names.TOPIC: None}}, 4, "spans named 'order' without app.topic"),
        ({"parent": names.ORDER}, 12, "spans with parent among spans named 'order'"),
        ({"ancestor": names.PRODUCER_RUN, "name": "POST"}, 4, "spans named 'POST' below spans named 'producer run'"),
        ({"links_to": names.SEND_ITEMS}, 8, "spans that link to spans named 'send items'"),
        ({"linked_from": names.WRITE}, 8, "spans linked from spans named 'write attributes'"),
        ({"where": lambda one: one.pid == 1000}, 12, "spans for which a condition holds"),
        ({"where": {names.ITEMS_SENT: 12}}, 4, "spans with app.items.sent=12"),
    ],
)
def test_criteria_select_and_are_told(criteria: Criteria, count: int, words: str) -> None:
    """Each criterion chooses the spans that it says, and the selection says what it is."""
    selected = TRACE.select(**criteria)
    assert len(selected) == count
    assert selected.words == words


def test_relatives_may_be_selections() -> None:
    """What a criterion relates to can be chosen as finely as anything."""
    first = TRACE.select(name=names.PRODUCER_RUN).where({names.PRODUCER_INDEX: 0})
    assert len(TRACE.select(name=names.ORDER, parent=first)) == 2
    assert len(TRACE.select(name=names.PROCESS_ITEMS, links_to=first.descendants())) == 4


def test_selections_are_chained() -> None:
    """Every step gives a selection; none changes the one before."""
    orders = TRACE.select(name=names.ORDER)
    assert len(orders.children().named(names.SEND_ITEMS).sources().of(names.ORCHESTRATOR).sources().linked()) == 8
    assert len(orders.failed()) == 0
    assert len(orders.descendants().named(re.compile("chat .*"))) == 4
    assert len(orders) == 4


def test_selections_are_added_and_subtracted() -> None:
    """`|` holds each span once; `-` takes away."""
    orders, spawns = TRACE.select(name=names.ORDER), TRACE.select(name=names.SPAWN)
    assert len(orders | spawns | orders) == 6
    assert list((orders | spawns) - orders) == list(spawns)
    assert ((orders | spawns) - orders).words == (
        "spans named 'order' or spans named 'spawn producer' apart from spans named 'order'"
    )


def test_selections_are_collections() -> None:
    """`len`, iteration, `in` and truth work as with any collection."""
    orders = TRACE.select(name=names.ORDER)
    assert orders
    assert not orders.named("other")
    assert next(iter(orders)) in orders
    assert TRACE.root not in orders


def test_values_are_read() -> None:
    """Sums and values tolerate spans without the attribute."""
    assert TRACE.select().sum(names.ITEMS_SENT) == 80
    assert TRACE.select(name=names.SEND_ITEMS).values(names.ITEMS_SENT) == [12, 12, 8, 8, 12, 12, 8, 8]
    assert TRACE.select(name=names.ORDER).values("other") == []
    assert TRACE.select(name=names.ORDER).sum(names.ITEMS_HELD) == 0
    assert TRACE.select(name="nothing").sum("app.items.pased") == 0


def test_slips_are_no_empty_selections() -> None:
    """An unknown criterion, kind, status or attribute is an error that names the nearest one that there is."""
    with pytest.raises(TypeError, match="no criterion 'nam'; did you mean 'name'"):
        TRACE.select(nam="order")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no status 'eror'; did you mean 'error'"):
        TRACE.select(status="eror")
    with pytest.raises(ValueError, match="no kind 'produce'"):
        TRACE.select(kind=["client", "produce"])
    with pytest.raises(CheckError, match=r"did you mean app\.items\.parsed"):
        TRACE.select().sum("app.items.pased")
    with pytest.raises(CheckError, match="no span of the trace has an attribute 'nope'"):
        TRACE.select().group_by("nope")


def test_groups_go_by_value() -> None:
    """A missing attribute is the group None, a list goes by its text, and groups say what they are."""
    trace = Trace([span("a"), changed(span("b"), k=1), changed(span("c"), k=1), changed(span("d"), k=["x"])])
    groups = trace.select().group_by("k")
    assert {value: len(group) for value, group in groups.items()} == {None: 1, 1: 2, "['x']": 1}
    assert groups[1].words == "spans with k=1"
    assert groups[None].words == "spans without k"


def test_first_and_last_go_by_start() -> None:
    """They are the earliest and the latest to begin."""
    orders = TRACE.select(name=names.ORDER)
    starts = [one.start_ns for one in orders]
    assert (orders.first.start_ns, orders.last.start_ns) == (min(starts), max(starts))


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        (lambda s: s.count(4), lambda s: s.count(3)),
        (lambda s: s.at_least(4), lambda s: s.at_least(5)),
        (lambda s: s.at_most(4), lambda s: s.at_most(3)),
        (lambda s: s.named("other").none(), lambda s: s.none()),
        (lambda s: s.every({names.ORDER_ATTEMPT: 0}), lambda s: s.every({names.ORDER_ATTEMPT: 1})),
        (lambda s: s.every(lambda one: one.pid), lambda s: s.every(lambda one: one.pid == 1)),
        (lambda s: s.where({names.ORDER_ID: 0}).one(), lambda s: s.one()),
        (lambda s: s.first, lambda s: s.named("other").first),
        (lambda s: s.last, lambda s: s.named("other").last),
    ],
)
def test_assertions_hold_or_explain_themselves(
    holds: Callable[[Spans], object], fails: Callable[[Spans], object]
) -> None:
    """A failure names the selection, what was expected and what was seen, and shows spans."""
    orders = TRACE.select(name=names.ORDER)
    holds(orders)
    with pytest.raises(CheckError, match=r"spans named 'order'.*: expected .*, saw ") as raised:
        fails(orders)
    assert "▶" in str(raised.value)


def test_assertions_go_on() -> None:
    """They return the selection itself."""
    orders = TRACE.select(name=names.ORDER)
    assert orders.count(4).at_least(1).at_most(9).every({names.ORDER_ATTEMPT: 0}) is orders
    empty = orders.named("other")
    assert empty.none() is empty


def test_every_shows_what_the_first_has_instead() -> None:
    """A missing attribute is seen as None, a wrong one as it is."""
    with pytest.raises(CheckError, match=r"expected each with app.order.id=0, saw 3 of 4 otherwise.*app.order.id=2"):
        TRACE.select(name=names.ORDER).every({names.ORDER_ID: 0})
    with pytest.raises(CheckError, match=r"saw 4 of 4 otherwise.*other=None"):
        TRACE.select(name=names.ORDER).every({"other": large})


def test_a_failure_of_an_empty_selection_shows_what_it_was_chosen_from() -> None:
    """The nearest that is not empty; not the whole trace."""
    with pytest.raises(CheckError) as raised:
        TRACE.select(name=names.ORDER, attributes={names.ORDER_ID: 77}).one()
    assert str(raised.value).count("▶") == 4
    with pytest.raises(CheckError) as raised:
        TRACE.select(name="other").at_least(1)
    assert "▶" not in str(raised.value)


@given(st.sets(st.integers(0, len(TRACE) - 1)), st.sets(st.integers(0, len(TRACE) - 1)))
def test_selections_are_sets(one: set[int], other: set[int]) -> None:
    """Union and difference are those of the spans."""
    a, b = (Spans(TRACE, (TRACE.spans[index] for index in drawn)) for drawn in (one, other))
    for found, wanted in ((a | b, one | other), (a - b, one - other)):
        assert {id(span) for span in found} == {id(TRACE.spans[index]) for index in wanted}
        assert len(found) == len(wanted)
