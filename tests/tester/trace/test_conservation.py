"""What does not add up is found and named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import spans as names
from tester.checks import CheckError
from tester.fake_provider import Entry
from tester.trace import Span, Trace
from tester.trace.conservation import assert_all, assert_conserved, conservation
from tests.tester.trace.build import Run, changed, served

CALM = Run()
KILLED = Run(killed=True)
COUNTS = (
    names.ITEMS_PARSED,
    names.ITEMS_SENT,
    names.ITEMS_RECEIVED,
    names.ITEMS_NEW,
    names.ITEMS_DUPLICATE,
    names.ITEMS_HELD,
    names.ITEMS_BLANK,
    names.ITEMS_LATE,
    names.ITEMS_PARTS,
    names.ITEMS_JUDGEMENTS,
    names.ITEMS_WRITTEN,
    names.GEN_AI_INPUT_TOKENS,
    names.GEN_AI_OUTPUT_TOKENS,
)
COUNTED = [(one, count) for one in CALM.spans for count in COUNTS if count in one.attributes]


def told(trace: Trace, *, run: Run = CALM, **others: Any) -> str:
    """The message about what does not add up."""
    with pytest.raises(CheckError) as raised:
        assert_conserved(trace, **(run.expected() | others))
    return str(raised.value)


def failed(one: Span, **attributes: Any) -> Span:
    """The span of a call that failed."""
    return msgspec.structs.replace(changed(one, error__type="timeout", **attributes), status="error")


@pytest.mark.parametrize("run", [CALM, KILLED, Run(producers=1, orders=0), Run(producers=4, orders=3, killed=True)])
def test_a_whole_run_adds_up(run: Run) -> None:
    """It is complete and nothing is lost or made up, whatever a killed process had in hand."""
    sums = assert_all(run.trace, **run.expected())
    assert sums.new == sums.written == run.new
    assert sums == conservation(run.trace)


def test_the_sums_are_those_of_the_spans() -> None:
    """Each sum is one attribute's, over the spans that have it."""
    sums = conservation(CALM.trace)
    assert (sums.orders, sums.inferences, sums.requests) == (4, 4, 4)
    assert (sums.parsed, sums.sent, sums.received, sums.late) == (80, 80, 76, 4)
    assert (sums.new, sums.duplicate, sums.held, sums.blank, sums.written) == (52, 16, 4, 4, 52)
    assert (sums.input_tokens, sums.output_tokens) == (100 + 101 + 102 + 103, 240)


@pytest.mark.parametrize(("one", "count"), COUNTED, ids=lambda one: one.name if isinstance(one, Span) else one)
@pytest.mark.parametrize("difference", [-1, 1])
def test_every_changed_count_is_found(one: Span, count: str, difference: int) -> None:
    """Any count that is one off is a failure that shows its span."""
    new = changed(one, **{count: one.number(count) + difference})
    assert f"{one.name} #{one.span_id[:6]}" in told(CALM.with_other(one, new))


@pytest.mark.parametrize("name", [names.SEND_ITEMS, names.PROCESS_ITEMS, names.WRITE])
def test_every_repeated_batch_is_found(name: str) -> None:
    """A batch that was sent, processed or written twice is a failure that shows it."""
    for one in CALM.trace.named(name):
        twin = msgspec.structs.replace(one, span_id="f" * 16)
        assert "#ffffff" in told(Trace([*CALM.spans, twin]))


@pytest.mark.parametrize("name", [names.SEND_ITEMS, names.PROCESS_ITEMS, names.WRITE])
def test_every_lost_batch_is_found(name: str) -> None:
    """A batch that was not sent, processed or written is a failure by itself, also where no loss of spans was seen."""
    for one in CALM.trace.named(name):
        told(CALM.without(one))


def test_a_cut_link_is_found() -> None:
    """What was received of nobody is not what was sent."""
    one = CALM.trace.select(name=names.PROCESS_ITEMS).last
    assert "items received of" in told(CALM.with_other(one, msgspec.structs.replace(one, links=())))


