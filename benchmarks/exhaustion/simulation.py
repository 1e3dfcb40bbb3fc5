"""A topic's search in a simulated world: the production explorer, many orders in flight, no processes and no clock.

Naive sampling is the strategy `plain`: every order asks afresh.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Collection, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.exhaustion.estimates import inclusion
from benchmarks.exhaustion.world import Model, World, WorldOptions
from contract.messages import Scope
from orchestrator.exploration.asks import Ask
from orchestrator.exploration.coverage import Coverage
from orchestrator.exploration.explorer import Explorer
from orchestrator.exploration.tuning import Traits, Tuning

ITEMS = 60
"""Items that an order asks for."""
TOKENS_PER_ITEM = 5
PROMPT_TOKENS = 120
PLAN_PROMPT_TOKENS = 150
INPUT_PRICE = 0.25
"""A token of the prompt, in tokens of the answer."""
JITTER = 0.3
"""Standard deviation of a call's log duration: orders end mostly, not always, in the order they went out."""
_PROBES = 60
"""Fresh answers that tell the true coverage."""
_YIELD_PROBES = 4
_NOTHING = np.empty(0, np.int64)


class Use(msgspec.Struct):
    """What a way of asking was used for: `orders` so often, with so many `new` items in all."""

    orders: int = 0
    new: int = 0


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The search after so many calls.

    Attributes:
        calls: Complete responses.
        cost: Tokens of the answers and a quarter of the prompts'.
        recall: Share of the world's items that are known.
        coverage: What is shown; None while too little is known.
        truth: Mean share of fresh answers' true items that is known.
        truth_named: The same of all items that they name, true or not; never-repeating noise is never known.
        next_yield: New items that the best arm's next response is expected to bring.
        next_yield_truth: What it brings, the mean of several.
    """

    calls: int
    cost: float
    recall: float
    coverage: Coverage | None
    truth: float
    truth_named: float
    next_yield: float
    next_yield_truth: float


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a search.

    Attributes:
        calls: Target of true recall → calls to it; a target that was not reached is missing.
        cost: The same for the cost.
        uses: Way of asking (`audit` and `plan` too) → its use.
        looks: The search at the calls that were asked for.
        stop: The search when the explorer called the topic exhausted; None where it did not.
        recall: At the end.
        all_calls: Until the end.
        all_cost: The same.
    """

    calls: dict[float, int] = {}
    cost: dict[float, float] = {}
    uses: dict[str, Use] = {}
    looks: list[Look] = []
    stop: Look | None = None
    recall: float = 0.0
    all_calls: int = 0
    all_cost: float = 0.0


def simulate(
    options: WorldOptions,
    strategy: str,
    *,
    tuning: Tuning | None = None,
    in_flight: int = 8,
    seed: int = 1,
    targets: Sequence[float] = (0.8, 0.95),
    max_calls: int = 20_000,
    until_exhausted: bool = False,
    looks: Collection[int] = (),
    explorer: type[Explorer] = Explorer,
) -> Outcome:
    """Search a world.

    Args:
        options: The world and its models, asked in turn.
        strategy: The explorer's.
        tuning: The explorer's; None: as it comes.
        in_flight: Orders on their way at a time.
        seed: Of answers, durations and choices; the world has its own.
        targets: Shares of the world's items; the search ends when all are reached …
        max_calls: … or after so many calls …
        until_exhausted: … or, instead of at the targets, when the explorer calls the topic exhausted.
        looks: Calls after which the estimates are compared with the truth.
        explorer: A variant of it.
    """
    search = _Search(options, strategy, tuning, seed, explorer)
    outcome = Outcome()
    while outcome.all_calls < max_calls:
        if not until_exhausted and len(outcome.calls) == len(targets):
            break
        search.fill(in_flight)
        search.receive()
        outcome.all_calls, outcome.all_cost = search.calls, search.cost
        for target in targets:
            if target not in outcome.calls and search.recall >= target:
                outcome.calls[target], outcome.cost[target] = search.calls, search.cost
        if search.calls in looks:
            outcome.looks.append(search.look())
        if until_exhausted and search.explorer.exhausted:
            outcome.stop = search.look()
            break
    outcome.uses, outcome.recall = search.uses, search.recall
    return outcome


def naive_calls(options: WorldOptions, target: float, most: int = 10**8) -> int:
    """Calls of fresh sampling to a share of the world's items, by its law instead of by drawing.

    From 2,000 items on, `simulate` needs as many within 2 %.
    """
    answered = round(ITEMS * (1 - options.noise))
    log_missed = np.zeros(options.size)
    for model in World(options).models:
        log_missed += np.log1p(-inclusion(model.weights, answered)) / options.models
    low, high = 0, most
    while low + 1 < high:
        middle = (low + high) // 2
        reached = 1 - float(np.exp(middle * log_missed).mean()) >= target
        low, high = (low, middle) if reached else (middle, high)
    return high


def naive_cost(calls: float) -> float:
    """What so many fresh calls cost."""
    return calls * (ITEMS * TOKENS_PER_ITEM + PROMPT_TOKENS * INPUT_PRICE)


