# ruff: noqa: E501 - one case a line
"""Tables: answers in JSON, whole, sloppy, broken and cut."""

from __future__ import annotations

import pytest

from contract.messages import Item
from producer.parser import ItemParser, Parsed

LO = [Item("Louvre"), Item("Orsay")]
LO_DESCRIBED = [Item("Louvre", "art"), Item("Orsay", "more art")]


def parse(text: str, *, complete: bool = True) -> Parsed:
    """The text fed one character at a time, the hardest chunking."""
    parser = ItemParser()
    parts = [*(parser.feed(char) for char in text), parser.finish(complete=complete)]
    return Parsed(
        tuple(item for part in parts for item in part.items),
        tuple(refusal for part in parts for refusal in part.refused),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["Louvre", "Orsay"]', LO),
        ('[\n  "Louvre",\n  "Orsay"\n]\n', LO),
        ('["Louvre", "Orsay",]', LO),
        ('["Louvre" "Orsay"]', LO),
        ('["Louvre"\n"Orsay"]', LO),
        ("['Louvre', 'Orsay']", LO),
        ('Here you go:\n["Louvre", "Orsay"]\nI hope this helps!', LO),
        ('```json\n["Louvre", "Orsay"]\n```', LO),
        ('```json ["Louvre", "Orsay"]\n```', LO),
        ('attractions = ["Louvre", "Orsay"]', LO),
        ('const items = [\n  "Louvre",\n  "Orsay",\n];', LO),
        ('["1. Louvre", "2. **Orsay**"]', LO),
        ('["Louvre"]\n["Orsay"]', LO),
        ('[["Louvre", "Orsay"]]', LO),
        ('\ufeff  [ "Louvre" , "Orsay" ]', LO),
        ('{"items": ["Louvre", "Orsay"]}', LO),
        ('{"topic": "Paris", "count": 2, "items": ["Louvre", "Orsay"], "done": true}', LO),
        ('{"data": {"items": [{"name": "Louvre"}, {"name": "Orsay"}]}}', LO),
        ('{"Museums": ["Louvre", "Orsay"]}', LO),
        ('{"1": "Louvre", "2": "Orsay"}', LO),
        ('{"Louvre": "art", "Orsay": "more art"}', LO_DESCRIBED),
        ('{"Louvre": {"description": "art"}, "Orsay": {"description": "more art"}}', LO_DESCRIBED),
        ('[{"name": "Louvre", "description": "art"}, {"description": "more art", "name": "Orsay"}]', LO_DESCRIBED),
        ('[\n  {\n    "id": 1,\n    "item": "Louvre"\n  },\n  {\n    "id": 2,\n    "item": "Orsay"\n  }\n]', LO),
        *((f'[{{"{key}": "Louvre"}}, {{"{key}": "Orsay"}}]', LO) for key in ("item", "title", "attribute", "value", "text")),
        ('[{"Name": "Louvre"}, {"NAME": "Orsay"}]', LO),
        ('[{"landmark": "Louvre", "city": "Paris"}, {"landmark": "Orsay", "city": "Paris"}]', LO),
        ('[{"name": "Louvre", "tags": ["art", "x"]}, {"tags": ["y"], "name": "Orsay", "years": [1986]}]', LO),
        ('[{"category": "Museums", "attractions": ["Louvre", "Orsay"]}]', LO),
        ('{"name": "Louvre"}\n{"name": "Orsay"}\n', LO),
        ('{"name": "Louvre"},\n{"name": "Orsay"},\n', LO),
        ('{"name": "Louvre"},{"name": "Orsay"}', LO),
        ('{"name": "Louvre", "n": 1, "open": true, "at": {"lat": 1.5, "lon": -2}}\n{"name": "Orsay", "n": null}', LO),
        ("[747, 1984, 2001]", [Item("747"), Item("1984"), Item("2001")]),
        ('{"items": [747, 1984]}', [Item("747"), Item("1984")]),
        ("[]", []),
        ("[\n]\n", []),
        ('["\\"Heroes\\" and more", "a\\\\b", "caf\\u00e9"]', [Item('"Heroes" and more'), Item("a\\b"), Item("café")]),
        ('["The "Louvre" museum", "Orsay"]', [Item('The "Louvre" museum'), Item("Orsay")]),
        ("['Musée d'Orsay', 'L\\'Olympia']", [Item("Musée d'Orsay"), Item("L'Olympia")]),
        ('["\\ud83d\\ude00 Smile", "x\\ud800y"]', [Item("Smile"), Item("xy")]),
        ('["Paris, France; Seine", "I hope this helps", "Sure!"]', [Item("Paris, France; Seine"), Item("I hope this helps"), Item("Sure!")]),
        ('[{"name": "Louvre", "description": "one\ntwo"}]', [Item("Louvre", "one two")]),
        ('["Louvre", // the first\n"Orsay"]', LO),
        ('["Louvre",\n"Orsay",\n...\n]', LO),
        ('[\nLouvre\nOrsay\n]', LO),
        ('"Louvre",\n"Orsay"', LO),
        ("[1] Louvre\n[2] Orsay", LO),
        ("[Louvre](u)\n[Orsay](v)", LO),
        ("[ ] Louvre\n[x] Orsay", LO),
    ],
)  # fmt: skip
def test_json_of_every_form_brings_its_items(text: str, expected: list[Item]) -> None:
    """Arrays, objects, wrappers, JSON Lines and their sloppy forms lead to the same items."""
    assert list(parse(text).items) == expected