@pytest.mark.parametrize("what", ["lines", "rows"])
@pytest.mark.parametrize("difference", [-1, 1])
def test_files_that_differ_are_found(what: str, difference: int) -> None:
    """A line or a row too many or too few is told; what is not known is not asked."""
    counts: dict[str, Any] = {what: CALM.new + difference}
    message = told(CALM.trace, **counts)
    assert f"saw {CALM.new + difference}" in message
    assert ("attributes.txt" if what == "lines" else "run.db") in message
    assert_conserved(CALM.trace, lines=None, rows=None, served=None)


def test_all_broken_laws_are_told() -> None:
    """The first in full, with its spans, the others in a line each."""
    one = CALM.trace.select(name=names.PROCESS_ITEMS).first
    message = told(CALM.with_other(one, changed(one, app__items__received=0)), lines=0)
    assert message.startswith("items received of 'send items'")
    assert "- also new + duplicate + held + blank + parts + judgements of 'process items'" in message
    assert "- also lines added to attributes.txt: 52" in message


@pytest.mark.parametrize("arrived", [CALM.served[1:], [*CALM.served, *CALM.served[:1]]])
def test_another_number_of_requests_is_found(arrived: list[Entry]) -> None:
    """A request that did not arrive, or that no span tells of, is a failure."""
    assert "'POST' spans: " in told(CALM.trace, served=arrived)


def test_a_request_that_failed_unanswered_may_have_got_lost() -> None:
    """A refused connection is a span and no request at the provider; an answered failure is one."""
    post = CALM.trace.select(name=names.ATTEMPT).first
    call = CALM.trace.parent(post)
    assert call is not None
    rest = {name: value for name, value in post.attributes.items() if name != names.HTTP_STATUS}
    lost = failed(msgspec.structs.replace(post, attributes=rest))
    arrived = CALM.expected() | {"served": CALM.served[1:]}
    for other, arrives in ((lost, True), (failed(post), False)):
        trace = Trace(failed(one) if one is call else other if one is post else one for one in CALM.spans)
        if arrives:
            assert_conserved(trace, **arrived)
        else:
            assert "'POST' spans" in told(trace, **arrived)


def test_a_response_that_no_call_has_is_found() -> None:
    """Usage that the provider reported belongs to a call, unless that failed before it knew its response."""
    call = CALM.trace.select(name="chat m").first
    nameless = changed(call, gen_ai__response__id=None)
    message = told(CALM.with_other(call, nameless))
    assert "responses whose tokens no call has: at most 0 expected, 1, first 'response-0' seen" in message
    assert f"model, input and output tokens of 'chat m' #{call.span_id[:6]}" in message
    assert_conserved(CALM.with_other(call, failed(nameless)), **CALM.expected())


def _with_call(old: Span, new: Span) -> Trace:
    """The calm run with another call, its own totals in agreement."""
    root = CALM.trace.root
    told = {
        name: root.number(name) + new.number(attribute) - old.number(attribute)
        for name, attribute in (
            (names.INPUT_TOKENS, names.GEN_AI_INPUT_TOKENS),
            (names.OUTPUT_TOKENS, names.GEN_AI_OUTPUT_TOKENS),
        )
    }
    others = {old.span_id: new, root.span_id: changed(root, **told)}
    return Trace(others.get(span.span_id, span) for span in CALM.spans)


@pytest.mark.parametrize("name", [names.ITEMS_DUPLICATE, names.ORDERS, names.INPUT_TOKENS, names.OUTPUT_TOKENS])
def test_what_the_run_says_of_itself_is_the_sum_of_its_spans(name: str) -> None:
    """A total of the root that its spans do not add up to is a failure."""
    root = CALM.trace.root
    assert f"{name} of 'orchestrator run'" in told(CALM.with_other(root, changed(root, **{name: 1})))