class _Search:
    """The explorer, the items known, and the orders on their way."""

    def __init__(
        self,
        options: WorldOptions,
        strategy: str,
        tuning: Tuning | None,
        seed: int,
        explorer: type[Explorer],
    ) -> None:
        self.world = World(options)
        self.models = [model.drawing(seed, 1, index) for index, model in enumerate(self.world.models)]
        self.providers = [f"model {index}" for index in range(options.models)]
        last = len(options.prices) - 1
        self.prices = [options.prices[min(index, last)] for index in range(options.models)]
        self.traits = {
            name: Traits(input_price=INPUT_PRICE * price, output_price=price)
            for name, price in zip(self.providers, self.prices, strict=True)
        }
        self._credits = dict.fromkeys(self.providers, 0.0)
        self.explorer = explorer("topic", ITEMS, self.traits, strategy=strategy, seed=seed, tuning=tuning)
        self.pending: list[tuple[float, int, Ask, list[int], list[str], float]] = []
        self.calls = 0
        self.cost = 0.0
        self.uses: dict[str, Use] = {}
        self._rng = random.Random(seed)
        self._now = 0.0
        self._sent = 0
        self._id_of = np.zeros(options.size, np.int64)
        self._item_of = [-1]
        self._found = 0
        self._probes: list[list[int]] = []
        self._seed = seed

    @property
    def recall(self) -> float:
        return self._found / self.world.options.size

    def fill(self, in_flight: int) -> None:
        """Send orders until so many are on their way, or the explorer has none to give now."""
        while len(self.pending) < in_flight and self._send():
            pass

    def _send(self) -> bool:
        shares = self.explorer.worth.shares(self.providers)
        credit_of = {name: credit + shares[name] for name, credit in self._credits.items()}
        provider = max(credit_of, key=credit_of.__getitem__)
        ask = self.explorer.ask(provider)
        if ask is None:
            return False
        self._credits = {**credit_of, provider: credit_of[provider] - 1}
        self._sent += 1
        index = self.providers.index(provider)
        self.explorer.issued(self._sent, ask, provider)
        items: list[int] = []
        parts: list[str] = []
        if ask.mode == "plan":
            parts = self.world.plan(ask.scope, ask.parts)
            cost = PLAN_PROMPT_TOKENS * INPUT_PRICE + len(parts) * TOKENS_PER_ITEM
        else:
            items = self._answer(self.models[index], ask)
            shown = len(ask.avoid) + sum(map(len, ask.continues))
            prompt = PROMPT_TOKENS * (1 + len(ask.continues)) + TOKENS_PER_ITEM * shown
            cost = prompt * INPUT_PRICE + len(items) * TOKENS_PER_ITEM
        cost *= self.prices[index]
        done = self._now + self._rng.lognormvariate(0.0, JITTER)
        heapq.heappush(self.pending, (done, self._sent, ask, items, parts, cost))
        return True

    def receive(self) -> None:
        self._now, number, ask, items, parts, cost = heapq.heappop(self.pending)
        self.calls += 1
        self.cost += cost  # as it ends: what is on its way when a target is reached is not needed for it
        use = self.uses.setdefault(ask.arm.way.value if ask.mode == "explore" else ask.mode, Use())
        use.orders += 1
        if ask.mode == "plan":
            self.explorer.planned(number, parts)
        else:
            sighted, new = self._take(items)
            use.new += len(new)
            self.explorer.took(number, sighted, new)
        self.explorer.ended(number, complete=True)

    def look(self) -> Look:
        """Compare the estimates with the truth; changes nothing."""
        if not self._probes:
            models = [model.drawing(self._seed, 2, index) for index, model in enumerate(self.world.models)]
            self._probes = [models[i % len(models)].answer(Scope(), _NOTHING, ITEMS) for i in range(_PROBES)]
        known = sum(not self._unknown(item) for answer in self._probes for item in answer)
        named = sum(len(answer) for answer in self._probes)
        true = sum(item < self.world.options.size for answer in self._probes for item in answer)
        arm = max(self.explorer._candidates(), key=self.explorer.yields.expected)
        brought = []
        for probe in range(_YIELD_PROBES):
            index = probe % len(self.models)
            ask = self.explorer.about(arm, self.providers[index])
            answer = self._answer(self.models[index].drawing(self._seed, 3, self.calls, probe), ask)
            brought.append(sum(self._unknown(item) for item in answer))
        return Look(
            calls=self.calls,
            cost=self.cost,
            recall=self.recall,
            coverage=self.explorer.coverage(),
            truth=known / max(1, true),
            truth_named=known / max(1, named),
            next_yield=self.explorer.next_yield,
            next_yield_truth=sum(brought) / len(brought),
        )

    def _unknown(self, item: int) -> bool:
        return item >= len(self._id_of) or self._id_of[item] == 0

    def _answer(self, model: Model, ask: Ask) -> list[int]:
        listed = self._real([one.item_id for one in ask.avoid])
        return model.answer(ask.scope, listed, ITEMS, [self._real(answer) for answer in ask.continues])

    def _real(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """The world's items among these of the store."""
        items = (self._item_of[number] for number in numbers)
        return np.array([item for item in items if item < self.world.options.size], np.int64)

    def _take(self, items: list[int]) -> tuple[list[int], list[tuple[int, str]]]:
        """Put an answer's items into the store: the ids of known ones, and the new ones."""
        sighted: list[int] = []
        new: list[tuple[int, str]] = []
        for item in items:
            if not self._unknown(item):
                sighted.append(int(self._id_of[item]))
                continue
            number = len(self._item_of)
            self._item_of.append(item)
            new.append((number, self.world.name(item)))
            if item < len(self._id_of):
                self._id_of[item] = number
                self._found += 1
        return sighted, new
