from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.exhaustion.simulation import simulate
from benchmarks.exhaustion.world import WorldOptions
from contract.messages import WHOLE, Scope
from orchestrator.exploration import Ask, Explorer, Traits
from orchestrator.exploration.arms import Way
from orchestrator.exploration.explorer import PILOT
from orchestrator.settings import STRATEGIES
from orchestrator.store.past_orders import PastOrder

SIZE = 20
TWO = {"a": Traits(), "b": Traits(takes_list=False)}


def explorer(strategy: str = "auto", traits: dict[str, Traits] | None = None) -> Explorer:
    """An explorer whose choices are repeatable."""
    return Explorer("chemical elements", SIZE, traits or {"a": Traits()}, strategy=strategy, seed=1)


def mode(subject: Explorer, orders_left: int | None = None) -> str:
    """The mode of what it asks next."""
    ask = subject.ask("a", orders_left)
    assert ask is not None
    return ask.mode


class Feed:
    """Issues and answers an explorer's orders; items that an answer brings are new unless it is told otherwise."""

    def __init__(self, subject: Explorer) -> None:
        self.subject = subject
        self.orders = 0
        self.items = 0

    def send(self, provider: str = "a") -> tuple[int, Ask]:
        ask = self.subject.ask(provider)
        assert ask is not None, "nothing is on its way, so there is something to ask"
        self.orders += 1
        self.subject.issued(self.orders, ask, provider)
        return self.orders, ask

    def fresh(self, count: int) -> list[tuple[int, str]]:
        self.items += count
        return [(number, f"Item {number}") for number in range(self.items - count + 1, self.items + 1)]

    def answer(self, order: int, ask: Ask, new: int, sighted: tuple[int, ...] = (), complete: bool = True) -> None:
        if ask.mode == "plan":
            self.subject.planned(order, [])
        else:
            self.subject.took(order, sighted, self.fresh(new))
        self.subject.ended(order, complete=complete)

    def until_plan(self) -> int:
        """Answers with new items only until a plan is asked for; its order."""
        for _ in range(10):
            order, ask = self.send()
            if ask.mode == "plan":
                return order
            self.answer(order, ask, SIZE)
        raise AssertionError("no plan was asked for")

    def with_facets(self, names: list[str]) -> Explorer:
        order = self.until_plan()
        self.subject.planned(order, names)
        self.subject.ended(order, complete=True)
        return self.subject


def test_the_first_orders_ask_afresh() -> None:
    """With nothing known there is nothing to avoid: whatever goes out first serves the estimates."""
    feed = Feed(explorer())
    assert {feed.send()[1].mode for _ in range(PILOT)} == {"audit"}


def test_the_first_answers_are_seen_before_more_is_asked() -> None:
    """A small topic is listed with a few calls: however many may be in flight, no more go out unseen."""
    feed = Feed(explorer())
    sent = [feed.send() for _ in range(PILOT)]
    assert feed.subject.ask("a") is None
    feed.answer(*sent[0], SIZE)
    assert feed.subject.ask("a") is not None  # one place is free again
    feed.answer(*sent[1], SIZE)
    for _ in range(20):
        assert feed.subject.ask("a") is not None


def test_orders_that_fail_do_not_hold_up_others() -> None:
    """Where the first answers never come, others are asked for in their place."""
    feed = Feed(explorer())
    for _ in range(50):
        order, ask = feed.send()
        feed.answer(order, ask, 0, complete=False)


def test_while_a_plan_is_made_little_else_is_asked() -> None:
    """The parts of the topic bring more than what would be asked without them."""
    feed = Feed(explorer())
    plan = feed.until_plan()
    others = [feed.send() for _ in range(PILOT - 1)]
    assert feed.subject.ask("a") is None
    feed.subject.planned(plan, ["gases", "metals", "salts"])
    feed.subject.ended(plan, complete=True)
    assert feed.subject.ask("a") is not None
    assert len(others) == PILOT - 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_audit_has_neither_list_nor_scope(strategy: str) -> None:
    """The responses that the estimates stand on are asked afresh, whatever the strategy is."""
    feed = Feed(explorer(strategy))
    audits = 0
    for _ in range(60):
        order, ask = feed.send()
        if ask.mode == "audit":
            audits += 1
            assert (ask.scope, ask.avoid, ask.continues) == (Scope(), (), ())
        feed.answer(order, ask, 15)
    assert audits >= 3
    assert feed.subject.incidence.responses == audits


def test_plain_asks_afresh_always() -> None:
    """The strategy without steering is naive sampling."""
    feed = Feed(explorer("plain"))
    for _ in range(30):
        order, ask = feed.send()
        assert ask.mode == "audit"
        feed.answer(order, ask, 5)


