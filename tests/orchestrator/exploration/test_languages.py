"""Which other languages a topic is worth asking in."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.languages import LARGE, MAX_LANGUAGES, PLACES, folded, languages_for

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_places.py"


@pytest.mark.parametrize(
    ("topic", "first"),
    [
        ("Paris attractions", ["French", "Spanish"]),
        ("attractions in rio de janeiro", ["Portuguese", "Spanish"]),
        ("São Paulo museums", ["Portuguese"]),
        ("Swiss cheeses", ["German", "French", "Italian", "Spanish"]),
        ("Castles of the Czech Republic", ["Czech"]),
        ("Birds of Côte d'Ivoire", ["French"]),
        ("Korean films", ["Korean"]),
        ("Museums in Berlin, Rome and Paris", ["German", "Italian", "French", "Spanish"]),
        ("Turkey: recipes", ["Turkish"]),
    ],
)
def test_the_languages_of_the_place_come_first(topic: str, first: list[str]) -> None:
    """A country, a city, a people or a language that the topic names says what to ask in; the large ones follow."""
    languages = languages_for(topic)
    assert languages[: len(first)] == first
    assert len(languages) == MAX_LANGUAGES
    assert set(languages) - set(first) <= set(LARGE)


@pytest.mark.parametrize(
    "topic", ["Chemical elements", "Nail polish brands", "nice names", "1984", "", "🗼", "London pubs"]
)
def test_without_a_foreign_place_the_large_ones_are_asked(topic: str) -> None:
    """A topic that names none, or an English one, gets the large languages but its own; common words are no places."""
    assert languages_for(topic) == list(LARGE[1 : MAX_LANGUAGES + 1])


@pytest.mark.parametrize(
    ("topic", "own"),
    [
        ("Rivers of the world", "English"),
        ("Museos y galerías de Barcelona", "Spanish"),
        ("Spiele für Kinder", "German"),
        ("Sehenswürdigkeiten in Paris", "German"),
        ("Romans et contes d'Afrique", "French"),
        ("東京の観光地", "Japanese"),
        ("中国城市", "Chinese"),
        ("서울의 박물관", "Korean"),
        ("Музеи Москвы", "Russian"),
        ("مدن المغرب", "Arabic"),
    ],
)
def test_the_topics_own_language_is_left_out(topic: str, own: str) -> None:
    """Script, small words and letters tell it; English is asked for wherever it is another."""
    languages = languages_for(topic)
    assert own not in languages
    assert ("English" in languages) == (own != "English")


@pytest.mark.parametrize(
    "topic", ["La Liga clubs", "Las Vegas hotels", "Café chains", "Jalapeño sorts", "van Gogh paintings"]
)
def test_a_foreign_name_does_not_make_a_topic_foreign(topic: str) -> None:
    """One small word or letter of another language is not enough."""
    assert "English" not in languages_for(topic)


def test_items_help_where_the_topic_says_little() -> None:
    """One word of a language and items of it make it the topic's; items alone do not, nor those of the place."""
    names = ["Mésange à longue queue", "Pic de Syrie", "Aigle"] * 20
    assert "French" not in languages_for("Oiseaux d'Afrique", names)
    assert "French" in languages_for("Birds", names)
    assert languages_for("Paris attractions", ["Musée d'Orsay", "Arc de Triomphe"] * 50)[0] == "French"


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=20))
def test_any_topic_gets_some_languages(topic: str, texts: list[str]) -> None:
    """Never more than may be asked, never one twice, and each one a plain word or two."""
    languages = languages_for(topic, texts)
    assert 0 < len(languages) <= MAX_LANGUAGES
    assert len(set(languages)) == len(languages)
    assert all(language.replace(" ", "").isalpha() for language in languages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("São  Paulo", "sao paulo"), ("Côte d’Ivoire", "cote d ivoire"), ("Ho-Chi-Minh", "ho chi minh"), ("東京", "東京")],
)
def test_names_are_folded(text: str, expected: str) -> None:
    """Case, accents and signs do not matter for finding a place."""
    assert folded(text) == expected


def test_the_table_of_places_is_what_the_script_makes() -> None:
    """Nobody edits it by hand, and an update of its source is noticed."""
    spec = importlib.util.spec_from_file_location("make_places", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(script)
    sys.path[:] = path
    assert PLACES.read_text(encoding="utf-8") == script.render()
