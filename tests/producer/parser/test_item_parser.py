# ruff: noqa: E501 - wide characters count double
"""Properties of the item parser that hold for any text, and what it says of a response as a whole."""

from __future__ import annotations

import json
import tracemalloc
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.messages import Item, ItemBatch, Refusal, encode
from producer.parser import ItemParser, Parsed, Reason
from producer.parser.stream import MAX_LINE_CHARS

PIECES = [
    "\n", "\r\n", "\r", "\x85", "\u2028", " ", "\t", "\u3000", "[", "{", "]", "}", '"', "'", "\\", '\\"', ":", ",", "- ",
    "* ", "1. ", "2. ", "2.\n", "**", "__", "`", "```", "```json\n", "~~", "<think>", "</think>", "<li>", "</li>", "<br>",
    "<b>", "&amp;", "&#10;", "&#x1b;", "| ", "|---|", "# ", "Eiffel Tower", "Louvre", "Louvre", "Sure! ", "Here are 60:",
    '"name": "Orsay"', '"description": ', "{", "\ud83d", "\ude00", "\ud800", "\x00", "\x1b[31m", "\x1b]0;t\x07", "\ufeff",
    "\u200f", "\u202e", "\u200d", "\u200b", "a", "B", "747", "12", "é", "e\u0301", "、", "日本", "。", " - ", ": ", "; ",
    "x = [", "(", ")", ".", "#", "[x] ", "[ ] ", "[[", " and ", "I am ", "!", "?", "Room 1\nRoom 2\nRoom 3\n",
]  # fmt: skip

messy = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(st.characters(), max_size=80),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Zl", "Zs", "L", "P"]), max_size=40),
)


def parse(chunks: list[str], *, complete: bool = True, max_item_chars: int = 200) -> tuple[ItemParser, Parsed]:
    """The parser after the chunks, and all that it gave."""
    parser = ItemParser(max_item_chars=max_item_chars)
    parts = [parser.feed(chunk) for chunk in chunks]
    parts.append(parser.finish(complete=complete))
    items = tuple(item for part in parts for item in part.items)
    return parser, Parsed(items, tuple(refusal for part in parts for refusal in part.refused))


def lines(*texts: str) -> str:
    """Each text on a line of its own."""
    return "".join(f"{text}\n" for text in texts)


@settings(max_examples=300, deadline=None)
@given(messy, st.lists(st.integers(1, 9), min_size=1, max_size=8), st.booleans())
@example("1. **Lou", [1], False)
@example('["a \\"b\\" c", {"name": "d"}]\r\nx', [1], True)
@example("<think>a</think>b\n", [8], True)
@example("[" + " " * 300 + '"a"]\nb\n', [7], True)
def test_any_chunking_gives_the_same_result(text: str, sizes: list[int], complete: bool) -> None:
    """Where a network read ends never changes an item or a refusal."""
    chunks, at = [], 0
    while at < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[at : at + size])
        at += size
    whole, expected = parse([text], complete=complete)
    cut, got = parse(chunks, complete=complete)
    assert got == expected
    assert (cut.items, cut.refused, cut.looping) == (whole.items, whole.refused, whole.looping)


@settings(max_examples=300, deadline=None)
@given(messy, st.booleans(), st.sampled_from([5, 30, 200]))
@example("\ud83d\ude00 x\n", True, 200)
@example("a&#10;b&#x1b;[31m\n", True, 200)
@example('["\\ud800\\u0000\\u001b[2J x"]', True, 200)
def test_what_comes_out_is_clean(text: str, complete: bool, max_item_chars: int) -> None:
    """Items are short, stripped, single-spaced lines without control characters, and every text can be sent."""
    parser, parsed = parse([text], complete=complete, max_item_chars=max_item_chars)
    for item in parsed.items:
        assert 0 < len(item.text) <= max_item_chars
        assert len(item.description) <= 500
        for part in (item.text, item.description):
            assert part == " ".join(part.split())
            assert not {unicodedata.category(char) for char in part} & {"Cc", "Cs", "Zl", "Zp"}
            assert not set(part) & set("\u200b\u200e\u200f\u202e\ufeff")
    for refusal in parsed.refused:
        assert refusal.reason in set(Reason)
        assert len(refusal.text) <= 200
    assert parser.items == len(parsed.items)
    assert parser.refused == sum(refusal.count for refusal in parsed.refused)
    encode(ItemBatch(1, 0, parsed.items, parsed.refused))