def test_a_large_topic_is_planned_once() -> None:
    """Where fresh responses bring mostly unknown items, sub-topics are asked for, and not again while that is open."""
    feed = Feed(explorer())
    order = feed.until_plan()
    modes = [feed.send()[1].mode for _ in range(PILOT - 1)]
    assert "plan" not in modes
    feed.subject.planned(order, ["gases", "metals", "salts"])
    feed.subject.ended(order, complete=True)
    facets = [arm.scope.facet for arm in feed.subject.arms if arm.way is Way.FACET]
    assert facets == ["gases", "metals", "salts", ""]


def test_a_small_topic_gets_no_plan() -> None:
    """Where the second response repeats the first, a plan would cost more than it saves."""
    feed = Feed(explorer())
    order, ask = feed.send()
    feed.answer(order, ask, SIZE)
    known = tuple(range(1, SIZE + 1))
    for _ in range(40):
        order, ask = feed.send()
        assert ask.mode != "plan"
        feed.answer(order, ask, 0, known)


def test_too_few_orders_left_are_not_worth_a_plan() -> None:
    """A run that is about to end spends none of its last orders on a list of sub-topics."""
    feed = Feed(explorer())
    for _ in range(4):
        order, ask = feed.send()
        assert ask.mode != "plan"
        feed.answer(order, ask, SIZE)
        if feed.subject.plain.calls >= 2:
            break
    assert mode(feed.subject, orders_left=5) != "plan"
    assert mode(feed.subject, orders_left=500) == "plan"


def test_every_sub_topic_is_asked() -> None:
    """No part of the plan starves while something can be found, the catch-all and fresh orders included."""
    subject = Feed(explorer()).with_facets([f"part {number}" for number in range(12)])
    feed = Feed(subject)
    feed.orders, feed.items = 1000, 1000
    for _ in range(300):
        order, ask = feed.send()
        feed.answer(order, ask, 8)
    assert [arm.scope for arm in subject.arms if arm.calls == 0 and not arm.split and arm.way is Way.FACET] == []
    assert subject.plain.calls > 300 / 20


def test_orders_go_where_new_items_are() -> None:
    """A sub-topic that brings much is asked far more often than those that bring nothing."""
    subject = Feed(explorer()).with_facets(["rich", "poor", "poorer"])
    feed = Feed(subject)
    feed.orders, feed.items = 1000, 1000
    for _ in range(80):
        order, ask = feed.send()
        feed.answer(order, ask, 15 if ask.scope.facet == "rich" else 0)
    calls = Counter[str]()
    for arm in subject.arms:
        calls[arm.scope.facet] += arm.calls  # those of its own parts, too
    assert calls["rich"] > 5 * calls["poor"]


def test_a_sub_topic_that_is_used_up_is_closed() -> None:
    """Two responses without anything new close a sub-topic; the whole topic's own ways stay open."""
    subject = Feed(explorer()).with_facets(["gases", "metals", "salts"])
    feed = Feed(subject)
    feed.orders, feed.items = 1000, 1000
    known = tuple(range(1, SIZE + 1))
    for _ in range(120):
        order, ask = feed.send()
        feed.answer(order, ask, 0, known)
    assert all(arm.closed for arm in subject.arms if arm.calls >= 2 and arm.way is Way.FACET)
    assert any(arm.closed for arm in subject.arms)
    assert not subject.plain.closed
    assert subject.exhausted


def test_a_scope_s_avoid_list_is_what_it_named_itself() -> None:
    """A sub-topic's order lists its own items, so that the list is short and does its work."""
    subject = Feed(explorer()).with_facets(["gases", "metals", "salts"])
    feed = Feed(subject)
    feed.orders, feed.items = 1000, 1000
    named: dict[Scope, set[int]] = {}
    for _ in range(40):
        order, ask = feed.send()
        if ask.arm.way is Way.FACET and ask.mode == "explore":
            assert {one.item_id for one in ask.avoid} == named.get(ask.scope, set())
        before = feed.items
        feed.answer(order, ask, 4)
        named.setdefault(ask.scope, set()).update(range(before + 1, feed.items + 1))
    assert max(len(ids) for ids in named.values()) > 4


def test_a_provider_that_takes_no_lists_gets_none() -> None:
    """The way of asking stays; only the list is left out."""
    feed = Feed(explorer(traits=TWO))
    for _ in range(60):
        order, ask = feed.send("b")
        assert not ask.avoid
        feed.answer(order, ask, 12)


def test_a_model_that_keeps_to_no_parts_is_asked_for_none() -> None:
    """By `auto`: it lists the topic and ends; beside another model it is asked about the whole, by name about parts."""
    feed = Feed(explorer("auto", {"a": Traits(takes_list=False, takes_parts=False)}))
    for _ in range(60):
        order, ask = feed.send()
        assert ask.mode == "audit"
        feed.answer(order, ask, SIZE if feed.orders < 30 else 0, sighted=tuple(range(1, SIZE)))
    assert feed.subject.exhausted
    feed = Feed(explorer("auto", {"a": Traits(), "b": Traits(takes_parts=False)}))
    feed.with_facets([f"part {number}" for number in range(8)])
    for _ in range(40):
        for provider in ("a", "b"):
            order, ask = feed.send(provider)
            assert provider == "a" or (ask.mode != "plan" and ask.scope == WHOLE)
            feed.answer(order, ask, SIZE)
    assert any(arm.calls for arm in feed.subject.arms if arm.way is Way.FACET)
    feed = Feed(explorer("letters", {"a": Traits(takes_parts=False)}))
    assert any(ask.scope.prefix for order, ask in _sent(feed, 20))


