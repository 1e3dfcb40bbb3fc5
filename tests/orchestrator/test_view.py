"""What is shown of a run."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from contract.errors import ErrorKind, OrchestratorError, ProducerStartError, StorageError
from contract.service import LIVE_STATES, ProducerView, ProviderView, TopicView
from orchestrator.events import StopReason
from orchestrator.producers import Producer
from orchestrator.run import Run
from orchestrator.settings import Settings, shown_settings
from orchestrator.view import view_of
from tests.orchestrator.run_cases import Clock, alive, call, reads, still_run


def starting(run: Run) -> None:
    """No producer has been ready yet."""
    alive(run, 0, ready=False)


def begun(run: Run) -> None:
    """A producer is ready."""
    alive(run, 0)


def dying(run: Run) -> None:
    """The only producer that was ready has died."""
    alive(run, 0).died(0.0)


def paused(run: Run) -> None:
    """No orders are given."""
    run.stats.pause()


def stopping(run: Run) -> None:
    """The end has begun."""
    run.stats.pause()
    run.stop_reason = StopReason.MAX_TIME


def ended(reason: StopReason, failure: OrchestratorError | None = None) -> Callable[[Run], None]:
    """The run is over."""

    def end(run: Run) -> None:
        run.stop_reason, run.failure = reason, failure
        run.stats.end()

    return end


@pytest.mark.parametrize(
    ("happens", "state", "reason", "explanation", "error"),
    [
        (starting, "starting", "", "", ""),
        (begun, "running", "", "", ""),
        (dying, "running", "", "", ""),
        (paused, "paused", "", "", ""),
        (stopping, "stopping", "max_time", "the time is over (--max-time 90s)", ""),
        (ended(StopReason.MAX_TIME), "finished", "max_time", "the time is over (--max-time 90s)", ""),
        (ended(StopReason.ITERATIONS), "finished", "iterations", "every producer has made its requests", ""),
        (ended(StopReason.MAX_COST), "finished", "max_cost", "the next request could exceed the limit", ""),
        (ended(StopReason.INTERRUPTED), "interrupted", "interrupted", "interrupted; everything found is kept", ""),
        (ended(StopReason.CLOSED), "interrupted", "closed", "the caller stopped", ""),
        (ended(StopReason.NO_PROVIDER), "failed", "no_provider", "no provider is left", "no provider is left"),
        (
            ended(StopReason.PRODUCERS_CANNOT_START, ProducerStartError("they end before they are ready")),
            "failed",
            "producers_cannot_start",
            "they end before they are ready",
            "they end before they are ready",
        ),
        (
            ended(StopReason.STORAGE, StorageError("the disk is full\x1b[0m")),
            "failed",
            "storage",
            "the disk is full�[0m",
            "the disk is full�[0m",
        ),
    ],
)
def test_states(happens: Callable[[Run], None], state: str, reason: str, explanation: str, error: str) -> None:
    """Where a run stands, why it ended in a sentence, and what went wrong where something did."""
    run = still_run(Clock(), max_time_s=90.0)
    happens(run)
    view = view_of(run, "fruit")
    assert (view.state, view.stop_reason) == (state, reason)
    assert view.explanation.startswith(explanation)
    assert view.error.startswith(error)
    assert bool(view.error) == (state == "failed")
    assert (view.ended_at is None) == (state in LIVE_STATES)


def test_the_figures_are_the_runs() -> None:
    """Every count of a run in full swing, per provider and per producer too."""
    clock = Clock()
    run = still_run(clock, producers=2, concurrency=7)
    first, second = alive(run, 0), alive(run, 1, ready=False)
    reads(run, first, "test:a", 2)
    reads(run, first, "test:b")
    run.stats.arrived("test:a", 0, ["Apple", "Pear"], 3, 4)
    call(run, "test:a", duration_s=2.0)
    call(run, "test:a", error=ErrorKind.TIMEOUT, duration_s=60.0)
    call(run, "test:b", 1, ErrorKind.CANCELLED)
    run.stats.answered(2, 3)
    run.router.states["test:b"].paused_until = clock.now + 12
    run.router.states["test:a"].weight = 2.5
    clock.now += 4
    second.restarts = 3
    view = view_of(run, "fruit", Clock(1.7e9))
    assert (view.id, view.topic, view.at, view.started_at) == ("fruit", "Fruit", 1.7e9, run.stats.started_at)
    assert view.settings["concurrency"] == 7
    assert (view.unique, view.held, view.new, view.duplicates, view.refused) == (0, 0, 2, 3, 4)
    assert (view.calls, view.failed_calls, view.cancelled_calls) == (3, 1, 1)
    assert (view.open_orders, view.waiting_orders, view.producers_alive) == (3, 0, 1)
    assert (view.input_tokens, view.output_tokens, view.cost_usd) == (3000, 1500, 1.5)
    assert (view.elapsed_s, view.items_per_minute, view.share_new, view.coverage) == (4.0, 30.0, 0.4, None)
    assert view.providers == (
        ProviderView(
            name="test:a",
            weight=2.5,
            calls=2,
            failures=1,
            errors={"timeout": 1},
            new=2,
            duplicate=3,
            input_tokens=2000,
            output_tokens=1000,
            cost_usd=1.0,
            in_flight=2,
            first_chunk_p50_s=0.5,
            duration_p50_s=2.0,
            duration_p95_s=60.0,
            share=0.5,
        ),
        ProviderView(
            name="test:b",
            weight=1.0,
            calls=1,
            input_tokens=1000,
            output_tokens=500,
            cost_usd=0.5,
            in_flight=1,
            paused_s=8.0,
            share=0.5,
        ),
    )
    assert view.producers == (
        ProducerView(0, 4711, "ready", "reading 3 answers (test:a 2, test:b 1)", 3, calls=2, new=2, duplicate=3),
        ProducerView(1, 4711, "starting", "starting", calls=1, restarts=3),
    )
    encoded = msgspec.json.encode(view)
    assert msgspec.json.encode(msgspec.json.decode(encoded, type=TopicView)) == encoded


def dead(producer: Producer, clock: Clock, wait_s: float) -> None:
    """Its process has died; the next one comes in a while."""
    producer.died(clock.now)
    producer.restart_at = clock.now + wait_s


@pytest.mark.parametrize(
    ("happens", "state", "doing"),
    [
        (lambda run, clock: None, "starting", "starting"),
        (lambda run, clock: alive(run, 0, ready=False), "starting", "starting"),
        (lambda run, clock: alive(run, 0), "ready", "idle"),
        (lambda run, clock: reads(run, alive(run, 0), "test:a"), "ready", "reading 1 answer (test:a)"),
        (lambda run, clock: reads(run, alive(run, 0), "test:b", 3), "ready", "reading 3 answers (test:b)"),
        (lambda run, clock: reads(run, alive(run, 0), "test:b", 200), "ready", "reading 200 answers"),
        (lambda run, clock: alive(run, 0).open_orders.update({99: 0.0}), "ready", "reading 1 answer"),
        (lambda run, clock: dead(run.supervisor.producers[0], clock, 1.7), "dead", "starts again in 2 s"),
        (lambda run, clock: dead(run.supervisor.producers[0], clock, 0.0), "starting", "starting"),
    ],
)
def test_what_a_producer_does(happens: Callable[[Run, Clock], object], state: str, doing: str) -> None:
    """In a word and in words, from its start to its replacement."""
    clock = Clock()
    run = still_run(clock)
    happens(run, clock)
    shown = view_of(run, "fruit").producers[0]
    assert (shown.state, shown.doing, shown.pid) == (state, doing, run.supervisor.producers[0].pid)


def test_producers_that_are_too_many() -> None:
    """Those that leave say so until they have gone; then they are shown no more, and the others keep their numbers."""
    run = still_run(Clock(), producers=4)
    reads(run, alive(run, 1), "test:a", 2)
    leaves = alive(run, 2)
    alive(run, 3)
    for producer in run.supervisor.producers[:3]:
        producer.wanted = False
    view = view_of(run, "fruit")
    assert [(one.index, one.state, one.doing) for one in view.producers] == [
        (1, "leaving", "finishing 2 answers, then leaves"),
        (2, "leaving", "leaves"),
        (3, "ready", "idle"),
    ]
    leaves.left(0.0)
    assert [one.index for one in view_of(run, "fruit").producers] == [1, 3]


def test_the_end_of_producers() -> None:
    """While a run stops nobody is replaced; when it has ended nobody lives."""
    clock = Clock()
    run = still_run(clock)
    reads(run, alive(run, 0), "test:a")
    dead(run.supervisor.producers[1], clock, 5.0)
    run.stop_reason = StopReason.INTERRUPTED
    doing = [(one.state, one.doing) for one in view_of(run, "fruit").producers]
    assert doing == [("ready", "reading 1 answer (test:a)"), ("dead", "ended, is not needed any more")]
    run.stats.end()
    view = view_of(run, "fruit")
    assert [(one.state, one.doing, one.pid) for one in view.producers] == [("dead", "ended", None)] * 2
    assert view.producers_alive == 0


def test_a_disabled_provider() -> None:
    """It says why, on one line, and is no longer shown as one that waits."""
    clock = Clock()
    run = still_run(clock)
    state = run.router.states["test:b"]
    state.disabled, state.paused_until = "the key was\nrefused", clock.now + 60
    shown = view_of(run, "fruit").providers[1]
    assert (shown.disabled, shown.paused_s) == ("the key was�refused", 0.0)


def test_no_password_is_shown() -> None:
    """Settings are JSON values; what stands in an address before its host is left out."""
    shown = shown_settings(
        Settings(topic="Fruit", trace_endpoint="http://me:geheim@localhost:4318/x?key=geheim", prices=("test=1,2",))
    )
    assert shown["trace_endpoint"] == "http://localhost:4318/x"
    encoded = msgspec.json.encode(shown).decode()
    assert '"prices":["test=1,2"]' in encoded
    assert '"identity":"normalized"' in encoded
    assert "geheim" not in encoded
    assert shown_settings(Settings(topic="Fruit"))["trace_endpoint"] is None
