"""Searching, sorting and paging a topic's items."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import item_index, run_reader
from archive.item_index import ItemIndex, ItemRow, Sort
from archive.run_reader import RunReader
from contract.errors import ConfigurationError, ForeignDatabaseError, StorageError
from contract.messages import Item
from orchestrator.store import IncomingBatch
from tests.archive.folder_cases import START, Folder
from tests.archive.test_folded_text import LETTERS, SEARCHES, naive
from tests.orchestrator.store_cases import feed, issue, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A topic's folder with a run and an order."""
    made = Folder(tmp_path / "paris")
    made.run()
    made.order()
    return made


def texts(index: ItemIndex, search: str = "", sort: Sort = "time", *, descending: bool = False) -> list[str]:
    """The texts of the first page."""
    return [item.text for item in index.page(0, 500, search, sort, descending).items]


def reference(folder: Folder, search: str, sort: Sort, descending: bool) -> list[ItemRow]:
    """All matching items, by one plain query and plain Python."""
    rows = [
        ItemRow(number, text, description, "" if provider is None else f"{provider}:{model}", float(at), count)
        for number, text, description, provider, model, at, count in folder.database.execute(
            "SELECT items.id, text, description, provider, model, first_at, "
            "1 + (SELECT count(*) FROM sightings WHERE item_id = items.id) "
            "FROM items LEFT JOIN orders ON orders.id = first_order ORDER BY items.id"
        )
    ]
    matching = [rows[number] for number in naive([row.text for row in rows], search)]
    if sort != "time":
        matching.sort(key=lambda row: row.count if sort == "count" else row.provider)
    return matching[::-1] if descending else matching


STEPS = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(["b", "a", "ä"]), st.sampled_from(["1", "2"])),
    st.tuples(st.just("item"), st.one_of(LETTERS, st.just("a\nb")), st.integers(0, 9)),
    st.tuples(st.just("sighting"), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(
        st.just("page"), SEARCHES, st.sampled_from(["time", "count", "provider"]), st.booleans(), st.integers(0, 9)
    ),
)


@given(steps=st.lists(STEPS, max_size=40), portion=st.sampled_from([1, 2, 50_000]))
@settings(deadline=None, max_examples=50)
def test_pages_are_those_of_plain_python(steps: list[tuple[Any, ...]], portion: int) -> None:
    """Whatever is written between two pages, each page is what sorting and searching all rows gives."""
    with tempfile.TemporaryDirectory() as path, pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_index, "PORTION", portion)
        folder = Folder(Path(path))
        index = ItemIndex(folder.path)
        searches = {""}
        for step in [*steps, ("page", "", "time", False, 0), ("page", "a", "count", True, 1)]:
            match step:
                case ("order", provider, model):
                    folder.order(provider, model)
                case ("item", text, order):
                    folder.item(text, order if 0 < order <= folder.last("orders") else None)
                case ("sighting", item, order):
                    if folder.last("items"):
                        folder.sighting(1 + item % folder.last("items"), order)
                case ("page", search, sort, descending, offset):
                    searches.add(search)
                    index.refresh()
                    # Earlier searches again: their results are extended, not made anew.
                    for one in searches:
                        expected = reference(folder, one, sort, descending)
                        page = index.page(offset, 5, one, sort, descending)
                        assert page.total == len(expected)
                        assert page.unique == folder.last("items")
                        assert list(page.items) == expected[offset : offset + 5]
        folder.database.close()


def test_an_index_follows_a_run(tmp_path: Path) -> None:
    """New items, repeats and their provenance are there after the next refresh, not before."""
    store = open_store(tmp_path / "x")
    index = ItemIndex(tmp_path / "x")
    order = issue(store, "gemini")
    store.ingest([IncomingBatch(order, [Item("Louvre", "a museum")])])
    index.refresh()
    feed(store, "Louvre", "Eiffel Tower")
    assert texts(index) == ["Louvre"]
    index.refresh()
    expected = (
        ItemRow(2, "Eiffel Tower", "", "openai:m-1", 1_790_000_000.0, 1),
        ItemRow(1, "Louvre", "a museum", "gemini:m-1", 1_790_000_000.0, 2),
    )
    assert index.page(0, 100).items == expected
    assert index.page(0, 1, "LOU").items == expected[1:]
    store.close()


def test_lines_of_a_person_have_no_provider(tmp_path: Path) -> None:
    """An item that was adopted from attributes.txt comes first when sorted by provider."""
    (tmp_path / "attributes.txt").write_text("By hand\n", encoding="utf-8")
    store = open_store(tmp_path)
    feed(store, "a")
    index = ItemIndex(tmp_path)
    index.refresh()
    assert [(item.text, item.provider) for item in index.page(0, 9, "", "provider", False).items] == [
        ("By hand", ""),
        ("a", "openai:m-1"),
    ]
    store.close()