def _sent(feed: Feed, count: int) -> Iterator[tuple[int, Ask]]:
    for _ in range(count):
        order, ask = feed.send()
        feed.answer(order, ask, SIZE)
        yield order, ask


def test_letters_alone_asks_for_beginnings() -> None:
    """The strategy by first letters needs a few fresh responses, then asks by the letters of what came."""
    feed = Feed(explorer("letters"))
    prefixes = set()
    for _ in range(40):
        order, ask = feed.send()
        prefixes.add(ask.scope.prefix)
        feed.answer(order, ask, 12)
    assert "I" in prefixes
    assert len(prefixes) > 10


@pytest.mark.parametrize(("parts", "lettered"), [(4, True), (20, False)])
def test_letters_come_early_where_they_are_finer_than_the_sub_topics(parts: int, lettered: bool) -> None:
    """A few large sub-topics that still bring half of an answer give way to letters; many small ones do not."""
    feed = Feed(explorer())
    subject = feed.with_facets([f"part {number}" for number in range(parts)])
    known = tuple(range(1, SIZE))
    for _ in range(4 * parts + 20):
        order, ask = feed.send()
        new = SIZE // 2 if ask.arm.way in (Way.FACET, Way.LETTER) else 3
        feed.answer(order, ask, new, known[new:])
    facets = [arm for arm in subject.arms if arm.way is Way.FACET]
    assert all(arm.calls for arm in facets[: parts + 1])
    assert any(arm.way is Way.LETTER for arm in subject.arms) is lettered


def test_an_empty_or_useless_plan_leaves_the_search_going() -> None:
    """A model that does not understand what a plan is costs one call, nothing else."""
    subject = Feed(explorer()).with_facets(["chemical elements", "", "x" * 900])
    assert [arm.way for arm in subject.arms] == [Way.PLAIN, Way.LISTED]
    assert mode(subject) != "plan"


def test_what_came_from_an_audit_alone_is_not_listed() -> None:
    """An item that a single fresh response found must be left to be found again; once another finds it, it may go."""
    subject = explorer()
    subject.issued(1, Ask("audit", subject.plain), "a")
    subject.took(1, [], [(1, "Carbon"), (2, "Gold")])
    subject.ended(1, complete=True)
    assert subject.incidence.held(1)
    subject.issued(2, Ask("explore", subject.arms[1]), "a")
    subject.took(2, [1], [(3, "Iron")])
    assert not subject.incidence.held(1)
    assert not subject.incidence.held(3)
    assert subject.incidence.held(2)


def test_an_audit_that_broke_off_is_no_sample() -> None:
    """Its items are known, but the estimates do not count the response."""
    feed = Feed(explorer())
    order, ask = feed.send()
    feed.answer(order, ask, 10, complete=False)
    assert feed.subject.known == 10
    assert feed.subject.incidence.responses == 0
    assert feed.subject.coverage() is None


def test_a_search_that_has_hardly_begun_is_not_exhausted() -> None:
    """Before the pilot nothing is said, even where the first responses are empty."""
    feed = Feed(explorer())
    order, ask = feed.send()
    feed.answer(order, ask, 0)
    assert not feed.subject.exhausted


def test_repeats_only_exhaust_a_topic() -> None:
    """Where every way of asking brings what is known, the search is over after a few calls of each, and stays over."""
    feed = Feed(explorer())
    order, ask = feed.send()
    feed.answer(order, ask, SIZE)
    known = tuple(range(1, SIZE + 1))
    for _ in range(40):
        order, ask = feed.send()
        feed.answer(order, ask, 0, known)
    assert feed.subject.exhausted
    assert feed.subject.next_yield < 1
    shown = feed.subject.coverage()
    assert shown is not None
    assert shown.estimate > 0.95


def test_a_large_even_topic_is_not_taken_for_noise() -> None:
    """Where all items are as likely and few came again, new ones are no noise: the search goes on."""
    draw = random.Random(1)
    subject = Explorer("river towns", 10, {"a": Traits()}, strategy="plain", seed=1)
    numbers: dict[int, int] = {}
    for order in range(1, 25):
        subject.issued(order, Ask("audit", subject.plain), "a")
        named = draw.sample(range(4000), 10)
        new = [one for one in named if one not in numbers]
        numbers.update({one: len(numbers) + place for place, one in enumerate(new, 1)})
        sighted = [numbers[one] for one in named if one not in new]
        subject.took(order, sighted, [(numbers[one], f"Town {one}") for one in new])
        subject.ended(order, complete=True)
    assert subject.noise == 0.0
    assert subject.next_yield > 8
    assert not subject.exhausted


