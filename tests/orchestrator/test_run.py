"""The run's loop over in-memory seams: producers are threads that answer as each test says."""

import itertools
import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from archive.filesystem import MemoryFileSystem
from contract.discovery import KeptExploration
from contract.errors import ConnectionFailed, ErrorKind, ProducerStartError
from contract.identity import Identity
from contract.messages import (
    Cancel,
    Configure,
    Item,
    ItemBatch,
    Order,
    OrderDone,
    OrderFailed,
    ProviderSetup,
    Ready,
    Shutdown,
    Usage,
)
from orchestrator.events import ItemFound, OrderEnded, ProducerDied, ProviderDisabled, RunEvent, StopReason
from orchestrator.exploration.discovery import Step
from orchestrator.exploration.explorer import PILOT
from orchestrator.limits import DRY_RESPONSES
from orchestrator.observer import UNOBSERVED, RunObserver
from orchestrator.pricing import FlatPrice, Price
from orchestrator.processes.communicator import MemoryCommunicator, MemoryEndpoint
from orchestrator.processes.process_manager import ThreadProcessManager
from orchestrator.producers import Happening
from orchestrator.providers import ProviderSpec
from orchestrator.run import Run
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.supervisor import Supervisor

FOLDER = Path("/runs/fruit")


class Answers:
    """What producers answer; records the orders that they got.

    Args:
        answer: From an order to the messages that are sent for it. None as a message: the producer dies there.
    """

    def __init__(self, answer: Callable[[Order], Iterable[ItemBatch | OrderDone | OrderFailed | None]]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.orders: list[Order] = []
        self.cancelled: list[int] = []

    def __call__(self, endpoint: MemoryEndpoint) -> None:
        """Body of one producer."""
        while True:
            message = endpoint.receive()
            if isinstance(message, Configure):
                endpoint.send(Ready(1, 0.0))
            elif isinstance(message, Order):
                with self._lock:
                    self.orders.append(message)
                    replies = list(self._answer(message))
                for reply in replies:
                    if reply is None:
                        endpoint.close(torn=True)
                        return
                    endpoint.send(reply)
            elif isinstance(message, Cancel):
                self.cancelled.append(message.order_id)
                endpoint.send(OrderFailed(message.order_id, 0, ErrorKind.CANCELLED, "cancelled", 0))
            elif message is None or isinstance(message, Shutdown):
                endpoint.close()
                return


def batch(order: Order, *texts: str) -> ItemBatch:
    """Items of an order."""
    return ItemBatch(order.id, order.attempt, tuple(Item(text) for text in texts))


def done(order: Order, usage: Usage | None = None) -> OrderDone:
    """A good end."""
    return OrderDone(order.id, order.attempt, usage or Usage(10, 20), "stop", 0, 0, 0.1, 0.2)


def failed(order: Order, kind: ErrorKind, message: str = "it failed", items: int = 0) -> OrderFailed:
    """A bad end that asks for no pause."""
    return OrderFailed(order.id, order.attempt, kind, message, items)


def spec(name: str = "x", weight: float = 1.0) -> ProviderSpec:
    """A provider."""
    return ProviderSpec("test", weight, 8192, None, ProviderSetup(f"test:{name}", "simulated", name))


def build(
    answers: Callable[[MemoryEndpoint], None],
    filesystem: MemoryFileSystem | None = None,
    specs: tuple[ProviderSpec, ...] = (spec(),),
    price: Price | None = None,
    observer: RunObserver = UNOBSERVED,
    **settings: object,
) -> Run:
    """A run over memory."""
    made = Settings(topic="Fruit", **{"producers": 2, "concurrency": 2, **settings})  # type: ignore[arg-type]
    communicator = MemoryCommunicator()
    store = Store.open(
        FOLDER,
        "Fruit",
        identity=Identity.NORMALIZED,
        filesystem=filesystem or MemoryFileSystem(),
        max_items=made.max_attributes,
    )
    supervisor = Supervisor(
        made.producers, [one.setup for one in specs], "info", communicator, ThreadProcessManager(answers), observer
    )
    prices: dict[str, Price | None] = {one.name: price or FlatPrice(0, 0) for one in specs}
    return Run(made, specs, prices, store, supervisor, communicator.wake, observer)


def attributes(filesystem: MemoryFileSystem) -> bytes:
    """What stands in attributes.txt."""
    with filesystem.open_read(FOLDER / "attributes.txt") as stream:
        return stream.read()


def play(run: Run) -> list[RunEvent]:
    """Run to the end; all events."""
    return [event for events in run.rounds() for event in events]


def numbered() -> Callable[[Order], list[ItemBatch | OrderDone | OrderFailed | None]]:
    """Each order brings three new items and one that all bring."""
    counter = itertools.count(1)

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        return [batch(order, "Apple", *(f"Fruit number {next(counter)}" for _ in range(3))), done(order)]

    return answer


def test_iterations_are_kept_for_each_producer() -> None:
    """Each producer makes its N requests, no more; every item is found once; the result adds up."""
    answers = Answers(numbered())
    filesystem = MemoryFileSystem()
    run = build(answers, filesystem, iterations=5)
    events = play(run)
    result = run.result()
    assert result.stop_reason is StopReason.ITERATIONS
    assert len(answers.orders) == 10 == result.calls
    found = [event.text for event in events if isinstance(event, ItemFound)]
    assert len(found) == len(set(found)) == 31 == result.unique == result.new
    assert result.duplicates == 9
    assert (result.input_tokens, result.output_tokens, result.cost_usd) == (100, 200, 0.0)
    assert attributes(filesystem).decode().split("\n")[:-1] == found


def test_what_is_known_goes_into_later_orders() -> None:
    """Every producer profits from what the others have found."""
    answers = Answers(numbered())
    run = build(answers, iterations=10, concurrency=1, strategy="listed")
    play(run)
    assert answers.orders[0].avoid == ()
    assert any("Apple" in order.avoid for order in answers.orders[1:])
    assert max(len(order.avoid) for order in answers.orders) > 5


def test_a_second_run_continues() -> None:
    """The same topic again: earlier items are known, order numbers go on."""
    filesystem = MemoryFileSystem()
    play(build(Answers(numbered()), filesystem, iterations=1, producers=1))
    answers = Answers(lambda order: [batch(order, "apple", "Kiwi"), done(order)])
    run = build(answers, filesystem, iterations=1, producers=1)
    play(run)
    assert (run.result().unique, run.result().new) == (5, 1)
    assert answers.orders[0].id == 2


def test_how_far_the_topic_is_explored_is_kept_and_goes_on() -> None:
    """The figures of the end are in the result and in run.json; the next run begins with the curve of this one."""
    filesystem = MemoryFileSystem()
    run = build(Answers(numbered()), filesystem, iterations=5)
    play(run)
    result = run.result()
    assert result.exploration is not None
    with filesystem.open_read(FOLDER / "run.json") as stream:
        manifest = json.loads(stream.read())
    assert manifest["run"]["explanation"] == result.explanation
    assert manifest["exploration"]["coverage"] == result.coverage
    assert manifest["exploration"]["next_yield"] == result.exploration.next_yield
    assert run.explorer.course.steps()[-1] == Step(10, 31)
    again = build(Answers(numbered()), filesystem, iterations=5)
    assert again.explorer.course.steps() == run.explorer.course.steps()
    again.store.close()


def test_a_run_keeps_how_far_it_is_while_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """For readers of its folder, and in case it is killed; why it ended is known at the end only."""
    monkeypatch.setattr("orchestrator.run._KEEP_S", 0.0)
    kept: list[KeptExploration] = []
    monkeypatch.setattr(Store, "keep_exploration", lambda store, one: kept.append(one))
    play(build(Answers(numbered()), iterations=5))
    assert {one.run for one in kept} == {1}
    assert {one.explanation for one in kept[:-1]} == {""}
    assert kept[-1].explanation.startswith("every producer has made its requests")


def test_max_attributes_is_exact() -> None:
    """Not one item more stands in the file, and no further orders are given."""
    filesystem = MemoryFileSystem()
    run = build(Answers(numbered()), filesystem, max_attributes=10)
    play(run)
    assert run.result().stop_reason is StopReason.MAX_ATTRIBUTES
    assert run.result().unique == 10
    assert attributes(filesystem).count(b"\n") == 10


def test_the_money_limit_holds() -> None:
    """Orders stop before the limit could be passed."""
    price = FlatPrice(0.0, 1000.0)  # 20 output tokens cost 2 cents, the worst case of an order 1.36 dollars
    run = build(Answers(numbered()), price=price, max_cost_usd=2.0)
    play(run)
    result = run.result()
    assert result.stop_reason is StopReason.MAX_COST
    assert result.cost_usd is not None
    assert 0.5 < result.cost_usd <= 2.0


def test_a_broken_attempt_is_continued_with_the_rest() -> None:
    """What had come is kept and counted once; the retry asks for what is missing and names what had come."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.attempt == 0:
            return [batch(order, "Apple", "Pear"), failed(order, ErrorKind.STREAM_TRUNCATED, items=2)]
        return [batch(order, "Apple", "Plum"), done(order)]

    answers = Answers(answer)
    run = build(answers, producers=1, iterations=1, request_size=5)
    events = play(run)
    first, second = answers.orders
    assert (first.id, second.attempt, second.size) == (second.id, 1, 3)
    assert set(second.avoid) == {"Apple", "Pear"}
    assert [event.text for event in events if isinstance(event, ItemFound)] == ["Apple", "Pear", "Plum"]
    totals = run.result()
    assert (totals.calls, totals.failed_calls, totals.unique) == (2, 1, 3)


def test_an_order_whose_items_had_all_come_is_not_bought_again() -> None:
    """A stream that breaks after the last item needs no retry."""
    answers = Answers(lambda order: [batch(order, "Apple", "Pear"), failed(order, ErrorKind.STREAM_TRUNCATED, items=2)])
    run = build(answers, producers=1, iterations=1, request_size=2)
    play(run)
    assert len(answers.orders) == 1


def test_attempts_are_bounded() -> None:
    """An order that never succeeds is given up after its attempts, and the run goes on to its end."""
    answers = Answers(
        lambda order: [failed(order, ErrorKind.BAD_RESPONSE)] if order.id == 1 else [batch(order, "Apple"), done(order)]
    )
    run = build(answers, producers=1, concurrency=1, iterations=2, max_attempts=2)
    events = play(run)
    assert [order.id for order in answers.orders].count(1) == 2
    given_up = [event for event in events if isinstance(event, OrderEnded) and event.error and event.retry_in_s is None]
    assert len(given_up) == 1
    assert run.result().stop_reason is StopReason.ITERATIONS


def test_a_disabled_provider_leaves_its_work_to_the_others() -> None:
    """A wrong key disables one provider with a message; its order is done by another; the run is no failure."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.provider == "test:bad":
            return [failed(order, ErrorKind.AUTH, "the key is wrong")]
        return numbered_answer(order)

    numbered_answer = numbered()
    answers = Answers(answer)
    run = build(answers, specs=(spec("bad"), spec("good")), iterations=3)
    events = play(run)
    (disabled,) = [event for event in events if isinstance(event, ProviderDisabled)]
    assert (disabled.provider, disabled.message) == ("test:bad", "the key is wrong")
    done_orders = {order.id for order in answers.orders if order.provider == "test:good"}
    assert len(done_orders) == 6
    assert run.result().exit_code == 0


def test_a_retry_elsewhere_is_an_order_of_its_own() -> None:
    """What each provider brought stands under its own name; the second is asked for the rest only."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.provider == "test:bad":
            return [batch(order, "Apple", "Pear"), failed(order, ErrorKind.QUOTA, "no credit", items=2)]
        return [batch(order, "Apple", "Plum"), done(order)]

    filesystem = MemoryFileSystem()
    answers = Answers(answer)
    specs = (spec("bad", weight=1.5), spec("good"))
    run = build(answers, filesystem, specs=specs, producers=1, concurrency=1, iterations=1, request_size=5)
    events = play(run)
    first, second = answers.orders
    assert (first.provider, second.provider) == ("test:bad", "test:good")
    assert second.id != first.id
    assert (second.size, set(second.avoid)) == (3, {"Apple", "Pear"})
    found = {event.text: event.provider for event in events if isinstance(event, ItemFound)}
    assert found == {"Apple": "test:bad", "Pear": "test:bad", "Plum": "test:good"}
    with filesystem.connect_database(FOLDER / "run.db") as database:
        rows = database.execute("SELECT model, state, new FROM orders ORDER BY id").fetchall()
    assert rows == [("bad", "failed", 2), ("good", "done", 1)]


def test_no_provider_left_ends_the_run() -> None:
    """When every provider is disabled the run ends with its own exit code and says why."""
    run = build(Answers(lambda order: [failed(order, ErrorKind.AUTH, "the key is wrong")]))
    play(run)
    result = run.result()
    assert (result.stop_reason, result.exit_code) == (StopReason.NO_PROVIDER, 4)
    assert "the key is wrong" in result.explanation


def test_an_unlimited_run_ends_when_nothing_new_comes() -> None:
    """Answers that always bring the same show soon that there is nothing more."""
    answers = Answers(lambda order: [batch(order, "Apple"), done(order)])
    run = build(answers)
    play(run)
    assert run.result().stop_reason is StopReason.EXHAUSTED
    assert PILOT <= len(answers.orders) <= DRY_RESPONSES


def test_a_dying_producer_loses_nothing() -> None:
    """Its open order is finished by another process; what it had sent is kept and counted once."""
    deaths = iter(range(3))

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if next(deaths, None) is not None:
            return [batch(order, "Apple", f"Last words {order.id}"), None]
        return [batch(order, "Apple", "Pear"), done(order)]

    run = build(Answers(answer), iterations=3)
    events = play(run)
    assert len([event for event in events if isinstance(event, ProducerDied)]) == 3
    found = [event.text for event in events if isinstance(event, ItemFound)]
    assert len(found) == len(set(found))
    assert {"Apple", "Pear"} < set(found)
    assert any(text.startswith("Last words") for text in found)
    assert run.result().stop_reason is StopReason.ITERATIONS
    assert run.store.totals().unique == len(found)


@pytest.mark.parametrize("kind", [ErrorKind.CONTEXT_OVERFLOW, ErrorKind.PROCESS_CRASH, ErrorKind.OTHER])
def test_a_provider_that_never_gets_anywhere_ends_the_run(kind: ErrorKind) -> None:
    """Whatever the reason: when order after order comes to nothing, an unlimited run does not ask for ever."""
    answers = Answers(lambda order: [failed(order, kind, "again")])
    run = build(answers, max_attempts=1)
    play(run)
    assert run.result().stop_reason is StopReason.NO_PROVIDER
    assert len(answers.orders) <= 20


def test_a_smaller_context_gets_a_shorter_request() -> None:
    """After an overflow both the list and the room for the answer shrink."""
    answers = Answers(
        lambda order: (
            [failed(order, ErrorKind.CONTEXT_OVERFLOW)]
            if order.max_output_tokens > 400
            else [batch(order, "Apple"), done(order)]
        )
    )
    run = build(answers, producers=1, concurrency=1, iterations=1)
    play(run)
    assert [order.max_output_tokens for order in answers.orders] == [1360, 680, 340]
    assert run.result().unique == 1


def test_new_items_in_broken_answers_are_no_dry_spell() -> None:
    """The rule for "nothing new" counts what broken answers brought too."""
    counter = itertools.count()

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.id % 2:
            return [batch(order, "Apple"), done(order)]
        return [batch(order, f"Fruit {next(counter)}"), failed(order, ErrorKind.STREAM_TRUNCATED)]

    run = build(Answers(answer), producers=1, concurrency=1, max_attempts=1, max_attributes=30)
    play(run)
    assert run.result().stop_reason is StopReason.MAX_ATTRIBUTES


def test_calls_of_uncertain_cost_count_against_the_limit() -> None:
    """A provider may charge for a call that timed out: the limit counts what was reserved for it."""
    price = FlatPrice(0.0, 1000.0)
    answers = Answers(lambda order: [failed(order, ErrorKind.TIMEOUT)])
    run = build(answers, price=price, max_cost_usd=3.0, max_attempts=1)
    play(run)
    assert run.result().stop_reason is StopReason.MAX_COST
    assert len(answers.orders) == 2  # at 1.36 dollars each, a third could pass the limit


def test_a_dear_provider_does_not_stop_a_free_one() -> None:
    """Where the money is not enough for one provider, the others go on."""
    answers = Answers(numbered())
    run = build(answers, specs=(spec("dear"), spec("free")), iterations=3, max_cost_usd=0.01)
    prices = run.desk._prices
    assert isinstance(prices, dict)
    prices["test:dear"] = FlatPrice(0.0, 1000.0)
    play(run)
    assert {order.provider for order in answers.orders} == {"test:free"}
    assert run.result().stop_reason is StopReason.ITERATIONS


def test_a_dead_local_server_is_one_provider_less() -> None:
    """The others go on; alone it ends the run with its reason."""

    def gone() -> None:
        raise ConnectionFailed("the local model's server ended")

    local = ProviderSpec("local", 1.0, 2048, 4, ProviderSetup("local:x", "openai", "x"))
    run = build(Answers(lambda order: []), specs=(local,))
    run._check = gone
    run._next_check = 0.0  # now, not in a second
    play(run)
    assert run.result().exit_code == 4
    assert "server ended" in run.result().explanation


def test_producers_that_cannot_start_end_the_run() -> None:
    """No respawn loop: the run ends with its own exit code, its failure in words."""
    run = build(lambda endpoint: endpoint.close())
    play(run)
    assert isinstance(run.failure, ProducerStartError)
    assert run.result().exit_code == 5


@pytest.mark.parametrize("presses", [1, 2])
def test_interrupting(presses: int) -> None:
    """Once: open responses are finished. Twice: their streams are cancelled. Either way all that came is kept."""
    gate = threading.Event()

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        first = batch(order, f"Fruit {order.id}")
        return [first, done(order)] if gate.is_set() else [first]

    answers = Answers(answer)
    run = build(answers, producers=1, concurrency=1)
    rounds = run.rounds()
    while run.stats.new == 0:
        next(rounds)
    for _ in range(presses):
        run.interrupt()
    if presses == 1:
        for _ in range(2):
            next(rounds)
        assert answers.cancelled == []
        run.terminate()
    events = [event for events in rounds for event in events]
    assert answers.cancelled == [1]
    assert events
    result = run.result()
    assert (result.stop_reason, result.exit_code, result.unique) == (StopReason.INTERRUPTED, 130, 1)


def test_leaving_early_takes_in_what_open_streams_hold() -> None:
    """A caller that stops iterating has paid for the open streams: what they deliver at the end is kept and counted."""

    class LastWords(Answers):
        def __call__(self, endpoint: MemoryEndpoint) -> None:
            while True:
                message = endpoint.receive()
                if isinstance(message, Configure):
                    endpoint.send(Ready(1, 0.0))
                elif isinstance(message, Order):
                    endpoint.send(batch(message, f"First {message.id}"))
                elif isinstance(message, Cancel):
                    endpoint.send(ItemBatch(message.order_id, 0, (Item(f"Last {message.order_id}"),)))
                    endpoint.send(
                        OrderFailed(message.order_id, 0, ErrorKind.CANCELLED, "cancelled", 2, usage=Usage(5, 5))
                    )
                elif message is None or isinstance(message, Shutdown):
                    endpoint.close()
                    return

    run = build(LastWords(lambda order: []), producers=1, concurrency=2)
    rounds = run.rounds()
    while run.stats.new < 2:
        next(rounds)
    rounds.close()
    result = run.result()
    assert (result.unique, result.calls, result.cancelled_calls) == (4, 2, 2)
    assert result.output_tokens == 10


def test_leaving_early_ends_everything() -> None:
    """A program that stops iterating leaves no process, an ended run and all its items behind."""
    filesystem = MemoryFileSystem()
    run = build(Answers(numbered()), filesystem)
    rounds = run.rounds()
    while run.stats.new < 5:
        next(rounds)
    rounds.close()
    assert all(producer.handle is None or producer.handle.exit_code() == 0 for producer in run.supervisor.producers)
    assert attributes(filesystem).count(b"\n") == run.result().unique >= 5


def test_a_full_disk_ends_the_run_with_what_was_kept() -> None:
    """The run stops with one clear error; everything written before is valid, and a later run completes the file."""
    filesystem = MemoryFileSystem()
    run = build(Answers(numbered()), filesystem, iterations=50)
    rounds = run.rounds()
    while run.stats.new < 5:
        next(rounds)
    filesystem.fail_after_bytes(10)
    for _ in rounds:
        pass
    assert run.result().exit_code == 6
    assert "space" in str(run.failure).lower() or "full" in str(run.failure).lower()
    filesystem.fail_after_bytes(None)
    again = build(Answers(numbered()), filesystem, iterations=1)
    lines = attributes(filesystem).decode().split("\n")[:-1]
    assert len(lines) == len(set(lines)) == again.store.totals().unique
    again.store.close()


def test_a_run_that_advises_nobody_any_more_waits_for_answers() -> None:
    """Once whole answers are read, what was left to tell the producers does not keep the loop from waiting."""
    run = build(Answers(numbered()), producers=1, iterations=4, patience=5)
    run._feed.tell = lambda: True  # type: ignore[method-assign] # there is always more to tell
    waits: list[tuple[bool, float]] = []
    receive = run.supervisor.receive

    def noted(timeout_s: float) -> list[Happening]:
        waits.append((run.desk.patient, timeout_s))
        run.desk.patient = True
        return receive(timeout_s)

    run.supervisor.receive = noted  # type: ignore[method-assign]
    play(run)
    assert waits[0] == (False, 0.0)
    assert all(timeout_s > 0 for patient, timeout_s in waits[1:] if patient)


def test_a_run_of_which_every_request_failed_says_so() -> None:
    """It made the requests that it may make, and is no success all the same."""
    run = build(
        Answers(lambda order: [failed(order, ErrorKind.BAD_RESPONSE)]), iterations=1, producers=1, max_attempts=1
    )
    play(run)
    result = run.result()
    assert (result.stop_reason, result.exit_code) == (StopReason.ITERATIONS, 4)
    assert result.explanation == "all 1 request failed, last: it failed"


def test_the_figures_of_the_end_are_the_same_everywhere() -> None:
    """What decided the end is told as it was; how far the topic is explored as it is, though answers came behind it."""
    run = build(Answers(numbered()), until_coverage=0.05, seed=1)
    play(run)
    result = run.result()
    assert result.stop_reason is StopReason.COVERAGE
    assert result.coverage is not None
    assert f"is reached: {result.coverage:.1%} of" in result.explanation
