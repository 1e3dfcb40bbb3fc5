from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.curation import merges as merges_module
from orchestrator.curation.merges import MergeItem, suggest_merges
from tests.orchestrator.curation.worlds import world


def items(texts: Sequence[str]) -> list[MergeItem]:
    """Items in the order of their finding, each named once."""
    return [MergeItem(number, text, 1) for number, text in enumerate(texts, 1)]


ALIKE = [
    ("Luxembourg", "Luxemburg", "spelling"),
    ("Kyrgyzstan", "Kyrgzstan", "spelling"),
    ("Mississippi River", "Missisippi River", "spelling"),
    ("Museum of Modern Art", "Modern Art Museum", "words"),
    ("Natural History Museum", "Natural History Museums", "words"),
    ("Trinidad & Tobago", "Tobago and Trinidad", "words"),
    ("Newcastle", "New Castle", "spacing"),
    ("Data Base Management", "Database Management", "spacing"),
    ("Санкт-Петербург", "Санкт-Петербурк", "spelling"),
]


@pytest.mark.parametrize(("one", "other", "method"), ALIKE, ids=lambda value: str(value))
def test_two_spellings_are_suggested(one: str, other: str, method: str) -> None:
    """Slips, order, plural, linking words and spaces do not hide that two texts mean the same."""
    (suggestion,) = suggest_merges(items([one, "Something else", other]))
    assert {suggestion.item.text, suggestion.into.text} == {one, other}
    assert suggestion.method == method
    assert 90 <= suggestion.score <= 100


APART = [
    ("Tokyo Tower", "Tokyo"),
    ("Louvre", "Louvre Museum"),
    ("C", "C#"),
    ("C", "C++"),
    ("C#", "C++"),
    ("Objective-C", "Objective-C++"),
    ("Nidoran♀", "Nidoran♂"),
    ("Terminal 1 Charles de Gaulle", "Terminal 2 Charles de Gaulle"),
    ("Boeing 747-400", "Boeing 747-300"),
    ("Henry VIII of England", "Henry VII of England"),
    ("World War I", "World War II"),
    ("North Korea Institute", "South Korea Institute"),
    ("Northamptonshire", "Southamptonshire"),
    ("Eastern Highlands", "Western Highlands"),
    ("Upper Manhattan Building", "Lower Manhattan Building"),
    ("New Amsterdam Bridge", "Old Amsterdam Bridge"),
    ("Niger", "Nigeria"),
    ("Iran", "Iraq"),
    ("Austria", "Australia"),
    ("Erbium", "Terbium"),
    ("Gambia", "Zambia"),
    ("Slovakia", "Slovenia"),
    ("Mauritania", "Mauritius"),
    ("Flores Airport", "Las Flores Airport"),
    ("Paro Airport", "Paros Airport"),
    ("Lima International Airport of Commerce", "Lira International Airport of Commerce"),
    ("Vitamin B Complex Supplement", "Vitamin D Complex Supplement"),
    ("First Presbyterian Church", "Second Presbyterian Church"),
    ("Dominica", "Dominican Republic"),
    ("Guinea", "Guinea-Bissau"),
    ("Airbus A320neoliner", "Airbus A321neoliner"),
    ("Fountainbridge VIII", "Fontainbridge VII"),
    ("Constantinople Z", "Constantinoplle Y"),
    ("Luxembourg Choir of Men", "Luxemburg Choir of Women"),
]


@pytest.mark.parametrize(("one", "other"), APART, ids=[f"{one}|{other}" for one, other in APART])
def test_two_things_are_not_suggested(one: str, other: str) -> None:
    """Parts of names, numbers, numerals, symbols, compass words and short words keep two items apart."""
    assert suggest_merges(items([one, other])) == []


@pytest.mark.parametrize(
    ("name", "most"), [("elements", 0), ("territories", 0), ("languages", 1), ("lexers", 1), ("airports", 10)]
)
def test_few_names_of_a_real_list_are_suggested(name: str, most: int) -> None:
    """In closed lists every suggestion is wrong; there are hardly any: 12 for 9,494 names."""
    assert len(suggest_merges(items(world(name)))) <= most


@pytest.mark.parametrize(("name", "share"), [("languages", 0.6), ("territories", 0.55), ("lexers", 0.6)])
def test_slips_in_real_names_are_found(name: str, share: float) -> None:
    """Of long names with one letter left out, most are suggested for their right spelling."""
    names = world(name)
    rng = random.Random(1)
    pairs = []
    for text in names:
        cut = rng.randrange(1, len(text)) if len(text) >= 8 else 0
        if cut:
            pairs.append((text[:cut] + text[cut + 1 :], text))
    found = {(one.item.text, one.into.text) for one in suggest_merges(items([*names, *(slip for slip, _ in pairs)]))}
    assert len(found & set(pairs)) >= share * len(pairs)