def test_noise_that_never_repeats_does_not_hold_up_the_end() -> None:
    """Where the true items have come many times, what is new each time is noise, and the topic is exhausted."""
    subject = Explorer("river towns", 12, {"a": Traits()}, strategy="plain", seed=1)
    for order in range(1, 25):
        subject.issued(order, Ask("audit", subject.plain), "a")
        true = [(item, f"Town {item}") for item in range(1, 11)]
        noise = [(item, f"Noise {item}") for item in range(100 + 2 * order, 102 + 2 * order)]
        subject.took(order, [] if order == 1 else [item for item, _ in true], noise if order > 1 else [*true, *noise])
        subject.ended(order, complete=True)
    assert subject.noise == pytest.approx(2, abs=0.5)
    assert subject.exhausted


def test_broken_first_answers_do_not_make_a_topic_large() -> None:
    """A plan rests on two whole fresh answers; only where none comes whole is it asked for without."""
    feed = Feed(explorer())
    sent = [feed.send() for _ in range(PILOT)]
    for order, ask in sent[:3]:
        feed.answer(order, ask, 5, complete=False)
    assert mode(feed.subject) != "plan"
    for order, ask in sent[3:]:
        feed.answer(order, ask, 5, complete=False)
    assert mode(feed.subject) == "plan"


def test_empty_answers_exhaust_a_topic() -> None:
    """A model that says there is nothing more has exhausted the topic as well as one that repeats itself."""
    feed = Feed(explorer())
    order, ask = feed.send()
    feed.answer(order, ask, SIZE)
    for _ in range(120):
        order, ask = feed.send()
        feed.answer(order, ask, 0)
    assert feed.subject.exhausted


def test_an_earlier_run_is_relived() -> None:
    """After a restart the estimates, the arms' histories and the number of known items are what they were."""
    feed = Feed(explorer("letters"))
    again = explorer("letters")
    again.remember((number, f"Item {number}") for number in range(1, 300))
    for _ in range(40):
        order, ask = feed.send()
        known, before = feed.subject.known, feed.items
        sighted = tuple(range(1, min(known, 5) + 1))
        feed.answer(order, ask, 6, sighted)
        ids = [*sighted, *range(before + 1, feed.items + 1)]
        again.relive(PastOrder(order, "a", ask.mode, ask.scope, len(ask.avoid), known, True, 6, tuple(ids)))
    again.settle(feed.items)
    assert again.known == feed.subject.known
    assert again.coverage() == feed.subject.coverage()
    assert again.exhausted == feed.subject.exhausted
    lived = {(arm.way, arm.scope): (arm.calls, arm.new, arm.recent) for arm in feed.subject.arms if arm.calls}
    assert {(arm.way, arm.scope): (arm.calls, arm.new, arm.recent) for arm in again.arms if arm.calls} == lived


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("split_waits", [False, True])
def test_what_another_strategy_left_open_does_not_keep_a_run_going(strategy: str, split_waits: bool) -> None:
    """Parts that an earlier run planned, and never asked about or never split, are nothing to wait for."""
    feed = Feed(explorer(strategy))
    feed.subject.remember((number, f"Item {number}") for number in range(1, 7 * SIZE + 1))
    parts = tuple(f"part {letter}" for letter in "abcdef")
    feed.subject.relive(PastOrder(1, "a", "plan", WHOLE, 0, 0, True, 0, (), parts))
    if split_waits:
        for order, new in enumerate([7 * SIZE, 0, 0, 0], start=2):
            feed.subject.relive(
                PastOrder(order, "a", "explore", Scope(facet="part a"), 0, 0, True, new, tuple(range(1, new + 1)))
            )
    feed.orders, feed.items = 5, 7 * SIZE
    feed.subject.settle(feed.items)
    for _ in range(200):
        order, ask = feed.send()
        feed.answer(order, ask, 0, sighted=(1, 2, 3))
    assert feed.subject.exhausted


def test_an_earlier_run_says_what_each_provider_is_worth() -> None:
    """Providers that brought what was expected of them are as good after a restart, however often each was asked."""
    again = explorer("plain", {"a": Traits(), "b": Traits()})
    for order in range(1, 61):
        provider = "b" if order % 10 == 0 else "a"
        ids = tuple(range(order * 10, order * 10 + 10))
        again.relive(PastOrder(order, provider, "audit", WHOLE, 0, 0, True, 10, ids))
    assert again.worth.shares(["a", "b"])["b"] > 0.3


