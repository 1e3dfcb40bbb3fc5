"""What is missing of a trace is found, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Link, Span, Trace
from tester.trace.completeness import assert_complete, completeness, is_complete
from tests.tester.trace.build import OUTSIDE, TRACE_ID, Run, changed, span

CALM = Run()
KILLED = Run(killed=True)
LOST_ID = "dead" * 4


def told(trace: Trace) -> str:
    """The message about what is missing."""
    assert not is_complete(trace.spans)
    with pytest.raises(CheckError, match="the trace is complete: expected nothing missing, saw") as raised:
        assert_complete(trace)
    return str(raised.value)


def label(one: Span) -> str:
    """A span as messages name it."""
    return f"'{one.name}' #{one.span_id[:6]}"


@pytest.mark.parametrize("run", [CALM, KILLED, Run(producers=1, orders=0), Run(producers=5, orders=3, killed=True)])
def test_a_whole_run_is_complete(run: Run) -> None:
    """Nothing is missing, whatever was lost with a killed process, and whoever started the run."""
    found = assert_complete(run.trace)
    assert (found.complete, found.missing, found.offending) == (True, [], [])
    assert is_complete(run.spans)
    assert found.received == len(run.spans)
    assert found.killed == len(run.killed_pids)


def test_the_counts_are_those_of_the_trace() -> None:
    """What was lost with a killed process is counted: its run, its open order, and the window that was open."""
    found = completeness(KILLED.trace)
    assert (found.spawned, found.exited, found.processes) == (3, 3, 4)
    assert (found.lost_parents, found.lost_links) == (2, 1)
    assert completeness(CALM.trace).emitted == len(CALM.spans)


@pytest.mark.parametrize("lost", CALM.spans, ids=lambda one: one.name)
def test_every_lost_span_is_found(lost: Span) -> None:
    """Without any one span the trace is not complete, and its process, or the root by name, is told."""
    message = told(CALM.without(lost))
    wanted = f"the root, {names.RUN!r}" if lost.name == names.RUN else f"pid {lost.pid}: "
    assert wanted in message


@pytest.mark.parametrize("lost", [one for one in KILLED.spans if one.pid != 1000], ids=lambda one: one.name)
def test_a_killed_process_excuses_no_other(lost: Span) -> None:
    """Beside a killed producer every span of the others is still missed."""
    assert lost.name in told(KILLED.without(lost)) or f"pid {lost.pid}: " in told(KILLED.without(lost))


@pytest.mark.parametrize("lost", [one for one in KILLED.spans if one.pid == 1000], ids=lambda one: one.name)
def test_a_killed_process_may_lose_any_span(lost: Span) -> None:
    """No span of a process that a signal ended is missed."""
    assert is_complete(KILLED.without(lost).spans)


def test_a_killed_process_may_never_be_heard() -> None:
    """All its spans may be lost; its spawn and its end are the orchestrator's and may not."""
    assert is_complete([one for one in KILLED.spans if one.pid != 1000])
    spawn = KILLED.trace.select(name=names.SPAWN, attributes={names.CHILD_PID: 1000}).one()
    death = KILLED.trace.linked_from(spawn)[0]
    assert f"{label(death)} links to #{spawn.span_id[:6]}" in told(KILLED.without(spawn))


@pytest.mark.parametrize("one", [one for one in CALM.spans if one.links], ids=lambda one: one.name)
@pytest.mark.parametrize("links", [(), (Link(TRACE_ID, LOST_ID),), (Link("0" * 32, LOST_ID),)])
def test_every_cut_link_is_found(one: Span, links: tuple[Link, ...]) -> None:
    """A link that is not there or leads nowhere is told with the span that should have it."""
    message = told(CALM.with_other(one, msgspec.structs.replace(one, links=links)))
    assert f"{label(one)} {'links to #deadde' if links else 'has no link to a '}" in message


