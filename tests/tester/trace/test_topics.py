"""A trace of web mode falls into the runs of its topics, and each is judged by itself."""

from __future__ import annotations

import msgspec
import pytest

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Span, Trace
from tester.trace.completeness import assert_complete, completeness, is_complete
from tester.trace.conservation import assert_all, assert_conserved, conservation
from tester.trace.topics import in_web_mode, part_of, topic_runs
from tests.tester.trace.build import OUTSIDE, Run, Service, changed, span

RUNS = (Run(), Run(producers=1, orders=1), Run(killed=True))
CALM = Service(*RUNS)
KILLED = Service(*RUNS, killed=True)
LOST_ID = "dead" * 4
TOPIC_PIDS = set(CALM.topic_pids)


def missing(trace: Trace) -> str:
    """What is missing, in words."""
    assert not is_complete(trace.spans)
    return "\n".join(completeness(trace).missing)


def of_topic(number: int) -> tuple[Span, ...]:
    """The spans of a topic's own process."""
    return tuple(one for one in CALM.spans if one.pid == CALM.topic_pids[number])


def caller_of(service: Service) -> list[Span]:
    """What of a service's spans is in the trace of somebody who started a topic under a trace of his own."""
    keep = {"POST /api/v1/topics", names.SPAWN_TOPIC, names.TOPIC_EXITED}
    return [one for one in service.spans if one.name in keep or one.pid >= 10_000]


def test_each_topic_process_is_a_run() -> None:
    """A topic's part has the spans of its process and its producers, and nothing else."""
    runs = topic_runs(CALM.trace)
    assert [run.id for run in runs] == ["topic-0", "topic-1", "topic-2"]
    assert [run.pid for run in runs] == CALM.topic_pids
    assert [len(run.trace) for run in runs] == [len(run.spans) for run in RUNS]
    for run in runs:
        assert run.exited is not None
        assert run.trace.root.name == names.RUN
        assert part_of(CALM.trace, run.trace.root).spans == run.trace.spans
        assert not in_web_mode(run.trace)


def test_a_run_of_the_command_line_is_one_part() -> None:
    """It has no topic processes, and belongs to its root as a whole."""
    trace = Run().trace
    assert topic_runs(trace) == []
    assert part_of(trace, trace.root) is trace


@pytest.mark.parametrize("service", [Service(), CALM, KILLED], ids=["without topics", "calm", "killed"])
def test_a_whole_service_is_complete(service: Service) -> None:
    """Nothing is missing, also where a topic process was killed and took spans with it; its root is the service."""
    found = assert_complete(service.trace)
    assert found.received == len(service.spans)
    assert is_complete(service.spans)
    assert not is_complete([one for one in service.spans if one.name != names.SERVICE])
    assert service.trace.root.name == names.SERVICE


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_each_run_is_complete_and_adds_up_by_itself(number: int) -> None:
    """What holds for a run of the command line holds for a topic's part, lines and rows included."""
    run = topic_runs(CALM.trace)[number]
    assert_all(run.trace, lines=RUNS[number].new, rows=RUNS[number].new, served=None)
    with pytest.raises(CheckError, match="lines added"):
        assert_conserved(run.trace, lines=RUNS[number].new + 1, rows=None, served=None)


@pytest.mark.parametrize("lost", CALM.spans, ids=lambda one: f"{one.name} {one.pid}")
def test_every_lost_span_is_found(lost: Span) -> None:
    """Without any one span of any process the trace is not complete, unless a signal had ended that process."""
    complete = lost.pid == CALM.topic_pids[2] + 1000  # the producer that is killed in the third run
    assert completeness(CALM.without(lost)).complete is complete


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (names.SERVICE, "the root, 'orchestrator service', has not been received"),
        (names.WEBSERVER_RUN, "its last span, 'webserver run', with app.spans.emitted has not been received"),
        (names.TOPIC_EXITED, "(topic topic-0) has no 'topic exited'"),
        (names.WEB_SERVER_EXITED, "has no 'webserver exited'"),
        (names.SPAWN_TOPIC, "'topic exited' #"),
        (names.RUN, "the root, 'orchestrator run', of topic 'topic-0' has not been received"),
    ],
)
def test_what_is_missing_is_named(name: str, words: str) -> None:
    """The first span of a name that is lost is told in words that name it."""
    assert words in "\n".join(completeness(CALM.without(CALM.trace.named(name)[0])).missing)


def test_an_exit_belongs_to_one_spawn() -> None:
    """A topic process with two ends is told by its topic."""
    first, second = CALM.trace.named(names.TOPIC_EXITED)[:2]
    message = missing(CALM.with_other(second, msgspec.structs.replace(second, links=first.links)))
    assert "(topic topic-0) has 2 'topic exited'" in message
    assert "(topic topic-1) has no 'topic exited'" in message


