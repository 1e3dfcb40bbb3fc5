"""A run that is paused, stopped and changed while it goes on; its producers are puppets, but for the last tests."""

import itertools
import json
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from contract import spans
from contract.errors import ConfigurationError, ErrorKind, StorageError, UsageError
from contract.messages import Order
from contract.service import Action, Change, Pause, Stop, Unpause
from orchestrator.composition import Seams, built_run
from orchestrator.events import OrderEnded, ProducerDied, Steered, Stopping, StopReason
from orchestrator.limits import unknown_price, worst_case_usd
from orchestrator.pricing import FlatPrice
from orchestrator.settings import Settings
from orchestrator.steering import changed_settings
from tester.collector import Collector
from tester.trace.completeness import assert_complete
from tester.trace.lifecycle import exited
from tester.trace.trace import Trace
from tests.orchestrator.puppets import FREE, Puppet, Stage, spec
from tests.orchestrator.test_run import FOLDER, Answers, build, numbered

_ENDED = "the run has ended"
_STOPPING = "the run is stopping"
_DEAR = FlatPrice(0.0, 1000.0)
"""20 output tokens, as the puppets report them, cost 2 cents; the worst case of an order for 60 items 1.36 dollars."""


def _steered(stage: Stage) -> list[Steered]:
    return [event for event in stage.events if isinstance(event, Steered)]


# --- pausing -------------------------------------------------------------------------------------------------


def test_a_paused_run_finishes_open_responses_and_gives_no_new_orders() -> None:
    """What is open is taken in; nothing more is asked for until the run goes on, and it does not end meanwhile."""
    stage = Stage(concurrency=2).begin()
    assert len(stage.puppets.open_orders) == 2
    assert (stage.steered(Pause()), stage.run.paused) == ("", True)
    stage.answer_all()
    for _ in range(5):
        stage.round()
    assert (stage.run.stats.new, stage.run.stop_reason) == (2, None)
    assert not stage.puppets.open_orders
    assert (stage.steered(Unpause()), stage.run.paused) == ("", False)
    assert sorted(stage.puppets.open_orders) == [3, 4]
    told = _steered(stage)
    assert [event.kind for event in told] == ["paused", "resumed"]
    assert "2 open responses" in told[0].text


def test_a_retry_waits_for_the_end_of_the_pause() -> None:
    """A request that failed is not tried again while the run is paused, and is not lost."""
    stage = Stage().begin()
    stage.steered(Pause())
    stage.puppets.all[0].fail(1, ErrorKind.STREAM_TRUNCATED)
    for _ in range(100):
        stage.round()
    assert (stage.run.desk.waiting, stage.puppets.open_orders) == (1, {})
    stage.steered(Unpause())
    assert list(stage.puppets.open_orders) == [1]


def test_what_was_answered_before_and_in_a_pause_stands_in_the_database() -> None:
    """A pause may last for days: the ends of orders are written at once, not with the next items."""
    stage = Stage(concurrency=2).begin()
    stage.puppets.all[0].answer(1)
    stage.round()
    with stage.filesystem.connect_database(FOLDER / "run.db") as database:
        stage.steered(Pause())
        written = [database.execute("SELECT state FROM orders ORDER BY id").fetchall()]
        stage.puppets.all[0].answer(2)
        stage.round()
        written.append(database.execute("SELECT state FROM orders ORDER BY id").fetchall())
    assert written == [[("done",), ("open",)], [("done",), ("done",)]]


def test_a_pause_does_not_count_for_the_time_limit() -> None:
    """The time limit is one on running time."""
    stage = Stage(max_time_s=100.0).begin()
    stage.steered(Pause())
    stage.puppets.now += 1000.0
    stage.round()
    assert stage.run.stop_reason is None
    stage.steered(Unpause())
    assert stage.run.stop_reason is None
    stage.puppets.now += 100.0
    stage.round()
    assert stage.run.stop_reason is StopReason.MAX_TIME


def test_pausing_twice_and_going_on_unpaused_is_fine() -> None:
    """Whoever asks for what is the case already is told that it is so; the watchers hear of changes only."""
    stage = Stage().begin()
    actions: list[Action] = [Unpause(), Pause(), Pause(), Unpause(), Unpause()]
    assert [stage.steered(action) for action in actions] == [""] * 5
    assert [event.kind for event in _steered(stage)] == ["paused", "resumed"]


