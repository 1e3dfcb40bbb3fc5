"""Counts over fresh responses and their estimators."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.incidence import FOLLOWED, Incidence, expected_singletons, missing_share

Responses = list[tuple[str, list[int]]]

responses = st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 12), max_size=8)), max_size=9)
found = st.lists(st.integers(0, 15), max_size=6)


def counted(all_of: Responses, elsewhere: list[int] | None = None) -> Incidence:
    """Fresh responses, and items found by another one."""
    incidence = Incidence()
    for model, items in all_of:
        incidence.add(model, items)
    if elsewhere is not None:
        incidence.found_elsewhere(elsewhere)
    return incidence


def plain(*items: list[int]) -> Incidence:
    """Fresh responses of one model."""
    return counted([("a", one) for one in items])


def naive(all_of: Responses, elsewhere: list[int]) -> float:
    """The missing share, computed from all responses anew."""
    counts = Counter(item for _, items in all_of for item in set(items) if item not in elsewhere)
    once, twice = (sum(1 for times in counts.values() if times == wanted) for wanted in (1, 2))
    return float(missing_share(once, twice, len(all_of), sum(len(set(items)) for _, items in all_of)))


@pytest.mark.parametrize(
    ("once", "twice", "responses", "sightings", "expected"),
    [
        (4, 2, 3, 12, 4 / 12 * 8 / 12),  # (Q1/U)·(T-1)Q1 / ((T-1)Q1 + 2·Q2)
        (4, 0, 3, 12, 4 / 12 * 6 / 8),  # bias-corrected: Q1 - 1 and one pair
        (1, 0, 3, 12, 0.0),  # one singleton and no pair: nothing is expected
        (0, 3, 3, 12, 0.0),
        (12, 0, 3, 12, 22 / 24),  # nothing came twice
        (60, 0, 1, 60, 1.0),  # one response tells nothing
        (0, 0, 5, 0, 1.0),  # five that listed nothing tell nothing
        (0, 0, 0, 0, 1.0),
    ],
)
def test_missing_share_by_hand(once: int, twice: int, responses: int, sightings: int, expected: float) -> None:
    """Chao and Jost's form with its edges."""
    assert float(missing_share(once, twice, responses, sightings)) == pytest.approx(expected)


def test_the_counts_of_three_responses() -> None:
    """Q1 to Q4, U and what follows from them, by hand."""
    incidence = plain([1, 2, 3], [2, 3, 4, 4], [3, 5])
    assert [incidence.q(times) for times in (1, 2, 3, 4)] == [3, 1, 1, 0]
    assert (incidence.responses, incidence.sightings, incidence.sightings_elsewhere) == (3, 8, 0)
    assert incidence.frequencies().tolist() == [3, 1, 1]
    assert incidence.repeated == (1, 1)
    assert incidence.sizes.tolist() == [3, 3, 2]
    assert incidence.missing_share() == pytest.approx(3 / 8 * 6 / 8)
    assert incidence.next_yield() == pytest.approx(8 / 3 * 3 / 8 * 6 / 8)
    assert incidence.unseen_at_least() == pytest.approx(2 / 3 * 9 / 2)


def test_a_fifth_sighting_counts_nowhere() -> None:
    """Q4 lets an item go when it comes for the fifth time."""
    assert plain(*[[7]] * 4).q(4) == 1
    assert plain(*[[7]] * 5).q(4) == 0


def test_what_others_found_is_no_singleton() -> None:
    """An item that a response which is not fresh has named leaves the Q_j, whether it comes before or after."""
    before = Incidence()
    before.found_elsewhere([1, 9])
    before.add("a", [1, 2])
    before.add("a", [2, 3])
    after = plain([1, 2], [2, 3])
    after.found_elsewhere([1, 9])
    after.found_elsewhere([1])
    for incidence in (before, after):
        assert [incidence.q(times) for times in (1, 2, 3)] == [1, 1, 0]
        assert incidence.sightings == 4
        assert [incidence.held(item) for item in (1, 2, 3, 9, 5, 10**9)] == [False, True, True, False, False, False]
    assert (before.sightings_elsewhere, after.sightings_elsewhere) == (2, 3)


