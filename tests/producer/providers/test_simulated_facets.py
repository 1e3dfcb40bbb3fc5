"""Facets of a simulated world: names, sizes, who belongs where, and what a plan tells of them."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import producer
from contract.identity import Identity, key_of
from contract.messages import Scope
from producer.parser import ItemParser
from producer.providers.base import Call
from producer.providers.simulated import (
    Facets,
    SimulationOptions,
    facets_of,
    make_answer,
    plan_facets,
    universe_of,
    with_mess,
)
from producer.providers.simulated.matching import match_key

TOPIC = "Paris attractions"
CLEAN = with_mess(SimulationOptions(mess=0))
EVERYTHING = Scope()
WORLDS = ("elements", "territories", "languages", "lexers", "airports", "generated")


def facets(**options: object) -> Facets:
    """The facets of the topic's world."""
    given = SimulationOptions(**options)  # type: ignore[arg-type] # by name, of any type
    return facets_of(universe_of(TOPIC, given), given)


def plan(size: int = 0, scope: Scope = EVERYTHING, seed: int = 1, **options: object) -> list[str]:
    """What a plan names."""
    given = SimulationOptions(**options)  # type: ignore[arg-type] # by name, of any type
    call = Call("", (), 4000, topic=TOPIC, size=size, mode="plan", scope=scope)
    return plan_facets(universe_of(TOPIC, given), given, call, random.Random(seed))


def sizes(of: Facets) -> list[int]:
    """Items of each facet of the first level, in their order."""
    counts = Counter(of.leaf_of)
    return [sum(counts[leaf] for leaf in top.leaves) for top in of.tops]


@pytest.mark.parametrize(("universe_size", "count"), [(1, 6), (118, 6), (500, 7), (2000, 29), (5000, 40), (50_000, 40)])
def test_facets_are_as_many_as_a_world_of_this_size_has(universe_size: int, count: int) -> None:
    """One for about 70 items, at least 6, at most 40."""
    assert len(facets(universe_size=universe_size).tops) == count


def test_the_user_may_say_how_many_facets_there_are() -> None:
    """`facets` overrules the size."""
    assert len(facets(facets=3).tops) == 3
    assert len(facets(facets=1000).tops) == 1000


def test_every_item_belongs_to_one_part_at_most() -> None:
    """The leaves of facets and of their parts do not overlap, and every item has one."""
    of = facets()
    wholes = [leaf for top in of.tops for leaf in top.leaves]
    parts = [leaf for top in of.tops for part in top.parts for leaf in part.leaves]
    assert len(set(wholes)) == len(wholes)
    assert len(set(parts)) == len(parts)
    assert set(parts) < set(wholes)
    assert len(of.leaf_of) == 2000
    assert all(set(part.leaves) < set(top.leaves) for top in of.tops for part in top.parts)


@pytest.mark.parametrize("misses", [0.0, 0.1, 0.5, 1.0])
def test_some_items_belong_to_nothing_that_a_plan_names(misses: float) -> None:
    """`facet_misses` is the share of items outside all facets, and of a facet's items outside its parts."""
    of = facets(facet_misses=misses, universe_size=20_000)
    inside = sum(sizes(of))
    counts = Counter(of.leaf_of)
    in_parts = sum(counts[leaf] for top in of.tops for part in top.parts for leaf in part.leaves)
    assert 1 - inside / 20_000 == pytest.approx(misses, abs=0.02)
    if inside:
        assert 1 - in_parts / inside == pytest.approx(misses, abs=0.02)


def test_facets_are_uneven_and_stand_by_size() -> None:
    """The largest of 29 has many times the smallest's items, as real sub-topics have."""
    found = sizes(facets(universe_size=20_000, facets=29))
    assert found[0] > 5 * found[-1] > 0
    assert sum(found[:10]) > sum(found[10:20]) > sum(found[20:])


@pytest.mark.parametrize("world", WORLDS)
def test_names_are_distinct_and_mean_no_item(world: str) -> None:
    """No two facets share a key, neither ours nor the model's, and no facet is taken for an item of the world."""
    options = SimulationOptions(world=world, facets=200)  # type: ignore[arg-type] # a world's name
    universe = universe_of(TOPIC, options)
    names = [facet.name for top in facets_of(universe, options).tops for facet in (top, *top.parts)]
    assert len({match_key(name) for name in names}) == len(names) == 1200
    assert len({key_of(name, Identity.AGGRESSIVE) for name in names}) == len(names)
    assert not [name for name in names if universe.canonical(name) is not None]


