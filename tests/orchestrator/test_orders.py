"""The order desk: a conversation that an ask continues becomes the words of an order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from archive.filesystem import MemoryFileSystem
from contract.errors import ErrorKind
from contract.messages import WHOLE, ItemBatch, Order, OrderDone, OrderFailed, Scope, Usage
from orchestrator.events import StopReason
from orchestrator.exploration import Ask
from orchestrator.exploration.arms import Arm, Way
from orchestrator.limits import worst_case_usd
from orchestrator.pricing import FlatPrice, Price
from orchestrator.providers import ProviderSpec
from orchestrator.routing import ProviderState, Router
from orchestrator.run import Run
from tests.orchestrator.test_run import Answers, batch, build, done, failed, numbered, play, spec

Reply = ItemBatch | OrderDone | OrderFailed | None
CONVERSATION = (("Apple", "Pear"), ("Kiwi",))


def continuing(
    answers: Answers, *specs: ProviderSpec, asks: tuple[tuple[int, ...], ...] = ((1, 2), (3,)), **settings: object
) -> tuple[Run, MemoryFileSystem]:
    """A run that knows Apple, Pear and Kiwi, by their ids 1 to 3, and whose every order continues what was said."""
    files = MemoryFileSystem()
    first = Answers(lambda order: [batch(order, "Apple", "Pear", "Kiwi"), done(order)])
    play(build(first, files, iterations=1, producers=1, strategy="plain"))
    given: dict[str, object] = {"iterations": 1, "producers": 1, **settings}
    run = build(answers, files, specs=specs or (spec(),), **given)  # type: ignore[arg-type] # settings by name
    ask = Ask("explore", run.explorer.arms[1], continues=asks)
    run.explorer.ask = lambda *_: ask  # type: ignore[method-assign, assignment] # what is asked is the test's
    return run, files


def test_ids_become_texts() -> None:
    """An order shows the answers that the ask names, oldest first; ids that nobody knows are left out."""
    answers = Answers(lambda order: [batch(order, "Fig"), done(order)])
    run, files = continuing(answers, asks=((1, 2), (77,), (3, 78)))
    play(run)
    assert [(order.mode, order.said, order.avoid) for order in answers.orders] == [("explore", CONVERSATION, ())]
    again = build(answers, files)
    assert [past.said for past in again.store.past_orders()] == [0, 2]


def test_a_broken_continuation_goes_on_with_what_is_missing() -> None:
    """The next attempt shows the same conversation, asks for fewer and names what the first had brought."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.attempt == 0:
            return [batch(order, "Fig", "Plum"), failed(order, ErrorKind.STREAM_TRUNCATED)]
        return [batch(order, "Lime"), done(order)]

    answers = Answers(answer)
    run, _ = continuing(answers, request_size=10)
    play(run)
    first, second = answers.orders
    assert (first.id, first.said, second.said) == (second.id, CONVERSATION, CONVERSATION)
    assert (second.size, second.avoid) == (8, ("Fig", "Plum"))