def test_the_spelling_that_more_answers_named_stays() -> None:
    """The item with the smaller count goes; of equals, the one found later."""
    (one,) = suggest_merges([MergeItem(1, "Luxemburg", 2), MergeItem(2, "Luxembourg", 9)])
    assert (one.item.id, one.into.id) == (1, 2)
    (one,) = suggest_merges([MergeItem(1, "Luxemburg", 2), MergeItem(2, "Luxembourg", 2)])
    assert (one.item.id, one.into.id) == (2, 1)


def test_the_best_suggestions_come_first() -> None:
    """Suggestions are sorted by score."""
    scores = [one.score for one in suggest_merges(items([text for pair in ALIKE for text in pair[:2]]))]
    assert len(scores) >= len(ALIKE) - 1
    assert scores == sorted(scores, reverse=True)


def test_a_lower_score_suggests_more() -> None:
    """The least score is the caller's choice."""
    texts = items(["Tokushima", "Tokunoshima"])
    assert (len(suggest_merges(texts, min_score=91)), len(suggest_merges(texts, min_score=90))) == (0, 1)


def test_tiles_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the matrix of distances is cut, the suggestions are the same."""
    texts = items(world("languages") + [text[:4] + text[5:] for text in world("languages")])
    whole = suggest_merges(texts)
    monkeypatch.setattr(merges_module, "_TILE", 7)
    assert len(whole) > 200
    assert suggest_merges(texts) == whole


@pytest.mark.parametrize("beside", ["", "Zzyzx", "Aaronsburg"])
@pytest.mark.parametrize("at", range(1, 12))
def test_a_slip_anywhere_but_in_the_first_letter_is_found(at: int, beside: str) -> None:
    """The search is cut down by first letters alone: whatever else differs, and whatever word stands beside."""
    name = "Lumberkovina"
    slip = name[:at] + "w" + name[at + 1 :]
    texts = [f"{name} {beside}".strip(), "Ostrogradsky", f"{beside} {slip}".strip(), "Quendelmarsh"]
    (found,) = suggest_merges(items(texts))
    assert {found.item.text, found.into.text} == {texts[0], texts[2]}
    assert found.method == "spelling"


def test_a_group_of_many_spellings_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of the same words have one suggestion each, not one for each pair; and there is an end."""
    texts = items([f"Museum {'of ' * number}Art" for number in range(300)])
    assert len(suggest_merges(texts)) == 299
    monkeypatch.setattr(merges_module, "MAX_SUGGESTIONS", 10)
    assert len(suggest_merges(texts)) == 10


class Angles:
    """Embeds each text at an angle that is told; cosine of the difference is the likeness."""

    def __init__(self, degrees: dict[str, float]) -> None:
        self._degrees = degrees

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.radians([self._degrees[text] for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_meanings_are_compared_where_they_can_be() -> None:
    """Texts whose vectors nearly agree are suggested with their cosine, unless their numbers differ."""
    angles = {"Eiffel Tower": 0.0, "Tour Eiffel": 10.0, "Louvre": 90.0, "Hall 1": 200.0, "Hall 2": 201.0}
    (one,) = suggest_merges(items(list(angles)), embedder=Angles(angles))
    assert (one.item.text, one.into.text, one.method) == ("Tour Eiffel", "Eiffel Tower", "meaning")
    assert one.score == pytest.approx(98.5, abs=0.05)
    assert suggest_merges([], embedder=Angles({})) == []


@given(st.lists(st.text(max_size=30), max_size=40), st.sampled_from([70.0, 90.0, 100.0]))
def test_any_texts_are_compared(texts: list[str], min_score: float) -> None:
    """No text makes the search fail; a pair is suggested once, never of an item with itself."""
    found = suggest_merges(items(texts), min_score=min_score)
    pairs = [frozenset((one.item.id, one.into.id)) for one in found]
    assert len(set(pairs)) == len(pairs)
    assert all(len(pair) == 2 for pair in pairs)
    assert all(min_score <= one.score <= 100 for one in found)


def test_hostile_texts_are_compared() -> None:
    """Endless, empty and torn texts cost neither time nor memory."""
    odd = [
        "",
        " ",
        "\ud800",
        "a" * 10**6,
        "a" * 10**6 + "b",
        "x " * 500,
        "\u202e" * 50,
        "0" * 999,
        "🏴" * 300,
        "i" * 999,
    ]
    suggest_merges(items(odd * 20), min_score=70)
