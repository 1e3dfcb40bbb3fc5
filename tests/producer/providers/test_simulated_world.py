"""Worlds: true universes, their sizes, and what a text means in them."""

import unicodedata
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producer.providers.simulated import SimulationOptions, World, naming, universe_of
from producer.providers.simulated.closed_lists import list_for_topic
from producer.providers.simulated.matching import match_key

CLOSED = ("elements", "territories", "languages", "lexers", "airports")


def closed(name: str, tail_size: int = 0) -> World:
    """A closed list whatever the topic."""
    return universe_of("anything", SimulationOptions(world=name, tail_size=tail_size))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("topic", "world"),
    [
        ("chemical elements", "elements"),
        ("All Chemical Elements!", "elements"),
        ("elements of the periodic table", "elements"),
        ("Countries", "territories"),
        ("countries and territories", "territories"),
        ("all countries of the world", "territories"),
        ("Languages", "languages"),
        ("languages (human)", "languages"),
        ("human languages", "languages"),
        ("Programming languages", "lexers"),
        ("Pygments lexers", "lexers"),
        ("airports", "airports"),
        ("Airports worldwide", "airports"),
        ("airports in Brazil", None),
        ("design elements", None),
        ("Paris attractions", None),
        ("body language tricks", None),
        ("", None),
        ("🗼", None),
    ],
)
def test_a_topic_chooses_its_closed_list_by_its_last_words(topic: str, world: str | None) -> None:
    """A topic that names a whole list gets it; a narrower one gets a generated world."""
    assert list_for_topic(topic) == world
    assert universe_of(topic).name == (world or "generated")


@pytest.mark.parametrize(
    ("name", "size"),
    [("elements", 118), ("territories", 257), ("languages", 633), ("lexers", 602), ("airports", 7884)],
)
def test_a_closed_list_is_complete(name: str, size: int) -> None:
    """Sizes are those of the sources."""
    assert len(closed(name).items) == size


@pytest.mark.parametrize("world", [*map(closed, CLOSED), universe_of("Paris attractions")], ids=lambda w: w.name)
def test_items_of_a_world_are_distinct_and_mean_themselves(world: World) -> None:
    """No two items share a key, and every item and alias is understood as what it is."""
    assert len({match_key(item) for item in world.items}) == len(world.items)
    assert all(world.canonical(item) == item for item in world.items)
    assert all(world.canonical(alias) == item for alias, item in world.aliases.items())
    assert not {item.casefold() for item in world.items} & set(world.aliases)


@pytest.mark.parametrize(
    ("name", "text", "item"),
    [
        ("elements", "h", "Hydrogen"),
        ("elements", "Aluminium", "Aluminum"),
        ("elements", "12. **Iron**: a metal", "Iron"),
        ("elements", "- Irno (metal)", None),
        ("elements", "- Irdium (metal)", "Iridium"),
        ("elements", "Hydorgen - light", "Hydrogen"),
        ("elements", "Unobtainium", None),
        ("elements", "", None),
        ("territories", "DEUTSCHLAND", "Germany"),
        ("territories", "Cote d’Ivoire", "Côte d’Ivoire"),
        ("territories", "Ivory Coast", "Côte d’Ivoire"),
        ("territories", "Myanmar", "Myanmar (Burma)"),
        ("territories", "Congo - Kinshasa – large", "Congo - Kinshasa"),
        ("territories", "Congo", None),
        ("languages", "Alemán", "German"),
        ("lexers", "cpp", "C++"),
        ("lexers", "c", "C"),
        ("airports", "CDG", "Charles de Gaulle International Airport"),
    ],
)
def test_what_a_text_means(name: str, text: str, item: str | None) -> None:
    """Variants, translations and codes are understood; noise and ambiguous names are not."""
    assert closed(name).canonical(text) == item


def test_airports_of_one_name_are_told_apart() -> None:
    """Namesakes carry their country; the code leads to the right one."""
    airports = closed("airports")
    namesakes = {airports.canonical(code) for code in ("NTL", "NCL", "NCS")}
    assert namesakes == {f"Newcastle Airport, {place}" for place in ("Australia", "United Kingdom", "South Africa")}


def test_a_tail_follows_the_closed_list() -> None:
    """Generated items come after the real ones and are distinct from them."""
    world = closed("elements", tail_size=500)
    assert world.items[:118] == closed("elements").items
    assert len({match_key(item) for item in world.items}) == 618


def test_a_larger_generated_world_contains_the_smaller() -> None:
    """Growing `universe_size` adds items at the unpopular end."""
    small, large = (universe_of("jazz albums", SimulationOptions(universe_size=size)) for size in (100, 300))
    assert large.items[:100] == small.items


def test_type_words_depend_on_the_topic() -> None:
    """Sights have towers, concepts have theorems, and two topics of one kind still differ."""
    paris, rome, ml = map(universe_of, ("Paris attractions", "Rome attractions", "machine learning concepts"))
    assert any(item.endswith(" Tower") for item in paris.items)
    assert any(item.endswith(" Theorem") for item in ml.items)
    assert len(set(paris.items) & set(rome.items)) < 100


def test_equal_topics_share_one_world() -> None:
    """Case, Unicode's composition and white space do not matter."""
    assert universe_of("Cafés  de Paris") is universe_of(unicodedata.normalize("NFD", " cafés de PARIS"))


def test_a_slip_between_two_items_means_neither() -> None:
    """A text that is one slip from two items is not understood, for nobody could say which was meant."""
    world = World("tiny", {match_key(item): item for item in ("Marken Hall", "Masken Hall")}, {})
    assert world.canonical("Maken Hall") is None
    assert world.canonical("Makren Hall") == "Marken Hall"


def test_names_are_invented_until_they_are_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where syllables are few, names come again and are skipped; a taken name is skipped too."""
    monkeypatch.setattr(naming, "_syllables", lambda: (("lo",), ("ka", "ke")))
    keys = [key for key, _ in islice(naming.invent_names("t", ()), 20)]
    assert len(set(keys)) == 20
    assert keys[0] not in {key for key, _ in islice(naming.invent_names("t", {keys[0]}), 19)}


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60))
@example("\ud800 lone surrogate")
@example("👩‍👩‍👧 \x1b[31m\x00")
def test_any_topic_text_has_a_world(topic: str) -> None:
    """Emoji, control characters, lone surrogates and the empty text get a full, distinct, repeatable universe."""
    options = SimulationOptions(world="generated", universe_size=50)
    items = universe_of(topic, options).items
    assert len({match_key(item) for item in items}) == 50
    assert all(item == " ".join(item.split()) for item in items)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_means_an_item_or_nothing(text: str) -> None:
    """Whatever a model says, the answer is an item of the world or None."""
    world = closed("elements")
    assert world.canonical(text) in {None, *world.items}