def test_a_part_whose_split_was_cut_off_is_split_by_the_next_run() -> None:
    """A plan that a kill interrupted named nothing: it is asked for again."""
    subject, scope = explorer(), Scope(facet="part a")
    parts = tuple(f"part {letter}" for letter in "abc")
    subject.relive(PastOrder(1, "a", "plan", WHOLE, 0, 0, True, 0, (), parts))
    named = tuple(range(1, 7 * SIZE + 1))
    subject.relive(PastOrder(2, "a", "explore", scope, 0, 0, True, len(named), named))
    for order in range(3, 7):
        subject.relive(PastOrder(order, "a", "explore", scope, 0, 0, True, 2, (1, 2)))
    subject.relive(PastOrder(7, "a", "plan", scope, 0, 0, False, 0, ()))
    ask = subject.ask("a")
    assert ask is not None
    assert (ask.mode, ask.scope) == ("plan", scope)


def test_fresh_answers_that_a_kill_cut_off_are_asked_for_again() -> None:
    """A run has its first fresh answers soon, also where those of earlier runs never came to their end."""
    feed = Feed(explorer())
    for order in range(1, 8):
        ids = tuple(range(order * 10, order * 10 + 10))
        feed.subject.relive(PastOrder(order, "a", "audit", WHOLE, 0, 0, order < 3, 10, ids))
    feed.orders, feed.items = 7, 100
    feed.subject.settle(feed.items)
    modes = []
    for _ in range(8):
        order, ask = feed.send()
        modes.append(ask.mode)
        feed.answer(order, ask, 2)
    assert modes.count("audit") >= 3


def test_conversations_of_an_earlier_run_do_not_go_on_by_themselves() -> None:
    """Only the strategy of that name continues them."""
    feed = Feed(explorer())
    for order in range(1, 9):
        ids = tuple(range(order * SIZE, order * SIZE + SIZE))
        feed.subject.relive(PastOrder(order, "a", "explore", WHOLE, 0, 0, True, SIZE, ids, said=1))
    feed.orders, feed.items = 8, 10 * SIZE
    feed.subject.settle(feed.items)
    for _ in range(40):
        order, ask = feed.send()
        assert ask.arm.way is not Way.CONTINUED
        feed.answer(order, ask, 1)


def test_a_first_answer_without_items_and_a_free_prompt_are_borne() -> None:
    """Where only the answer costs and the first one is empty, the next order still has a price."""
    feed = Feed(explorer(traits={"a": Traits(input_price=0.0, output_price=1.0)}))
    order, ask = feed.send()
    feed.answer(order, ask, 0)
    feed.answer(*feed.send(), 0)
    assert feed.subject.worth.shares(["a"]) == {"a": pytest.approx(1.0)}


