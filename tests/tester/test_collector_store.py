"""What the store keeps, and that those who wait are woken by arrival alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.collector import Metric, Point, SpanStore
from tester.trace.span import Span, Value

LONG_S = 60.0
"""A time-out that no test that passes reaches."""
SHORT_S = 0.05


def span_of(number: int, trace: int = 1, name: str = "order") -> Span:
    """A span with ids made of numbers."""
    return Span(f"{trace:032x}", f"{number:016x}", "", name, "internal", 1, 2)


def at_least(count: int) -> Callable[[tuple[Span, ...]], bool]:
    """A condition: as many spans have come."""
    return lambda spans: len(spans) >= count


class Looks:
    """A condition that never holds and tells how often it was looked at, to those who wait for that."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self._looked = threading.Condition()

    def __call__(self, spans: tuple[Span, ...]) -> bool:
        with self._looked:
            self.counts.append(len(spans))
            self._looked.notify_all()
        return False

    def wait(self, times: int) -> None:
        """Wait until it was looked at so often."""
        with self._looked:
            assert self._looked.wait_for(lambda: len(self.counts) >= times, LONG_S)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.sampled_from("ab"))))
def test_exact_repeats_are_dropped_and_counted(drawn: list[tuple[int, int, str]]) -> None:
    """Each distinct span is kept once, in the order of arrival, by trace too; every repeat is counted."""
    sent = [span_of(*parts) for parts in drawn]
    distinct = [span for place, span in enumerate(sent) if span not in sent[:place]]
    store = SpanStore()
    for span in sent:
        store.add([span])
    assert list(store.spans()) == distinct
    assert store.repeated == len(sent) - len(distinct)
    for trace in range(1, 5):
        trace_id = f"{trace:032x}"
        assert list(store.spans(trace_id)) == [span for span in distinct if span.trace_id == trace_id]


def test_two_spans_under_one_id_are_both_kept() -> None:
    """A span that differs from the one of the same id is no repeat; repeats of either are."""
    one, other, third = (span_of(1, name=name) for name in ("one", "other", "third"))
    store = SpanStore()
    store.add([one, other, third, other, one, third])
    assert store.spans() == (one, other, third)
    assert store.repeated == 3


def test_a_full_store_drops_and_says_so() -> None:
    """Beyond its capacity nothing is kept; `add` returns how many were dropped, and a repeat is not one of them."""
    store = SpanStore(capacity=2)
    assert store.add([span_of(1), span_of(1)]) == 0
    assert store.add([span_of(2), span_of(3), span_of(4)]) == 2
    assert (len(store.spans()), store.dropped, store.repeated) == (2, 2, 1)
    assert store.wait_for(at_least(2), 0)
    points = tuple(Point({"number": number}) for number in range(5))
    store.add_metrics([Metric("m", "", "gauge", points=points)])
    assert store.metrics()[0].points == points[:2]
    assert store.dropped == 5


def test_many_threads_lose_nothing() -> None:
    """Batches added from many threads at once all arrive, and each repeat is counted."""
    store = SpanStore()
    batches = [[span_of(number, trace) for number in range(20)] for trace in range(50)] * 2
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.add, batches))
    assert len(store.spans()) == 1000
    assert store.repeated == 1000
    assert all(len(store.spans(f"{trace:032x}")) == 20 for trace in range(50))


def test_the_newest_export_of_a_series_replaces_the_older() -> None:
    """Series are told apart by process, metric and attributes in any order; a late older point changes nothing."""

    def export(value: float, time_ns: int, instance: str = "a", **attributes: Value) -> Metric:
        return Metric("m", "s", "sum", "producer", instance, (Point(attributes, time_ns, value=value),))

    store = SpanStore()
    store.add_metrics([export(1, 10, x=1, y=2), export(2, 10, x=2), export(3, 10, instance="b", x=1, y=2)])
    store.add_metrics([export(4, 20, y=2, x=1), export(5, 5, x=2)])
    found = {
        (metric.instance, msgspec.json.encode(point.attributes, order="sorted")): point.value
        for metric in store.metrics()
        for point in metric.points
    }
    assert found == {("a", b'{"x":1,"y":2}'): 4, ("a", b'{"x":2}'): 2, ("b", b'{"x":1,"y":2}'): 3}