def test_a_fresh_start_is_noticed(tmp_path: Path) -> None:
    """When --fresh moves the folder aside, the index is read anew, also between a refresh and a page."""
    store = open_store(tmp_path / "x")
    feed(store, "old one", "old two")
    store.close()
    index = ItemIndex(tmp_path / "x")
    index.refresh()
    assert texts(index, "one") == ["old one"]
    store = open_store(tmp_path / "x", fresh=True)
    feed(store, "new one")
    assert index.page(0, 9, "one").items[0].text == "new one"
    assert texts(index) == ["new one"]
    index.refresh()
    assert texts(index) == ["new one"]
    store.close()


def test_another_run_in_the_same_file_is_noticed(folder: Folder) -> None:
    """A database that was made anew may get the number of the file before it: its first run tells it apart."""
    folder.items(["a", "b"])
    index = ItemIndex(folder.path)
    index.refresh()
    folder.database.execute("DELETE FROM items")
    folder.database.execute("UPDATE runs SET started_at = started_at + 1")
    folder.items(["x", "y", "z"])
    index.refresh()
    assert texts(index) == ["x", "y", "z"]
    assert texts(index, "x") == ["x"]
    assert texts(index, "a") == []


def test_a_restored_copy_is_noticed(folder: Folder) -> None:
    """A database with fewer items than before is read anew."""
    folder.items(["a", "b"])
    index = ItemIndex(folder.path)
    index.refresh()
    folder.database.execute("DELETE FROM items WHERE id = 2")
    index.refresh()
    assert texts(index) == ["a"]


def test_a_topic_that_begins(tmp_path: Path) -> None:
    """An index may be made before its folder; it raises the error and works as soon as there is a run."""
    index = ItemIndex(tmp_path / "x")
    for call in (index.refresh, lambda: index.page(0, 9)):
        with pytest.raises(ConfigurationError, match="holds no run"):
            call()
    store = open_store(tmp_path / "x")
    index.refresh()
    assert index.page(0, 9) == item_index.Page(0, 0, ())
    feed(store, "a")
    index.refresh()
    assert texts(index) == ["a"]
    store.close()
    shutil.rmtree(tmp_path / "x")
    with pytest.raises(ConfigurationError, match="holds no run"):
        index.page(0, 9)


@pytest.mark.parametrize(
    "arguments",
    [
        {"offset": -1},
        {"limit": 0},
        {"limit": 501},
        {"search": "x" * 201},
        {"sort": "name"},
    ],
)
def test_pages_that_there_are_not(folder: Folder, arguments: dict[str, Any]) -> None:
    """Arguments out of their bounds are refused."""
    with pytest.raises(ValueError, match="no such page"):
        ItemIndex(folder.path).page(**{"offset": 0, "limit": 10, **arguments})


@pytest.mark.parametrize("sort", ["count", "provider"])
def test_equal_items_stay_in_the_order_of_time(folder: Folder, sort: Sort) -> None:
    """Items that a sort cannot tell apart are sorted by time, however many they are."""
    for number in range(300):
        folder.item(str(number), 1 if number % 3 else None)
        if number % 3:
            folder.sighting(number + 1)
    index = ItemIndex(folder.path)
    index.refresh()
    expected = [*range(0, 300, 3), *(number for number in range(300) if number % 3)]
    assert [int(text) for text in texts(index, "", sort)] == expected
    assert [int(text) for text in texts(index, "", sort, descending=True)] == expected[::-1]


def test_more_sightings_than_two_bytes_count(folder: Folder) -> None:
    """Counts beyond 65,535 are counted and sorted as well."""
    folder.items("abc")
    folder.database.execute("BEGIN")
    folder.database.executemany("INSERT INTO sightings VALUES (?, 1)", [(2,)] * 70_000 + [(3,)] * 10)
    folder.database.execute("COMMIT")
    index = ItemIndex(folder.path)
    index.refresh()
    assert [(item.text, item.count) for item in index.page(0, 9, "", "count").items] == [
        ("b", 70_001), ("c", 11), ("a", 1),
    ]  # fmt: skip


def test_bounds_of_pages(folder: Folder) -> None:
    """The longest search and the largest page are served; behind the end there is nothing."""
    folder.items(["x" * 200, *map(str, range(600))])
    index = ItemIndex(folder.path)
    index.refresh()
    assert [item.id for item in index.page(0, 500, "x" * 200).items] == [1]
    assert [item.id for item in index.page(100, 500).items] == list(range(501, 1, -1))
    assert [item.id for item in index.page(600, 500).items] == [1]
    assert [item.id for item in index.page(600, 500, descending=False).items] == [601]
    for offset in (601, 10**30):
        assert index.page(offset, 500) == index.page(offset, 500, descending=False) == item_index.Page(601, 601, ())