def test_another_provider_takes_the_conversation_over() -> None:
    """What one model said is shown to the next as its own."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        if order.provider == "test:x":
            return [batch(order, "Fig"), failed(order, ErrorKind.AUTH)]
        return [batch(order, "Lime"), done(order)]

    answers = Answers(answer)
    run, _ = continuing(answers, spec("x", 1000.0), spec("y", 1e-6))
    play(run)
    first, second = answers.orders[:2]
    assert (first.provider, second.provider) == ("test:x", "test:y")
    assert second.said == CONVERSATION
    assert second.avoid == ("Fig",)


def test_a_prompt_that_was_too_long_loses_the_oldest_answers() -> None:
    """After an overflow of the context, half of the budget is left for list and conversation."""

    def answer(order: Order) -> list[ItemBatch | OrderDone | OrderFailed | None]:
        return [failed(order, ErrorKind.CONTEXT_OVERFLOW)] if order.said == CONVERSATION else [done(order)]

    answers = Answers(answer)
    # A share of 100 tokens: both answers take 90, and half of it only the newer one.
    run, _ = continuing(answers, msgspec.structs.replace(spec(), context_tokens=400), avoid_share=0.25)
    play(run)
    assert [order.said for order in answers.orders] == [CONVERSATION, CONVERSATION[1:]]


def test_a_model_without_lists_may_continue() -> None:
    """A model that parrots avoid-lists is shown its conversation, and no list."""
    answers = Answers(lambda order: [batch(order, "Fig"), done(order)])
    run, _ = continuing(answers, msgspec.structs.replace(spec(), takes_avoid_list=False))
    play(run)
    assert [(order.said, order.avoid) for order in answers.orders] == [(CONVERSATION, ())]


def test_a_plan_that_another_provider_takes_over_is_bought_once() -> None:
    """The order that takes its place is the plan; the parts that it names are asked about."""
    plans: list[Order] = []
    answer = planning(plans)

    def answered(order: Order) -> list[Reply]:
        if order.provider == "test:x" and order.mode == "plan":
            return [failed(order, ErrorKind.AUTH)]
        return answer(order)

    answers = Answers(answered)
    # Only the first is asked, until it refuses.
    play(build(answers, specs=(spec("x", 1000.0), spec("y", 1e-6)), producers=1, iterations=30, request_size=10))
    assert [order.provider for order in plans if order.provider == "test:y"] == ["test:y"]
    assert sum(order.mode == "plan" for order in answers.orders) == 2
    assert any(order.scope.facet for order in answers.orders)


def test_a_plan_that_broke_off_and_was_taken_up_again_is_bought_once() -> None:
    """Its parts count though they came in two pieces."""
    plans: list[Order] = []
    answer = planning(plans)

    def answered(order: Order) -> list[Reply]:
        if order.mode == "plan" and order.attempt == 0:
            return [batch(order, "part one", "part two"), failed(order, ErrorKind.STREAM_TRUNCATED)]
        return answer(order)

    answers = Answers(answered)
    files = MemoryFileSystem()
    play(build(answers, files, producers=1, iterations=30, request_size=10))
    assert len({order.id for order in answers.orders if order.mode == "plan"}) == 1
    again = build(answers, files, producers=1, iterations=30, request_size=10)
    assert {"part one", "part 0"} <= {arm.scope.facet for arm in again.explorer.arms}
    play(again)
    assert len({order.id for order in answers.orders if order.mode == "plan"}) == 1


def test_the_parts_of_a_plan_that_moved_are_kept() -> None:
    """The first provider named most of them before it broke off: they count with those of the second."""

    def answered(order: Order) -> list[Reply]:
        if order.mode != "plan":
            return answer(order)
        if order.provider == "test:x":
            return [batch(order, *(f"part {number}" for number in range(38))), failed(order, ErrorKind.QUOTA)]
        return [batch(order, *(f"last part {number}" for number in range(order.size))), done(order)]

    answer = planning([])
    answers, files = Answers(answered), MemoryFileSystem()
    specs = (spec("x", 1000.0), spec("y", 1e-6))
    run = build(answers, files, specs=specs, producers=1, iterations=20, request_size=10)
    play(run)
    assert sum(bool(arm.scope.facet) for arm in run.explorer.arms) == 40
    again = build(answers, files, specs=specs, producers=1, iterations=20, request_size=10)
    assert sum(bool(arm.scope.facet) for arm in again.explorer.arms) == 40


def test_a_run_ends_though_the_provider_that_takes_parts_has_gone() -> None:
    """What only that one would be asked keeps the other one from nothing."""
    counter = itertools.count(1)

    def answered(order: Order) -> list[Reply]:
        if order.provider == "test:x" and (order.mode == "plan" or order.id < 12):
            return answer(order)
        if order.provider == "test:x":
            return [failed(order, ErrorKind.QUOTA)]
        invented = [f"Invention {next(counter)}"] if order.id % 15 == 0 else []
        return [batch(order, *(f"Fruit {number}" for number in range(1, 11)), *invented), done(order)]

    answer = planning([])
    answers = Answers(answered)
    small = msgspec.structs.replace(spec("y"), takes_parts=False, takes_avoid_list=False)
    run = build(answers, specs=(spec("x"), small), producers=1, concurrency=1, request_size=10, seed=1)
    for number, _ in enumerate(run.rounds()):
        assert number < 5000, "it never ends"
    assert run.result().stop_reason is StopReason.EXHAUSTED


def planning(plans: list[Order]) -> Callable[[Order], list[Reply]]:
    """Answers with new items only, and plans, which are noted, with parts."""
    counter = itertools.count(1)

    def answer(order: Order) -> list[Reply]:
        if order.mode == "plan":
            plans.append(order)
            return [batch(order, *(f"part {number}" for number in range(8))), done(order)]
        return [batch(order, *(f"Fruit {next(counter)}" for _ in range(10))), done(order)]

    return answer


def test_a_plan_that_is_too_dear_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the money does for a request but not for a plan, other requests are made, and the plan is not forgotten."""
    answers = Answers(planning([]))
    price = FlatPrice(1.0, 1.0)
    run = build(answers, specs=(spec(),), price=price, producers=1, concurrency=1, request_size=10, max_cost_usd=1.0)
    state = run.router.states["test:x"]
    dear = worst_case_usd(run.desk.preview(state, Ask("plan", run.explorer.plain, parts=40)), price)
    affords = run.budget.affords
    refused: list[Order] = []

    def too_dear_at_first(order: Order, of: Price | None) -> bool:
        if order.mode == "plan" and len(refused) < 3:
            refused.append(order)
            return False
        return affords(order, of)

    monkeypatch.setattr(run.budget, "affords", too_dear_at_first)
    run.budget.limit_usd = 40 * dear
    run.settings = run.desk.settings = msgspec.structs.replace(run.settings, iterations=30)
    play(run)
    assert len(refused) == 3
    assert [order.mode for order in answers.orders].count("plan") == 1


