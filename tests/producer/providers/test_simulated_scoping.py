"""How the simulated model draws when it is asked about a part of the topic."""

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import Scope
from producer.providers.base import Call
from producer.providers.simulated import (
    Sighting,
    SimulationOptions,
    World,
    choose_names,
    facets_of,
    make_answer,
    universe_of,
    with_mess,
)
from producer.providers.simulated.matching import full_key, match_key
from producer.providers.simulated.popularity import popularity_of

TOPIC = "Paris attractions"
CLEAN = with_mess(SimulationOptions(mess=0))
WORLD = universe_of(TOPIC)
FACETS = facets_of(WORLD, CLEAN)
LEAF = dict(zip(WORLD.items, FACETS.leaf_of, strict=True))
LARGE, MEDIUM = FACETS.tops[0], FACETS.tops[8]
OBEDIENT = msgspec.structs.replace(CLEAN, facet_obedience=1.0, letter_obedience=1.0)


def names(
    scope: Scope, options: SimulationOptions = CLEAN, *, seed: int = 1, size: int = 30, avoid: tuple[str, ...] = ()
) -> list[Sighting]:
    """Names of one answer."""
    call = Call("", (), 4000, topic=TOPIC, size=size, avoid=avoid, scope=scope)
    return choose_names(WORLD, "m", options, call, random.Random(seed))


def items(scope: Scope, options: SimulationOptions = CLEAN, *, rounds: int = 1, size: int = 30) -> list[str]:
    """Items of some answers."""
    return [s.item for seed in range(rounds) for s in names(scope, options, seed=seed, size=size) if s.item]


def of_facet(some: list[str], name: str) -> float:
    """The share of items that belong to a facet."""
    facet = FACETS.find(name)
    assert facet is not None
    return sum(LEAF[item] in facet.leaves for item in some) / len(some)


@pytest.mark.parametrize("obedience", [0.0, 0.5, 0.9, 1.0])
def test_items_are_of_the_facet_as_often_as_the_model_obeys(obedience: float) -> None:
    """What is not drawn from the facet is drawn from everything, where the facet has its share too."""
    some = items(Scope(facet=LARGE.name), msgspec.structs.replace(CLEAN, facet_obedience=obedience), rounds=60)
    share = sum(leaf in LARGE.leaves for leaf in FACETS.leaf_of) / len(WORLD.items)
    assert of_facet(some, LARGE.name) == pytest.approx(obedience + (1 - obedience) * share, abs=0.04)


def test_a_part_of_a_facet_is_a_facet() -> None:
    """The second level is obeyed as the first."""
    part = LARGE.parts[0]
    some = items(Scope(facet=part.name), OBEDIENT)
    assert some
    assert {LEAF[item] for item in some} == set(part.leaves)


def test_the_rest_is_what_no_named_facet_has() -> None:
    """A catch-all gets what is outside all facets; unknown names change nothing; within a facet, what no part has."""
    everything = tuple(top.name for top in FACETS.tops)
    outside = set(items(Scope(besides=everything), OBEDIENT, rounds=20))
    assert {LEAF[item] for item in outside} == {len(everything) * len(LARGE.leaves)}
    without = items(Scope(besides=(LARGE.name, "unheard of")), OBEDIENT, rounds=5)
    assert of_facet(without, LARGE.name) == 0
    assert of_facet(without, MEDIUM.name) > 0
    parts = tuple(part.name for part in LARGE.parts)
    left = items(Scope(facet=LARGE.name, besides=parts), OBEDIENT)
    assert {LEAF[item] for item in left} == {LARGE.leaves[-1]}


def test_the_catch_all_is_obeyed_with_the_facets_obedience() -> None:
    """With a probability of one half, half of the items are drawn from everything."""
    options = msgspec.structs.replace(CLEAN, facet_obedience=0.5)
    some, plain = items(Scope(besides=(LARGE.name,)), options, rounds=100), items(Scope(), rounds=100)
    assert of_facet(some, LARGE.name) == pytest.approx(0.5 * of_facet(plain, LARGE.name), abs=0.03)