def test_no_transaction_outlives_a_portion(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each statement the write-ahead log can be folded into the database, and no statement reads more rows."""
    monkeypatch.setattr(item_index, "PORTION", 10)
    folder.items(map(str, range(35)))
    for item in range(1, 36):
        folder.sighting(item)
    index = ItemIndex(folder.path)
    rows = RunReader.rows
    statements = []

    def watched(reader: RunReader, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        found = rows(reader, statement, values)
        statements.append(statement)
        assert folder.checkpoint_is_free()
        return found

    monkeypatch.setattr(RunReader, "rows", watched)
    index.refresh()
    assert sum("group_concat" in statement for statement in statements) == 8
    index.page(0, 10)
    assert len(index) == 35


def test_memory(folder: Folder) -> None:
    """An index takes at most 45 bytes for an item of some twenty letters, also after many searches."""
    folder.items(f"distinct item {number:06d}" for number in range(20_000))
    index = ItemIndex(folder.path)
    index.refresh()
    assert 21 * len(index) < index.memory_bytes < 35 * len(index)
    for number in range(20):
        for sort in ("time", "count", "provider"):
            index.page(0, 10, f"item {number % 10}", sort)
    assert index.memory_bytes < 45 * len(index)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO sightings VALUES (99, 1)", "items of sightings"),
        ("INSERT INTO sightings VALUES (0, 1)", "items of sightings"),
        ("INSERT INTO sightings VALUES ('x', 1)", "items of sightings"),
        ("UPDATE items SET id = 9 WHERE id = 2", "items are missing"),
        ("UPDATE items SET id = -5 WHERE id = 1", "items are missing"),
        ("UPDATE items SET id = 9223372036854775807 WHERE id = 2", "items are missing"),
        ("UPDATE items SET first_order = 2", "orders of items"),
        ("UPDATE items SET first_order = -1", "orders of items"),
        ("UPDATE items SET first_order = 1e300", "orders of items"),
        ("UPDATE orders SET id = 7", "orders are missing"),
        (
            "CREATE TABLE o AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE o RENAME TO orders; "
            "UPDATE orders SET id = 'x'",
            "orders of items",
        ),
        (
            "DROP VIEW counted_items; CREATE TABLE o AS SELECT * FROM items; DROP TABLE items; "
            "ALTER TABLE o RENAME TO items; "
            "UPDATE items SET id = '2x'",
            "items are missing",
        ),
    ],
)
def test_numbers_that_lead_nowhere(folder: Folder, statement: str, told: str) -> None:
    """References to what is not there are damage, told as such."""
    folder.items(["a", "b"])
    folder.item("c", 1)
    folder.database.executescript(statement)
    with pytest.raises(ForeignDatabaseError, match=told):
        ItemIndex(folder.path).refresh()


def test_values_of_other_kinds(tmp_path: Path) -> None:
    """Whatever stands in a column of text or time, a page shows something."""
    folder = Folder(tmp_path / "x")
    folder.run()
    for number, value in enumerate([b"\xff\xfe", 7, 1.5, "two\nlines", "nul\0byte", "x" * 20_000]):
        folder.item(value, first_at="never" if number % 2 else 1e300, description=value)
    folder.item("last")
    index = ItemIndex(folder.path)
    index.refresh()
    page = index.page(0, 500, descending=False)
    assert [item.text for item in page.items] == [
        "\ufffd\ufffd", "7", "1.5", "two\nlines", "nul\0byte", "x" * 10_000, "last",
    ]  # fmt: skip
    assert page.items[0].first_at == 253402300799.0
    assert page.items[1].first_at == 0.0
    assert texts(index, "lines two") == ["two\nlines"]
    assert texts(index, "last") == ["last"]


def test_long_texts_come_in_smaller_portions(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts too long to be read together are read one by one; one that is too long by itself is damage."""
    monkeypatch.setattr(run_reader, "_MAX_VALUE_BYTES", 3000)
    everything = [letter * 1000 for letter in "abcdefghi"]
    folder.items(everything)
    index = ItemIndex(folder.path)
    index.refresh()
    assert index.page(0, 1, "i" * 200).total == 1
    assert len(index) == 9
    folder.item("x" * 4000)
    with pytest.raises(ForeignDatabaseError):
        index.refresh()


def test_too_many_providers(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that names more providers than there is room for is damaged."""
    monkeypatch.setattr(item_index, "_MAX_PROVIDERS", 4)
    folder.order("a")
    folder.order("b")
    ItemIndex(folder.path).refresh()
    folder.order("c")
    with pytest.raises(ForeignDatabaseError, match="too many providers"):
        ItemIndex(folder.path).refresh()


def test_a_folder_replaced_while_its_page_is_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is another one each time it is opened ends as an error, not in a loop."""
    folder.item("a")
    index = ItemIndex(folder.path)
    index.refresh()
    numbers: Iterator[int] = iter(range(100))
    monkeypatch.setattr(run_reader.RunReader, "origin", lambda reader: run_reader.Origin(0, next(numbers), START))
    index.refresh()
    with pytest.raises(StorageError, match="again and again"):
        index.page(0, 1)
