"""The closed worlds: which item a text of a real model means."""

import pytest

from benchmarks.exhaustion.closed_worlds import TOPICS, closed_world


@pytest.mark.parametrize(
    ("world", "text", "item"),
    [
        ("elements", "helium", "Helium"),
        ("elements", "La (La)", "Lanthanum"),
        ("elements", "Sulphur", "Sulfur"),
        ("elements", "Water", None),
        ("elements", "Iodite (I2)", None),
        ("territories", "Antigua and Barbuda", "Antigua & Barbuda"),
        ("territories", "Ivory Coast", "Côte d’Ivoire"),
        ("territories", "Saint Lucia", "St. Lucia"),
        ("territories", "Africa", None),
        ("lexers", "C++", "C++"),
        ("lexers", "Microsoft Office", None),
        ("airports", "Los Angeles International Airport (LAX)", "Los Angeles International Airport"),
        ("airports", "JFK", "John F Kennedy International Airport"),
        ("airports", "Heathrow Airport", "London Heathrow Airport"),
        ("airports", "O'Hare International Airport", "Chicago O'Hare International Airport"),
        ("airports", "Seoul Air Base", "Seoul Air Base"),
    ],
)
def test_a_text_means_the_item_that_a_reader_would_take_it_for(world: str, text: str, item: str | None) -> None:
    """Other names, symbols, "and" for "&" and shortened airports are understood; other things are not."""
    assert closed_world(world).find(text) == item


@pytest.mark.parametrize("text", ["Mumbai", "Singapore", "India India", "Al-Zayak Airport (ALZYECE)", "Airport", ""])
def test_a_city_or_an_invention_is_no_airport(text: str) -> None:
    """A name that no airport has, or that only a city has, does not count."""
    assert closed_world("airports").find(text) is None


def test_words_that_several_airports_share_name_none() -> None:
    """Nobody could say which airport is meant."""
    assert closed_world("airports").find("Springfield Airport") is None


@pytest.mark.parametrize("world", TOPICS)
def test_every_item_means_itself(world: str) -> None:
    """An item written as it stands in its list is found."""
    items = closed_world(world).items
    assert [item for item in items if closed_world(world).find(item) != item] == []