class Event(NamedTuple):
    """What happens next: an order goes out, or one of those on their way is answered in part or ends."""

    kind: str
    choice: int
    ids: list[int]
    new: int
    complete: bool
    names: list[str]


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event."""
    kind = draw(st.sampled_from(["send", "send", "send", "take", "plan", "end", "end"]))
    if kind == "send":
        return Event(kind, draw(st.integers(0, 1)), [], 0, True, [])
    names = draw(st.lists(st.text(max_size=150), max_size=8)) if kind == "plan" else []
    return Event(
        kind,
        draw(st.integers(0, 30)),
        draw(st.lists(st.integers(1, 200), max_size=20)) if kind != "plan" else [],
        draw(st.integers(0, 12)),
        draw(st.booleans()),
        names,
    )


def played(subject: Explorer, story: list[Event]) -> Iterator[Ask]:
    """Let it happen; the orders that were asked for. Orders that never were are answered too, and some twice."""
    orders: list[int] = []
    known = 0
    for event in story:
        if event.kind == "send":
            provider = "ab"[event.choice]
            ask = subject.ask(provider)
            if ask is None:
                continue
            orders.append(len(orders) + 1)
            subject.issued(orders[-1], ask, provider)
            yield ask
            continue
        order = event.choice  # one on its way, one that ended, or one that never was
        new = [(known + place + 1, f"{chr(65 + (known + place) % 26)} {event.kind}") for place in range(event.new)]
        if event.kind == "plan":
            subject.planned(order, event.names)
        else:
            known += len(new)
            subject.took(order, [one for one in event.ids if one <= known - len(new)], new)
        if event.kind == "end":
            subject.ended(order, complete=event.complete)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(STRATEGIES), st.lists(events(), max_size=80))
def test_any_order_of_events_is_borne(strategy: str, story: list[Event]) -> None:
    """Answers in parts, in any order, twice, to unknown orders, broken off, plans of anything: nothing is raised.

    Audits stay fresh, no list holds what a single fresh response alone found, and what is told stays in its bounds.
    """
    subject = explorer(strategy, TWO)
    for ask in played(subject, story):
        assert all(arm.in_flight >= 0 for arm in subject.arms)
        assert not any(subject.incidence.held(one.item_id) for one in ask.avoid)
        if ask.mode == "audit":
            assert (ask.scope, ask.avoid, ask.continues) == (Scope(), (), ())
        shown = subject.coverage()
        if shown is not None:
            assert 0 <= shown.low <= shown.estimate <= shown.high <= 1
            assert shown.without_noise >= shown.estimate
        assert subject.next_yield >= 0
        assert subject.noise >= 0
        assert subject.exhausted in (True, False)
    assert subject.known == sum(event.new for event in story if event.kind in ("take", "end"))


@settings(max_examples=30, deadline=None)
@given(st.lists(events(), max_size=60))
def test_when_every_order_has_ended_none_is_on_its_way(story: list[Event]) -> None:
    """Whatever the ends were, no arm keeps an order: its yield would be discounted for ever."""
    subject = explorer("auto", TWO)
    sent = sum(1 for _ in played(subject, story))
    for order in range(1, sent + 1):
        subject.ended(order, complete=False)
    assert [arm.in_flight for arm in subject.arms] == [0] * len(subject.arms)


@pytest.mark.parametrize("law", ["zipf", "lognormal"])
def test_a_world_is_searched_until_it_is_exhausted(law: str) -> None:
    """Of 300 items at least nine in ten are found before the search calls itself over, within bounded calls."""
    ours = simulate(WorldOptions(size=300, law=law, seed=71), "auto", seed=7, until_exhausted=True, max_calls=500)
    assert ours.stop is not None
    assert ours.stop.recall >= 0.9
    assert ours.stop.calls < 200


def test_a_search_is_repeatable() -> None:
    """The same seed makes the same choices."""
    first, second = (simulate(WorldOptions(size=300, seed=72), "auto", seed=8) for _ in range(2))
    assert first == second


def test_what_is_rejected_is_neither_known_nor_expected() -> None:
    """Items that do not belong leave what is known; a like share of the next response's is expected to be none."""
    subject = explorer("plain")
    feed = Feed(subject)
    for _ in range(4):
        order, ask = feed.send()
        feed.answer(order, ask, 10)
    assert (subject.known, subject.next_yield) == (40, 10.0)
    invalid = [1, 2, 11, 12, 21, 22, 31, 32]
    subject.rejected(invalid)
    subject.judged([item for item in range(1, 41) if item not in invalid], invalid)
    assert (subject.known, subject.next_yield) == (32, 10.0 * (1 - 8 / 50))
    assert subject.incidence.sightings == 32
    assert not subject.incidence.held(1)


def test_what_was_rejected_long_ago_says_nothing_of_what_comes_now() -> None:
    """Inventions that recur come first: later answers bring few new items, all of which belong."""
    subject = explorer("plain")
    feed = Feed(subject)
    for _ in range(25):
        order, ask = feed.send()
        feed.answer(order, ask, 16)
    invalid = [item for item in range(1, 401) if item % 16 < 12]
    subject.rejected(invalid)
    subject.judged([item for item in range(1, 401) if item % 16 >= 12], invalid)
    for _ in range(60):
        order, ask = feed.send()
        feed.answer(order, ask, 4, sighted=tuple(range(13, 17)))
        subject.judged(range(feed.items - 3, feed.items + 1), ())
    assert subject.next_yield == 4.0


@pytest.mark.parametrize("size", [20, 60])
def test_noise_is_a_share_of_what_answers_name(size: int) -> None:
    """However many items are asked for: two of the twenty that an answer names never come again."""
    subject = Explorer("topic", size, {"a": Traits()}, strategy="plain", seed=1)
    feed = Feed(subject)
    feed.items = 30
    rng = random.Random(4)
    subject.took(0, (), [(item, f"Item {item}") for item in range(1, 31)])
    for _ in range(40):
        order, ask = feed.send()
        feed.answer(order, ask, 2, sighted=tuple(rng.sample(range(1, 31), 18)))
    assert 1.5 < subject.noise < 2.5


def test_a_plan_that_cannot_be_paid_for_is_not_forgotten() -> None:
    """Only one that went out counts as bought."""
    feed = Feed(explorer())
    for _ in range(10):
        ask = feed.subject.ask("a")
        if ask is not None and ask.mode == "plan":
            break
        feed.answer(*feed.send(), SIZE)
    assert mode(feed.subject) == mode(feed.subject) == "plan"
    assert mode(feed.subject, orders_left=1) != "plan"


def test_a_plan_that_moves_to_another_provider_is_not_bought_twice() -> None:
    """The order that takes its place is the plan; where that comes to nothing, it is asked for again."""
    feed = Feed(explorer("auto", TWO))
    plan = feed.until_plan()
    feed.subject.ended(plan, complete=False, replaced=True)
    feed.orders += 1
    feed.subject.issued(feed.orders, Ask("plan", feed.subject.plain, parts=40), "b")
    moved = feed.orders
    for _ in range(PILOT - 1):
        ask = feed.subject.ask("a")
        assert ask is None or ask.mode != "plan"
    feed.subject.ended(moved, complete=False)
    assert mode(feed.subject) == "plan"