def test_an_unknown_facet_obeys_nothing() -> None:
    """The model draws from everything, as well as it is known."""
    plain, unknown = (Counter(items(scope, rounds=100)) for scope in (Scope(), Scope(facet="unheard of")))
    head = WORLD.items[:50]
    assert sum(unknown[item] for item in head) == pytest.approx(sum(plain[item] for item in head), rel=0.1)
    assert sum(unknown.values()) == sum(plain.values())


def test_a_facet_that_is_used_up_ends_the_answer() -> None:
    """A model that obeys names all of the facet, once, and then stops."""
    small = FACETS.tops[-1]
    members = {item for item, leaf in LEAF.items() if leaf in small.leaves}
    named = items(Scope(facet=small.name), OBEDIENT, size=500)
    assert sorted(named) == sorted(members)


def test_no_item_comes_twice() -> None:
    """Drawing from the facet and from everything in turns does not repeat."""
    options = msgspec.structs.replace(CLEAN, facet_obedience=0.5, letter_obedience=0.5)
    named = items(Scope(facet=LARGE.name, prefix="s"), options, size=300)
    assert len(named) == len(set(named)) > 20


def test_avoided_items_are_left_out_within_a_facet() -> None:
    """The avoid-list is obeyed as in the whole topic."""
    options = msgspec.structs.replace(OBEDIENT, compliance_short=1.0, compliance_long=1.0)
    members = [item for item, leaf in LEAF.items() if leaf in LARGE.leaves]
    named = names(Scope(facet=LARGE.name), options, size=500, avoid=tuple(members[:40]))
    assert {sighting.item for sighting in named} == set(members[40:])


@pytest.mark.parametrize("prefix", ["b", "B", "Br", "mUs", "theatre", "THÉ"])
def test_names_begin_as_asked(prefix: str) -> None:
    """Case, accents and a leading article do not matter."""
    named = items(Scope(prefix=prefix), OBEDIENT)
    assert named
    assert all(full_key(item).startswith(full_key(prefix)) for item in named)


def test_a_leading_article_is_no_beginning() -> None:
    """A name that begins with "The" begins with the word behind it, and É is an E."""
    world = World("tiny", {match_key(item): item for item in ("The Rye House", "Éclair", "Tower", "Thé")}, {})
    for prefix, expected in (("r", {"The Rye House"}), ("e", {"Éclair"}), ("t", {"Tower", "Thé"}), ("the", {"Thé"})):
        call = Call("", (), 100, size=10, scope=Scope(prefix=prefix))
        named = choose_names(world, "m", OBEDIENT, call, random.Random(1))
        assert {sighting.item for sighting in named} == expected


def test_letters_are_obeyed_as_often_as_the_option_says() -> None:
    """What does not obey is drawn from everything."""
    begins = sum(key.startswith("s") for key in WORLD.keys) / len(WORLD.items)
    named = items(Scope(prefix="s"), rounds=60)
    share = sum(full_key(item).startswith("s") for item in named) / len(named)
    assert share == pytest.approx(0.85 + 0.15 * begins, abs=0.04)


def test_facet_and_letters_hold_together_and_apart() -> None:
    """Both are obeyed independently of each other."""
    scope = Scope(facet=LARGE.name, prefix="s")
    both = items(scope, OBEDIENT, size=200)
    assert {item for item in WORLD.items if LEAF[item] in LARGE.leaves and full_key(item).startswith("s")} == set(both)
    letters = items(scope, msgspec.structs.replace(OBEDIENT, facet_obedience=0.0), size=100)
    assert all(full_key(item).startswith("s") for item in letters)
    assert of_facet(letters, LARGE.name) < 0.5
    facet = items(scope, msgspec.structs.replace(OBEDIENT, letter_obedience=0.0), size=50)
    assert of_facet(facet, LARGE.name) == 1