def test_a_long_pause_is_no_outage_of_a_provider() -> None:
    """One failure before a pause of an hour and one after it do not make a provider that was down for an hour."""
    stage = Stage().begin()
    puppet = stage.puppets.all[0]
    puppet.fail(1, ErrorKind.OVERLOADED)
    stage.round()
    stage.steered(Pause())
    stage.puppets.now += 3600.0
    stage.steered(Unpause())
    puppet.fail(1, ErrorKind.OVERLOADED)
    stage.round()
    assert stage.run.router.states["test:x"].disabled is None


@pytest.mark.parametrize(
    ("iterations", "max_cost_usd", "reason"),
    [(1, None, StopReason.ITERATIONS), (None, 2.0, None)],
    ids=["all requests made", "money that may yet be free again"],
)
def test_only_a_limit_that_is_reached_ends_a_paused_run(
    iterations: int | None, max_cost_usd: float | None, reason: StopReason | None
) -> None:
    """Every request made is an end; money that was put aside for open requests is not spent."""
    stage = Stage(prices={"x": _DEAR}, concurrency=2, iterations=iterations, max_cost_usd=max_cost_usd).begin()
    assert len(stage.puppets.open_orders) == 1
    stage.steered(Pause())
    stage.answer_all()
    stage.round()
    stage.round()
    assert stage.run.stop_reason is reason


# --- stopping ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", [[Stop()], [Stop(now=True)], [Stop(), Stop()], [Stop(), Stop(now=True)]])
def test_stopping(actions: list[Action]) -> None:
    """`Stop` finishes open responses, however often it comes; `now` cancels them. Both count as an interruption."""
    now = any(isinstance(action, Stop) and action.now for action in actions)
    stage = Stage().begin()
    answers = [answer for action in actions for answer in [stage.steer(action)]]
    stage.round()
    assert answers == [[""]] * len(actions)
    assert stage.over is False
    if not now:
        stage.round()
        assert list(stage.puppets.open_orders) == [1]
        stage.answer_all()
    stage.end()
    result = stage.run.result()
    assert (result.stop_reason, result.exit_code) == (StopReason.INTERRUPTED, 130)
    assert (result.cancelled_calls, result.new) == ((1, 0) if now else (0, 1))
    assert [event.cancelling for event in stage.events if isinstance(event, Stopping)][-1] is now


@pytest.mark.parametrize(
    ("signals", "cancelling"), [(["interrupt"], [False]), (["interrupt"] * 2, [False, True]), (["terminate"], [True])]
)
def test_signals_take_the_same_way(signals: list[str], cancelling: list[bool]) -> None:
    """Ctrl-C is a stop, a second one or SIGTERM is one at once."""
    stage = Stage().begin()
    for name in signals:
        getattr(stage.run, name)()
    stage.round()
    assert [event.cancelling for event in stage.events if isinstance(event, Stopping)] == cancelling
    stage.end()


def test_a_stop_ends_a_pause() -> None:
    """A paused run can be stopped; the time in which it finishes counts again."""
    stage = Stage(max_time_s=10.0).begin()
    stage.steered(Pause())
    assert stage.steered(Stop()) == ""
    assert not stage.run.paused
    stage.puppets.now += 10.0
    stage.round()
    stage.end()
    assert (stage.run.result().stop_reason, stage.run.result().cancelled_calls) == (StopReason.INTERRUPTED, 1)


@pytest.mark.parametrize("action", [Pause(), Unpause(), Change(producers=2), Change()])
def test_a_run_that_stops_is_not_steered(action: Action) -> None:
    """It says so in words, and again in others when it has ended."""
    stage = Stage().begin()
    stage.steered(Stop())
    assert stage.steered(action) == _STOPPING
    stage.end()
    assert stage.steer(action) == [_ENDED]


def test_what_is_queued_when_the_run_ends_is_answered() -> None:
    """An action that the loop does not come to any more is refused, not forgotten."""
    stage = Stage().begin()
    answers = stage.steer(Pause())
    stage._rounds.close()
    assert answers == [_ENDED]