def test_a_topic_that_could_not_begin_may_be_silent() -> None:
    """A topic process that ends with an error before its first span is not missed; one that says nothing of it is."""
    silent = [one for one in CALM.spans if one.pid // 10_000 != 1]
    exited = next(one for one in silent if one.name == names.TOPIC_EXITED)
    assert "(topic topic-0): no span of its process" in missing(Trace(silent))
    refused = changed(exited, process__exit__code=3)
    assert is_complete([refused if one is exited else one for one in silent])


def test_a_killed_topic_excuses_no_other() -> None:
    """Only spans of the killed process, and the last ones of its producers, may be missing."""
    assert missing(Trace(one for one in KILLED.spans if one is not KILLED.trace.named(names.RUN)[0]))
    sent = next(one for one in KILLED.spans if one.name == names.SEND_ORDERS and one.pid == KILLED.topic_pids[0])
    assert is_complete(KILLED.without(sent).spans)
    other = next(one for one in KILLED.spans if one.name == names.SEND_ORDERS and one.pid == KILLED.topic_pids[1])
    assert not is_complete(KILLED.without(other).spans)


def test_producers_of_nobody_are_found() -> None:
    """Spans of a producer whose topic process is not known are a loss, unless a topic process was killed."""
    stray = span(names.PROCESS_STARTED, parent=LOST_ID, service=names.PRODUCER, pid=7)
    assert "its parent, #deadde, has not been received" in missing(Trace([*CALM.spans, stray]))
    assert is_complete([*KILLED.spans, stray])


def test_a_request_may_have_a_caller_and_nothing_else() -> None:
    """The parent of a request may be unknown, that of the web server's other spans may not."""
    request = CALM.trace.select(name="POST /api/v1/topics").first
    assert is_complete(CALM.with_other(request, msgspec.structs.replace(request, parent_id=LOST_ID)).spans)
    started = CALM.trace.select(name=names.PROCESS_STARTED, service=names.WEBSERVER).one()
    assert "its parent" in missing(CALM.with_other(started, msgspec.structs.replace(started, parent_id=OUTSIDE)))


def test_a_run_under_another_topics_spawn_is_found() -> None:
    """Each run stands under the spawn of its own process."""
    first, second = CALM.trace.named(names.RUN)[:2]
    astray = msgspec.structs.replace(first, parent_id=second.parent_id)
    assert "does not stand under the 'spawn topic' of its process" in missing(CALM.with_other(first, astray))


def test_a_killed_web_server_may_lose_its_spans_only() -> None:
    """Its last span and the requests that it was answering, under which a topic may stand, are excused."""
    died = changed(CALM.trace.named(names.WEB_SERVER_EXITED)[0], app__exit__signal="SIGKILL")
    spans = [died if one.name == names.WEB_SERVER_EXITED else one for one in CALM.spans]
    lost = (names.WEBSERVER_RUN, "POST /api/v1/topics")
    assert is_complete([one for one in spans if one.name not in lost])
    assert not is_complete([one for one in spans if one.name != names.SPAWN_TOPIC])


def test_a_killed_service_may_miss_what_it_alone_knew() -> None:
    """Without its root and its children's ends a service that was killed is complete; its topics' losses are told."""
    known = (names.SERVICE, names.TOPIC_EXITED, names.WEB_SERVER_EXITED)
    kept = [one for one in CALM.spans if one.name not in known]
    assert is_complete(kept, killed={50})
    assert not is_complete(kept)
    assert not is_complete(kept, killed={7})
    assert not is_complete([one for one in kept if one is not CALM.trace.named(names.ORDER)[0]], killed={50})


def test_a_callers_trace_holds_its_topic_only() -> None:
    """Of somebody who starts a topic under a trace of his own, the service and the web server are guests there."""
    mine = caller_of(Service(Run()))
    assert is_complete(mine)
    assert "the root, 'orchestrator run'" in missing(Trace(one for one in mine if one.name != names.RUN))
    assert "has no 'topic exited'" in missing(Trace(one for one in mine if one.name != names.TOPIC_EXITED))
    assert not is_complete([one for one in mine if one.name != names.SPAWN_TOPIC])
    assert not is_complete([one for one in mine if one.name != names.ORDER])


def test_a_service_adds_up_topic_by_topic() -> None:
    """The sums are those of all topics; what one topic loses is not made up for by another's surplus."""
    assert assert_conserved(CALM.trace, lines=None, rows=None, served=None) == conservation(CALM.trace)
    assert conservation(CALM.trace).new == sum(run.new for run in RUNS)
    first, *_, last = (one for one in CALM.trace.named(names.RUN))
    swapped = {id(first): -1, id(last): 1}
    trace = Trace(
        changed(one, app__items__new=one.number(names.ITEMS_NEW) + swapped[id(one)]) if id(one) in swapped else one
        for one in CALM.spans
    )
    with pytest.raises(CheckError, match=r"app.items.new of 'orchestrator run'"):
        assert_conserved(trace, lines=None, rows=None, served=None)


def test_lines_are_those_of_one_run() -> None:
    """Lines and rows of a whole service would be nobody's: they are refused."""
    with pytest.raises(ValueError, match="topic_runs"):
        assert_conserved(CALM.trace, lines=1, rows=None, served=None)


def test_a_killed_topic_has_at_least_the_lines_that_its_spans_tell() -> None:
    """Its file may hold more than what its spans told before it died, and no less."""
    run = topic_runs(KILLED.trace)[0]
    assert run.killed == {run.pid}
    assert_conserved(KILLED.trace, lines=None, rows=None, served=None)
    assert_conserved(run.trace, lines=RUNS[0].new + 5, rows=RUNS[0].new + 5, served=None, killed=run.killed)
    with pytest.raises(CheckError, match="at least"):
        assert_conserved(run.trace, lines=0, rows=0, served=None, killed=run.killed)