@pytest.mark.parametrize("one", [one for one in CALM.spans if one.name != names.RUN], ids=lambda one: one.name)
@pytest.mark.parametrize("parent", ["", LOST_ID, OUTSIDE])
def test_every_cut_parent_is_found(one: Span, parent: str) -> None:
    """Only the root may have a parent that is not received, or none."""
    message = told(CALM.with_other(one, msgspec.structs.replace(one, parent_id=parent)))
    assert f"{label(one)}{': its parent, ' if parent else ' has no parent'}" in message


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_number_of_spans_is_found(difference: int) -> None:
    """Fewer than were emitted are a loss, more are somebody else's."""
    for one in CALM.trace.select(where=lambda one: names.SPANS_EMITTED in one.attributes):
        emitted = int(one.number(names.SPANS_EMITTED))
        message = told(CALM.with_other(one, changed(one, app__spans__emitted=emitted + difference)))
        assert f"pid {one.pid}: {emitted + difference} spans were emitted, {emitted} received" in message


def test_an_exit_belongs_to_one_spawn() -> None:
    """A spawn without its exit, or with two, is told by its producer."""
    first, second = CALM.trace.named(names.PRODUCER_EXITED)
    message = told(CALM.with_other(second, msgspec.structs.replace(second, links=first.links)))
    assert "(producer 0) has 2 'producer exited'" in message
    assert "(producer 1) has no 'producer exited'" in message


def test_a_process_that_was_never_heard_is_missed() -> None:
    """A producer that started and of which no span came is told; one that failed to start may be silent."""
    silent = [one for one in CALM.spans if one.pid != 1010]
    assert "no span of its process, pid 1010, has been received" in told(Trace(silent))
    failed = [
        msgspec.structs.replace(one, status="error") if one.attributes.get(names.CHILD_PID) == 1010 else one
        for one in silent
    ]
    assert "pid 1010" not in " ".join(completeness(Trace(failed)).missing)


def test_two_roots_two_traces_and_repeated_ids_are_found() -> None:
    """A trace is one run's, and an id one span's."""
    assert "there are 2 roots" in told(Trace([*CALM.spans, msgspec.structs.replace(CALM.trace.root, span_id=LOST_ID)]))
    assert "2 traces" in told(Trace([*CALM.spans, msgspec.structs.replace(CALM.spans[0], trace_id="1" * 32)]))
    assert "has the id of another span" in told(Trace([*CALM.spans, CALM.spans[5]]))


def test_nothing_is_not_complete() -> None:
    """No span, or none but strangers', is never a whole run."""
    assert "no span has been received" in told(Trace([]))
    assert not is_complete([], killed={100})
    assert "the root, 'orchestrator run', has not been received" in told(Trace([span("stranger", service="")]))


def test_a_killed_orchestrator_may_miss_what_it_alone_knew() -> None:
    """Without its root, the ends of its producers, and targets of links a run is complete; a producer's loss is not."""
    kept = [one for one in CALM.spans if one.pid != 100 or one.name in (names.SPAWN, names.PROCESS_STARTED)]
    assert is_complete(kept, killed={100})
    assert is_complete([one for one in kept if one.pid != 100], killed={100})
    assert not is_complete(kept)
    assert not is_complete(kept, killed={7})
    order = next(one for one in kept if one.name == names.ORDER)
    assert not is_complete([one for one in kept if one is not order], killed={100})


def test_many_missing_things_are_told_in_short() -> None:
    """The message stays readable: the first in words, the others as a number, and some of the tree."""
    broken = Run(producers=9)
    cut = [one if one.name == names.RUN else msgspec.structs.replace(one, parent_id="") for one in broken.spans]
    message = told(Trace(cut))
    assert f"- and {len(cut) - 1 - 12} more" in message
    assert len(message.splitlines()) < 80


@given(st.permutations(CALM.spans))
def test_a_wait_ends_with_the_last_span(arrived: list[Span]) -> None:
    """In whatever order spans arrive, the trace is complete with the last and not before."""
    assert [is_complete(arrived[:count]) for count in (len(arrived) // 2, len(arrived) - 1, len(arrived))] == [
        False,
        False,
        True,
    ]
