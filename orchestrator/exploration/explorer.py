"""The explorer: decides what each next order asks, and learns from what came back.

Pure: it knows item ids, counts and tokens, and does no input or output. Orders may come back in any order.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from contract.messages import WHOLE, Mode, Scope
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.coverage import Coverage, coverage
from orchestrator.exploration.incidence import Incidence
from orchestrator.exploration.partitions import Letters, facet_arms, letter_arms, usable_facets
from orchestrator.planner import MAX_AVOID

if TYPE_CHECKING:
    from orchestrator.store.past_orders import PastOrder

_ENOUGH_FOR_NOISE = 8
"""Fresh responses before anything is said about noise."""
_PLAN_TRIES = 2
"""So many plans that came to nothing are asked for again."""
_LATELY = 16
"""So many of the last responses are looked at to see whether the topic is exhausted."""
PILOT = 5
"""So many fresh responses soon: from then on the estimates are good."""
_CROWDING_OF_ALL = 0.97
"""As `Tuning.crowding`, where all of the topic is asked about."""
_USED_UP = "used up"
_SLOWLY = 0.15
"""Weight of a new observation in a running mean."""
_PROMPT_TOKENS = 120
"""Of a prompt without its avoid-list, about."""
_TOKENS_PER_ITEM = 5.0
PLAN_PARTS = 40
SPLIT_PARTS = 8


class Traits(NamedTuple):
    """What the explorer must know of a provider.

    Attributes:
        input_price: Price of a token of the prompt, in any unit that is the same for all providers.
        output_price: The same for a token of the answer.
        takes_list: Whether it gets avoid-lists.
    """

    input_price: float = 0.25
    output_price: float = 1.0
    takes_list: bool = True


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that were chosen by measurement, on worlds that `benchmarks/exhaustion` does not report on.

    Attributes:
        plan_above: Sub-topics are asked for where a fresh response still brings more than this share of unknown items:
            a topic that is listed with a few calls does not need them.
        plan_worth: A plan is not worth its price where fewer orders are left.
        split_gain: Parts are made as long as they bring so many times what the whole did last.
        audit_every_first: Orders from one audit to the next, until there are `PILOT`.
        audit_every: The same afterwards.
        audit_every_late: The same once the decision to stop is near.
        late_below: It is near where the best arm brings less than this share of an answer.
        scope_list: Longest avoid-list of a facet or letter; longer ones cost more than they save.
        optimism: Share of new items that a way which was never tried is expected to bring.
        crowding: What an order on its way leaves of the next one's yield in the same scope.
        letters_above: Letters are not tried where less than this share of a fresh response is unknown.
        letters_below: Letters come once the best facet brings less than this share of an answer.
        split_below: A worn arm is split where it brings less than this share of an answer …
        split_items: … and has named more than so many answers' worth of items.
        close_below: An arm is closed where it brings fewer new items a response.
        exhausted_below: The topic is exhausted where the best arm brings less than this share of an answer's items that
            are new, noise taken off: 1 item of 60.
    """

    plan_above: float = 0.3
    plan_worth: int = 12
    audit_every_first: int = 2
    audit_every: int = 16
    audit_every_late: int = 6
    late_below: float = 0.1
    scope_list: int = 200
    optimism: float = 0.7
    crowding: float = 0.7
    letters_above: float = 0.01
    letters_below: float = 0.2
    split_below: float = 0.4
    split_items: float = 5.0
    split_gain: float = 0.8
    close_below: float = 0.3
    exhausted_below: float = 1 / 60


class Ask(msgspec.Struct, frozen=True):
    """What an order is to ask.

    Attributes:
        mode: See `contract.messages.Mode`.
        arm: Whose response it is; for a plan, the arm that is to be split, or the plain one.
        avoid: Item ids for the avoid-list, most useful first.
        whole: Whether the avoid-list is the topic's most repeated items instead (at most `MAX_AVOID`).
        parts: How many parts a plan asks for.
    """

    mode: Mode
    arm: Arm
    avoid: tuple[int, ...] = ()
    whole: bool = False
    parts: int = 0

    @property
    def scope(self) -> Scope:
        """The part of the topic that is asked about."""
        return self.arm.scope


class _Open:
    """An order on its way."""

    def __init__(self, ask: Ask, provider: str) -> None:
        self.ask = ask
        self.provider = provider
        self.ids: set[int] = set()
        self.new = 0


