from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import Identity, key_of
from contract.messages import Scope
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.partitions import (
    MAX_BESIDES,
    MAX_FACETS,
    Letters,
    facet_arms,
    letter_arms,
    mostly_items,
    usable_facets,
)


def learned(*names: str) -> Letters:
    """The letters of these names."""
    letters = Letters()
    for number, name in enumerate(names, start=1):
        letters.learn(number, name)
    return letters


def test_the_most_frequent_first_letters_come_first_and_all_of_the_alphabet_follows() -> None:
    """Letters that nothing known begins with are asked too: what begins with them may be what was missed."""
    prefixes = learned("carbon", "Calcium", "Cobalt", "gold", "Germanium", "zinc").prefixes()
    assert prefixes[:3] == ["C", "G", "Z"]
    assert sorted(prefixes) == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Éire", "E"),
        ("«gold»", "G"),
        ("  zinc", "Z"),
        ("3-methylpentane", "3"),
        ("Ж", "Ж"),
        ("ﬁre", "F"),
    ],
)
def test_the_first_letter_is_that_of_the_plain_name(name: str, first: str) -> None:
    """Accents, quotes and ligatures do not hide a name's first letter; a figure counts as one."""
    assert learned(name).prefixes()[0] == first


def test_other_alphabets_have_their_own_letters_only() -> None:
    """A Cyrillic list is not asked for Latin letters."""
    assert set(learned("Жук", "Железо", "Яд").prefixes()) == {"Ж", "Я"}


def test_a_script_with_too_many_letters_is_not_partitioned() -> None:
    """Ideographs are no letters: with hundreds of first signs there would be as many orders."""
    assert learned(*(chr(0x4E00 + sign) + "x" for sign in range(500))).prefixes() == []


@pytest.mark.parametrize("names", [(), ("…", "", "!!!", " ")])
def test_without_a_letter_there_are_none_to_ask_for(names: tuple[str, ...]) -> None:
    """An empty store, or one of signs only, gives no partition, and no letter of it can be made longer."""
    assert learned(*names).prefixes() == []
    assert learned(*names).longer("A") == []
    assert learned(*names).longer("") == []


def test_a_letter_is_split_by_the_second_letters_that_are_known() -> None:
    """Two-letter beginnings are those of known items, the most frequent first, within that letter."""
    letters = learned("Carbon", "Calcium", "Cobalt", "Gold", "X")
    assert letters.longer("C") == ["Ca", "Co"]
    assert letters.longer("X") == []


@given(st.lists(st.text(max_size=30), max_size=60))
def test_any_names_give_distinct_beginnings(names: list[str]) -> None:
    """Whatever was named, no beginning is empty or asked twice, and there are at most 40 and the alphabet."""
    letters = learned(*names)
    prefixes = letters.prefixes()
    assert len(set(prefixes)) == len(prefixes) <= 66
    for prefix in prefixes:
        assert len(prefix) == 1
        assert len(set(letters.longer(prefix))) == len(letters.longer(prefix)) <= 26


@pytest.mark.parametrize(
    ("names", "usable"),
    [
        (["gases", "metals", "halogens"], ["gases", "metals", "halogens"]),
        (["gases", "metals"], []),
        ([], []),
        (["gases", "Gases", "GASES ", "metals"], []),
        (["gases", "Gases", "metals", "salts"], ["gases", "metals", "salts"]),
        (["", "  ", "gases", "metals", "salts"], ["gases", "metals", "salts"]),
        (["Chemical Elements", "gases", "metals", "salts"], ["gases", "metals", "salts"]),
        (["noble\ngases\t", "metals\u2028x", "salts"], ["noble gases", "metals x", "salts"]),
        (["x" * 5000, "gases", "metals", "salts"], ["gases", "metals", "salts"]),
        (["old", "gases", "metals", "salts"], ["gases", "metals", "salts"]),
    ],
    ids=["good", "too few", "empty", "same thing", "twice", "blank", "topic", "lines", "long", "asked already"],
)
def test_of_a_plan_only_what_can_be_asked_for_is_used(names: list[str], usable: list[str]) -> None:
    """Parts are short, one line each, distinct, neither the topic nor asked already; fewer than three are no plan."""
    known = [Arm(Way.PLAIN, Scope()), Arm(Way.FACET, Scope(facet="Old"))]
    assert usable_facets(names, "chemical elements", known) == usable


@given(st.lists(st.text(max_size=200), max_size=200))
def test_any_plan_gives_parts_within_bounds(names: list[str]) -> None:
    """A model that loops or raves cannot make more than sixty parts, long ones, two that are one, or two lines."""
    facets = usable_facets(names, "topic", [])
    assert len(facets) == 0 or 3 <= len(facets) <= MAX_FACETS
    assert len({key_of(facet, Identity.NORMALIZED) for facet in facets}) == len(facets)
    for facet in facets:
        assert 0 < len(facet) <= 120
        assert len(facet.splitlines()) == 1
        assert facet == facet.strip()


def test_a_plan_makes_an_arm_a_part_and_one_for_what_belongs_to_none() -> None:
    """The catch-all names the parts, so that only what is in none of them is wanted."""
    arms = facet_arms(["gases", "metals", "salts"], None)
    assert [one.scope for one in arms] == [
        Scope(facet="gases"),
        Scope(facet="metals"),
        Scope(facet="salts"),
        Scope(besides=("gases", "metals", "salts")),
    ]
    assert {one.way for one in arms} == {Way.FACET}


def test_a_split_makes_children_without_a_catch_all() -> None:
    """The parent stays for what belongs to none of its parts."""
    parent = Arm(Way.FACET, Scope(facet="gases"))
    arms = facet_arms(["noble gases", "halogens", "others"], parent)
    assert [one.parent for one in arms] == [parent] * 3
    assert not any(one.scope.besides for one in arms)


def test_no_parts_make_no_arms() -> None:
    """An unusable plan leaves no catch-all behind: that would be the plain order again."""
    assert facet_arms([], None) == []
    assert letter_arms([], None) == []


def test_a_catch_all_names_a_bounded_number_of_parts() -> None:
    """Sixty parts would make a long prompt."""
    arms = facet_arms([f"part {number}" for number in range(MAX_FACETS)], None)
    assert len(arms[-1].scope.besides) == MAX_BESIDES


def test_letters_stay_within_the_facet_that_is_split() -> None:
    """Below a facet a beginning is asked for within it; below a letter or nothing, within the whole topic."""
    facet = Arm(Way.FACET, Scope(facet="gases"))
    assert letter_arms(["A"], facet)[0].scope == Scope(facet="gases", prefix="A")
    letter = Arm(Way.LETTER, Scope(prefix="A"))
    assert letter_arms(["Ab"], letter)[0].scope == Scope(prefix="Ab")
    assert letter_arms(["A"], None)[0].scope == Scope(prefix="A")


def test_a_plan_that_names_items_is_none() -> None:
    """A fifth of items among its names, in any spelling, shows that the model lists instead of planning."""
    known = ["Python", "Java", "Haskell", "The C++"]
    assert mostly_items(["python", "JAVA", "functional languages"], known)
    assert not mostly_items(
        ["functional", "Python", "scripting", "for the web", "for children", "old"], known
    )
    assert not mostly_items([], known)
    assert not mostly_items(["a", "b"], [])
