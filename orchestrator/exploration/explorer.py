"""The explorer: decides what each next order asks, and learns from what came back.

Pure: it knows item ids, counts and tokens, and does no input or output. Orders may come back in any order.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from contract.messages import WHOLE, Scope
from orchestrator.exploration.arms import Arm, Listed, Way
from orchestrator.exploration.asks import Ask, OpenAsk
from orchestrator.exploration.conversations import Conversations
from orchestrator.exploration.coverage import Coverage, coverage
from orchestrator.exploration.discovery import Course
from orchestrator.exploration.incidence import Incidence
from orchestrator.exploration.languages import languages_for
from orchestrator.exploration.lists import AvoidLists
from orchestrator.exploration.overlap import Overlaps
from orchestrator.exploration.partitions import Letters, language_arms, letter_arms
from orchestrator.exploration.plans import Plans
from orchestrator.exploration.rejections import Rejections
from orchestrator.exploration.tuning import Traits, Tuning
from orchestrator.exploration.worth import Worth
from orchestrator.exploration.yields import Yields
from orchestrator.planner import MAX_AVOID

if TYPE_CHECKING:
    from orchestrator.store.past_orders import PastOrder

_ENOUGH_FOR_NOISE = 8
"""Fresh responses before anything is said about noise."""
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
_TEXTS = 500
"""So many of the newest items tell the topic's language."""
_WAYS = {
    "auto": tuple(way for way in Way if way is not Way.CONTINUED),
    "plain": (Way.PLAIN,),
    "facets": (Way.PLAIN, Way.LISTED, Way.FACET),
    "letters": (Way.PLAIN, Way.LISTED, Way.LETTER),
    "languages": (Way.PLAIN, Way.LANGUAGE),
    "listed": (Way.LISTED,),
    "continued": (Way.CONTINUED,),
}
"""The ways that a strategy uses: one alone, with what it falls back on, or all but conversations."""


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
        self.course = Course()
        self.known = 0
        self.tuning = tuning or Tuning()
        self.yields = Yields(size, self.tuning, self.incidence.missing_share)
        self.arms: list[Arm] = [Arm(Way.PLAIN, WHOLE), Arm(Way.LISTED, WHOLE)]
        self._traits = traits
        self._takes_parts = any(one.takes_parts for one in traits.values())
        self._strategy = strategy
        self._rng = random.Random(seed)
        self._letters = Letters()
        self._texts: deque[str] = deque(maxlen=_TEXTS)
        self.lists = AvoidLists(self.incidence, self._letters)
        self._plans = Plans(topic, self.arms, self._letters, self._texts)
        self.worth = Worth()
        self._conversations = Conversations(self.tuning.conversation)
        self._overlaps = Overlaps()
        self._open: dict[int, OpenAsk] = {}
        self._since_audit = 0
        self._fresh_issued = 0
        self._lettered = False
        self._spoken = False
        self._answer_items = float(size)
        if strategy == "continued":
            self.arms.append(Arm(Way.CONTINUED, WHOLE))
        self._rejections = Rejections()

    # --- deciding ------------------------------------------------------------------------------------------

    def can_ask(self, providers: Iterable[str]) -> None:
        """Only these can be asked now: what no one of them would be asked is nothing to wait for."""
        self._takes_parts = any(self._traits[name].takes_parts for name in providers)

    @property
    def plain(self) -> Arm:
        """The arm of fresh responses."""
        return self.arms[0]

    def ask(self, provider: str, orders_left: int | None = None) -> Ask | None:
        """What this provider's next order asks.

        Args:
            provider: Its name.
            orders_left: How many more will be asked at most, this one included; None: nobody knows.
        """
        traits = self._traits[provider]
        if self.waits:
            return None
        parts = traits.takes_parts or self._strategy != "auto"
        worth_it = orders_left is None or orders_left >= self.tuning.plan_worth
        plan = self._plan_due() if parts and worth_it else None
        if plan is not None:
            return plan
        if self._strategy == "plain" or self._audit_is_due():
            return Ask("audit", self.plain)
        self._add_arms()
        candidates = [arm for arm in self._candidates() if parts or arm.scope == WHOLE]
        if self.settled and self._worn:
            # Only what was never asked can still show that there is more.
            tried = self._tried
            candidates = [arm for arm in candidates if self._untried(arm, tried) and not arm.in_flight] or candidates
        return self.about(max(candidates, key=lambda one: self._score(one, traits)), provider)

    @property
    def waits(self) -> bool:
        """Whether what is on its way should be seen before `ask` has anything: a small topic needs few answers."""
        if self._strategy == "plain":
            return False
        if self._plans.under_way and not any(arm.way is Way.FACET for arm in self.arms):
            return len(self._open) >= PILOT
        return self.plain.calls < 2 and self.plain.in_flight >= PILOT

    def about(self, arm: Arm, provider: str) -> Ask:
        """What an order of this arm asks of this provider."""
        if arm.way is Way.PLAIN:
            return Ask("audit", arm)
        if arm.way is Way.CONTINUED:
            return Ask("explore", arm, continues=self._conversations.next())
        traits = self._traits[provider]
        if not traits.takes_list:
            # About all of the topic and without a list it is a fresh response, and counts as one.
            return Ask("audit", self.plain) if arm.way is Way.LISTED else Ask("explore", arm)
        avoid = self.lists.list_for(
            arm,
            provider,
            item_price=traits.input_price * _TOKENS_PER_ITEM,
            call_price=self._price(arm, traits, listed=0),
            places=self.yields.typical,
            most=self.tuning.longest_list,
        )
        return Ask("explore", arm, avoid=avoid)

    def _audit_is_due(self) -> bool:
        if self.known == 0:
            return True  # with nothing to avoid, every response is a fresh one
        if self._fresh_issued < PILOT:
            return self._since_audit >= self.tuning.audit_every_first
        late = self._best_yield() < self.tuning.late_below * self.size
        return self._since_audit >= (self.tuning.audit_every_late if late else self.tuning.audit_every)

    def _best_yield(self) -> float:
        return max((self.yields.expected(one) for one in self._candidates()), default=0.0)

    @property
    def _divides(self) -> bool:
        """Whether the parts of the topic are asked for."""
        return self._strategy == "facets" or (self._strategy == "auto" and self._takes_parts)

    def _plan_due(self) -> Ask | None:
        if not self._divides:
            return None
        # Answers that broke off say little of the topic's size.
        told = self.plain.calls >= 2 and (self.incidence.responses >= 2 or self.plain.calls >= PILOT)
        return self._plans.due(of_topic=told and self.incidence.missing_share() >= self.tuning.plan_above)

    def _add_arms(self) -> None:
        """Further ways of asking, once those that cost less are worn."""
        new: list[Arm] = []
        if not self._lettered and self._letters_due():
            self._lettered = True
            new = letter_arms(self._letters.prefixes(), None)
        elif not self._spoken and self._languages_due():
            self._spoken = True
            new = language_arms(languages_for(self.topic, self._texts))
        known = {arm.scope for arm in self.arms}  # some may come from an earlier run
        self.arms += [arm for arm in new if arm.scope not in known]

    def _letters_due(self) -> bool:
        """Letters come where the sub-topics are nearly used up, where there are none, or where they do not help."""
        if self._strategy == "letters":
            return self.plain.calls >= 3
        if self._strategy != "auto" or self.incidence.missing_share() < self.tuning.letters_above:
            return False
        facets = [arm for arm in self.arms if arm.way is Way.FACET]
        tried = sum(arm.calls > 0 for arm in facets) >= self.tuning.facets_tried
        if tried and self.yields.first_of(Way.FACET) < self.tuning.facet_gain * self.incidence.next_yield():
            return True
        if self._plans.under_way or not self._plans.made or any(arm.calls + arm.in_flight == 0 for arm in facets):
            return False
        best = max((self.yields.expected(arm) for arm in facets if not arm.split), default=0.0)
        below = self.tuning.letters_below_coarse if self._coarse(len(facets)) else self.tuning.letters_below
        return best < below * self.size

    def _coarse(self, parts: int) -> bool:
        """Whether so many parts are few and large, so that letters cut the topic finer."""
        large = self.known > self.tuning.coarse_items * self.size * parts
        return large and 2 * parts <= len(self._letters.prefixes())

    def _languages_due(self) -> bool:
        """Languages come where letters are nearly used up: they bring little, but what no other way does."""
        if self._strategy == "languages":
            return self.plain.calls >= 3
        if self._strategy != "auto" or self.incidence.missing_share() < self.tuning.letters_above:
            return False
        parts = [arm for arm in self.arms if arm.way in (Way.FACET, Way.LETTER)]
        if not self._lettered or any(arm.calls + arm.in_flight == 0 for arm in parts if not arm.closed):
            return False
        best = max((self.yields.expected(arm) for arm in parts if not arm.split), default=0.0)
        return best < self.tuning.languages_below * self.size

    def _candidates(self) -> list[Arm]:
        arms = [arm for arm in self.arms if not arm.closed]
        ways = _WAYS[self._strategy]
        if self._strategy == "auto" and not self._takes_parts:
            ways = (Way.PLAIN, Way.LISTED)
        return [arm for arm in arms if arm.way in ways] or [self.plain]

    def _score(self, arm: Arm, traits: Traits) -> float:
        """New items for its price: a draw, so that what is uncertain is tried."""
        crowd = _CROWDING_OF_ALL if arm.scope == WHOLE else self.tuning.crowding
        return self.yields.draw(arm, self._rng) * crowd**arm.in_flight / self._price(arm, traits)

    def _price(self, arm: Arm, traits: Traits, listed: int | None = None) -> float:
        """Of an order; its list is taken to be as long as the arm's last one."""
        prompt = _PROMPT_TOKENS + (arm.list_length if listed is None else listed) * _TOKENS_PER_ITEM
        answer = max(1.0, self.yields.typical) * _TOKENS_PER_ITEM  # an empty one has its price, too
        return traits.output_price * answer + traits.input_price * prompt

    @property
    def dearest(self) -> Ask:
        """The most that an order may ask: for reckoning what one can cost."""
        longest = range(1, min(self.known, MAX_AVOID) + 1)
        return Ask("explore", self.arms[1], avoid=tuple(Listed(item, 1.0) for item in longest))

    # --- learning ------------------------------------------------------------------------------------------

    def issued(self, order_id: int, ask: Ask, provider: str, listed: int | None = None) -> None:
        """An order went out.

        Args:
            order_id: Its id.
            ask: What it asks.
            provider: Whom it went to.
            listed: How many items of its list fitted into the prompt; None: all.
        """
        expected = self.yields.expected(ask.arm)
        self._open[order_id] = OpenAsk(ask, provider, ask.avoid[:listed], expected)
        if ask.mode == "plan":
            self._plans.issued(order_id, ask.arm)
            return
        ask.arm.in_flight += 1
        ask.arm.list_length = len(ask.avoid) + sum(map(len, ask.continues))
        if ask.mode == "audit":
            self._since_audit = 0
            self._fresh_issued += 1
        else:
            self._since_audit += 1

    def took(self, order_id: int, sighted: Iterable[int], new: Sequence[tuple[int, str]]) -> None:
        """An order's response has named known items, and new ones; ids count from 1 in order of discovery."""
        order = self._open.get(order_id)
        self.known += len(new)
        for item, text in new:
            self._learn(item, text)
        if order is None or order.ask.mode == "plan":
            return
        ids = {*sighted, *(item for item, _ in new)} - order.ids.keys()
        order.ids.update(dict.fromkeys(ids))
        order.new += len(new)
        self._overlaps.took(order.ask.arm, ids)
        order.ask.arm.took(ids)
        if order.ask.mode != "audit":
            self.incidence.found_elsewhere(ids)

    def ended(
        self, order_id: int, *, complete: bool, cut: bool = False, stopped: bool = False, replaced: bool = False
    ) -> None:
        """A response has come to its end; one that is not complete tells little, one that was cut short a bit more.

        Args:
            order_id: Its order's.
            complete: Whether it came to its own end, in one piece.
            cut: Whether it was ended early.
            stopped: Whether the run's end, or a kill, broke it off: what it would have brought nobody knows.
            replaced: Whether another order asks for the rest.
        """
        order = self._open.pop(order_id, None)
        if order is None:
            return
        arm = order.ask.arm
        if complete or order.new:
            self.course.ended(order.new)
        if order.ask.mode == "plan":
            self._plans.ended(order_id, arm, complete=complete, stopped=stopped, replaced=replaced)
            return
        arm.in_flight -= 1
        partly = stopped or replaced
        if not complete and (partly or not order.new):  # it tells nothing; what a broken answer did bring counts
            if order.ask.mode == "audit":
                self.incidence.found_elsewhere(order.ids)
            if not partly:
                arm.failed()
            return
        if order.listed is not None:
            self.lists.answered(arm, order.provider, order.listed, order.ids)
        if arm.way is Way.CONTINUED:
            self._conversations.answered(order.ask.continues, tuple(order.ids))
        if order.provider in self._traits:  # an earlier run may have asked others
            price = self._price(arm, self._traits[order.provider], listed=len(order.listed or ()))
            self.worth.answered(order.provider, new=order.new, expected=order.expected, price=price)
        first = not self.yields.responses
        fresh = order.ask.mode == "audit" and complete
        self.yields.answered(arm, order.new, len(order.ids), fresh=fresh, cut=cut, whole=complete)
        self._answer_items += (1.0 if first else _SLOWLY) * (len(order.ids) - self._answer_items)
        if fresh:
            self.incidence.add(item_ids=order.ids, model=order.provider)
        elif order.ask.mode == "audit":
            self.incidence.found_elsewhere(order.ids)
        self._grow(arm)

    def planned(self, order_id: int, names: Sequence[str]) -> Sequence[str]:
        """A plan has come back; the parts that it named and that can be asked for."""
        order = self._open.get(order_id)
        if order is None:
            return ()
        return self._plans.named(order.ask.arm, names)

    def relive(self, past: PastOrder) -> None:
        """Learn from an order of an earlier run as if it came back now; call it in the order of their end.

        It need not have gone to a provider of this run.
        """
        fresh, plan, complete = past.mode == "audit", past.mode == "plan", past.complete
        of_all = fresh or (plan and past.scope == WHOLE)
        arm = self.plain if of_all else self._arm_of(past.scope, continued=past.said > 0)
        listed = None if past.listed else ()
        order = self._open[past.id] = OpenAsk(Ask(past.mode, arm), past.provider, listed, self.yields.expected(arm))
        if plan:
            complete = self._plans.relive(arm, past.parts, complete=complete, in_vain=past.in_vain)
        else:
            arm.in_flight += 1
            self._fresh_issued += fresh and past.complete  # one that was cut off does not count among the first
            order.new = past.new
            order.ids = dict.fromkeys(past.item_ids)
            self._overlaps.took(arm, past.item_ids)
            arm.took(past.item_ids)
            if not fresh:
                self.incidence.found_elsewhere(past.item_ids)
        self.ended(past.id, complete=complete, cut=past.cut, stopped=past.stopped, replaced=past.replaced)

    def remember(self, texts: Iterable[tuple[int, str]]) -> None:
        """Learn the names of items of earlier runs, in the order of their discovery: before the first `relive`."""
        for item, text in texts:
            self._learn(item, text)

    def settle(self, known: int) -> None:
        """So many items are in the store: called once, after the last `relive`."""
        self.known = known
        self.course.settle(known)

    def rejected(self, item_ids: Sequence[int]) -> None:
        """These items, which were found before, are none of the topic: they no longer count as known, or as found."""
        self.incidence.forget(item_ids)
        self.lists.rejected(item_ids)
        self.known -= len(item_ids)

    def judged(self, valid: Iterable[int], rejected: Iterable[int]) -> None:
        """What was judged of items: it tells how many of the next ones will not belong."""
        self._rejections.judged(valid, rejected)

    @property
    def knows_no_parts(self) -> bool:
        """Whether a plan has named items instead of parts: no other is asked for."""
        return self._plans.in_vain

    @property
    def cut_lately(self) -> bool:
        """Whether answers that were ended early are among those that say whether the topic is exhausted."""
        return self.yields.cut_lately

    def reopen(self) -> None:
        """What was learnt lately came from answers that were ended early: whole ones are to say what is used up."""
        self.yields.forget_lately()
        for arm in self.arms:
            if arm.closed == _USED_UP:
                arm.closed = ""

    def _learn(self, item_id: int, text: str) -> None:
        self._letters.learn(item_id, text)
        self._texts.append(text)

    def _arm_of(self, scope: Scope, *, continued: bool) -> Arm:
        for arm in self.arms[1:]:
            if arm.scope == scope and (arm.way is Way.CONTINUED) == continued:
                return arm
        if continued:
            arm = Arm(Way.CONTINUED, scope)
        elif scope.prefix:
            whole = Scope(facet=scope.facet) if scope.facet else Scope(prefix=scope.prefix[:1])
            parent = next((one for one in self.arms if one.scope == whole != scope), None)
            arm = Arm(Way.LETTER, scope, parent)
        else:
            arm = Arm(Way.LANGUAGE if scope.language else Way.FACET, scope)
        self.arms.append(arm)
        return arm

    def _grow(self, arm: Arm) -> None:
        """Split an arm that has much left and is worn, close one that is used up."""
        expected = arm.recent
        if arm.scope == WHOLE or arm.calls < 2:
            return
        large = len(arm.named) > self.tuning.split_items * self.size
        if large and self.yields.splitting_pays and not arm.split and expected < self.tuning.split_below * self.size:
            arm.split = True
            if arm.way is Way.LETTER and len(arm.scope.prefix) == 1 and not arm.scope.facet:
                self.arms += letter_arms(self._letters.longer(arm.scope.prefix), arm)
            elif arm.way is Way.FACET and arm.scope.facet:
                self._plans.split(arm)
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
        """Expected new items of the next response, without those that will be rejected."""
        return self._less_rejected(self.yields.next)

    def _less_rejected(self, new: float) -> float:
        return new * (1 - self._rejections.share)

    @property
    def noise(self) -> float:
        """New items of a response that are probably never-repeating noise: they will come for ever.

        None are taken for it where nothing repeats, or what repeats has mostly come twice only: then the true items
        are hardly known themselves, and nearly all that is new may be true.
        """
        twice, more_often = self.incidence.repeated
        if not more_often or more_often < twice:
            return 0.0
        spurious = self.incidence.missing_share() - self.incidence.missing_share_without_noise()
        if self.incidence.responses < _ENOUGH_FOR_NOISE:
            return 0.0
        return spurious * self.incidence.sightings / self.incidence.responses

    @property
    def exhausted(self) -> bool:
        """Whether no arm is worth another response: each one has been asked, and brings next to nothing but noise."""
        if self._plans.under_way or not self.settled or not self.yields.settled:
            return False
        if self._divides and self._plans.split_waits:
            return False
        tried = self._tried
        if any(self._untried(arm, tried) for arm in self._candidates()):  # an earlier run may have left others untried
            return False
        return self._worn

    @property
    def _worn(self) -> bool:
        """Whether the last responses brought next to nothing but noise."""
        return self._worthless(self._less_rejected(self.yields.lately) - self.noise)

    def _worthless(self, new: float) -> bool:
        """Whether so many new items are not worth a response."""
        return new < self.tuning.exhausted_below * self._answer_items

    @property
    def _tried(self) -> Counter[Way]:
        """How many arms of each way have been asked."""
        return Counter(arm.way for arm in self.arms if arm.calls)

    def _untried(self, arm: Arm, tried: Counter[Way]) -> bool:
        """Whether an arm must be asked before the topic counts as exhausted: not where its siblings were in vain."""
        if arm.calls or arm.closed or arm.way in (Way.LISTED, Way.CONTINUED):
            return False
        return tried[arm.way] < self.tuning.siblings_tried or not self._worthless(self.yields.first_of(arm.way))
