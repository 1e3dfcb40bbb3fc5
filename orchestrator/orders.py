"""The order desk: which orders are open, which wait for another try, what each has brought.

An order is one response that we want. It may take several attempts, with several providers and producers; what an
attempt brought before it failed is kept, and the next one asks for the rest only.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from contract.errors import ErrorKind
from contract.messages import Order, OrderDone, OrderFailed, Usage
from orchestrator.exploration import Ask, Explorer
from orchestrator.judging import Judge
from orchestrator.limits import Budget
from orchestrator.observer import RunObserver
from orchestrator.open_order import OpenOrder
from orchestrator.planner import (
    MAX_SAID,
    avoid_budget_tokens,
    avoid_list,
    build_order,
    conversation,
    known_budget_tokens,
    list_tokens,
    order_seed,
    request_size,
)
from orchestrator.pricing import Price
from orchestrator.producers import Producer
from orchestrator.retry import back_off_s, may_retry
from orchestrator.routing import ProviderState, Router
from orchestrator.settings import Settings
from orchestrator.store import Ending, Ingested, Store
from orchestrator.supervisor import Supervisor

log = logging.getLogger(__name__)

_TORN = ("length", "looping", "repeating")
"""Finish reasons of answers that did not come to their own end."""
_JUDGE_WAITS_S = 0.25
"""A judgement that nobody can be asked for now is looked at again after this."""


class OrderDesk:
    """Gives orders to producers and decides what becomes of the failed ones.

    Args:
        settings: Sizes, limits and attempts; may be replaced at any time.
        router: Chooses the provider.
        budget: Money.
        prices: Price by provider name, None where unknown.
        store: Issues and ends orders, knows the avoid-list's candidates.
        supervisor: Carries orders to the producers.
        explorer: Says what to ask, and learns what came of it.
        judge: Says which items a model is to judge, and learns the verdicts.
        observer: Told of each order that goes out.
        clock: Monotonic seconds.

    Attributes:
        open: Orders with producers, by id.
        patient: Whether all answers are read to their end, whatever the settings say.
        exploring: Whether new items are still asked for; if not, what is left is judged.
        money_ran_out: Whether the money left was not enough for an exploring order.
        judging_is_dear: The same for a validating one.
        judging_first: Whether what nobody has judged yet is judged before more is asked.
    """

    def __init__(
        self,
        settings: Settings,
        router: Router,
        budget: Budget,
        prices: Mapping[str, Price | None],
        store: Store,
        supervisor: Supervisor,
        explorer: Explorer,
        judge: Judge,
        observer: RunObserver,
        clock: Callable[[], float],
    ) -> None:
        self.open: dict[int, OpenOrder] = {}
        self.patient = False
        self.exploring = True
        self.money_ran_out = False
        self.judging_is_dear = False
        self.judging_first = False
        self.settings = settings
        self._router = router
        self._budget = budget
        self._prices = prices
        self._store = store
        self._supervisor = supervisor
        self._explorer = explorer
        self._judge = judge
        self._observer = observer
        self._clock = clock
        self._unlike = len({state.spec.takes_parts for state in router.states.values()}) > 1
        self._issued: Counter[int] = Counter()
        self._waiting: list[tuple[float, int, OpenOrder]] = []
        self._sequence = itertools.count()
        self._rng = random.Random(settings.seed)

    # --- giving --------------------------------------------------------------------------------------------

    def give_orders(self, share_new: float | None) -> None:
        """Fill the producers' free slots: retries first, one order for each free producer in turn.

        Args:
            share_new: Share of new items lately, None where nothing is known yet.
        """
        self.money_ran_out = self.judging_is_dear = False
        if self._unlike:
            states = self._router.states.values()
            asked = [state.spec.name for state in states if state.usable and self._affords(state, None)]
            self._explorer.can_ask(asked or self._router.states)
        given = True
        while given:
            free = [
                producer
                for producer in self._supervisor.producers
                if producer.takes_orders and len(producer.open_orders) < self.settings.concurrency
            ]
            free.sort(key=lambda producer: len(producer.open_orders))
            given = False
            for producer in free:
                given |= self._give_one(producer, share_new)

    def _give_one(self, producer: Producer, share_new: float | None) -> bool:
        """Give a producer an order, if there is one for it; whether it makes sense to try once more."""
        retry = bool(self._waiting) and self._waiting[0][0] <= self._clock()
        explored = sum(self._issued.values())
        if not retry and self._judge.is_due(explored, whole=not self.exploring, first=self.judging_first):
            order = self._validation()
            if order is not None:
                self._give(producer, order)
                return True
        if not retry and (self._explorer.waits or not self._wants_more(producer, share_new)):
            return False  # before a provider is chosen: one that then gets nothing would have lost its turn
        waiting = self._waiting[0][2] if retry else None
        judges = waiting is not None and waiting.judges
        available = self._router.available() if waiting is None or not judges else self._judge.available(waiting.batch)
        affordable = [state for state in available if self._affords(state, waiting)]
        if not judges:
            self.money_ran_out |= bool(available) and not affordable
        state = self._router.choose(affordable, self._explorer.worth.shares)
        if state is None:
            if waiting is not None and judges and not available and self._judge.has_judges:
                later = (self._clock() + _JUDGE_WAITS_S, next(self._sequence), heapq.heappop(self._waiting)[2])
                heapq.heappush(self._waiting, later)
                return True  # nobody else waits for the judge
            if retry and (available or judges):
                self.close(heapq.heappop(self._waiting)[2], "failed", ErrorKind.CANCELLED)
                return True  # the money may do for a smaller one
            return False
        if retry:
            order = self._moved(heapq.heappop(self._waiting)[2], state)
        else:
            order = self._first_attempt(state)
            if order is None:
                return False
            self._issued[producer.index] += 1
        self._give(producer, order)
        return True

    def _validation(self) -> OpenOrder | None:
        """A validating order, if anybody may be asked now and the money does."""
        batch = self._judge.batch()
        if not batch.candidates:
            return None
        available = sorted(self._judge.available(batch), key=lambda one: one.in_flight)
        for state in available:
            order = OpenOrder(state, len(batch.candidates), Ask("validate", self._explorer.plain), batch)
            if self._budget.affords(self._message(order), self._prices[state.spec.name]):
                return order
        self.judging_is_dear |= bool(available)
        return None

    def _give(self, producer: Producer, order: OpenOrder) -> None:
        """Send an order, a new one or a further attempt, to a producer."""
        state = order.provider
        price = self._prices[state.spec.name]
        message = self._message(order)
        if not self._budget.affords(message, price):
            # Its list or conversation is longer than the one that `_affords` reckoned with.
            message = msgspec.structs.replace(message, avoid=(), said=())
        if not order.id:
            message = self._issue(order, message, producer)
        self._budget.reserve(message, price)
        order.calls += 1
        state.in_flight += 1
        self.open[order.id] = order
        if carrier := self._observer.giving(message, producer.index, order.replaces):
            message = msgspec.structs.replace(message, carrier=dict(carrier))
        self._supervisor.give(producer, message)

    def _first_attempt(self, state: ProviderState) -> OpenOrder | None:
        """An order for what is to be asked next; a fresh one where the money does not do for what a scope adds.

        A plan that is too dear now, perhaps for what is on its way, waits.
        """
        size = request_size(self.settings.request_size, state.spec)
        for left in (self._orders_left(), 1):  # for the last order there is no plan
            ask = self._explorer.ask(state.spec.name, left)
            if ask is None:
                return None
            order = OpenOrder(state, ask.parts or size, ask)
            if self._budget.limit_usd is None:
                return order
            bare = msgspec.structs.replace(self._message(order), avoid=(), said=())
            if self._budget.affords(bare, self._prices[state.spec.name]):
                return order
            if ask.mode != "plan":
                break
        return OpenOrder(state, size, Ask("audit", self._explorer.plain))

    def preview(self, state: ProviderState, ask: Ask) -> Order:
        """What a producer would be told for this; nothing is given or noted."""
        size = ask.parts or request_size(self.settings.request_size, state.spec)
        message = self._message(OpenOrder(state, size, ask))
        affordable = self._budget.affords(message, self._prices[state.spec.name])
        return message if affordable else msgspec.structs.replace(message, avoid=(), said=())

    def _orders_left(self) -> int | None:
        """How many orders the run may still make, over all producers; None without a limit."""
        limit = self.settings.iterations
        if limit is None:
            return None
        wanted = [producer for producer in self._supervisor.producers if producer.wanted]
        return sum(max(0, limit - self._issued[producer.index]) for producer in wanted)

    def _affords(self, state: ProviderState, waiting: OpenOrder | None) -> bool:
        """Whether the money left is enough for the next order, were it this provider's."""
        if self._budget.limit_usd is None:
            return True
        if waiting is not None and waiting.judges:
            order = OpenOrder(state, waiting.size, waiting.ask, waiting.batch)
            return self._budget.affords(self._message(order), self._prices[state.spec.name])
        size = self.settings.request_size if waiting is None else waiting.missing
        ask = self._explorer.dearest if waiting is None else waiting.ask
        order = OpenOrder(state, request_size(size, state.spec), ask)
        if waiting is not None:
            order.had = (*waiting.had, *waiting.received)
        return self._budget.affords(self._message(order), self._prices[state.spec.name])

    def _moved(self, order: OpenOrder, state: ProviderState) -> OpenOrder:
        """The order to try again with `state`.

        Another provider's answer is another response: it gets an order of its own, so that each item's provenance is
        right. It asks for what is missing, and names what had come.
        """
        if state is order.provider:
            return order
        order.replaced = True
        self.close(order, "failed", order.last_error)
        if order.judges:
            other = OpenOrder(state, order.size, order.ask, order.batch)
            other.attempt, other.replaces = order.attempt, order.id
            return other
        other = OpenOrder(state, request_size(order.missing, state.spec), order.ask)
        other.attempt = order.attempt
        other.had = (*order.had, *order.received)
        other.replaces = order.id
        return other

    def _issue(self, order: OpenOrder, message: Order, producer: Producer) -> Order:
        spec = order.provider.spec
        order.id = self._store.issue_order(
            provider=spec.vendor,
            model=spec.setup.model,
            mode=order.ask.mode,
            size=order.size,
            producer=producer.index,
            scope=order.ask.scope,
            listed=len(message.avoid),
            said=len(message.said),
        )
        if order.judges:
            self._judge.issued(order.batch)
        else:
            own = len({*order.had, *order.received})  # these stand before the items of the ask
            self._explorer.issued(order.id, order.ask, spec.name, max(0, len(message.avoid) - own))
        seed = order_seed(self.settings.seed, order.id, order.attempt)
        return msgspec.structs.replace(message, id=order.id, seed=seed)

    def _wants_more(self, producer: Producer, share_new: float | None) -> bool:
        limit = self.settings.iterations
        if not self.exploring:
            return False
        if limit is not None and self._issued[producer.index] >= limit:
            return False
        if len(self._waiting) >= self.settings.producers * self.settings.concurrency:
            return False  # what has failed comes first: more would only fail with it
        target = self.settings.max_attributes
        asked = sum(not order.judges for order in self.open.values())
        if target is None or not asked:
            return True
        # Near the wanted number, what is in flight will do: more would be bought for nothing.
        expected = asked * self.settings.request_size * max(0.1, 1.0 if share_new is None else share_new)
        unique: int = self._store.totals().unique
        return unique + expected < target

    def _message(self, order: OpenOrder) -> Order:
        spec = order.provider.spec
        share = self.settings.avoid_share * order.prompt_share
        own = (*order.had, *order.received)
        avoid = avoid_list((*own, *self._listed(order.ask)), avoid_budget_tokens(share, spec))
        message = build_order(
            order_id=order.id,
            attempt=order.attempt,
            topic=self.settings.topic,
            size=order.missing,
            spec=spec,
            avoid=avoid,
            said=self._said(order.ask, known_budget_tokens(share, spec) - list_tokens(avoid)),
            seed=self.settings.seed,
            mode=order.ask.mode,
            scope=order.ask.scope,
            candidates=order.batch.texts if order.judges else (),
            patience=self._patience(order.ask),
        )
        if order.prompt_share < 1:
            shorter = max(64, int(message.max_output_tokens * order.prompt_share))
            message = msgspec.structs.replace(message, max_output_tokens=shorter)
        return message

    def _listed(self, ask: Ask) -> Sequence[str]:
        return self._store.texts([one.item_id for one in ask.avoid]) if ask.avoid else ()

    def _said(self, ask: Ask, budget_tokens: int) -> tuple[tuple[str, ...], ...]:
        """The conversation that an order continues."""
        return conversation([self._store.texts(answer) for answer in ask.continues[-MAX_SAID:]], budget_tokens)

    def _patience(self, ask: Ask) -> int:
        """After how many known items in a row the answer is ended; audits, plans and judgements never are."""
        return (self.settings.patience or 0) if ask.mode == "explore" and not self.patient else 0

    @property
    def iterations_done(self) -> bool:
        """Whether every producer that is wanted has made the requests that it may make."""
        limit = self.settings.iterations
        return limit is not None and all(
            self._issued[producer.index] >= limit for producer in self._supervisor.producers if producer.wanted
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is open and nothing waits."""
        return not self.open and not self._waiting

    @property
    def waiting(self) -> int:
        """Orders that wait for another attempt."""
        return len(self._waiting)

    @property
    def next_retry_at(self) -> float | None:
        """When the next waiting order is due."""
        return self._waiting[0][0] if self._waiting else None

    # --- taking back ---------------------------------------------------------------------------------------

    def took(self, order_id: int, texts: Iterable[str], outcome: Ingested | None) -> None:
        """Note what an open order has brought; `outcome` is None where these are no items: parts, or a judgement."""
        order = self.open[order_id]
        order.received.update(dict.fromkeys(texts))
        if outcome is not None:
            order.new += len(outcome.new)
            order.duplicate += outcome.duplicate
            self._explorer.took(order_id, outcome.sighted, [(item.id, item.text) for item in outcome.new])

    def answered(self, message: OrderDone, cost_usd: float | None) -> OpenOrder:
        """An order's call came to its end."""
        certain = message.usage is not None and not message.usage.estimated
        order = self._take(message.order_id, message.usage, cost_usd, certain=certain)
        order.provider.on_success()
        order.torn = message.finish_reason in _TORN
        order.cut = message.finish_reason == "repeating"
        self.close(order, "done", None, message)
        return order

    def failed(
        self, message: OrderFailed, cost_usd: float | None, *, retry: bool
    ) -> tuple[OpenOrder, float | None, str | None]:
        """An order's call failed.

        Args:
            message: How.
            cost_usd: What it cost all the same.
            retry: Whether the run goes on, so that another attempt makes sense.

        Returns:
            The order, seconds until its next attempt or None, and the provider's name if this disabled it.
        """
        order = self._take(message.order_id, message.usage, cost_usd, certain=_cost_is_certain(message))
        order.last_error = message.kind
        order.broken |= bool(order.received)
        state = order.provider
        before = state.disabled
        complete = order.missing == 0 and bool(order.received) and not order.judges
        if order.judges:
            order.received.clear()  # a part of a judgement says nothing of the rest
        overflow = order.judges and message.kind is ErrorKind.CONTEXT_OVERFLOW
        if complete and not message.kind.disables_provider:
            state.on_success()  # everything asked for had come before the stream broke
        else:
            state.on_failure(message.kind, message.message, message.retry_after_s, self._clock())
        if message.kind is ErrorKind.CONTEXT_OVERFLOW:
            order.prompt_share /= 2
        wait: float | None = None
        if complete:
            self.close(order, "done", None, message)
        elif (
            not retry
            or not (self.exploring or order.judges)
            or overflow
            or (not self._judge.has_judges if order.judges else self._router.exhausted)
            or not may_retry(message.kind, order.attempt, self.settings.max_attempts)
        ):
            cancelled = message.kind is ErrorKind.CANCELLED
            self.close(order, "interrupted" if cancelled else "failed", message.kind, message)
            if retry and not cancelled:
                state.on_given_up(message.message)
        else:
            elsewhere = message.kind.disables_provider  # nothing to wait for: another provider takes it
            wait = 0.0 if elsewhere else back_off_s(order.attempt, self._own_pause(state, message), self._rng)
            order.attempt += 0 if elsewhere else 1
            heapq.heappush(self._waiting, (self._clock() + wait, next(self._sequence), order))
        disabled = state.spec.name if state.disabled is not None and before is None else None
        return order, wait, disabled

    def _own_pause(self, state: ProviderState, message: OrderFailed) -> float | None:
        """A pause that the order must keep itself: with several providers only the one that asked for it pauses."""
        others = any(other.usable for other in self._router.states.values() if other is not state)
        return None if others else message.retry_after_s

    def _take(self, order_id: int, usage: Usage | None, cost_usd: float | None, *, certain: bool) -> OpenOrder:
        order = self.open.pop(order_id)
        order.provider.in_flight -= 1
        order.add_usage(usage, cost_usd)
        self._budget.settle(order_id, cost_usd, certain=certain)
        return order

    def close(
        self, order: OpenOrder, state: str, error: ErrorKind | None, message: OrderDone | OrderFailed | None = None
    ) -> None:
        """Write an order's end."""
        parts: Sequence[str] | None = None
        if order.judges:
            self._end_validation(order, state, error)
        elif order.ask.mode == "plan" and state == "done":
            parts = self._explorer.planned(order.id, list(dict.fromkeys((*order.had, *order.received))))
        complete = state == "done" and (order.whole or parts is not None)
        self._explorer.ended(
            order.id, complete=complete, cut=order.cut, stopped=state == "interrupted", replaced=order.replaced
        )
        self._store.end_order(
            order.id,
            state=state,
            attempts=order.calls,
            usage=order.usage,
            cost_usd=order.cost_usd,
            error=error,
            time_to_first_chunk_s=None if message is None else message.time_to_first_chunk_s,
            duration_s=None if message is None else message.duration_s,
            ending=Ending(
                whole=order.whole,
                cut=order.cut,
                replaced=order.replaced,
                in_vain=parts is not None and not parts and self._explorer.knows_no_parts,
            ),
        )
        if parts is not None:
            self._store.keep_parts(order.id, parts)

    def _end_validation(self, order: OpenOrder, state: str, error: ErrorKind | None) -> None:
        if state == "done":
            self._judge.answered(order)
        else:
            overflow = error is ErrorKind.CONTEXT_OVERFLOW
            self._judge.returned(order.batch, failed=state == "failed" and not order.replaced, overflow=overflow)

    def stop_exploring(self, *, cancel: bool) -> None:
        """Give no exploring order any more, and drop those that wait; `cancel`: end their open answers too."""
        self.exploring = False
        waiting = [entry for entry in self._waiting if not entry[2].judges]
        self._waiting = [entry for entry in self._waiting if entry[2].judges]
        heapq.heapify(self._waiting)
        for _, _, order in waiting:
            self.close(order, "interrupted", ErrorKind.CANCELLED)
        if cancel:
            self._supervisor.cancel([order_id for order_id, order in self.open.items() if not order.judges])

    def drop_waiting(self) -> None:
        """Give up every order that waits for another attempt."""
        while self._waiting:
            self.close(heapq.heappop(self._waiting)[2], "interrupted", ErrorKind.CANCELLED)

    def abandon(self) -> None:
        """The run ends: close whatever is left."""
        self.drop_waiting()
        orders: Sequence[OpenOrder] = list(self.open.values())
        self.open.clear()
        for order in orders:
            self.close(order, "interrupted", ErrorKind.CANCELLED)


def _cost_is_certain(message: OrderFailed) -> bool:
    """Whether we know what a failed call cost: the provider told us, or refused it, or never saw it."""
    if message.usage is not None:
        return not message.usage.estimated
    return message.unsent or (message.status is not None and message.status >= 400)