def test_the_yield_of_a_model_leaves_out_what_others_know() -> None:
    """Leave-one-out: N1/T - 2·N2/(T(T-1)), of the model's own singletons and pairs."""
    incidence = counted([("a", [1, 2, 3, 4]), ("b", [4, 5]), ("a", [3, 6, 7])])
    # a alone: 1, 2, 6 and 7 once, 3 twice; b alone: 5.
    assert incidence.yield_of("a") == pytest.approx(4 / 2 - 2 * 1 / 2)
    assert incidence.yield_of("b") == 1.0
    assert incidence.yield_of("c") is None


def test_noise_leaves_more_singletons_than_repeats_let_expect() -> None:
    """Chiu and Chao's correction by hand, with T's factors; never more than was seen, nothing below T = 4."""
    # g_2 = 8·12/(3·6), g_3 = 7·6/(4·3): Q1 = (2·g_2 - g_3)·2·12/9
    assert expected_singletons(50, 12, 6, 3, 10) == pytest.approx((2 * 96 / 18 - 42 / 12) * 24 / 9)
    assert expected_singletons(5, 12, 6, 3, 10) == 5
    assert expected_singletons(50, 12, 0, 3, 10) == 50
    assert expected_singletons(50, 0, 0, 0, 10) == 0
    assert expected_singletons(50, 12, 6, 3, 3) == 50


def test_nothing_but_noise_is_not_complete() -> None:
    """Where nothing came twice, what remains without the singletons says nothing: the two shares are equal."""
    incidence = plain([1], [2], [3], [4])
    assert incidence.missing_share_without_noise() == incidence.missing_share() == pytest.approx(9 / 11)


def test_a_negative_number_is_refused() -> None:
    """It would count for another item."""
    with pytest.raises(ValueError, match="-1"):
        plain([3, -1])
    with pytest.raises(ValueError, match="-2"):
        Incidence().found_elsewhere([-2])


@given(responses, found)
def test_leaving_one_out_is_counting_the_others(all_of: Responses, elsewhere: list[int]) -> None:
    """The shares without each response are those that are computed anew from the others."""
    incidence = counted(all_of, elsewhere)
    expected = [naive(all_of[:left] + all_of[left + 1 :], elsewhere) for left in range(len(all_of))]
    assert incidence.missing_share() == pytest.approx(naive(all_of, elsewhere))
    assert incidence.missing_share_without_each() == pytest.approx(np.array(expected))


@given(responses, found, st.randoms(use_true_random=False))
def test_the_order_of_responses_does_not_matter(all_of: Responses, elsewhere: list[int], rng: random.Random) -> None:
    """Every figure is the same for the same responses in another order, whatever others came before or after."""
    first, second = counted(all_of, elsewhere), Incidence()
    second.found_elsewhere(elsewhere)
    for model, items in rng.sample(all_of, len(all_of)):
        second.add(model, items)
    for incidence in (first, second):
        assert 0 <= incidence.missing_share_without_noise() <= incidence.missing_share() <= 1
        assert incidence.next_yield() >= 0
        assert incidence.unseen_at_least() >= 0
    assert [first.q(times) for times in (1, 2, 3, 4)] == [second.q(times) for times in (1, 2, 3, 4)]
    assert first.missing_share() == second.missing_share()
    assert first.missing_share_without_noise() == second.missing_share_without_noise()
    assert [first.yield_of(model) for model in "ab"] == [second.yield_of(model) for model in "ab"]
    assert sorted(first.missing_share_without_each()) == pytest.approx(sorted(second.missing_share_without_each()))


@given(responses, found)
def test_the_counts_are_those_of_a_plain_count(all_of: Responses, elsewhere: list[int]) -> None:
    """Q1 to Q4, held items and the models' yields agree with their definitions."""
    incidence = counted(all_of, elsewhere)
    sighted = [(item, model) for model, items in all_of for item in set(items)]
    counts = Counter(item for item, _ in sighted)
    free = {item: times for item, times in counts.items() if item not in elsewhere}
    assert [incidence.q(times) for times in (1, 2, 3, 4)] == [
        sum(1 for count in free.values() if count == times) for times in (1, 2, 3, 4)
    ]
    assert {item for item in range(20) if incidence.held(item)} == set(free)
    for model in "ab":
        calls = sum(1 for name, _ in all_of if name == model)
        own = Counter(item for item, name in sighted if name == model)
        alone = sum(1 for item, times in free.items() if times == 1 and own[item] == 1)
        both = sum(1 for item, times in free.items() if times == 2 and own[item] == 2)
        expected = None if not calls else alone / calls
        if expected is not None and calls > 1:
            expected = max(0.0, expected - 2 * both / (calls * (calls - 1)))
        assert incidence.yield_of(model) == (expected if expected is None else pytest.approx(expected))