def test_usage_without_the_providers_word_is_not_compared() -> None:
    """A call that failed, and one whose usage we had to estimate, may tell any tokens; others may not."""
    call = CALM.trace.select(name="chat m").first
    other = changed(call, gen_ai__usage__input_tokens=7)
    for excused in (failed(other), changed(other, app__usage__estimated=True)):
        assert_conserved(_with_call(call, excused), **CALM.expected())
    silent = [served("response-0", 0, 0), *CALM.served[1:]]
    zero = changed(call, gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=0)
    assert_conserved(_with_call(call, zero), **(CALM.expected() | {"served": silent}))
    assert "expected ('m', 0, 0) (the provider's ledger)" in told(CALM.trace, served=silent)


def test_every_response_belongs_to_one_call() -> None:
    """Two calls with one response, another model's, or one that the provider did not give, are failures."""
    first, second = CALM.trace.select(name="chat m", ancestor=CALM.trace.select(attributes={names.PRODUCER_INDEX: 1}))
    twice = CALM.with_other(first, changed(first, **dict(second.attributes)))
    assert "calls with response 'response-3': expected 1, saw 2" in told(twice)
    assert "of response 'x'" in told(CALM.with_other(first, changed(first, gen_ai__response__id="x")))
    assert "('other', 102, 60)" in told(CALM.with_other(first, changed(first, gen_ai__request__model="other")))


@pytest.mark.parametrize("lost", [one for one in KILLED.spans if one.pid == 1000], ids=lambda one: one.name)
def test_a_killed_process_is_excused(lost: Span) -> None:
    """Whatever span of it was lost, nothing is missed; the lines and rows still are."""
    trace = KILLED.without(lost)
    assert_all(trace, **KILLED.expected())
    assert "attributes.txt" in told(trace, run=KILLED, lines=KILLED.new - 1)


def test_a_killed_process_excuses_no_other() -> None:
    """A count of another process, or of what it took in itself, is still one off."""
    for one in KILLED.trace.select(name=[names.ORDER, names.SEND_ITEMS]):
        if one.pid != 1000:
            count = names.ITEMS_PARSED if one.name == names.ORDER else names.ITEMS_SENT
            told(KILLED.with_other(one, changed(one, **{count: one.number(count) + 1})), run=KILLED)


def test_a_killed_orchestrator_leaves_lower_bounds() -> None:
    """Its lost spans are no failure; fewer lines or rows than its spans tell of are."""
    root = CALM.trace.root
    trace = CALM.without(root)
    last = trace.select(name=names.WRITE).last
    rest = Trace(one for one in trace if one is not last)
    assert_conserved(rest, lines=CALM.new + 3, rows=CALM.new + 3, served=None, killed={100})
    order = CALM.trace.select(name=names.ORDER).first
    unsent, surplus = (changed(order, **{names.ITEMS_PARSED: count}) for count in (21, 19))
    assert_conserved(CALM.with_other(order, unsent), **CALM.expected(), killed={100})
    assert "items sent by 'order'" in told(CALM.with_other(order, surplus), killed={100})
    message = told(trace, lines=51, rows=51, killed={100})
    assert "lines added to attributes.txt: expected at least 52, saw 51" in message
    assert "items added to run.db: at least 52 expected, 51 seen" in message


def test_incomplete_and_not_conserved_is_told_as_incomplete() -> None:
    """`assert_all` asks for completeness first: what was not received explains what does not add up."""
    with pytest.raises(CheckError, match="the trace is complete"):
        assert_all(CALM.without(CALM.trace.named(names.WRITE)[0]), **CALM.expected())


@given(st.data())
def test_counts_may_shift_between_windows_that_share_a_sender(data: st.DataObject) -> None:
    """The receiver may see items of one sender's window in either of its own: only the sums must agree."""
    sends = CALM.trace.select(name=names.ORDER, attributes={names.ORDER_ID: 0}).children()
    first, second = CALM.trace.select(name=names.PROCESS_ITEMS, links_to=sends)
    moved = data.draw(st.integers(0, int(first.number(names.ITEMS_DUPLICATE))))
    less, more = (
        changed(one, **{count: one.number(count) + by for count in (names.ITEMS_RECEIVED, names.ITEMS_DUPLICATE)})
        for one, by in ((first, -moved), (second, moved))
    )
    assert_conserved(
        Trace(less if one is first else more if one is second else one for one in CALM.spans), **CALM.expected()
    )