def test_an_action_whose_doing_ends_the_run_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full as a pause is written: the run ends, and whoever asked hears of it."""
    stage = Stage().begin()
    store = stage.run.store

    def full() -> None:
        monkeypatch.undo()
        raise StorageError("no space is left")

    monkeypatch.setattr(store, "flush", full)
    answers, later = stage.steer(Pause()), stage.steer(Unpause())
    stage.round()
    assert (answers, later) == ([_ENDED], [_ENDED])
    assert stage.run.stop_reason is StopReason.STORAGE


def test_many_threads_may_steer_at_once() -> None:
    """Each action is answered once, whenever it comes, also while the run ends and after."""
    run = build(Answers(numbered()))
    answers: list[list[str]] = [[] for _ in range(400)]
    begun = threading.Barrier(5)

    def steer(part: list[list[str]]) -> None:
        begun.wait()
        for number, kept in enumerate(part):
            turns: list[Action] = [Pause(), Change(producers=1 + number % 3), Unpause()]
            run.steer(Stop() if number == 60 else turns[number % 3], kept.append)

    threads = [threading.Thread(target=steer, args=(answers[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    for _ in run.rounds():
        pass
    for thread in threads:
        thread.join()
    assert [len(kept) for kept in answers] == [1] * 400
    assert {answer for (answer,) in answers} <= {"", _STOPPING, _ENDED}
    assert run.stop_reason is StopReason.INTERRUPTED


# --- changing ------------------------------------------------------------------------------------------------

_REFUSED: list[tuple[Change, str]] = [
    (Change(producers=0), "producers: 0 is too small"),
    (Change(producers=257), "at most 256"),
    (Change(concurrency=0), "concurrency: 0 is too small"),
    (Change(concurrency=257), "at most 256"),
    (Change(request_size=0), "request_size: 0 is too small"),
    (Change(request_size=1001), "at most 1000"),
    (Change(max_cost_usd=0.0), "max_cost_usd: 0.0 is not a number above 0"),
    (Change(max_cost_usd=-1.0), "above 0"),
    (Change(max_cost_usd=math.nan), "above 0"),
    (Change(max_cost_usd=math.inf), "above 0"),
    (Change(max_cost_usd=1.0), "nobody knows the price of test:dear"),
    (Change(max_time_s=0.0), "max_time_s"),
    (Change(max_time_s=-1.0), "not a duration"),
    (Change(max_time_s=math.nan), "not a duration"),
    (Change(max_time_s=1e300), "max_time_s"),
    (Change(weights={"test:none": 1.0}), "no provider 'test:none'; it has test:x, test:dear, test:gone"),
    (Change(weights={"test:x": -0.5}), "-0.5 for test:x is not a number of 0 or more"),
    (Change(weights={"test:x": math.nan}), "nan"),
    (Change(weights={"test:x": math.inf}), "inf"),
    (Change(weights={"test:x": 0.0, "test:dear": 0.0}), "needs a weight above 0"),
    (Change(weights={"test:x": 0.0, "test:dear": 0.0, "test:gone": 9.0}), "needs a weight above 0"),
    (Change(producers=3, concurrency=3, weights={"test:x": 2.0}, request_size=-1), "request_size"),
    (Change(producers=3, max_time_s=9.0, weights={"test:x": 2.0, "test:y": 2.0}), "no provider"),
]


@pytest.mark.parametrize(("change", "words"), _REFUSED, ids=[words for _, words in _REFUSED])
def test_a_change_is_made_whole_or_not_at_all(change: Change, words: str) -> None:
    """Whatever is wrong with one part of it, nothing is changed, and the answer says what is wrong in one line."""
    stage = Stage(spec("x"), spec("dear"), spec("gone"), prices={"dear": None}).begin()
    run = stage.run
    run.router.states["test:gone"].disabled = "the key is wrong"
    before = run.settings, [(state.weight, state.share) for state in run.router.states.values()]
    answer = stage.steered(change)
    assert words in answer
    assert "\n" not in answer
    assert before == (run.settings, [(state.weight, state.share) for state in run.router.states.values()])
    assert run.desk.settings is run.settings
    assert len(run.supervisor.producers) == 1
    assert not _steered(stage)
    stage.end()


def test_a_change_is_told_in_words_and_kept_in_the_settings() -> None:
    """Everything at once; what is given as it was already is not told of."""
    stage = Stage(spec("x"), spec("y"), prices={"x": FlatPrice(0, 0)}, max_cost_usd=1.0).begin()
    change = Change(
        producers=3,
        concurrency=2,
        request_size=60,
        max_cost_usd=2.5,
        max_time_s=5400.0,
        weights={"test:y": 0.5, "test:x": 1.0},
    )
    assert stage.steered(change) == ""
    run = stage.run
    (told,) = _steered(stage)
    assert told.kind == "changed"
    assert told.text == (
        "producers 1 → 3, concurrency 1 → 2, budget $1.00 → $2.50, time limit none → 5,400 s, weight of test:y 1 → 0.5"
    )
    assert run.settings is run.desk.settings
    assert (run.settings.producers, run.settings.max_cost_usd, run.settings.max_time_s) == (3, 2.5, 5400.0)
    assert run.budget.limit_usd == 2.5
    assert len(run.stats.producers) == 3
    assert stage.steered(change) == ""
    assert stage.steered(Change()) == ""
    assert stage.steered(Change(max_cost_usd=None, max_time_s=None)) == ""
    limits: list[float | None] = [run.settings.max_cost_usd, run.settings.max_time_s, run.budget.limit_usd]
    assert limits == [None, None, None]
    texts = [event.text for event in _steered(stage)]
    assert texts[1:] == ["budget $2.50 → none, time limit 5,400 s → none"]
    stage.end()


@given(
    st.builds(
        Change,
        producers=st.one_of(st.just(UNSET), st.integers()),
        concurrency=st.one_of(st.just(UNSET), st.integers()),
        request_size=st.one_of(st.just(UNSET), st.integers()),
        max_cost_usd=st.one_of(st.just(UNSET), st.none(), st.floats()),
        max_time_s=st.one_of(st.just(UNSET), st.none(), st.floats()),
    )
)
def test_no_change_leads_out_of_bounds(change: Change) -> None:
    """Whatever is asked for: either a refusal in one line, or settings that a new run could have been given."""
    try:
        after = changed_settings(change, Settings(topic="Fruit"))
    except UsageError as error:
        refusal = str(error)
    else:
        refusal = ""
        _check_bounds(after)
    assert "\n" not in refusal


def _check_bounds(after: Settings) -> None:
    assert 1 <= after.producers <= 256
    assert 1 <= after.concurrency <= 256
    assert 1 <= after.request_size <= 1000
    assert after.max_cost_usd is None or 0 < after.max_cost_usd < math.inf
    assert after.max_time_s is None or 0 < after.max_time_s < math.inf


def test_other_request_sizes_hold_from_the_next_order() -> None:
    """Open orders stay what they are; a retry of one asks for what is missing of its own size."""
    stage = Stage(request_size=60, concurrency=2).begin()
    stage.steered(Change(request_size=10))
    puppet = stage.puppets.all[0]
    puppet.fail(1, ErrorKind.STREAM_TRUNCATED)
    stage.round()
    stage.puppets.now += 30.0
    puppet.answer(2, "Apple")
    stage.round()
    stage.round()
    assert {order.id: order.size for order in puppet.orders.values()} == {1: 60, 3: 10}
    stage.end()


def test_less_concurrency_lets_the_open_ones_finish() -> None:
    """Nothing is cancelled; no further order goes out until there is room."""
    stage = Stage(concurrency=3).begin()
    stage.steered(Change(concurrency=1))
    puppet = stage.puppets.all[0]
    puppet.answer(1, "Apple")
    puppet.answer(2, "Pear")
    stage.round()
    stage.round()
    assert list(puppet.orders) == [3]
    puppet.answer(3, "Plum")
    stage.round()
    stage.round()
    assert list(puppet.orders) == [4]
    stage.end()


# --- money ---------------------------------------------------------------------------------------------------


def test_a_limit_that_comes_later_holds_at_once() -> None:
    """What open orders may cost was put aside while there was no limit; orders go on when it turns out to be less."""
    stage = Stage(prices={"x": _DEAR}, concurrency=3).begin()
    assert len(stage.puppets.open_orders) == 3
    stage.steered(Change(max_cost_usd=2.8))  # two of them, not three
    stage.puppets.all[0].answer(1, "Apple")
    stage.round()
    stage.round()
    assert sorted(stage.puppets.open_orders) == [2, 3]
    stage.puppets.all[0].answer(2, "Pear")
    stage.round()
    stage.round()
    assert sorted(stage.puppets.open_orders) == [3, 4]
    stage.end()
    assert stage.run.budget.spent_usd == pytest.approx(0.08)


@pytest.mark.parametrize("paused", [False, True])
def test_a_limit_below_what_is_spent_ends_the_run(paused: bool) -> None:
    """It is accepted; open responses are finished, and the run says why it ended, also when it was paused."""
    stage = Stage(prices={"x": _DEAR}).begin()
    stage.answer_all()
    stage.round()
    stage.round()
    if paused:
        stage.steered(Pause())
    assert stage.steered(Change(max_cost_usd=0.001)) == ""
    stage.run_out()
    assert stage.run.result().stop_reason is StopReason.MAX_COST
    assert stage.run.result().calls == 2


def test_more_money_lets_the_run_go_on() -> None:
    """A limit that leaves no room for another order is raised before the open one has ended."""
    stage = Stage(prices={"x": _DEAR}, concurrency=2, max_cost_usd=2.0).begin()
    assert len(stage.puppets.open_orders) == 1
    stage.steered(Change(max_cost_usd=20.0))
    assert len(stage.puppets.open_orders) == 2
    stage.end()


def test_a_big_order_that_is_tried_again_is_reckoned_at_its_own_size() -> None:
    """Smaller requests from now on do not make the retry of an earlier, larger one look cheaper than it is."""
    stage = Stage(prices={"x": _DEAR}, request_size=1000).begin()
    (big,) = stage.puppets.all[0].orders.values()
    stage.puppets.all[0].fail(1, ErrorKind.CONNECTION, unsent=True)
    stage.round()
    limit = worst_case_usd(big, _DEAR) / 2
    sent: list[Order] = []
    stage.puppets.on_order = lambda puppet, order: sent.append(order)
    stage.steered(Change(request_size=1, max_cost_usd=limit))
    stage.puppets.now += 30.0
    stage.run_out()
    assert sent
    assert all(worst_case_usd(order, _DEAR) <= limit for order in sent)
    assert stage.run.result().stop_reason is StopReason.MAX_COST


@pytest.mark.parametrize("how", ["asked", "used", "in flight"])
def test_no_limit_where_a_price_is_unknown(how: str) -> None:
    """Not while the provider gets orders, nor when it had some: what was spent on it cannot be known."""
    stage = Stage(spec("x"), spec("dear"), prices={"dear": None}, concurrency=2).begin()
    (order_id,) = [order.id for order in stage.puppets.all[0].orders.values() if order.provider == "test:dear"]
    if how != "asked":
        stage.steered(Change(weights={"test:dear": 0.0}))
    if how == "used":
        stage.puppets.all[0].answer(order_id, "Apple")
        stage.round()
    assert stage.steered(Change(max_cost_usd=5.0)) == unknown_price("test:dear")
    stage.end()


def test_an_unknown_price_has_the_same_words_before_and_within_a_run() -> None:
    """Whoever asks for a limit at the start is told the same."""
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    made = Settings(topic="Fruit", provider="openai:nobody-knows", max_cost_usd=1.0)
    built = built_run(made, Seams(environment=environment), lambda text: None)
    with pytest.raises(ConfigurationError) as refusal, built:
        pass
    assert str(refusal.value) == unknown_price("openai:nobody-knows")


def test_a_continued_run_needs_no_price_of_a_provider_without_weight(tmp_path: Path) -> None:
    """What a run was allowed, the one that continues it is too: weight 0 costs nothing."""
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    provider = "test:simulated:1,openai:nobody-knows:0"
    made = Settings(topic="Fruit", provider=provider, max_cost_usd=1.0, output=tmp_path / "run")
    with built_run(made, Seams(environment=environment), lambda text: None) as run:
        assert {name: state.weight for name, state in run.router.states.items()} == {
            "test:simulated": 1.0,
            "openai:nobody-knows": 0.0,
        }


def test_a_provider_without_a_price_that_was_never_asked_is_no_hindrance() -> None:
    """With weight 0 nothing is spent on it; but then it gets no weight while there is a limit."""
    stage = Stage(spec("x", 5.0), spec("dear"), prices={"dear": None})
    stage.round()
    stage.steered(Change(weights={"test:dear": 0.0}))
    assert stage.steered(Change(max_cost_usd=5.0)) == ""
    assert "nobody knows" in stage.steered(Change(weights={"test:dear": 1.0}))
    stage.puppets.make_ready()
    stage.end()


# --- weights -------------------------------------------------------------------------------------------------


def test_weight_zero_gets_no_orders_and_its_retries_move() -> None:
    """Open responses of the provider are finished; what it failed at is another's, as an order of its own."""
    stage = Stage(spec("a"), spec("b"), concurrency=2).begin()
    puppet = stage.puppets.all[0]
    (at_a,) = [order.id for order in puppet.orders.values() if order.provider == "test:a"]
    stage.steered(Change(weights={"test:a": 0.0}))
    assert stage.run.router.states["test:a"].in_flight == 1
    puppet.fail(at_a, ErrorKind.STREAM_TRUNCATED)
    stage.round()
    stage.puppets.now += 30.0
    puppet.answer(3 - at_a)
    stage.round()
    stage.round()
    assert [order.provider for order in puppet.orders.values()] == ["test:b", "test:b"]
    assert stage.run.router.states["test:a"].in_flight == 0
    assert sorted(order.attempt for order in puppet.orders.values()) == [0, 1]
    stage.end()


