from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from contract import spans
from contract.messages import Secret, TelemetrySetup
from telemetry import delivery
from telemetry.delivery import KeepingExporter, Trouble
from telemetry.sdk import Telemetry
from tester.collector import Collector
from tester.collector.intake import Fault

WAIT_S = 20.0
PLENTY = 1000


class Scripted(SpanExporter):
    """Takes batches; not while it is `down`, nor after so many tries, nor one that holds a span named `poison`."""

    def __init__(self) -> None:
        self.down = False
        self.down_after: int | None = None
        self.poison = ""
        self.raising = False
        self.taken: list[list[str]] = []
        self.tries = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        names = [span.name for span in spans]
        late = self.down_after is not None and self.tries > self.down_after
        if self.down or late or self.poison in names:
            if self.raising:
                raise OSError("the collector's host is gone")
            return SpanExportResult.FAILURE
        self.taken.append(names)
        return SpanExportResult.SUCCESS


def _spans(*names: str) -> list[ReadableSpan]:
    return [ReadableSpan(name) for name in names]


def _names(exporter: Scripted) -> list[str]:
    return sorted(name for batch in exporter.taken for name in batch)


@pytest.mark.parametrize("raising", [False, True])
def test_what_could_not_be_delivered_comes_with_the_next_export(raising: bool) -> None:
    """An outage, told of once, loses no span; each is delivered once."""
    exporter, told = Scripted(), list[Trouble]()
    keeping = KeepingExporter(exporter, PLENTY, told.append)
    exporter.raising = raising
    keeping.export(_spans("before"))
    exporter.down = True
    for number in range(5):
        assert keeping.export(_spans(f"{number}", f"{number}'")) is SpanExportResult.FAILURE
        assert keeping.failing
    assert keeping.waiting == 10
    exporter.down = False
    assert keeping.export(_spans("after")) is SpanExportResult.SUCCESS
    assert not keeping.failing
    assert keeping.waiting == 0
    assert _names(exporter) == sorted(["before", "after", *(f"{n}{mark}" for n in range(5) for mark in ("", "'"))])
    assert told == [Trouble("")]


def test_the_end_tries_what_waits_once_more() -> None:
    """A batch that failed just before the end has a second try though nothing follows it."""
    exporter = Scripted()
    keeping = KeepingExporter(exporter, PLENTY, lambda trouble: None)
    exporter.down = True
    keeping.export(_spans("late"))
    exporter.down = False
    keeping.shutdown()
    assert exporter.taken == [["late"]]


def test_the_end_does_not_wait_for_an_export_under_way() -> None:
    """`shutdown` beside an export that hangs returns at once."""
    begun, release = threading.Event(), threading.Event()

    class Hanging(Scripted):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            begun.set()
            release.wait(WAIT_S)
            return super().export(spans)

    exporter = Hanging()
    keeping = KeepingExporter(exporter, PLENTY, lambda trouble: None)
    exporting = threading.Thread(target=keeping.export, args=(_spans("slow"),))
    exporting.start()
    assert begun.wait(WAIT_S)
    keeping.shutdown()
    assert exporter.taken == []
    release.set()
    exporting.join(WAIT_S)
    assert exporter.taken == [["slow"]]


def test_a_long_outage_keeps_the_newest() -> None:
    """No more spans wait than may; the oldest go, however often they were tried."""
    exporter = Scripted()
    keeping = KeepingExporter(exporter, 6, lambda trouble: None)
    exporter.down = True
    for number in range(10):
        keeping.export(_spans(f"{number}a", f"{number}b"))
        assert keeping.waiting <= 6
    exporter.down = False
    keeping.export(_spans("after", "all"))
    assert keeping.waiting == 0
    assert _names(exporter) == sorted(["8a", "8b", "9a", "9b", "after", "all"])


def test_a_batch_larger_than_what_may_wait_is_tried_all_the_same() -> None:
    """The bound is for what waits, not for what is new."""
    exporter = Scripted()
    keeping = KeepingExporter(exporter, 6, lambda trouble: None)
    keeping.export(_spans(*(f"large {number}" for number in range(8))))
    assert len(_names(exporter)) == 8


