"""Running figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ErrorKind
from contract.messages import OrderDone, OrderFailed, Usage
from orchestrator.pricing import FlatPrice
from orchestrator.stats import RATE_WINDOW_S, RECENT_CALLS, RunStats, Timings

PROVIDER = "test:x"


class Clock:
    """Time that tests move."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def stats(clock: Clock, producers: int = 2) -> RunStats:
    """Figures of a run that begins now."""
    return RunStats({PROVIDER: FlatPrice(1.0, 2.0)}, producers, clock, Clock(1.7e9))


def found(figures: RunStats, items: int) -> None:
    """New items arrive."""
    figures.arrived(PROVIDER, 0, [f"item {n}" for n in range(items)], 0, 0)


def failed(kind: ErrorKind, duration_s: float = 1.0, first_s: float | None = None) -> OrderFailed:
    """A failed call."""
    return OrderFailed(1, 0, kind, f"it was {kind}", 0, time_to_first_chunk_s=first_s, duration_s=duration_s)


def test_a_pause_does_not_count() -> None:
    """Running time stands still in a pause, however often it is asked for, and goes on after it."""
    clock = Clock()
    figures = stats(clock)
    figures.resume()  # it is not paused: nothing happens
    clock.now += 10
    figures.pause()
    clock.now += 100
    figures.pause()
    assert figures.elapsed_s == 10
    clock.now += 100
    figures.resume()
    figures.resume()
    clock.now += 5
    assert figures.elapsed_s == 15
    figures.pause()
    clock.now += 7
    figures.resume()
    assert figures.elapsed_s == 15


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume", "end"]), st.integers(0, 100)), max_size=30))
def test_running_time_is_the_time_outside_of_pauses(steps: list[tuple[str, int]]) -> None:
    """Any sequence of pauses, resumptions and an end."""
    clock = Clock()
    figures = stats(clock)
    expected, paused, ended = 0, False, False
    for step, seconds in steps:
        getattr(figures, step)()
        ended |= step == "end"
        paused = step == "pause" or (paused and step != "resume")
        clock.now += seconds
        expected += 0 if paused or ended else seconds
        assert figures.elapsed_s == expected


def test_an_ended_run_stands_still() -> None:
    """Time, rate and the moment of the end stay what they were, also when it is ended twice."""
    clock, wall = Clock(), Clock(5.0)
    figures = RunStats({PROVIDER: None}, 1, clock, wall)
    clock.now += 30
    found(figures, 60)
    assert (figures.started_at, figures.ended_at) == (5.0, None)
    figures.end()
    rate = figures.items_per_minute
    clock.now += 1000
    wall.now += 1000
    figures.end()
    assert (figures.elapsed_s, figures.items_per_minute, figures.ended_at) == (30, rate, 5.0)


def test_the_rate_is_of_the_last_minute() -> None:
    """Items a minute over the last minute, or since the start."""
    clock = Clock()
    figures = stats(clock)
    clock.now += 30
    found(figures, 60)
    assert figures.items_per_minute == 120
    clock.now += 30
    found(figures, 30)
    assert figures.items_per_minute == 90
    clock.now += 31
    assert figures.items_per_minute == 30
    clock.now += 100
    assert figures.items_per_minute == 0


def test_a_pause_is_no_slow_phase() -> None:
    """In a pause the rate falls to nothing; after it, it is what it was, without what came in the pause."""
    clock = Clock()
    figures = stats(clock)
    clock.now += 300
    for _ in range(60):
        clock.now += 1
        found(figures, 2)
    before = figures.items_per_minute
    figures.pause()
    clock.now += 5
    found(figures, 50)  # of a response that was open
    clock.now += RATE_WINDOW_S + 1
    assert figures.items_per_minute == 0
    clock.now += 500
    figures.resume()
    assert figures.items_per_minute == before == 120


def test_the_rate_forgets() -> None:
    """However many answers come, in a pause too, what is kept for the rate is some hundred numbers."""
    clock = Clock()
    figures = stats(clock)
    for pause in (False, True, False):
        figures.pause() if pause else figures.resume()
        for _ in range(20_000):
            clock.now += 0.01
            found(figures, 1)
        assert len(figures._arrivals) < 2000
    assert figures.items_per_minute == pytest.approx(6000, rel=0.01)


def test_more_producers_have_figures() -> None:
    """The list grows with the producers and never shrinks: those that have left keep what they did."""
    figures = stats(Clock(), producers=2)
    figures.arrived(PROVIDER, 1, ["a"], 2, 0)
    figures.resize(4)
    figures.arrived(PROVIDER, 3, ["b", "c"], 0, 0)
    figures.resize(1)
    assert [(one.new, one.duplicate) for one in figures.producers] == [(0, 0), (1, 2), (0, 0), (2, 0)]


def test_failures_are_counted_by_reason() -> None:
    """Each reason by itself; what the run's own end cut off is no error."""
    figures = stats(Clock())
    for kind in (ErrorKind.TIMEOUT, ErrorKind.RATE_LIMITED, ErrorKind.TIMEOUT, ErrorKind.CANCELLED):
        figures.ended(PROVIDER, 0, failed(kind))
    figures.ended(PROVIDER, 1, OrderDone(2, 0, Usage(1_000_000, 500_000), "stop", 0, 0, 0.1, 0.2))
    one = figures.providers[PROVIDER]
    assert one.errors == {ErrorKind.TIMEOUT: 2, ErrorKind.RATE_LIMITED: 1}
    assert (figures.calls, figures.failures, figures.cancelled) == (5, 3, 1)
    assert one.last_error == "it was timeout"
    assert [producer.calls for producer in figures.producers] == [4, 1]
    assert (figures.cost_usd, one.totals().cost_usd) == (2.0, 2.0)


def test_durations_are_those_of_real_calls() -> None:
    """What was cut off, or died with its producer, says nothing about the provider's speed; a time-out does."""
    figures = stats(Clock())
    figures.ended(PROVIDER, 0, failed(ErrorKind.CANCELLED, 99.0, 98.0))
    figures.ended(PROVIDER, 0, failed(ErrorKind.PROCESS_CRASH, 0.0))
    one = figures.providers[PROVIDER]
    assert one.durations.percentiles(0.5, 0.95) == (None, None)
    figures.ended(PROVIDER, 0, failed(ErrorKind.TIMEOUT, 60.0))
    figures.ended(PROVIDER, 0, OrderDone(2, 0, None, "stop", 0, 0, 0.5, 3.0))
    assert one.durations.percentiles(0.5, 0.95) == (3.0, 60.0)
    assert one.first_chunks.percentiles(0.5) == (0.5,)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=400), st.floats(0, 1))
def test_percentiles_are_nearest_ranks_of_the_last_calls(values: list[int], share: float) -> None:
    """The smallest value that at least this share of the last calls did not exceed."""
    timings = Timings()
    for value in values:
        timings.add(float(value))
    last = values[-RECENT_CALLS:]
    (percentile,) = timings.percentiles(share)
    assert percentile in last
    assert sum(value <= percentile for value in last) >= share * len(last) - 1e-9
    assert sum(value < percentile for value in last) < max(1, share * len(last) + 1e-9)


def test_a_response_that_was_cut_short_is_no_dry_one() -> None:
    """It counts for the share of new items; whether its rest would have brought something new nobody knows."""
    stats = RunStats({}, 1, Clock())
    stats.answered(0, 10)
    stats.answered(0, 10, cut_short=True)
    assert (stats.dry_responses, stats.share_new) == (1, 0.0)
    stats.answered(2, 10, cut_short=True)
    assert (stats.dry_responses, stats.cut_short) == (0, 2)