def test_weights_are_kept_for_the_runs_continuation() -> None:
    """The provider list of the settings has them, in the database too; other changes leave it as it was typed."""
    stage = Stage(spec("a"), spec("b", 2.0), provider="test:a,test:b:2").begin()

    def kept() -> str:
        with stage.filesystem.connect_database(FOLDER / "run.db") as database:
            (text,) = database.execute("SELECT settings FROM runs").fetchone()
        provider: str = json.loads(text)["provider"]
        assert provider == stage.run.settings.provider
        return provider

    stage.steered(Change(request_size=7))
    assert kept() == "test:a,test:b:2"
    stage.steered(Change(weights={"test:a": 0.0}))
    assert kept() == "test:a:0,test:b:2"
    stage.steered(Change(weights={"test:a": 0.5, "test:b": 0.0}, request_size=9))
    assert kept() == "test:a:0.5,test:b:0"
    stage.end()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_retry_that_moves_does_not_wait_for_the_provider_that_it_leaves(weight: float) -> None:
    """What one provider asks for in seconds is its own pause, as long as another one can be asked."""
    stage = Stage(spec("a"), spec("b")).begin()
    stage.steered(Change(weights={"test:a": weight}))
    puppet = stage.puppets.all[0]
    puppet.fail(1, ErrorKind.RATE_LIMITED, retry_after_s=200.0)
    stage.round()
    stage.puppets.now += 30.0
    stage.round()
    assert [(order.provider, order.attempt) for order in puppet.orders.values()] == [("test:b", 1)]
    stage.end()


