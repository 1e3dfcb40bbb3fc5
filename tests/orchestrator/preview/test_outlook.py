"""What more of a topic would take, from counts."""

from __future__ import annotations

import random
import statistics

import pytest

from contract.messages import WHOLE, Usage
from orchestrator.exploration import Explorer, Traits
from orchestrator.exploration.coverage import Interval
from orchestrator.preview.outlook import LADDER, Outlook, outlook_of
from orchestrator.pricing import FlatPrice
from orchestrator.store.past_orders import FreshCall, PastOrder

PRICE = FlatPrice(1.0, 10.0)
CALL = FreshCall("test:a", 60, Usage(100, 400), 2.0)


def explored(*answers: set[int]) -> Explorer:
    """After fresh answers that named these items."""
    explorer = Explorer("Fruit", 60, {"test:a": Traits()}, seed=1)
    known: set[int] = set()
    for number, items in enumerate(answers, 1):
        new = len(items - known)
        known |= items
        order = PastOrder(number, "test:a", "audit", WHOLE, 0, len(known) - new, True, new, tuple(sorted(items)))
        explorer.relive(order)
    explorer.settle(len(known))
    return explorer


def drawn(responses: int = 5, universe: int = 300) -> Explorer:
    """After draws of 60 from a universe."""
    rng = random.Random(1)
    return explored(*(set(rng.sample(range(1, universe + 1), 60)) for _ in range(responses)))


def look(explorer: Explorer, *calls: FreshCall, target: float = 0.9) -> Outlook:
    """At 0.0041 dollars a call."""
    return outlook_of(explorer, calls or [CALL] * 5, {"test:a": PRICE}, [60], 4, target)


def test_too_little_gives_no_figures() -> None:
    """Before two answers with items everything but the counts is None."""
    for explorer in (explored(), explored({1, 2}), explored(set(), set())):
        outlook = look(explorer)
        assert outlook.coverage is None is outlook.next_call
        assert outlook.targets == ()
        assert outlook.wanted is None


def test_the_figures_are_the_explorer_s_own() -> None:
    """Coverage, bounds and the next call's yield, as a run shows them."""
    explorer = drawn()
    outlook, covered = look(explorer), explorer.coverage()
    assert covered is not None
    assert outlook.coverage == Interval(covered.estimate, covered.low, covered.high)
    assert outlook.distinct_at_most == covered.share_of_distinct_at_most
    assert outlook.next_call is not None
    assert outlook.next_call.estimate == pytest.approx(explorer.incidence.next_yield())
    assert outlook.next_item_usd == pytest.approx(0.0041 / outlook.next_call.estimate)


def test_the_wanted_coverage_joins_the_ladder() -> None:
    """Once, in its place."""
    assert [one.coverage for one in look(drawn(), target=0.9).targets] == list(LADDER)
    outlook = look(drawn(), target=0.99)
    assert [one.coverage for one in outlook.targets] == [*LADDER, 0.99]
    assert outlook.wanted is outlook.targets[-1]


def test_a_reached_coverage_takes_nothing() -> None:
    """No calls, no items beyond the known ones."""
    outlook = look(drawn(20, 100))
    first = outlook.targets[0]
    assert first.reached
    assert first.calls.estimate == 0
    assert first.items.estimate == outlook.known


def test_calls_of_others_and_calls_without_tokens_measure_nothing() -> None:
    """Only what the run will ask, and what is known of it."""
    blind = FreshCall("test:a", 60, None, 2.0)
    other = FreshCall("test:b", 30, Usage(1, 1), 1.0)
    outlook = look(drawn(), CALL, blind, other)
    assert outlook.call is not None
    assert (outlook.call.tokens, outlook.call.duration_s) == (500, 2.0)
    assert outlook.sizes == (60,)
    unmeasured = look(drawn(), blind, other)
    assert unmeasured.call is None
    assert unmeasured.targets[-1].tokens is None is unmeasured.targets[-1].duration_s
    assert unmeasured.targets[-1].calls.estimate > 0


def test_one_unknown_price_makes_the_cost_unknown() -> None:
    """Also that of a provider which was not asked yet: the run will."""
    outlook = outlook_of(drawn(), [CALL] * 5, {"test:a": PRICE, "test:b": None}, [60, 40], 4, 0.9)
    assert outlook.targets[-1].cost_usd is None is outlook.next_item_usd
    assert outlook.targets[-1].tokens is not None
    assert outlook.unasked == ("test:b",)
    assert outlook.sizes_wanted == (40, 60)


def test_identical_answers_are_seen() -> None:
    """All of them, word for word; one item apart is another matter."""
    assert look(explored({1, 2, 3}, {1, 2, 3})).identical
    assert not look(explored({1, 2, 3}, {1, 2, 4})).identical


def test_intervals_hold_the_calls_that_are_needed() -> None:
    """On lists whose items come as often as Zipf's law says, after a pilot of five: 17 of 20 at least."""
    weights = [1 / rank for rank in range(1, 801)]
    held, ratios = 0, []
    for seed in range(20):
        rng = random.Random(seed)
        known: set[int] = set()
        answers = [_response(weights, rng) for _ in range(5)]
        for answer in answers:
            known |= answer
        outlook = look(explored(*answers), target=0.8)
        assert outlook.wanted is not None
        needed = _needed(weights, known, 0.8, rng)
        calls = outlook.wanted.calls
        held += calls.low - 1 <= needed <= calls.high + 1
        ratios.append((calls.estimate + 1) / (needed + 1))
    assert held >= 17
    assert 0.5 < statistics.median(ratios) < 2


def _response(weights: list[float], rng: random.Random) -> set[int]:
    """Sixty items without replacement (Efraimidis & Spirakis 2006)."""
    keys = sorted(range(len(weights)), key=lambda item: rng.random() ** (1 / weights[item]))
    return {item + 1 for item in keys[-60:]}


def _needed(weights: list[float], known: set[int], target: float, rng: random.Random) -> int:
    """Further answers until so much of an answer is known, judged by forty others."""
    known = set(known)
    probes = [_response(weights, rng) for _ in range(40)]
    calls = 0
    while sum(len(probe & known) for probe in probes) < target * 60 * len(probes):
        known |= _response(weights, rng)
        calls += 1
    return calls