def test_two_plans_have_one_catch_all() -> None:
    """Runs of an older version may have bought two."""
    subject = explorer()
    for order, names in enumerate((("a", "b", "c"), ("d", "e", "f")), start=1):
        subject.relive(PastOrder(order, "a", "plan", WHOLE, 0, 0, True, 0, (), names))
    scopes = [arm.scope for arm in subject.arms if arm.way is Way.FACET]
    assert [scope.facet for scope in scopes if scope.facet] == list("abcdef")
    assert sum(bool(scope.besides) for scope in scopes) == 1


def test_parts_of_a_plan_whose_end_a_kill_lost_are_not_bought_again() -> None:
    """They were written, so the answer had come."""
    subject = explorer()
    subject.relive(PastOrder(1, "a", "plan", WHOLE, 0, 0, False, 0, (), ("a", "b", "c")))
    for order in range(2, 9):
        ids = tuple(range(order * SIZE, order * SIZE + SIZE))
        subject.relive(PastOrder(order, "a", "audit", WHOLE, 0, 0, True, SIZE, ids))
    subject.settle(7 * SIZE)
    assert mode(subject) != "plan"


def _with_two_large_parts(names: list[str]) -> Feed:
    """Two parts are to be split; the plan for the first names these."""
    feed = Feed(explorer("facets"))
    subject = feed.with_facets(["part a", "part b", "part c"])
    for arm in [arm for arm in subject.arms if arm.scope.facet in ("part a", "part b")]:
        for new in (8 * SIZE, 0, 0, 0):
            feed.orders += 1
            subject.issued(feed.orders, Ask("explore", arm), "a")
            feed.answer(feed.orders, Ask("explore", arm), new)
    order, ask = feed.send()
    assert ask.mode == "plan"
    subject.planned(order, names)
    subject.ended(order, complete=True)
    return feed


def test_a_plan_of_a_part_that_names_items_keeps_no_search_going() -> None:
    """No further plan is bought; what was to be split is split by letters, and the search comes to its end."""
    feed = _with_two_large_parts(["Item 1", "Item 2", "Item 3", "Item 4"])
    subject = feed.subject
    split = {arm.scope.facet for arm in subject.arms if arm.way is Way.LETTER}
    assert split == {"part a", "part b"}
    for _ in range(200):
        order, ask = feed.send()
        assert ask.mode != "plan"
        feed.answer(order, ask, 0, sighted=(1, 2, 3))
        if subject.exhausted:
            return
    raise AssertionError("the search never ends")


@pytest.mark.parametrize("in_vain", [True, False])
def test_a_split_without_parts_is_relived_as_it_was(in_vain: bool) -> None:
    """Where the plan named items no other is bought; where the part has none, others are split as ever."""
    subject = explorer()
    subject.remember((number, f"Item {number}") for number in range(1, 7 * SIZE + 1))
    parts = tuple(f"part {letter}" for letter in "abc")
    subject.relive(PastOrder(1, "a", "plan", WHOLE, 0, 0, True, 0, (), parts))
    named = tuple(range(1, 7 * SIZE + 1))
    orders = itertools.count(2)
    for part in ("part a", "part b"):
        for ids in (named, (1, 2), (1, 2), (1, 2)):
            new = len(ids) if part == "part a" and len(ids) > 2 else 0
            subject.relive(PastOrder(next(orders), "a", "explore", Scope(facet=part), 0, 0, True, new, ids))
        if part == "part a":
            split = Scope(facet=part)
            subject.relive(PastOrder(next(orders), "a", "plan", split, 0, 0, True, 0, (), in_vain=in_vain))
    subject.settle(7 * SIZE)
    letters = {arm.scope.facet for arm in subject.arms if arm.way is Way.LETTER}
    assert letters == ({"part a", "part b"} if in_vain else {"part a"})
    assert (mode(subject) == "plan") is not in_vain


def test_letters_that_were_split_are_split_after_a_restart() -> None:
    """Their names are known before their orders are relived; each piece belongs to its letter."""
    subject = explorer("letters")
    subject.remember((number, f"{'SCMB'[number % 4]}{'aeiou'[number % 5]} {number}") for number in range(1, 801))
    large = tuple(number for number in range(1, 801) if number % 4 == 0)[: 8 * SIZE]
    for order, ids in enumerate([large, (4, 8), (4, 8), (4, 8)], start=1):
        new = len(ids) if order == 1 else 0
        subject.relive(PastOrder(order, "a", "explore", Scope(prefix="S"), 0, 0, True, new, ids))
    subject.settle(800)
    letter = next(arm for arm in subject.arms if arm.scope.prefix == "S")
    assert letter.split
    pieces = [arm for arm in subject.arms if len(arm.scope.prefix) == 2]
    assert {arm.scope.prefix for arm in pieces} == {"Sa", "Se", "Si", "So", "Su"}
    subject.relive(PastOrder(9, "a", "explore", Scope(prefix="Sy"), 0, 0, True, 1, (7,)))
    assert next(arm for arm in subject.arms if arm.scope.prefix == "Sy").parent is letter