@given(responses, st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_what_an_answer_has_in_common_with_fresh_ones(all_of: Responses, named: set[int], left_out: set[int]) -> None:
    """Each is the mean of what two answers share, over all of them or over all their pairs, without what was listed."""
    fresh = [set(items) - left_out for _, items in all_of]
    pairs = list(itertools.combinations(fresh, 2))
    expected = (0.0, 0.0)
    if pairs:
        expected = (
            sum(len(one & (named - left_out)) for one in fresh) / len(fresh),
            sum(len(one & other) for one, other in pairs) / len(pairs),
        )
    assert counted(all_of).common(named, left_out) == pytest.approx(expected)


@given(responses, st.integers(1, 6))
def test_repeating_what_is_known_never_lowers_coverage_much(all_of: Responses, size: int) -> None:
    """One more response of items that came three times or more leaves Q1 and Q2 alone: less is missing, if anything."""
    often = [("a", list(range(100, 100 + size)))] * 3
    before, after = counted([*all_of, *often]), counted([*all_of, *often, often[0]])
    # (T-1)Q1 / ((T-1)Q1 + 2·Q2) grows with T, by less than 1/T of itself, and U grows by `size`.
    assert after.missing_share() <= before.missing_share() * (1 + 1 / before.responses)


def test_many_items_and_responses_fit() -> None:
    """Arrays grow as needed, and sparse numbers are no other than dense ones."""
    dense, sparse = Incidence(), Incidence()
    for turn in range(200):
        items = [(turn * 7 + place * place) % 500 for place in range(20)]
        dense.add(f"model {turn % 5}", items)
        sparse.add(f"model {turn % 5}", [item * 97 for item in items])
    assert dense.missing_share_without_each() == pytest.approx(sparse.missing_share_without_each())
    assert dense.responses == 200


@given(responses, st.sets(st.integers(0, 12)), st.integers(0, 9))
def test_what_is_forgotten_was_never_named(all_of: Responses, forgotten: set[int], when: int) -> None:
    """Whether items are forgotten before, between or after the responses: the counts are those without them."""
    incidence = Incidence()
    for place, (model, items) in enumerate(all_of):
        if place == when:
            incidence.forget(forgotten)
        incidence.add(model, items)
    incidence.forget(forgotten)
    incidence.forget(forgotten)
    expected = counted([(model, [item for item in items if item not in forgotten]) for model, items in all_of])
    assert [incidence.q(times) for times in (1, 2, 3, 4)] == [expected.q(times) for times in (1, 2, 3, 4)]
    assert incidence.sightings == expected.sightings
    assert incidence.missing_share() == expected.missing_share()
    assert not any(incidence.held(item) for item in forgotten)
    assert incidence.repeated == expected.repeated
    assert incidence.common(range(13)) == pytest.approx(expected.common(range(13)))
    counts = Counter(item for _, items in all_of for item in set(items))
    if all(counts[item] <= FOLLOWED for item in forgotten):
        assert incidence.sizes.tolist() == expected.sizes.tolist()
        assert incidence.missing_share_without_each().tolist() == expected.missing_share_without_each().tolist()
    assert (incidence.sizes >= 0).all()


@given(responses, found, st.sets(st.integers(0, 12)))
def test_what_others_found_is_forgotten_too(all_of: Responses, elsewhere: list[int], forgotten: set[int]) -> None:
    """Items that other responses have named leave the sums as those do that fresh ones alone have named."""
    incidence = counted(all_of, elsewhere)
    incidence.forget(forgotten)
    incidence.found_elsewhere(elsewhere)
    left = [(model, [item for item in items if item not in forgotten]) for model, items in all_of]
    expected = counted(left, [item for item in elsewhere if item not in forgotten])
    assert [incidence.q(times) for times in (1, 2, 3, 4)] == [expected.q(times) for times in (1, 2, 3, 4)]
    assert incidence.sightings == expected.sightings