def test_the_last_provider_with_weight_is_the_last_provider() -> None:
    """When it is refused for good the run ends, and says of the others that they had no weight."""
    stage = Stage(spec("a"), spec("b")).begin()
    (at_a,) = stage.puppets.all[0].orders
    stage.steered(Change(weights={"test:b": 0.0}))
    stage.puppets.all[0].fail(at_a, ErrorKind.AUTH)
    stage.round()
    stage.round()
    result = stage.run.result()
    assert result.stop_reason is StopReason.NO_PROVIDER
    assert "test:b: its weight is 0" in result.explanation
    stage.end()


# --- producers -----------------------------------------------------------------------------------------------


def test_with_iterations_each_producer_has_its_own_quota() -> None:
    """One that is added makes its requests; the run ends when all that are wanted have made theirs."""
    stage = Stage(iterations=2).begin()
    stage.steered(Change(producers=2))
    for _ in range(10):
        stage.puppets.make_ready()
        stage.answer_all()
        stage.round()
    assert stage.over
    assert stage.run.result().stop_reason is StopReason.ITERATIONS
    assert stage.run.result().calls == 4


def test_the_quota_of_a_producer_that_leaves_is_not_waited_for() -> None:
    """The run ends by its iterations when those that are still wanted have made theirs."""
    stage = Stage(producers=2, iterations=3).begin()
    stage.steered(Change(producers=1))
    for _ in range(10):
        stage.answer_all()
        stage.round()
    assert stage.run.result().stop_reason is StopReason.ITERATIONS
    assert stage.run.result().calls == 4