def test_orders_that_were_taken_over_close_nothing_after_a_restart() -> None:
    """They were no failures; nor are plans that a kill broke off."""
    subject = explorer()
    parts = tuple(f"part {letter}" for letter in "abc")
    subject.relive(PastOrder(1, "a", "plan", WHOLE, 0, 0, True, 0, (), parts))
    for order in range(2, 6):
        scope = Scope(facet="part a")
        subject.relive(PastOrder(order, "a", "explore", scope, 0, 0, False, 0, (), replaced=True))
    assert not next(arm for arm in subject.arms if arm.scope.facet == "part a").closed
    subject = explorer()
    for order in range(1, 4):
        subject.relive(PastOrder(order, "a", "plan", WHOLE, 0, 0, False, 0, (), stopped=True))
    for order in range(4, 11):
        ids = tuple(range(order * SIZE, order * SIZE + SIZE))
        subject.relive(PastOrder(order, "a", "audit", WHOLE, 0, 0, True, SIZE, ids))
    subject.settle(7 * SIZE)
    for order in (20, 21):
        ask = subject.ask("a")
        assert ask is not None
        assert ask.mode == "plan"
        subject.issued(order, ask, "a")
        subject.ended(order, complete=False)
    assert mode(subject) == "plan"


def test_what_nobody_who_is_left_would_be_asked_is_nothing_to_wait_for() -> None:
    """A provider that takes parts has gone after the plan; the other one lists the topic and ends."""
    feed = Feed(explorer("auto", {"a": Traits(), "b": Traits(takes_list=False, takes_parts=False)}))
    subject = feed.with_facets([f"part {number}" for number in range(8)])
    subject.can_ask(["b"])
    rng = random.Random(3)
    for _ in range(80):
        order, ask = feed.send("b")
        assert ask.mode == "audit"
        # Now and then something new, as a model that invents would say: the dry ones do not come in a row.
        feed.answer(order, ask, int(feed.orders % 15 == 0), sighted=tuple(rng.sample(range(1, SIZE), 12)))
        if subject.exhausted:
            break
    assert subject.exhausted
    subject.can_ask(["a", "b"])
    assert not subject.exhausted


def test_answers_that_the_end_of_a_run_broke_off_say_nothing_of_the_yield() -> None:
    """What they brought is known; no later run stops because they brought little."""
    lived, relived = (Feed(explorer("plain")) for _ in range(2))
    for number in range(1, 31):
        stopped = number > 20
        new = 2 if stopped else 10
        order, _ = lived.send()
        lived.subject.took(order, (), lived.fresh(new))
        lived.subject.ended(order, complete=not stopped, stopped=stopped)
        ids = tuple(range(lived.items - new + 1, lived.items + 1))
        relived.subject.relive(PastOrder(order, "a", "audit", WHOLE, 0, 0, not stopped, new, ids, stopped=stopped))
    relived.subject.settle(lived.items)
    for subject in (lived.subject, relived.subject):
        assert (subject.next_yield, subject.plain.calls, subject.known) == (10.0, 20, 220)
        assert subject.incidence.responses == 20
        assert subject.course.steps()[-1].items == 220
        assert subject.plain.in_flight == 0


def test_answers_that_were_ended_early_are_told_after_a_restart() -> None:
    """They do not say that the topic is used up."""
    subject = explorer("plain")
    for order in range(1, 4):
        subject.relive(PastOrder(order, "a", "explore", WHOLE, 0, 0, True, 0, (1, 2), cut=order == 2))
    assert subject.cut_lately
    subject.reopen()
    assert not subject.cut_lately


def test_a_broken_answer_is_not_short() -> None:
    """Nobody knows how long it would have been: its part is not taken for used up."""
    feed = Feed(explorer())
    subject = feed.with_facets(["part a", "part b", "part c"])
    arm = next(arm for arm in subject.arms if arm.scope.facet == "part a")
    for complete, short in ((False, False), (True, True)):
        feed.orders += 1
        subject.issued(feed.orders, Ask("explore", arm), "a")
        feed.answer(feed.orders, Ask("explore", arm), 3, complete=complete)
        assert arm.short is short


def test_a_topic_of_which_nothing_repeats_is_not_taken_for_noise() -> None:
    """Where fresh answers bring new items only, the topic is large, also if another answer has named one of them."""
    feed = Feed(explorer("plain"))
    for _ in range(10):
        order, ask = feed.send()
        feed.answer(order, ask, SIZE)
    subject = feed.subject
    subject.issued(99, Ask("explore", subject.arms[1]), "a")
    subject.took(99, [1], [])
    subject.ended(99, complete=True)
    assert subject.noise == 0
