"""Spans as text."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import spans as names
from tester.trace import Trace
from tester.trace.render import WIDTH, around, explain, label, line, tree
from tests.tester.trace.build import Run, changed, span

RUN = Run()


def test_children_stand_indented_below_their_parents() -> None:
    """Each line has the start and the length in milliseconds, the name, the id, the process."""
    outer = span("outer", 5, 105.5, span_id="aa" * 8)
    inner = span("inner", 7.25, 8, parent=outer, span_id="bb" * 8, service="producer", pid=12)
    assert tree(Trace([inner, outer])).splitlines() == [
        "      +0.0        100.5 ms  outer #aaaaaa  orchestrator[100]",
        "      +2.2          0.8 ms    inner #bbbbbb  producer[12]",
    ]


def test_errors_links_and_telling_attributes_are_shown() -> None:
    """An error has its kind and message, a link its target, and of the attributes those that tell."""
    cause = span("cause", span_id="cc" * 8)
    one = msgspec.structs.replace(
        changed(
            span("call", links=[cause, span(span_id="dd" * 8)]),
            error__type="timeout",
            app__items__sent=3,
            app__items__late=0,
            url__full="http://x",
        ),
        status="error",
        message="no answer",
    )
    shown = tree(Trace([cause, one]))
    assert 'ERROR timeout  "no answer"  → cause#cccccc, not received #dddddd  sent=3' in shown
    assert "late" not in shown
    assert "http" not in shown


def test_many_links_are_counted() -> None:
    """The first stand there, the others are a number."""
    causes = [span(f"cause {number}") for number in range(7)]
    shown = tree(Trace([*causes, span("effect", links=causes)]))
    assert "cause 2#" in shown
    assert "and 4 more" in shown


def test_a_lost_parent_is_told() -> None:
    """The span stands at the top; the run's own parent is somebody else's and not mentioned."""
    assert "(parent #123456 was not received)" in tree(Trace([span(parent="1234567890abcdef")]))
    assert "parent" not in tree(Trace([RUN.trace.root]))


def test_similar_siblings_are_folded() -> None:
    """Of many siblings of one name the first are shown; failed ones are not similar to others."""
    top = span("top", 0, 99)
    children = [span("same", at, at + 1, parent=top) for at in range(10)]
    grandchildren = [span("below", parent=one) for one in children]
    failure = msgspec.structs.replace(span("same", 50, 51, parent=top), status="error")
    lines = tree(Trace([top, *children, *grandchildren, failure]), fold=3).splitlines()
    assert [line.split("  ")[-1].strip() for line in lines if "…" in line] == ["… 7 more `same`"]
    assert sum("same #" in line for line in lines) == 4
    assert sum("below #" in line for line in lines) == 3
    assert any("ERROR" in line for line in lines)


def test_a_single_sibling_is_not_folded() -> None:
    """Its count would take as much room."""
    top = span("top")
    assert "…" not in tree(Trace([top, *(span("same", at, at, parent=top) for at in range(4))]), fold=3)


def test_offending_spans_are_marked_among_their_relatives() -> None:
    """Ancestors, neighbours, first child, and both ends of links are shown; the others are not."""
    trace = RUN.trace
    order = trace.select(name=names.ORDER).first
    shown = around(trace, [order])
    assert [line for line in shown.splitlines() if line.startswith("▶")] == [
        one for one in shown.splitlines() if label(order)[-7:] in one and "order #" in one
    ]
    for wanted in (names.RUN, names.SPAWN, names.PRODUCER_RUN, names.SEND_ORDERS, "chat m"):
        assert f"{wanted} #" in shown
    assert names.PRODUCER_EXITED not in shown


def test_more_offending_spans_than_fit_are_counted() -> None:
    """The first are shown."""
    spans = [span("same", at) for at in range(9)]
    shown = around(Trace(spans), spans)
    assert shown.count("▶") == 5
    assert shown.endswith("… and 4 more like these")


def test_a_failure_says_what_was_expected_and_seen() -> None:
    """First the sentence, then details, then the spans."""
    one = span("some", span_id="aa" * 8)
    error = explain(Trace([one]), "things", "2", "1\x1b[2J", [one], details=[f"d{number}" for number in range(14)])
    lines = str(error).splitlines()
    assert lines[:2] == ["things: expected 2, saw 1\ufffd[2J", "- d0"]
    assert lines[13] == "- and 2 more"
    assert lines[14].startswith("▶")
    assert str(explain(Trace([]), "a", "b", "c")) == "a: expected b, saw c"


def test_a_line_stands_alone() -> None:
    """For spans as they arrive: without a tree, from a given time."""
    one = span("some", 30, 31, span_id="aa" * 8)
    assert line(one, one.start_ns) == "      +0.0          1.0 ms  some #aaaaaa  orchestrator[100]"


def test_depth_has_no_limit() -> None:
    """A chain of thousands of spans neither overflows nor runs out of the line."""
    chain = [span("deep")]
    for _ in range(3000):
        chain.append(span("deep", parent=chain[-1]))
    lines = tree(Trace(chain)).splitlines()
    assert len(lines) == len(chain)
    assert all("deep #" in one for one in lines)


_TEXTS = st.text(max_size=300)


@given(_TEXTS, _TEXTS, _TEXTS, _TEXTS, st.integers(0, 2**64), st.booleans())
def test_strangers_text_stays_in_its_line(
    name: str, message: str, attribute: str, identity: str, time_ns: int, circular: bool
) -> None:
    """Whatever a span holds, its tree is one line of bounded width without a control character."""
    one = msgspec.structs.replace(
        span(name, message=message, span_id=identity, parent=identity if circular else ""),
        attributes={names.TOPIC: attribute, names.ERROR_TYPE: [attribute]},
        service=name,
        start_ns=time_ns,
    )
    for shown in (tree(Trace([one])), around(Trace([one]), [one]), line(one), label(one)):
        assert "\n" not in shown
        assert len(shown) <= WIDTH
        assert not any(character in shown for character in "\r\x1b\x00\x85\u2028\u202e")


@pytest.mark.parametrize("circle", [1, 2, 5])
def test_circles_are_shown_once(circle: int) -> None:
    """Spans that are each other's ancestors all stand there."""
    ids = [f"{number:016x}" for number in range(circle)]
    spans = [span(f"s{number}", number, parent=ids[number - 1], span_id=ids[number]) for number in range(circle)]
    assert len(tree(Trace(spans)).splitlines()) == circle