@pytest.mark.parametrize(("correlation", "least", "most"), [(1.0, 30, 30), (0.8, 10, 28), (0.0, 0, 6)])
def test_another_language_has_other_favourites(correlation: float, least: int, most: int) -> None:
    """The order is the model's own, shuffled as far as `language_correlation` says; names and weights stay."""
    options = msgspec.structs.replace(CLEAN, language_correlation=correlation)
    own, french = (popularity_of(WORLD, "m", options, language) for language in ("", "French"))
    assert least <= len(set(own.order[:30]) & set(french.order[:30])) <= most
    assert sorted(own.order) == sorted(french.order)
    assert own.weights == french.weights


def test_each_language_and_model_has_an_order_of_its_own() -> None:
    """Spelling and case of the language's name do not matter."""
    orders = [
        popularity_of(WORLD, model, CLEAN, language).order
        for model in ("m", "n")
        for language in ("", "French", "German")
    ]
    assert len({tuple(order) for order in orders}) == 6
    assert popularity_of(WORLD, "m", CLEAN, " french ") is popularity_of(WORLD, "m", CLEAN, "French")


def test_a_language_changes_what_is_named_first() -> None:
    """The items of an answer are drawn from the language's order."""
    options = msgspec.structs.replace(CLEAN, language_correlation=0.0)
    favourites = [
        {item for item, _ in Counter(items(scope, options, rounds=40)).most_common(30)}
        for scope in (Scope(), Scope(language="French"))
    ]
    assert len(favourites[0] & favourites[1]) < 10


def test_the_scope_changes_the_answer_and_the_same_scope_has_the_same() -> None:
    """All of a scope counts, and nothing but the scope."""
    scopes = [
        Scope(),
        Scope(facet=LARGE.name),
        Scope(facet=MEDIUM.name),
        Scope(besides=(LARGE.name,)),
        Scope(besides=(LARGE.name, MEDIUM.name)),
        Scope(prefix="s"),
        Scope(language="French"),
        Scope(facet="unheard of"),
    ]

    def text(scope: Scope) -> str:
        return make_answer("m", CLEAN, Call("", (), 4000, topic=TOPIC, size=30, scope=scope), 1).text

    assert len({text(scope) for scope in scopes}) == len(scopes)
    assert [text(scope) for scope in scopes] == [text(scope) for scope in scopes]


def test_audits_are_answered_as_explorations() -> None:
    """A model cannot know which of its answers are used for the estimates."""
    explore, audit = (Call("", (), 4000, topic=TOPIC, size=30, mode=mode) for mode in ("explore", "audit"))
    assert make_answer("m", CLEAN, explore, 1) == make_answer("m", CLEAN, audit, 1)


def test_parts_are_remembered_and_forgotten_in_bounds() -> None:
    """Asked again for the same part, nothing is computed; after many parts the old ones are forgotten."""
    popularity = popularity_of(WORLD, "bounded", CLEAN)
    made: list[int] = []

    def ask(number: int) -> None:
        popularity.part(number, lambda whole: made.append(number) or whole.within(lambda index: index % 2 == 0))  # type: ignore[func-returns-value] # append returns None

    for number in (*range(10), *range(10)):
        ask(number)
    assert made == list(range(10))
    for number in range(200):
        ask(number)
    assert len(popularity._parts) <= 41
    assert len(made) == 200


@settings(max_examples=60, deadline=None)
@given(
    scope=st.builds(
        Scope,
        st.text(max_size=10),
        st.lists(st.text(max_size=5), max_size=3).map(tuple),
        st.text(max_size=3),
        st.text(max_size=5),
    ),
    seed=st.integers(),
    size=st.integers(0, 30),
)
def test_any_scope_has_an_answer(scope: Scope, seed: int, size: int) -> None:
    """No facet, letter or language breaks the model, lone surrogates included, and every item is of the world."""
    options = with_mess(SimulationOptions(universe_size=20, mess=3))
    call = Call("", (), 500, topic="t", size=size, scope=scope)
    made = make_answer("m", options, call, seed)
    assert made == make_answer("m", options, call, seed)
    assert {sighting.item for sighting in made.sightings} <= {None, *universe_of("t", options).items}