def test_a_batch_that_fails_by_itself_holds_up_nobody() -> None:
    """What fails again and again while others come through is dropped, and not waited for any more."""
    exporter = Scripted()
    exporter.poison = "poison"
    keeping = KeepingExporter(exporter, PLENTY, lambda trouble: None)
    keeping.export(_spans("poison"))
    assert keeping.waiting == 1
    for number in range(8):
        keeping.export(_spans(f"{number}"))
    assert keeping.waiting == 0
    assert not keeping.failing
    assert _names(exporter) == [f"{number}" for number in range(8)]
    assert exporter.tries <= 8 + 5


def test_a_collector_that_comes_and_goes_gets_every_batch() -> None:
    """One that takes a batch now and then, in a long outage, does not make the others look faulty."""
    exporter = Scripted()
    keeping = KeepingExporter(exporter, PLENTY, lambda trouble: None)
    exporter.down = True
    for number in range(20):
        keeping.export(_spans(f"waiting {number}"))
    for number in range(40):
        exporter.down_after = exporter.tries + 1 if number % 20 == 0 else None
        exporter.down = number % 20 != 0
        keeping.export(_spans(f"then {number}"))
    exporter.down, exporter.down_after = False, None
    keeping.export(_spans("afterwards"))
    assert len(_names(exporter)) == 20 + 40 + 1
    assert keeping.waiting == 0


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(""), " to http://x; the run goes on, its newest spans wait until it takes them"),
        (Trouble("503"), " to http://x (503); the run goes on, its newest spans wait until it takes them"),
        (Trouble("", at_end=True), " to http://x; the last spans are lost"),
        (Trouble("401"), ": http://x answers 401; check the address and OTEL_EXPORTER_OTLP_HEADERS; the run goes on"),
        (Trouble("401", at_end=True), ": http://x answers 401; check the address"),
        (Trouble("413"), ": http://x answers 413: a batch of spans is too large and lost; set OTEL_BSP_MAX_EXPORT_"),
        (Trouble("INVALID_ARGUMENT"), ": http://x answers INVALID_ARGUMENT: it cannot read a batch of spans, which is"),
    ],
)
def test_a_trouble_says_what_is_lost_and_what_to_do(trouble: Trouble, words: str) -> None:
    """One line each, by the collector's answer and by whether the process goes on."""
    line = trouble.described("http://x", "run")
    assert line.startswith(f"traces cannot be delivered{words}")
    assert "\n" not in line


@pytest.mark.parametrize(("answer", "waiting"), [("401", 0), ("UNAUTHENTICATED", 0), ("503", 1), ("", 1)])
def test_what_is_refused_for_good_is_not_kept(answer: str, waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key does not fill the memory with spans that nobody will take."""
    monkeypatch.setattr(delivery, "refusal", lambda: answer)
    exporter, told = Scripted(), list[Trouble]()
    exporter.down = True
    keeping = KeepingExporter(exporter, PLENTY, told.append)
    keeping.export(_spans("refused"))
    assert keeping.waiting == waiting
    assert told == [Trouble(answer)]


@pytest.mark.parametrize("fault", ["error", "hang", "refuse"])
def test_a_collector_that_comes_back_gets_what_waited(fault: Fault) -> None:
    """With the SDK's own exporter: spans that ended while the collector failed arrive when it takes them again."""
    told = threading.Event()
    with Collector(fault=fault) as failing:
        endpoint = failing.endpoint
        setup = TelemetrySetup(
            protocol="http/protobuf",
            traces=Secret(f"{endpoint}/v1/traces"),
            variables={"OTEL_BSP_SCHEDULE_DELAY": Secret("60000"), "OTEL_EXPORTER_OTLP_TIMEOUT": Secret("0.5")},
        )
        telemetry = Telemetry(setup, spans.PRODUCER, lambda trouble: told.set())
        telemetry.tracer.start_span("while it failed").end()
        telemetry.flush_soon()
        assert told.wait(WAIT_S)
    with Collector(port=int(endpoint.rpartition(":")[2])) as back:
        telemetry.tracer.start_span("afterwards").end()
        telemetry.flush_soon()
        assert back.store.wait_for(lambda received: len(received) == 2, WAIT_S)
        telemetry.shut_down(WAIT_S)
        assert sorted(span.name for span in back.spans) == ["afterwards", "while it failed"]