def test_a_category_with_its_own_items_is_a_heading() -> None:
    """An object that holds a list of items is not one itself."""
    parsed = parse('[{"name": "Museums", "items": ["Louvre", "Orsay"]}]')
    assert list(parsed.items) == LO
    assert [(refusal.text, refusal.reason) for refusal in parsed.refused] == [("Museums", "heading")]


@pytest.mark.parametrize(
    ("text", "items", "cut"),
    [
        ('["Louvre", "Ors', ["Louvre"], ["Ors"]),
        ('["Louvre", "Orsay"', ["Louvre", "Orsay"], []),
        ('["Louvre", ', ["Louvre"], []),
        ('[{"name": "Louvre"}, {"name": "Ors', ["Louvre"], ["Ors"]),
        ('[{"name": "Louvre"}, {"name": "Orsay", "description": "mo', ["Louvre"], ["Orsay"]),
        ('[{"name": "Louvre"}, {"na', ["Louvre"], []),
        ('["Louvre", "a\\', ["Louvre"], ["a"]),
    ],
)
def test_a_cut_in_json_costs_only_what_was_open(text: str, items: list[str], cut: list[str]) -> None:
    """Complete elements stay, the open one is refused as cut off."""
    parsed = parse(text, complete=False)
    assert [item.text for item in parsed.items] == items
    assert [refusal.text for refusal in parsed.refused if refusal.reason == "cut_off"] == cut


def test_an_open_element_is_taken_if_the_model_had_finished() -> None:
    """A model that forgets the last quote has still named the item."""
    assert [item.text for item in parse('["Louvre", "Orsay').items] == ["Louvre", "Orsay"]


def test_an_overlong_string_is_refused_and_its_neighbours_stay() -> None:
    """A string beyond all bounds is skipped to its end."""
    parsed = parse('["Louvre", "' + "x" * 9000 + '", "Orsay"]')
    assert list(parsed.items) == LO
    assert [refusal.reason for refusal in parsed.refused] == ["overlong"]


@pytest.mark.parametrize(
    "text", ["[" * 5000, '[{"a":' * 2000, '["' + "\\" * 3001, "{" * 99 + "}" * 99, "[,,:]]}", "{'"]
)
def test_nonsense_ends_without_an_error(text: str) -> None:
    """Deep nesting, endless escapes and stray brackets are no reason to fail."""
    assert parse(text + "\nLouvre\n", complete=False).items in ((Item("Louvre"),), ())