def test_a_leaving_producer_that_dies_leaves_its_order_to_the_others() -> None:
    """Its order is tried again elsewhere; nothing takes its place."""
    stage = Stage(producers=2).begin()
    stage.steered(Change(producers=1))
    first, leaving = stage.puppets.all
    (lost,) = leaving.orders
    leaving.end(-9)
    for _ in range(20):
        stage.answer_all()
        stage.round()
    assert [event.producer for event in stage.events if isinstance(event, ProducerDied)] == [1]
    assert stage.puppets.living == [first]
    ends = [event for event in stage.events if isinstance(event, OrderEnded) and event.order_id == lost]
    assert [event.producer for event in ends] == [1, 0]
    stage.end()


# --- any sequence --------------------------------------------------------------------------------------------

_NAMES = ("test:a", "test:b")
_ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.just(Pause()),
    st.just(Unpause()),
    st.builds(
        Change,
        producers=st.one_of(st.just(UNSET), st.integers(0, 4)),
        concurrency=st.one_of(st.just(UNSET), st.integers(1, 3)),
        request_size=st.one_of(st.just(UNSET), st.integers(1, 5)),
        max_cost_usd=st.one_of(st.just(UNSET), st.none(), st.floats(1.0, 20.0)),
        weights=st.one_of(
            st.just(UNSET), st.dictionaries(st.sampled_from([*_NAMES, "test:c"]), st.sampled_from([0.0, 1.0, 3.0]))
        ),
    ),
)
_KINDS = st.sampled_from(
    [ErrorKind.STREAM_TRUNCATED, ErrorKind.CONTEXT_OVERFLOW, ErrorKind.TIMEOUT, ErrorKind.BAD_RESPONSE]
)
_STEPS = st.one_of(
    _ACTIONS,
    st.tuples(st.just("ready")),
    st.tuples(st.just("answer"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9), _KINDS),
    st.tuples(st.just("die"), st.integers(0, 9)),
    st.tuples(st.just("leave"), st.integers(0, 9)),
    st.tuples(st.just("round")),
    st.tuples(st.just("later"), st.sampled_from([1.0, 30.0])),
)


