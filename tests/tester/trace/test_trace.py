"""How spans are related."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Span, Trace
from tests.tester.trace.build import Run, span


def test_spans_are_found_by_id_name_service_and_process() -> None:
    """Every index leads to the same spans."""
    trace = Run(producers=2).trace
    for one in trace:
        assert trace.get(one.trace_id, one.span_id) is one
        assert one in trace.named(one.name)
        assert one in trace.of(one.service)
        assert one in trace.instances[one.instance]
    assert len(trace.instances) == 3
    assert (trace.get("0", "0"), trace.named("other"), trace.of("other")) == (None, (), ())


def test_spans_stand_in_the_order_of_their_start() -> None:
    """The order of arrival is no matter."""
    early, late = span("a", 1, 9), span("b", 2, 3)
    assert Trace([late, early]).spans == (early, late)


def test_relatives_go_up_and_down() -> None:
    """Parents, children, ancestors and descendants agree."""
    top = span("top")
    middle = span("middle", parent=top)
    leaf, other = span("leaf", 5, 6, parent=middle), span("other", 4, 6, parent=middle)
    trace = Trace([leaf, other, middle, top])
    assert trace.parent(leaf) is middle
    assert trace.parent(top) is None
    assert trace.ancestors(leaf) == [middle, top]
    assert trace.children(middle) == (other, leaf)
    assert trace.descendants(top) == [middle, other, leaf]


def test_links_are_followed_in_both_directions() -> None:
    """A link's target knows who links to it, once however often; a lost target is left out."""
    lost, sent = span("lost"), span("sent")
    taken = span("taken", links=[sent, lost, sent])
    trace = Trace([sent, taken])
    assert trace.links_of(taken) == [sent, sent]
    assert trace.linked_from(sent) == [taken]
    assert trace.linked_from(taken) == []


def test_the_root_is_the_run() -> None:
    """One `orchestrator run` is the root; none or two are a failure."""
    run = Run()
    assert run.trace.root.name == names.RUN
    with pytest.raises(CheckError, match=r"one root.*expected 1, saw 0"):
        _ = run.without(run.trace.root).root
    with pytest.raises(CheckError, match=r"expected 1, saw 2"):
        _ = Trace([*run.spans, msgspec.structs.replace(run.trace.root, span_id="1" * 16)]).root


def test_what_links_hold_together_is_a_group() -> None:
    """Links join over several steps; a span without links is a group of its own."""
    first, second, alone = span("first"), span("second"), span("alone")
    bridge = span("bridge", links=[first, second])
    groups = Trace([first, second, bridge, alone]).connected([first, second, bridge, alone])
    assert [{one.name for one in group} for group in groups] == [{"first", "second", "bridge"}, {"alone"}]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 6)), max_size=8))
def test_no_relation_loops_for_ever(drawn: list[tuple[int, int, int]]) -> None:
    """Parents and links in circles, to oneself, to nowhere and repeated ids end; no relative is found twice."""
    spans = [
        msgspec.structs.replace(
            span(f"s{own}", index, index + 1, parent=f"{parent:016x}", span_id=f"{own:016x}"),
            links=span(links=[span(span_id=f"{target:016x}")]).links,
        )
        for index, (own, parent, target) in enumerate(drawn)
    ]
    trace = Trace(spans)
    for one in trace:
        for found in (trace.ancestors(one), trace.descendants(one)):
            assert len({_id(other) for other in found}) == len(found)
        assert all(_id(one) in map(_id, trace.linked_from(target)) for target in trace.links_of(one))
    assert sum(map(len, trace.connected(trace.spans))) == len(trace)


def _id(one: Span) -> str:
    return one.span_id