def waited(store: SpanStore, asynchronous: bool, *arguments: object) -> bool:
    """Wait in one of the two ways."""
    if asynchronous:
        return asyncio.run(store.wait_for_async(*arguments))  # type: ignore[arg-type] # both take the same
    return store.wait_for(*arguments)  # type: ignore[arg-type] # both take the same


both = pytest.mark.parametrize("asynchronous", [False, True])


@both
def test_a_condition_that_holds_is_not_waited_for(asynchronous: bool) -> None:
    """What holds already holds at once, even with no time to wait."""
    store = SpanStore()
    store.add([span_of(1)])
    assert waited(store, asynchronous, at_least(1), 0)
    assert not waited(store, asynchronous, at_least(2), 0)


@both
def test_a_wait_ends_with_its_time(asynchronous: bool) -> None:
    """A condition that never holds is given up after the time, having been looked at once."""
    looks = Looks()
    assert not waited(SpanStore(), asynchronous, looks, SHORT_S)
    assert looks.counts == [0]


@both
def test_a_wait_is_woken_by_arrival(asynchronous: bool) -> None:
    """A condition is looked at when spans arrive, and at no other time: not for other traces, not for repeats."""
    store, looks = SpanStore(), Looks()

    def condition(spans: tuple[Span, ...]) -> bool:
        return looks(spans) or len(spans) >= 3

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(waited, store, asynchronous, condition, LONG_S, f"{1:032x}")
        looks.wait(1)
        store.add([span_of(1, trace=2)])
        store.add([span_of(1), span_of(2)])
        looks.wait(2)
        store.add([span_of(2)])
        store.add([span_of(3)])
        assert result.result(LONG_S)
    assert looks.counts == [0, 2, 3]


@both
def test_a_condition_may_ask_the_store_and_fail(asynchronous: bool) -> None:
    """A condition runs outside the store's lock; what it raises reaches the one who waits, and the store goes on."""
    store = SpanStore()

    def condition(spans: tuple[Span, ...]) -> bool:
        raise LookupError(f"{len(store.spans())} spans")

    with pytest.raises(LookupError, match="0 spans"):
        waited(store, asynchronous, condition, LONG_S)
    store.add([span_of(1)])
    assert len(store.spans()) == 1


def test_other_traces_and_repeats_wake_nobody() -> None:
    """A condition on one trace is not looked at when spans of another arrive, nor when spans are repeated."""

    async def scenario() -> None:
        store, looks = SpanStore(), Looks()
        store.add([span_of(1)])
        waiting = asyncio.create_task(store.wait_for_async(looks, LONG_S, f"{1:032x}"))
        for spans in ([], [span_of(1, trace=2)], [span_of(1)], [span_of(2)]):
            for _ in range(5):  # Each gives every callback that is due its turn.
                await asyncio.sleep(0)
            assert looks.counts == [1]
            store.add(spans)
        for _ in range(5):
            await asyncio.sleep(0)
        assert looks.counts == [1, 2]
        waiting.cancel()

    asyncio.run(scenario())


def test_waiting_does_not_block_the_loop_and_leaves_no_thread() -> None:
    """While a coroutine waits its loop goes on; a cancelled wait leaves neither a thread nor a waker behind."""

    async def scenario() -> None:
        store = SpanStore()
        threads = threading.active_count()
        waiting = asyncio.create_task(store.wait_for_async(at_least(1), LONG_S))
        cancelled = asyncio.create_task(store.wait_for_async(at_least(9), LONG_S))
        await asyncio.sleep(0)
        assert threading.active_count() == threads
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        store.add([span_of(1)])
        assert await waiting
        assert threading.active_count() == threads
        assert not store._waiting

    asyncio.run(scenario())


def test_subscribers_get_each_batch_of_new_spans(caplog: pytest.LogCaptureFixture) -> None:
    """A batch without its repeats goes to every subscriber, whatever another one raises, until it unsubscribes."""
    store = SpanStore()
    batches: list[tuple[Span, ...]] = []

    def broken(spans: tuple[Span, ...]) -> None:
        raise ValueError("broken")

    store.subscribe(broken)
    unsubscribe = store.subscribe(batches.append)
    store.add([span_of(1), span_of(2)])
    store.add([span_of(2)])
    store.add([span_of(2), span_of(3)])
    unsubscribe()
    unsubscribe()
    store.add([span_of(4)])
    assert batches == [(span_of(1), span_of(2)), (span_of(3),)]
    assert len(store.spans()) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "a subscriber to the collector's spans failed: ValueError: broken"
    ] * 3