def test_facets_are_the_same_in_every_process_and_others_for_another_topic() -> None:
    """The topic decides, not the process."""
    script = (
        "from producer.providers.simulated import *\n"
        "of = facets_of(universe_of('Cafés 🗼'), SimulationOptions())\n"
        "print([facet.name for facet in of.tops], of.leaf_of)"
    )
    root = str(Path(producer.__file__).parents[1])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"},
            check=True,
            capture_output=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(outputs) == 1
    names = {facet.name for facet in facets_of(universe_of("Rome attractions"), CLEAN).tops}
    assert not names & set(plan())


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda name: f"1. {name}", lambda name: f"The {name} (old)"])
def test_a_facet_is_found_by_its_key(change: object) -> None:
    """Case, an article and a remark do not matter; a list mark is the parser's work."""
    of = facets()
    for top in of.tops:
        for facet in (top, *top.parts):
            found = of.find(change(facet.name))  # type: ignore[operator] # a function of a table
            assert found is (None if change(facet.name).startswith("1.") else facet)  # type: ignore[operator] # a function of a table


def test_what_no_facet_is_called_is_not_found() -> None:
    """An unknown facet is none."""
    assert facets().find("museums") is None
    assert facets().find("") is None


def test_a_plan_names_all_facets_mostly_by_size() -> None:
    """With full recall every facet is named once; the order is about that of the sizes, and not always the same."""
    of = facets()
    places = {top.name: place for place, top in enumerate(of.tops)}
    named = plan()
    assert sorted(named, key=places.__getitem__) == list(places)
    assert sum(places[name] for name in named[:10]) < sum(places[name] for name in named[-10:])
    assert plan(seed=2) != named
    assert plan(seed=1) == named


@pytest.mark.parametrize(("recall", "size", "count"), [(1.0, 5, 5), (0.5, 0, 15), (0.5, 10, 10), (0.0, 0, 0)])
def test_a_plan_has_its_recall_and_its_size(recall: float, size: int, count: int) -> None:
    """A share of the facets is named, the large ones first, and no more than asked for."""
    named = plan(size, plan_recall=recall)
    assert len(named) == count
    large = {top.name for top in facets().tops[:20]}
    assert sum(name in large for name in named) >= 0.8 * count


def test_a_facet_is_split_into_its_parts() -> None:
    """Asked for a plan of a facet, the model names its parts; asked for more, only what it has not named."""
    top = facets().tops[0]
    parts = {part.name for part in top.parts}
    assert set(plan(scope=Scope(facet=top.name.upper()))) == parts
    first, *others = sorted(parts)
    assert set(plan(scope=Scope(facet=top.name, besides=(first, "unheard of")))) == set(others)


def test_a_part_is_not_split_further_and_an_unknown_facet_means_the_topic() -> None:
    """There are two levels; what the model does not know it takes for everything."""
    part = facets().tops[0].parts[0]
    assert plan(scope=Scope(facet=part.name)) == []
    assert plan(scope=Scope(facet="unheard of")) == plan()


def test_a_plan_beside_what_there_is_names_the_rest() -> None:
    """Facets that are named as there already do not come again."""
    named = plan()
    assert set(plan(scope=Scope(besides=tuple(named[:20])))) == set(named[20:])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**63), mess=st.sampled_from([0, 1, 5]))
def test_a_plans_facets_come_through_the_parser(seed: int, mess: float) -> None:
    """However the model writes its plan, what the parser takes for items are mostly facets that are found again.

    Three on a line stay one item where they could be a place: "Springfield, Illinois, USA".
    """
    options = with_mess(SimulationOptions(mess=mess, cut_rate=0))
    call = Call("", (), 4000, topic=TOPIC, size=12, mode="plan")
    made = make_answer("m", options, call, seed)
    parser = ItemParser()
    items = (*parser.feed(made.text).items, *parser.finish(complete=True).items)
    of = facets_of(universe_of(TOPIC, options), options)
    assert sum(of.find(part) is not None for item in items for part in item.text.split(", ")) >= 11
    assert made.sightings == ()
