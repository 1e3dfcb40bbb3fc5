from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from contract import spans as names
from tester.checks import CheckError
from tester.collector import Collector
from tester.topic import Topic
from tester.trace import Span
from tests.tester.trace.build import Run, Service, changed

NAME = "test topic"
OTHER_TRACE = "1" * 32
WITHIN_S = 20.0


def _spans(file: Path | None, *, topic: str = NAME, reason: str = "iterations", unique: int = 3) -> list[Span]:
    """A whole run on a topic whose write spans name this file, or that wrote nothing."""
    ready = []
    for span in Run(producers=2, orders=2).spans:
        if span.name == names.RUN:
            span = changed(span, app__topic=topic, app__stop__reason=reason, app__items__unique=unique)
        elif span.name == names.WRITE and file is not None:
            span = changed(span, file__path=str(file))
        ready.append(span)
    if file is None:
        writes = sum(span.name == names.WRITE for span in ready)
        ready = [span for span in ready if span.name != names.WRITE]
        ready = [_with_fewer(span, writes) if span.name == names.RUN else span for span in ready]
    return ready


def _with_fewer(root: Span, lost: int) -> Span:
    return changed(root, app__spans__emitted=root.number(names.SPANS_EMITTED) - lost)


def _of(trace_id: str, spans: Iterable[Span]) -> list[Span]:
    return [
        msgspec.structs.replace(
            span,
            trace_id=trace_id,
            instance=f"{trace_id} {span.instance}",
            links=tuple(msgspec.structs.replace(link, trace_id=trace_id) for link in span.links),
        )
        for span in spans
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The attributes.txt of a run that found three."""
    path = tmp_path / "attributes.txt"
    path.write_text("Kavero\nLutima\nPodeka\n", encoding="utf-8")
    return path


def _wait(collector: Collector, timeout: float = WITHIN_S, *, name: str = NAME, trace_id: str | None = None) -> Topic:
    return asyncio.run(Topic.wait_for_topic(name, collector, timeout, trace_id=trace_id))


def _topic(spans: Iterable[Span]) -> Topic:
    collector = Collector()
    collector.store.add(spans)
    return _wait(collector)


def _changed_root(spans: Iterable[Span], **others: object) -> list[Span]:
    return [msgspec.structs.replace(span, **others) if span.name == names.RUN else span for span in spans]


def test_a_topic_is_there_when_its_last_span_has_come(file: Path) -> None:
    """The wait ends when the trace is complete, not when its root arrives."""
    collector = Collector()
    *others, last = sorted(_spans(file), key=lambda span: span.name != names.RUN, reverse=False)
    collector.store.add(others)

    async def play() -> Topic:
        waiting = asyncio.create_task(Topic.wait_for_topic(NAME, collector, WITHIN_S))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        threading.Thread(target=collector.store.add, args=[[last]]).start()
        return await waiting

    topic = asyncio.run(play())
    assert len(topic.trace) == len(others) + 1
    assert topic.attributes == ("Kavero", "Lutima", "Podeka")
    assert topic.file == file


def test_white_space_of_a_topic_does_not_matter(file: Path) -> None:
    """A topic is found by its words."""
    collector = Collector()
    collector.store.add(_spans(file))
    assert _wait(collector, name=" test \n topic ").name == NAME


def test_of_several_runs_the_last_or_the_named_one_is_meant(file: Path) -> None:
    """Of two runs on a topic the one that began last is taken, or the one whose trace id is given."""
    first = _spans(file, reason="max_time")
    second = _of(OTHER_TRACE, _spans(file))
    second = [msgspec.structs.replace(s, start_ns=s.start_ns + 10**9, end_ns=s.end_ns + 10**9) for s in second]
    collector = Collector()
    collector.store.add([*second, *first])
    assert _wait(collector).trace.root.trace_id == OTHER_TRACE
    assert _wait(collector, trace_id=first[0].trace_id).stop_reason == "max_time"


def test_in_web_mode_a_topic_is_a_part_of_the_trace(file: Path) -> None:
    """Of a service that goes on, only the topic's own spans must have come; another topic's do not count."""
    service = Service(Run(producers=1, orders=1), Run(producers=2, orders=1))
    runs = [span for span in service.spans if span.name == names.RUN]
    named = {id(runs[0]): "lake fish", id(runs[1]): NAME}
    spans = [
        changed(span, app__topic=named[id(span)])
        if id(span) in named
        else changed(span, file__path=str(file))
        if span.name == names.WRITE
        else span
        for span in service.spans
        if span.name not in (names.SERVICE, names.WEBSERVER_RUN)
    ]
    collector = Collector()
    others, mine = ([one for one in spans if (one.pid // 10_000 == 2) is wanted] for wanted in (False, True))
    collector.store.add([*others, *mine[:-1]])
    with pytest.raises(CheckError):
        _wait(collector, 0.01)
    collector.store.add(mine)
    topic = _wait(collector)
    assert len(topic.trace) == len(mine)
    topic.assert_producers(2).assert_conserved()


def test_what_is_missing_is_told(file: Path) -> None:
    """A trace that stays incomplete fails with what is missing."""
    collector = Collector()
    lost, *rest = _spans(file)
    collector.store.add(rest)
    with pytest.raises(CheckError, match="the trace is complete"):
        _wait(collector, 0.01)
    assert lost.name == names.PROCESS_STARTED


def test_a_run_that_never_ended_is_told() -> None:
    """Where no run on the topic has ended, the message says so, and which runs did."""
    collector = Collector()
    with pytest.raises(CheckError, match=r"0 spans of 0 traces.*none"):
        _wait(collector, 0.01)
    collector.store.add(_spans(None, topic="Other\x1b[31m"))
    with pytest.raises(CheckError, match=r"of 1 traces.*Other") as failed:
        _wait(collector, 0.01)
    assert "\x1b" not in str(failed.value)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    """A run whose file cannot be read fails with its path."""
    with pytest.raises(CheckError, match=r"attributes\.txt cannot be read"):
        _topic(_spans(tmp_path / "attributes.txt"))


def test_a_run_that_wrote_nothing_has_no_attributes() -> None:
    """Without a write there are no attributes and no file."""
    spans = [span for span in _spans(None) if span.name != names.WRITE]
    topic = _topic(spans)
    assert (topic.attributes, topic.file) == ((), None)
    assert "0 in no file" in topic.summary()


def test_assertions_that_hold_can_be_chained(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each assertion gives the topic back; the summary tells what was found."""
    topic = _topic(_spans(file))
    chained = topic.assert_completed().assert_min_attributes(3).assert_max_attributes(3).assert_unique()
    assert chained.assert_producers(2).assert_no_errors().assert_conserved().print_summary() is topic
    shown = capsys.readouterr().out
    for word in (
        NAME,
        "iterations after 2.00 s",
        f"3 in {file}",
        "producers   2, 0 replaced, 2 ended",
        "orders      4",
    ):
        assert word in shown


@pytest.mark.parametrize("reason", ["interrupted", "storage", "no_provider", "producers_cannot_start", "closed", ""])
def test_a_run_that_was_broken_off_is_not_completed(file: Path, reason: str) -> None:
    """A run that was interrupted or failed is not completed; the message gives its stop reason and its span."""
    with pytest.raises(CheckError, match=rf"an end of its own.*{reason!r}") as failed:
        _topic(_spans(file, reason=reason)).assert_completed()
    assert names.RUN in str(failed.value)


def test_a_run_whose_span_failed_is_not_completed(file: Path) -> None:
    """A root span with an error is no success, whatever its stop reason."""
    spans = _changed_root(_spans(file), status="error", message="the disk is full")
    with pytest.raises(CheckError, match="the disk is full"):
        _topic(spans).assert_completed()


@pytest.mark.parametrize("unique", [3, 9])
def test_too_few_attributes_are_told(file: Path, unique: int) -> None:
    """Both the run's count and the lines of the file must reach the minimum; the message has both."""
    with pytest.raises(CheckError, match=rf"at least 4.*{unique} by the run's count, 3 lines"):
        _topic(_spans(file, unique=unique)).assert_min_attributes(4)
    with pytest.raises(CheckError, match="2 by the run's count"):
        _topic(_spans(file, unique=2)).assert_min_attributes(3)


def test_other_assertions_fail_with_what_was_seen(file: Path) -> None:
    """Too many attributes, doubled ones, another number of producers, counts that do not add up: each is told."""
    topic = _topic(_spans(file))
    with pytest.raises(CheckError, match=r"attributes: .*at most 2, .*3"):
        topic.assert_max_attributes(2)
    with pytest.raises(CheckError, match=r"producers: .*3, .*2"):
        topic.assert_producers(3)
    with pytest.raises(CheckError):
        topic.assert_conserved(lines=999)
    file.write_text("Kavero\nKavero\n", encoding="utf-8")
    with pytest.raises(CheckError, match="Kavero"):
        _topic(_spans(file)).assert_unique()


def test_failed_spans_are_shown(file: Path) -> None:
    """A span with an error fails `assert_no_errors`, with the tree around it."""
    spans = [
        msgspec.structs.replace(span, status="error", message="429") if span.name == names.ATTEMPT else span
        for span in _spans(file)
    ]
    with pytest.raises(CheckError, match=r"spans that failed: .*none, .*4") as failed:
        _topic(spans).assert_no_errors()
    assert "▶" in str(failed.value)