class Explorer:
    """See the module.

    Args:
        topic: The topic.
        size: Items asked for in an order.
        traits: The providers.
        strategy: One of `settings.STRATEGIES`: `auto`, or one way alone.
        seed: Makes the choices repeatable.
    """

    def __init__(
        self,
        topic: str,
        size: int,
        traits: Mapping[str, Traits],
        *,
        strategy: str = "auto",
        seed: int | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.topic = topic
        self.size = size
        self.incidence = Incidence()
        self.known = 0
        self.tuning = tuning or Tuning()
        self.arms: list[Arm] = [Arm(Way.PLAIN, WHOLE), Arm(Way.LISTED, WHOLE)]
        self._traits = traits
        self._strategy = strategy
        self._rng = random.Random(seed)
        self._letters = Letters()
        self._open: dict[int, _Open] = {}
        self._since_audit = 0
        self._fresh_issued = 0
        self._planning: set[int] = set()
        self._planned = False
        self._lettered = False
        self._plans_failed = 0
        self._to_split: list[Arm] = []
        self._first_yields: dict[Way, float] = {}
        self._split_gain = 2 * self.tuning.split_gain
        self._best_yield = float(size)
        self._lately: deque[int] = deque(maxlen=_LATELY)
        self._answer_items = float(size)
        self._rejected = 0
        self._lately_needed = 0

    # --- deciding ------------------------------------------------------------------------------------------

    @property
    def plain(self) -> Arm:
        """The arm of fresh responses."""
        return self.arms[0]

    def ask(self, provider: str, orders_left: int | None = None) -> Ask:
        """What this provider's next order asks.

        Args:
            provider: Its name.
            orders_left: How many more will be asked at most, this one included; None: nobody knows.
        """
        traits = self._traits[provider]
        plan = self._plan_due() if orders_left is None or orders_left >= self.tuning.plan_worth else None
        if plan is not None:
            return plan
        if self._strategy == "plain" or self._audit_is_due():
            return Ask("audit", self.plain)
        if self._strategy in ("auto", "letters") and not self._lettered and self._letters_due():
            self._lettered = True
            known = {arm.scope for arm in self.arms}  # some may come from an earlier run
            self.arms += [arm for arm in letter_arms(self._letters.prefixes(), None) if arm.scope not in known]
        arm = max(self._candidates(), key=lambda one: self._score(one, traits))
        return self._about(arm, traits)

    def _about(self, arm: Arm, traits: Traits) -> Ask:
        if arm.way is Way.PLAIN:
            return Ask("audit", arm)
        if not traits.takes_list:
            return Ask("explore", arm)
        if arm.way is Way.LISTED:
            return Ask("explore", arm, whole=True)
        return Ask("explore", arm, avoid=tuple(arm.avoid_ids(self.tuning.scope_list)))

    def _audit_is_due(self) -> bool:
        if self.known == 0:
            return True  # with nothing to avoid, every response is a fresh one
        if self._fresh_issued < PILOT:
            return self._since_audit >= self.tuning.audit_every_first
        late = self._best_yield < self.tuning.late_below * self.size
        return self._since_audit >= (self.tuning.audit_every_late if late else self.tuning.audit_every)

    def _plan_due(self) -> Ask | None:
        if self._strategy not in ("auto", "facets"):
            return None
        if self._to_split:
            return Ask("plan", self._to_split.pop(), parts=SPLIT_PARTS)
        if self._planned or self.plain.calls < 2 or self.incidence.missing_share() < self.tuning.plan_above:
            return None
        self._planned = True
        return Ask("plan", self.plain, parts=PLAN_PARTS)

    def _letters_due(self) -> bool:
        """Letters come where the sub-topics are nearly used up, or where there are none."""
        facets = [arm for arm in self.arms if arm.way is Way.FACET]
        if self._strategy == "auto" and self.incidence.missing_share() < self.tuning.letters_above:
            return False
        if self._strategy == "letters":
            return self.plain.calls >= 3
        if self._planning or not self._planned or any(arm.calls + arm.in_flight == 0 for arm in facets):
            return False
        best = max((self._expected(arm) for arm in facets if not arm.split), default=0.0)
        return best < self.tuning.letters_below * self.size

    def _candidates(self) -> list[Arm]:
        arms = [arm for arm in self.arms if not arm.closed]
        if self._strategy == "facets":
            arms = [arm for arm in arms if arm.way is not Way.LETTER]
        if self._strategy == "listed":
            arms = [arm for arm in arms if arm.way is Way.LISTED]
        return arms or [self.plain]

    def _expected(self, arm: Arm) -> float:
        """New items that its next response may bring; for one never asked, what its siblings' first ones brought."""
        if arm.calls:
            return arm.recent
        return self._first_yields.get(arm.way, self.tuning.optimism * self.size)

    def _score(self, arm: Arm, traits: Traits) -> float:
        """New items for its price: a draw, so that what is uncertain is tried."""
        crowd = _CROWDING_OF_ALL if arm.scope == WHOLE else self.tuning.crowding
        return arm.draw(self._expected(arm), self._rng) * crowd**arm.in_flight / self._price(arm, traits)

    def _price(self, arm: Arm, traits: Traits) -> float:
        listed = 0
        if traits.takes_list:
            if arm.way is Way.LISTED:
                listed = min(self.known, MAX_AVOID)
            elif arm.way is not Way.PLAIN:
                listed = min(len(arm.named), self.tuning.scope_list)
        prompt = _PROMPT_TOKENS + listed * _TOKENS_PER_ITEM
        return traits.output_price * _TOKENS_PER_ITEM * self.size + traits.input_price * prompt

    @property
    def dearest(self) -> Ask:
        """The most that an order may ask: for reckoning what one can cost."""
        return Ask("explore", self.arms[1], whole=True)

    def may_list(self, item_id: int) -> bool:
        """Whether an avoid-list may hold an item. What fresh responses alone found is left to be found again.

        Otherwise nothing could tell the items that are hard to find from those that nobody was let find again.
        """
        return not self.incidence.held(item_id)

    # --- learning ------------------------------------------------------------------------------------------

    def issued(self, order_id: int, ask: Ask, provider: str) -> None:
        """An order went out."""
        self._open[order_id] = _Open(ask, provider)
        if ask.mode == "plan":
            self._planning.add(order_id)
            return
        ask.arm.in_flight += 1
        if ask.mode == "audit":
            self._since_audit = 0
            self._fresh_issued += 1
        else:
            self._since_audit += 1

    def took(self, order_id: int, sighted: Iterable[int], new: Sequence[tuple[int, str]]) -> None:
        """An order's response has named known items, and new ones; ids count from 1 in order of discovery."""
        order = self._open.get(order_id)
        self.known += len(new)
        for _, text in new:
            self._letters.learn(text)
        if order is None or order.ask.mode == "plan":
            return
        ids = {*sighted, *(item for item, _ in new)} - order.ids
        order.ids |= ids
        order.new += len(new)
        order.ask.arm.took(ids)
        if order.ask.mode != "audit":
            self.incidence.found_elsewhere(ids)

    def ended(self, order_id: int, *, complete: bool) -> None:
        """A response has come to its end; one that is not complete tells little."""
        order = self._open.pop(order_id, None)
        if order is None:
            return
        self._planning.discard(order_id)
        arm = order.ask.arm
        if order.ask.mode == "plan":
            if not complete and arm is self.plain and self._plans_failed < _PLAN_TRIES:
                self._plans_failed += 1
                self._planned = False
            return
        arm.in_flight -= 1
        if not complete and not order.new:  # it tells nothing; what a broken answer did bring counts
            if order.ask.mode == "audit":
                self.incidence.found_elsewhere(order.ids)
            arm.failed()
            return
        if arm.calls == 0 and arm.parent is not None and not arm.parent.closed:
            gain = order.new / max(1.0, arm.parent.recent)
            self._split_gain += _SLOWLY * (gain - self._split_gain)
        if arm.calls == 0:
            before = self._first_yields.get(arm.way)
            self._first_yields[arm.way] = order.new if before is None else 0.7 * before + 0.3 * order.new
        arm.answered(order.new, len(order.ids))
        share = _SLOWLY if self._lately else 1.0
        self._answer_items += share * (len(order.ids) - self._answer_items)
        self._lately.append(order.new)
        if order.ask.mode == "audit" and complete:
            self.incidence.add(item_ids=order.ids, model=order.provider)
        elif order.ask.mode == "audit":
            self.incidence.found_elsewhere(order.ids)
        self._grow(arm)
        self._best_yield = max((self._expected(one) for one in self._candidates()), default=0.0)

    def planned(self, order_id: int, names: Sequence[str]) -> Sequence[str]:
        """A plan has come back; the parts that it named and that can be asked for."""
        order = self._open.get(order_id)
        if order is None:
            return ()
        arm = order.ask.arm
        parent = None if arm is self.plain else arm
        facets = usable_facets(names, self.topic, self.arms)
        new = facet_arms(facets, parent)
        if not new and parent is not None:
            new = letter_arms(self._letters.prefixes(), parent)
        self.arms += new
        return facets

    def relive(self, past: PastOrder) -> None:
        """Learn from an order of an earlier run as if it came back now; call it in the order of their issue.

        It need not have gone to a provider of this run.
        """
        fresh = past.mode == "audit" and not past.listed
        first_plan = past.mode == "plan" and past.scope == WHOLE
        arm = self.plain if fresh or first_plan else self._arm_of(past.scope)
        self._planned |= past.mode == "plan" and past.complete
        order = self._open[past.id] = _Open(Ask(past.mode, arm), past.provider)
        if past.mode == "plan":
            arm.split = arm is not self.plain
            self._to_split = [one for one in self._to_split if one is not arm]
            self.planned(past.id, past.parts)
        else:
            arm.in_flight += 1
            self._fresh_issued += fresh
            order.new = past.new
            order.ids = set(past.item_ids)
            arm.took(order.ids)
            if not fresh:
                self.incidence.found_elsewhere(order.ids)
        self.ended(past.id, complete=past.complete)

    def remember(self, known: int, texts: Iterable[str]) -> None:
        """So many items are in the store, these among them: called once, after the last `relive`."""
        self.known = known
        for text in texts:
            self._letters.learn(text)

    def rejected(self, item_ids: Sequence[int]) -> None:
        """These items, which were found before, are none of the topic: they no longer count as known, or as found."""
        self.incidence.forget(item_ids)
        self.known -= len(item_ids)
        self._rejected += len(item_ids)

    def reopen(self) -> None:
        """What was learnt lately came from answers that were ended early: whole ones are to say what is used up."""
        self._lately.clear()
        self._lately_needed = _LATELY
        for arm in self.arms:
            if arm.closed == _USED_UP:
                arm.closed = ""

    def _arm_of(self, scope: Scope) -> Arm:
        for arm in self.arms[1:]:
            if arm.scope == scope:
                return arm
        if scope.prefix:
            parent = next((one for one in self.arms if scope.facet and one.scope == Scope(facet=scope.facet)), None)
            arm = Arm(Way.LETTER, scope, parent)
        else:
            arm = Arm(Way.LANGUAGE if scope.language else Way.FACET, scope)
        self.arms.append(arm)
        return arm

    def _grow(self, arm: Arm) -> None:
        """Split an arm that has much left and is worn, close one that is used up."""
        expected = arm.recent
        if arm.way in (Way.PLAIN, Way.LISTED) or arm.calls < 2:
            return
        large = len(arm.named) > self.tuning.split_items * self.size
        worth = self._split_gain >= self.tuning.split_gain
        if large and worth and not arm.split and expected < self.tuning.split_below * self.size:
            arm.split = True
            if arm.way is Way.LETTER and len(arm.scope.prefix) == 1 and not arm.scope.facet:
                self.arms += letter_arms(self._letters.longer(arm.scope.prefix), arm)
            elif arm.way is Way.FACET and arm.scope.facet:
                self._to_split.append(arm)
        if expected < self.tuning.close_below:
            arm.closed = _USED_UP

    # --- telling -------------------------------------------------------------------------------------------

    def coverage(self) -> Coverage | None:
        """How far the topic is explored; None while too little is known."""
        return coverage(self.incidence, self.known)

    @property
    def settled(self) -> bool:
        """Whether enough has come back for the estimates to be trusted."""
        return self.plain.calls >= PILOT

    @property
    def next_yield(self) -> float:
        """Expected new items of the next response: the mean of the last ones, without those that will be rejected.

        The best arm's own figure is too high by a factor, for of many arms one always looks good by chance (measured).
        """
        if not self._lately:
            return float(self.size)
        rejected = self._rejected / max(1, sum(arm.calls for arm in self.arms))
        return max(0.0, sum(self._lately) / len(self._lately) - rejected)

    @property
    def noise(self) -> float:
        """New items of a response that are probably never-repeating noise: they will come for ever."""
        spurious = self.incidence.missing_share() - self.incidence.missing_share_without_noise()
        return spurious * self.size if self.incidence.responses >= _ENOUGH_FOR_NOISE else 0.0

    @property
    def exhausted(self) -> bool:
        """Whether no arm is worth another response: each one has been asked, and brings next to nothing but noise."""
        if self._planning or self._to_split or not self.settled or len(self._lately) < self._lately_needed:
            return False
        if any(not arm.calls and not arm.closed for arm in self.arms if arm.way is not Way.LISTED):
            return False
        return self.next_yield - self.noise < self.tuning.exhausted_below * self._answer_items