class _Watch:
    """Checks each order as it goes out, and after each round that none is lost."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.carried = 0
        self._settings = stage.run.settings
        stage.puppets.on_order = self._on_order

    def _on_order(self, puppet: Puppet, order: Order) -> None:
        run = self.stage.run
        self._notice_change()
        slot = run.supervisor.producers[puppet.index]
        assert not run.paused
        assert run.stop_reason is None
        assert puppet.spoken
        assert not puppet.asked
        assert slot.index < run.settings.producers
        assert len(puppet.orders) < run.settings.concurrency
        in_flight = len(self.stage.puppets.open_orders)
        assert in_flight < run.settings.producers * run.settings.concurrency + self.carried
        assert run.router.states[order.provider].weight > 0
        limit = run.budget.limit_usd
        assert limit is None or run.budget.affords(order, FREE)  # the order itself has been put aside already

    def _notice_change(self) -> None:
        if self.stage.run.settings is not self._settings:
            self._settings = self.stage.run.settings
            self.carried = len(self.stage.puppets.open_orders)

    def check(self) -> None:
        run = self.stage.run
        self._notice_change()
        if self.stage.over:
            return
        assert set(run.desk.open) == set(self.stage.puppets.open_orders)
        assert run.store.totals().orders["open"] == len(run.desk.open) + run.desk.waiting
        held = sum(state.in_flight for state in run.router.states.values())
        assert held == len(run.desk.open)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_STEPS, min_size=5, max_size=60), st.sampled_from([None, 3]))
def test_whatever_is_done_to_a_run_nothing_is_lost(
    steps: list[Action | tuple[object, ...]], iterations: int | None
) -> None:
    """Actions among answers, failures, deaths: no order is lost or given to one that leaves; each is answered once."""
    stage = Stage(spec("a"), spec("b"), prices={"a": FlatPrice(0, 100.0)}, producers=2, iterations=iterations)
    watch = _Watch(stage)
    stage.puppets.obedient = False
    answers: list[list[str]] = []
    texts = itertools.count()
    stage.begin()
    for step in steps:
        if isinstance(step, tuple):
            _play(stage, step, texts)
        else:
            answers.append(stage.steer(step))
        if step != ("later", 1.0):  # so that several things happen within one round
            stage.round()
            watch.check()
    for puppet in stage.puppets.living:
        if puppet.asked:
            puppet.end()
    stage.puppets.obedient = True
    stage.end()
    assert [len(kept) for kept in answers] == [1] * len(answers)
    assert not stage.puppets.living
    orders = stage.run.store.totals().orders
    assert orders["open"] == 0
    assert orders["done"] >= sum(1 for event in stage.events if isinstance(event, OrderEnded) and event.error is None)


def _play(stage: Stage, step: tuple[object, ...], texts: "itertools.count[int]") -> None:
    """One thing that happens in the world."""
    puppets = stage.puppets
    match step:
        case ("ready",):
            puppets.make_ready()
        case ("answer", int(number)) if puppets.open_orders:
            order_id = sorted(puppets.open_orders)[number % len(puppets.open_orders)]
            puppets.open_orders[order_id].answer(order_id, f"Fruit {next(texts)}")
        case ("fail", int(number), ErrorKind() as kind) if puppets.open_orders:
            order_id = sorted(puppets.open_orders)[number % len(puppets.open_orders)]
            puppets.open_orders[order_id].fail(order_id, kind)
        case ("die", int(number)) if len(puppets.living) > 1:
            puppets.living[number % len(puppets.living)].end(-9)
        case ("leave", int(number)):
            asked = [puppet for puppet in puppets.living if puppet.asked]
            if asked:
                asked[number % len(asked)].end()
        case ("later", float(seconds)):
            puppets.now += seconds


# --- real processes ------------------------------------------------------------------------------------------


def test_real_producers_come_and_go_while_the_run_goes_on(tmp_path: Path) -> None:
    """One, three, one, two: new ones work, those too many end by themselves, with all their spans; none is left."""
    answers: list[str] = []
    pids: set[int] = set()
    with Collector() as collector:
        made = Settings(
            topic="Fruit",
            provider="test",
            producers=1,
            concurrency=2,
            request_size=5,
            output=tmp_path / "run",
            trace_endpoint=collector.endpoint,
            provider_options=("test.universe_size=100000", "test.zipf_exponent=0"),
        )
        with built_run(made, Seams(environment={}), lambda text: None) as run:
            slots, figures = run.supervisor.producers, run.stats.producers
            goals: list[tuple[Callable[[], bool], Action]] = [
                (lambda: run.stats.calls > 0, Change(producers=3)),
                (lambda: all(one.calls for one in figures), Change(producers=1)),
                (lambda: [slot.pid is None for slot in slots] == [False, True, True], Change(producers=2)),
                (lambda: slots[1].generation == 1 and bool(slots[1].open_orders), Stop()),
            ]
            for _ in run.rounds():
                pids |= {slot.pid for slot in slots if slot.pid is not None}
                if goals and len(answers) == 4 - len(goals) and goals[0][0]():
                    run.steer(goals.pop(0)[1], answers.append)
            result = run.result()
        trace = Trace(collector.store.spans())
    assert answers == ["", "", "", ""]
    assert (result.stop_reason, result.failed_calls, result.cancelled_calls) == (StopReason.INTERRUPTED, 0, 0)
    assert [slot.restarts for slot in slots] == [0, 0, 0]
    assert len(pids) == 4
    assert not [pid for pid in pids if _lives(pid)]
    exited(trace, 0).count(4).every({spans.EXIT_EXPECTED: True})
    trace.select(status="error").none()
    assert_complete(trace)
    assert len((tmp_path / "run" / "attributes.txt").read_text().splitlines()) == result.unique


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