@given(
    st.lists(st.from_regex(r"[A-Z][a-z]{2,8}( [A-Z][a-z]{2,8})?", fullmatch=True), min_size=1, unique_by=str.casefold)
)
def test_a_plain_list_comes_out_as_it_is(names: list[str]) -> None:
    """Plain lines, whatever words they hold but the few that models open a sentence with, are the items."""
    names = [f"{name}x" for name in names]
    _, parsed = parse([lines(*names)])
    assert parsed == Parsed(tuple(Item(name) for name in names))


@given(st.lists(st.text(max_size=30), max_size=8))
def test_a_json_array_brings_each_of_its_strings(strings: list[str]) -> None:
    """Whatever a JSON string holds, its element neither swallows nor loses its neighbours."""
    framed = ["First one", *strings, "Last one"]
    for ascii_only in (True, False):
        _, parsed = parse([json.dumps(framed, ensure_ascii=ascii_only)])
        texts = [item.text for item in parsed.items]
        assert texts[0] == "First one"
        assert "Last one" in texts
        total = len(parsed.items) + sum(refusal.count for refusal in parsed.refused)
        assert total == len(framed)


def test_items_are_returned_by_the_chunk_that_completes_them() -> None:
    """An item does not wait for the response's end, nor for the next item."""
    parser = ItemParser()
    assert parser.feed("Eiffel Tower") == Parsed()
    assert parser.feed("\nLou").items == (Item("Eiffel Tower"),)
    assert parser.feed("vre\n").items == (Item("Louvre"),)
    parser = ItemParser()
    assert parser.feed('["Eiffel Tower", "Lou').items == (Item("Eiffel Tower"),)


def test_an_unterminated_line_is_taken_only_if_the_model_had_finished() -> None:
    """A line that was cut off may be half an item, so it is refused."""
    assert parse(["Louvre\nEiffel Tow"], complete=False)[1] == Parsed(
        (Item("Louvre"),), (Refusal("Eiffel Tow", "cut_off"),)
    )
    assert parse(["Louvre\nEiffel Tower"], complete=True)[1] == Parsed((Item("Louvre"), Item("Eiffel Tower")))
    assert parse(["Louvre\n"], complete=False)[1] == Parsed((Item("Louvre"),))


def test_a_bold_line_that_waits_at_the_end_is_an_item() -> None:
    """Nothing came below it that would make it a heading; it was complete, whatever happened later."""
    assert parse(["**Louvre**\n"], complete=False)[1].items == (Item("Louvre"),)


def test_an_endless_line_is_refused_once_and_skipped() -> None:
    """A line without end costs bounded memory and does not take the next line with it."""
    parser = ItemParser()
    refused = [refusal for _ in range(1000) for refusal in parser.feed("word " * 200).refused]
    assert [refusal.reason for refusal in refused] == ["overlong"]
    assert len(refused[0].text) <= 200
    assert parser.feed("\nLouvre\n").items == (Item("Louvre"),)