@pytest.mark.parametrize(
    ("message", "certain"),
    [
        (OrderFailed(1, 0, ErrorKind.OVERLOADED, "503", 0, status=503), True),
        (OrderFailed(1, 0, ErrorKind.AUTH, "401", 0, status=401), True),
        (OrderFailed(1, 0, ErrorKind.CONNECTION, "refused", 0, unsent=True), True),
        (OrderFailed(1, 0, ErrorKind.BAD_RESPONSE, "html", 0, usage=Usage(10, 3)), True),
        (OrderFailed(1, 0, ErrorKind.CONNECTION, "hung up", 0), False),
        (OrderFailed(1, 0, ErrorKind.OVERLOADED, "in mid-stream", 0), False),
        (OrderFailed(1, 0, ErrorKind.BAD_RESPONSE, "html", 0, status=200), False),
        (OrderFailed(1, 0, ErrorKind.TIMEOUT, "late", 0, usage=Usage(10, 3, estimated=True)), False),
    ],
)
def test_what_a_failed_call_cost_is_certain_only_where_it_was_told_or_never_taken(
    message: OrderFailed, certain: bool
) -> None:
    """Else the limit counts the most that it can have cost."""
    answers = Answers(lambda order: [msgspec.structs.replace(message, order_id=order.id, attempt=order.attempt)])
    price = FlatPrice(1.0, 1.0)
    run = build(answers, price=price, producers=1, concurrency=1, iterations=1, max_attempts=1, max_cost_usd=1e6)
    state = run.router.states["test:x"]
    most = worst_case_usd(run.desk.preview(state, Ask("audit", run.explorer.plain)), price)
    play(run)
    told = 0.0 if message.usage is None else price.cost_usd(message.usage)
    assert run.budget.spent_usd == pytest.approx(told if certain else most)


@pytest.mark.parametrize(
    ("parts", "scope"),
    [(40, WHOLE), (0, Scope(besides=tuple(f"a part with a name as long as part {number}" for number in range(40))))],
)
def test_what_a_plan_or_a_scope_adds_stays_under_the_limit(parts: int, scope: Scope) -> None:
    """Where the money does for a plain request but not for a longer one, the plain one is made, and the limit holds."""
    answers = Answers(lambda order: [batch(order, f"Item {order.id}"), done(order)])
    price = FlatPrice(1.0, 1.0)
    takes_none = msgspec.structs.replace(spec(), takes_avoid_list=False)
    run = build(answers, specs=(takes_none,), price=price, producers=1, request_size=10, max_cost_usd=1.0)
    plain, listed = run.explorer.arms[:2]
    whole = run.desk.preview(run.router.states[takes_none.name], Ask("explore", listed))
    run.budget.limit_usd = 1.01 * worst_case_usd(whole, price)
    long = Ask("plan", plain, parts=parts) if parts else Ask("explore", Arm(Way.FACET, scope))
    run.explorer.ask = lambda *_: long  # type: ignore[method-assign, assignment] # what is asked is the test's
    reserved: list[float] = []

    def reserve(order: Order, _: object) -> None:
        reserved.append(worst_case_usd(order, price))

    run.budget.reserve = reserve  # type: ignore[method-assign]
    play(run)
    assert answers.orders[0].mode == "audit"
    assert max(reserved) <= run.budget.limit_usd


def test_no_provider_loses_its_turn_while_first_answers_are_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider is chosen for orders that go out, and not while the explorer has nothing to ask yet."""
    chosen: list[ProviderState | None] = []
    choose = Router.choose

    def noted(self: Router, *given: Any) -> ProviderState | None:
        chosen.append(choose(self, *given))
        return chosen[-1]

    monkeypatch.setattr(Router, "choose", noted)
    specs = (spec("few", weight=1.0), spec("many", weight=3.0))
    run = build(Answers(numbered()), specs=specs, producers=3, concurrency=4, iterations=4)
    play(run)
    assert len(chosen) == run.result().calls == 12
