"""A run's spans and metrics: the real run over memory, its observer, a real collector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archive.filesystem import MemoryFileSystem
from contract import spans
from contract.errors import ErrorKind, StorageError
from contract.messages import ItemBatch, Order, OrderDone, OrderFailed, Secret, TelemetrySetup
from orchestrator.events import StopReason
from orchestrator.otel_observer import OtelObserver
from orchestrator.run import Run
from orchestrator.settings import Settings
from telemetry.logs import show_trace_ids
from tester.collector import Collector
from tester.trace.trace import Trace
from tests.orchestrator.test_run import Answers, batch, build, done, failed, numbered, play

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Reply = ItemBatch | OrderDone | OrderFailed | None


def _observed(
    answer: Callable[[Order], list[Reply]], filesystem: MemoryFileSystem | None = None, **settings: object
) -> tuple[Trace, Run, Collector]:
    """The spans of a run whose producers answer like this."""
    with Collector() as collector:
        setup = TelemetrySetup(
            protocol="http/protobuf",
            traces=Secret(f"{collector.endpoint}/v1/traces"),
            metrics=Secret(f"{collector.endpoint}/v1/metrics"),
            variables={"OTEL_BSP_SCHEDULE_DELAY": Secret("60000")},
            carrier={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )
        observer = OtelObserver(setup, Settings(topic="Fruit", **settings))  # type: ignore[arg-type]
        try:
            run = build(Answers(answer), filesystem, observer=observer, **settings)  # type: ignore[arg-type]
            observer.built(run)
            play(run)
        finally:
            observer.close(None)
            show_trace_ids(None)
        return Trace(collector.store.spans()), run, collector


def test_a_run_is_one_trace_under_its_callers_span() -> None:
    """The run stands under TRACEPARENT; all of its spans are its own, and the last one says how many there were."""
    trace, run, collector = _observed(numbered(), producers=2, iterations=3)
    root = trace.root
    assert (root.trace_id, root.parent_id) == (TRACE, PARENT)
    result = run.result()
    wanted = {
        spans.TOPIC: "Fruit",
        spans.PRODUCERS: 2,
        spans.STOP_REASON: "iterations",
        spans.PROCESS_EXIT_CODE: 0,
        spans.ITEMS_NEW: result.new,
        spans.ITEMS_DUPLICATE: result.duplicates,
        spans.ITEMS_UNIQUE: result.unique,
        spans.SPANS_EMITTED: len(trace),
    }
    assert {name: root.attributes.get(name) for name in wanted} == wanted
    assert root.status == "unset"
    assert all(span.parent_id == root.span_id for span in trace if span is not root)
    assert result.exploration is not None
    explored = {
        spans.COVERAGE: result.coverage,
        spans.COVERAGE_LOW: result.exploration.coverage_low,
        spans.COVERAGE_HIGH: result.exploration.coverage_high,
        spans.COVERAGE_RESPONSES: result.exploration.fresh_responses,
        spans.COVERAGE_DISTINCT_AT_MOST: result.exploration.distinct_at_most,
        spans.NEXT_YIELD: result.exploration.next_yield,
    }
    assert {name: root.attributes.get(name) for name in explored} == explored
    sent = trace.select(name=spans.SEND_ORDERS, kind="producer").count(6)
    assert set(sent.values(spans.ORDER_SCOPE)) == {"whole"}
    processed = trace.select(name=spans.PROCESS_ITEMS, kind="consumer")
    assert processed.sum(spans.ITEMS_RECEIVED) == 24
    assert processed.sum(spans.ITEMS_NEW) == result.new == 19
    written = trace.select(name=spans.WRITE)
    assert written.sum(spans.ITEMS_WRITTEN) == 19
    assert written.one().attributes[spans.FILE_PATH] == str(run.store.attributes_path)
    trace.select(name=spans.SPAWN).count(2)
    trace.select(name=spans.PRODUCER_EXITED, attributes={spans.EXIT_EXPECTED: True}).count(2)
    counted = {metric.name: metric for metric in collector.store.metrics()}
    assert counted["app.items.new"].points[0].value == 19
    assert counted["gen_ai.client.inference.duration"].points[0].count == 6


def test_a_retried_order_is_sent_twice_and_its_items_count_once() -> None:
    """Each attempt has its `send orders`; the run is no failure because an attempt was one."""
    first: list[int] = []

    def answer(order: Order) -> list[Reply]:
        if order.id not in first:
            first.append(order.id)
            return [batch(order, "Apple"), failed(order, ErrorKind.STREAM_TRUNCATED)]
        return [batch(order, "Apple", "Pear"), done(order)]

    trace, _, _ = _observed(answer, producers=1, concurrency=1, iterations=1)
    sent = trace.select(name=spans.SEND_ORDERS)
    assert sent.values(spans.ORDER_ATTEMPT) == [0, 1]
    processed = trace.select(name=spans.PROCESS_ITEMS)
    assert processed.sum(spans.ITEMS_RECEIVED) == 3
    assert processed.sum(spans.ITEMS_NEW) == 2
    assert trace.root.status == "unset"


def test_a_producers_death_is_told_by_the_orchestrator() -> None:
    """A producer that ends unasked has a `producer exited` with an error, linked to its spawning; it is replaced."""
    dead: list[int] = []

    def answer(order: Order) -> list[Reply]:
        if not dead:
            dead.append(order.id)
            return [batch(order, "Apple"), None]
        return [batch(order, "Apple"), done(order)]

    trace, _, collector = _observed(answer, producers=1, concurrency=1, iterations=2)
    exits = trace.select(name=spans.PRODUCER_EXITED)
    (died,) = exits.select(attributes={spans.EXIT_EXPECTED: False})
    assert (died.status, died.attributes["error.type"]) == ("error", "process_crash")
    spawned = trace.select(name=spans.SPAWN)
    assert spawned.values(spans.PRODUCER_GENERATION) == [0, 1]
    assert [span.span_id for span in exits.linked()] == [span.span_id for span in spawned]
    (restarts,) = [metric for metric in collector.store.metrics() if metric.name == "app.producer.restarts"]
    assert restarts.points[0].value == 1


def test_held_items_are_told_apart() -> None:
    """New items beyond --max-attributes are held: received is new, duplicate and held together."""

    def answer(order: Order) -> list[Reply]:
        return [batch(order, "Apple", "Pear", "Plum", "apple", "  "), done(order)]

    trace, _, _ = _observed(answer, producers=1, concurrency=1, max_attributes=2)
    processed = trace.select(name=spans.PROCESS_ITEMS)
    parts = (spans.ITEMS_NEW, spans.ITEMS_DUPLICATE, spans.ITEMS_HELD, spans.ITEMS_BLANK)
    assert [processed.sum(part) for part in parts] == [2, 1, 1, 1]
    assert processed.sum(spans.ITEMS_RECEIVED) == 5


def test_a_run_that_ends_without_a_provider_is_an_error() -> None:
    """A run that comes to nothing without an exception has an error on its span, too."""

    def answer(order: Order) -> list[Reply]:
        return [failed(order, ErrorKind.AUTH, "wrong key")]

    trace, _, _ = _observed(answer, producers=1, iterations=1)
    assert (trace.root.status, trace.root.attributes["error.type"]) == ("error", "no_provider")
    assert trace.root.attributes[spans.PROCESS_EXIT_CODE] == 4


def test_a_batch_that_comes_too_late_is_told_as_late() -> None:
    """Items behind their order's end are told as late, at the time at which they came and not at an earlier one's."""
    first: list[Order] = []

    def answer(order: Order) -> list[Reply]:
        first.append(order)
        late = [batch(first[0], "Pear", "Plum")] if order is not first[0] else []
        return [*late, batch(order, "Apple"), done(order)]

    trace, _, _ = _observed(answer, producers=1, concurrency=1, iterations=2)
    (late,) = trace.select(name=spans.PROCESS_ITEMS).where(lambda span: bool(span.number(spans.ITEMS_LATE)))
    assert (late.number(spans.ITEMS_LATE), late.number(spans.ITEMS_RECEIVED)) == (2, 0)
    second = trace.select(name=spans.SEND_ORDERS).last
    assert late.start_ns >= second.start_ns


def test_no_link_is_lost_in_a_run_of_many_orders() -> None:
    """Every `process items` with new items is linked by a write, however many orders a window holds."""
    trace, _, _ = _observed(numbered(), producers=2, concurrency=4, iterations=100)
    with_new = trace.select(name=spans.PROCESS_ITEMS).where(lambda span: bool(span.number(spans.ITEMS_NEW)))
    assert len(with_new) > 128
    assert len(trace.select(name=spans.WRITE).linked()) == len(with_new)


class _FullDisk(MemoryFileSystem):
    """Takes nothing more once it is full."""

    full = False

    def append(self, path: Path) -> object:  # type: ignore[override]
        handle = super().append(path)
        disk = self

        class Handle:
            def write(self, data: bytes) -> None:
                if disk.full:
                    raise OSError(28, "No space left on device")
                handle.write(data)

            def close(self) -> None:
                handle.close()

        return Handle()


def test_a_run_that_fails_says_so_on_its_span() -> None:
    """A full disk is an error of the run's span, with the error's name and the exit code."""
    disk = _FullDisk()

    def answer(order: Order) -> list[Reply]:
        disk.full = True
        return [batch(order, "Apple"), done(order)]

    trace, run, _ = _observed(answer, producers=1, concurrency=1, iterations=3, filesystem=disk)
    assert run.stop_reason is StopReason.STORAGE
    root = trace.root
    assert (root.status, root.attributes["error.type"]) == ("error", "StorageError")
    assert root.attributes[spans.PROCESS_EXIT_CODE] == 6


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (StorageError("no place"), "error", 6),
        (RuntimeError("a fault"), "error", 1),
        (KeyboardInterrupt(), "unset", 130),
    ],
)
def test_a_run_that_never_began_has_its_span(error: BaseException, status: str, exit_code: int) -> None:
    """What ends a run before its loop begins stands on the run's span."""
    with Collector() as collector:
        setup = TelemetrySetup(protocol="http/protobuf", traces=Secret(f"{collector.endpoint}/v1/traces"))
        OtelObserver(setup, Settings(topic="Fruit")).close(error)
        root = Trace(collector.store.spans()).root
    assert (root.status, root.attributes[spans.PROCESS_EXIT_CODE], root.parent_id) == (status, exit_code, "")