@pytest.mark.parametrize("opening", ["", '["', '[{"name": "', "<think>", "| ", "**", "[", "{", '["\\'])
def test_memory_stays_bounded_whatever_the_endless_text_opens(opening: str) -> None:
    """Half a megabyte without a line end leaves no more than one bounded line or string behind."""
    parser = ItemParser()
    parser.feed(opening)
    tracemalloc.start()
    try:
        for _ in range(500):
            parser.feed("x" * 1000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    parser.finish(complete=False)
    assert held < 200_000


def test_a_repeated_item_is_refused_and_counted_in_runs() -> None:
    """Only the first of equal items is one; a run of repeats is one refusal with its count."""
    _, parsed = parse([lines("Louvre", "Orsay", "LOUVRE", "- Orsay", "**Louvre**", "Rodin", "Louvre")])
    assert [item.text for item in parsed.items] == ["Louvre", "Orsay", "Rodin"]
    assert parsed.refused == (Refusal("LOUVRE", "repetition", 3), Refusal("Louvre", "repetition", 1))


@pytest.mark.parametrize("period", range(1, 7))
def test_a_cycle_of_one_to_six_items_is_a_loop(period: int) -> None:
    """After the third return of a cycle, and six repeated lines at least, the response is looping."""
    parser = ItemParser()
    names = [f"Place {letter}" for letter in "ABCDEF"[:period]]
    parser.feed(lines("Louvre", *names))
    assert not parser.looping
    needed = max(3 * period, 6)
    for count in range(needed):
        assert not parser.looping, count
        parser.feed(lines(names[count % period]))
    assert parser.looping
    assert parser.items == period + 1
    assert parser.refused == needed
    parser.feed(lines("Something new"))
    assert not parser.looping


def test_max_repeats_sets_how_long_a_cycle_is_borne() -> None:
    """A higher setting waits for more returns of the same cycle."""
    patient = ItemParser(max_repeats=10)
    patient.feed(lines(*["Louvre"] * 10))
    assert not patient.looping
    patient.feed(lines("Louvre"))
    assert patient.looping


def test_twenty_four_lines_without_a_new_item_are_a_loop() -> None:
    """Repeats in no order, or talk without end, bring nothing more either."""
    parser = ItemParser()
    order = [0, 5, 2, 8, 1, 9, 3, 7, 4, 6, 0, 8, 5, 1, 2, 9, 6, 3, 4, 7, 1, 0, 6, 9]
    parser.feed(lines(*(f"Place {chr(65 + i)}" for i in range(10))))
    for count, i in enumerate(order):
        assert not parser.looping, count
        parser.feed(lines(f"Place {chr(65 + i)}"))
    assert parser.looping


def test_a_new_item_starts_the_count_of_barren_lines_again() -> None:
    """Only lines in a row without a new item make a loop."""
    parser = ItemParser()
    parser.feed(lines(*(f"Place {chr(65 + i)}" for i in range(10))))
    parser.feed(lines(*("Place A", "Place C", "Place B") * 3, *("Place F", "Place D", "Place E") * 3))
    parser.feed(lines("New", *("Place A", "Place G", "Place B") * 2, *("Place F", "Place D", "Place E") * 2))
    assert not parser.looping


@pytest.mark.parametrize("size", [1000, 32_768, 40_000])
def test_the_longest_line_is_still_read_and_one_character_more_is_not(size: int) -> None:
    """The bound of a line is the same wherever its chunks end."""
    longest = ", ".join(f"Thing {i:05}" for i in range(0, 5040, 2))
    longest += "x" * (MAX_LINE_CHARS - len(longest))
    for text, items in ((f"{longest}\n", 2520), (f"{longest}y\n", 0)):
        _, parsed = parse([text[at : at + size] for at in range(0, len(text), size)])
        assert len(parsed.items) == items
        assert len(parsed.refused) == (items == 0)


def test_talk_before_the_first_item_is_no_loop() -> None:
    """A model that thinks aloud for long before it lists is heard out."""
    parser = ItemParser()
    parser.feed(lines(*["I will think about what the user would like to see here."] * 40))
    assert not parser.looping


def test_counters_are_refused_from_the_seventh_on() -> None:
    """A stem that counts up from the start is made up; the first six are given the benefit of the doubt."""
    _, parsed = parse([lines(*(f"Arsenaut {i}" for i in range(1, 61)))])
    assert [item.text for item in parsed.items] == [f"Arsenaut {i}" for i in range(1, 7)]
    assert parsed.refused == (Refusal("Arsenaut 7", "counter", 54),)


def test_counters_that_alternate_are_refused_too() -> None:
    """Loops of several items count each of their stems."""
    _, parsed = parse([lines(*(f"{name} {i}" for i in range(1, 31) for name in ("Hall", "Room", "Gate")))])
    assert len(parsed.items) == 18
    assert {refusal.reason for refusal in parsed.refused} == {"counter"}


@pytest.mark.parametrize(
    "names",
    [
        [f"Apollo {i}" for i in range(7, 18)],
        [f"Boeing 7{i}7" for i in range(10)],
        [f"U{i}" for i in range(1, 13)],
        [f"A{i}" for i in range(1, 30)],
        ["Rocky 2", "Rocky 3", "Rocky 4", "Rocky 5"],
        [str(i) for i in range(1, 30)],
        [f"{i}th Arrondissement" for i in range(4, 21)],
        [name for i in range(1, 12) for name in (f"Terminator {i * 2}", f"Alien {i * 3}")],
    ],
)
def test_real_series_are_no_counters(names: list[str]) -> None:
    """Missions, codes, sequels and gaps in the count are items."""
    _, parsed = parse([lines(*names)])
    assert [item.text for item in parsed.items] == names


def test_reasoning_is_skipped_and_counted_once() -> None:
    """Nothing between the tags is an item, over any number of lines, and an unclosed block swallows the rest."""
    text = "<think>\nLouvre?\n- Orsay\n</think>\n\nRodin\n"
    _, parsed = parse([text])
    assert parsed == Parsed((Item("Rodin"),), (Refusal("Louvre? - Orsay", "reasoning"),))
    _, parsed = parse(["<THINKING>Louvre\nOrsay\n"], complete=False)
    assert parsed == Parsed((), (Refusal("Louvre Orsay", "reasoning"),))


def test_refused_pieces_of_a_run_are_counted_before_the_run_is_reported() -> None:
    """The running total does not lag behind the stream."""
    parser = ItemParser()
    assert parser.feed(lines("Louvre", "Louvre", "Louvre")).refused == ()
    assert parser.refused == 2
    assert parser.finish(complete=True).refused == (Refusal("Louvre", "repetition", 2),)
