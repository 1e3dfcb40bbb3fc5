from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import WHOLE, Scope
from orchestrator.exploration.arms import Arm, Listed, Way
from orchestrator.exploration.incidence import Incidence
from orchestrator.exploration.lists import AvoidLists, Compliance, sized, within
from orchestrator.exploration.partitions import Letters


def cut(chances: list[float], compliance: float, item_price: float = 1.25) -> list[float]:
    """The chances of what is listed, in the order of the list."""
    candidates = [Listed(number, chance) for number, chance in enumerate(chances)]
    chosen = sized(candidates, compliance, item_price=item_price, call_price=330.0, places=60.0, most=200)
    return [one.chance for one in chosen]


def test_a_list_holds_what_is_likely_to_come_again() -> None:
    """The likeliest stand first; what would hardly come is not worth its line."""
    assert cut([0.01, 0.9, 0.5, 0.02], compliance=0.9) == [0.9, 0.5]


def test_a_model_that_ignores_lists_gets_none() -> None:
    """What does not work is not paid for."""
    assert cut([1.0] * 50, compliance=0.0) == []
    assert cut([1.0] * 50, compliance=0.1) == []


def test_the_worse_a_model_complies_the_shorter_is_the_list() -> None:
    """Rare items are worth a line only where the model will leave them out."""
    chances = [number / 100 for number in range(100)]
    lengths = [len(cut(chances, share)) for share in (0.3, 0.6, 0.9)]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[2]


def test_cheap_prompts_allow_longer_lists() -> None:
    """Where a prompt's tokens cost next to nothing beside an answer's, more is listed."""
    chances = [number / 200 for number in range(100)]
    assert len(cut(chances, 0.8, item_price=0.2)) > len(cut(chances, 0.8, item_price=2.0))


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0, 1), st.integers(0, 40))
def test_a_list_is_a_beginning_of_the_likeliest(chances: list[float], compliance: float, most: int) -> None:
    """Nothing less likely is listed before anything likelier, and the list keeps its length."""
    candidates = [Listed(number, chance) for number, chance in enumerate(chances)]
    chosen = sized(candidates, compliance, item_price=1.0, call_price=300.0, places=60.0, most=most)
    assert len(chosen) <= most
    assert [one.chance for one in chosen] == sorted(chances, reverse=True)[: len(chosen)]


def test_compliance_is_learnt_from_what_comes_all_the_same() -> None:
    """A model that brings half of what was expected without a list complies by half; one that brings more does not."""
    half, none = Compliance(), Compliance()
    for _ in range(60):
        half.saw(40.0, 20)
        none.saw(10.0, 30)
    assert half.share == pytest.approx(0.5, abs=0.02)
    assert none.share == 0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10_000)), max_size=40))
def test_compliance_is_a_share(seen: list[tuple[float, int]]) -> None:
    """Whatever came, it lies between 0 and 1."""
    compliance = Compliance()
    for expected, returned in seen:
        compliance.saw(expected, returned)
    assert 0 <= compliance.share <= 1


@given(st.floats(0, 1), st.floats(0.001, 1))
def test_in_a_part_of_the_topic_its_items_are_likelier(share: float, mass: float) -> None:
    """An answer about a tenth of the topic names its items more often than one about all of it; never above 1."""
    (one,) = within([(7, share)], mass)
    assert one.item_id == 7
    assert min(share, 0.999) - 1e-9 <= one.chance <= 1


def known(letters: Letters, incidence: Incidence) -> AvoidLists:
    """Three fresh responses that named 1 to 10, all of which another response has named too."""
    for _ in range(3):
        incidence.add("a", range(1, 11))
    incidence.found_elsewhere(range(1, 11))
    for item in range(1, 11):
        letters.learn(item, f"{'AB'[item % 2]} {item}")
    return AvoidLists(incidence, letters)


def listed(lists: AvoidLists, arm: Arm) -> set[int]:
    """What stands on the arm's list."""
    return {one.item_id for one in lists.list_for(arm, "x", item_price=1.0, call_price=330.0, places=60.0, most=200)}


def test_the_whole_topic_s_list_is_what_fresh_responses_name() -> None:
    """Items that every fresh response named stand on it; what fresh responses alone found does not."""
    incidence = Incidence()
    lists = known(Letters(), incidence)
    incidence.add("a", [11, 12])
    incidence.add("a", [11, 12])
    assert listed(lists, Arm(Way.LISTED, WHOLE)) == set(range(1, 11))


def test_a_letter_s_list_holds_what_begins_so() -> None:
    """Items that other ways found under the letter are not asked for again, whoever named them."""
    lists = known(Letters(), Incidence())
    assert listed(lists, Arm(Way.LETTER, Scope(prefix="A"))) == {2, 4, 6, 8, 10}


def test_a_facet_s_list_is_its_own() -> None:
    """Which of the topic's items belong to a sub-topic nobody knows but the sub-topic's answers."""
    lists = known(Letters(), Incidence())
    arm = Arm(Way.FACET, Scope(facet="gases"))
    assert listed(lists, arm) == set()
    arm.took([3, 4])
    arm.answered(new=2, distinct=2)
    assert listed(lists, arm) == {3, 4}


def test_each_provider_is_judged_by_its_own_answers() -> None:
    """A model that ignores lists loses them; another keeps its own."""
    lists = known(Letters(), Incidence())
    arm = Arm(Way.LISTED, WHOLE)
    full = lists.list_for(arm, "x", item_price=1.0, call_price=330.0, places=60.0, most=200)
    for _ in range(60):
        lists.answered(arm, "x", full, set(range(1, 11)))
        lists.answered(arm, "y", full, set())
    assert listed(lists, arm) == set()
    assert lists.compliance("x")["whole"] < 0.1
    assert lists.compliance("y")["whole"] > 0.9


def test_a_part_that_a_model_does_not_keep_to_is_no_part() -> None:
    """Answers about it that name what fresh ones name will name its rare items again as seldom as those do."""
    incidence = Incidence()
    for rare in (11, 12, 13, 14):
        incidence.add("a", [*range(1, 11), rare])
    kept, not_kept = (Arm(Way.FACET, Scope(facet=name)) for name in ("kept", "not kept"))
    for arm, named in ((kept, range(20, 31)), (not_kept, [*range(1, 11), 30])):
        arm.took(named)
        arm.answered(new=1, distinct=11)
        arm.compared(*incidence.common(named))
    chance_of = {
        arm: {one.item_id: one.chance for one in arm.chances(99, incidence.share_of)} for arm in (kept, not_kept)
    }
    assert chance_of[kept][30] == pytest.approx(0.9)
    assert chance_of[not_kept][30] == pytest.approx(0.1, abs=0.02)
    assert chance_of[not_kept][1] == pytest.approx(0.9, abs=0.02)
