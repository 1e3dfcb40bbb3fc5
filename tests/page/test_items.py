from __future__ import annotations

import io

import pyarrow.parquet
from playwright.sync_api import Page, expect

from tests.page.browsing import SPACING
from tests.page.folders import MANY, MIXED, NAMED_THRICE, many_text
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api

ORDERS = (
    *(("count", "desc"), ("count", "asc")),
    *(("provider", "asc"), ("provider", "desc")),
    *(("time", "desc"), ("time", "asc")),
)
"""What one click after the other on the heads of the list asks for."""
_MOST_ROWS = 60
"""Elements in the page for rows: those in the window, and some before and behind."""


def test_a_list_of_100_000_items_has_few_elements_and_right_rows(page: Page, many: str) -> None:
    """At the beginning, in the middle and at the end the rows are those of the list, with some sixty elements."""
    topic = TopicPage(page)
    topic.open(many)
    expect(topic.matches).to_have_text(f"100{SPACING}000 items")
    topic.expect_row(0, MANY, many_text(MANY))
    topic.grid.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight / 2; }")
    topic.expect_row(MANY // 2, MANY // 2, many_text(MANY // 2))
    assert topic.rows.count() <= _MOST_ROWS
    topic.grid.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight; }")
    topic.expect_row(MANY - 1, 1, many_text(1))
    assert topic.rows.count() <= _MOST_ROWS
    topic.grid.press("Home")
    topic.expect_row(0, MANY, many_text(MANY))


def test_the_wheel_moves_a_long_list_by_its_own_pixels(page: Page, many: str) -> None:
    """Turned by a hundred rows, the wheel moves the list by a hundred rows."""
    topic = TopicPage(page)
    topic.open(many)
    topic.expect_row(0, MANY, many_text(MANY))
    height = topic.row(0).evaluate("(row) => row.offsetHeight")
    topic.grid.hover()
    page.mouse.wheel(0, 100 * height)
    topic.expect_row(100, MANY - 100, many_text(MANY - 100))


def test_arrows_and_ends_move_through_a_long_list(page: Page, many: str) -> None:
    """The keys move one row, one window, to the first and the last row; the one in question is told to readers."""
    topic = TopicPage(page)
    topic.open(many)
    topic.expect_row(0, MANY, many_text(MANY))
    topic.grid.focus()
    page.keyboard.press("End")
    topic.expect_row(MANY - 1, 1, many_text(1))
    page.keyboard.press("ArrowUp")
    expect(topic.row(MANY - 2)).to_have_attribute("aria-selected", "true")
    expect(topic.grid).to_have_attribute("aria-activedescendant", f"item-row-{MANY - 2}")
    page.keyboard.press("PageUp")
    expect(topic.row(MANY - 2)).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    topic.expect_row(1, MANY - 1, many_text(MANY - 1))
    expect(topic.grid).to_have_attribute("aria-rowcount", str(MANY + 1))


def test_a_search_finds_all_words_in_any_case(page: Page, many: str) -> None:
    """Matches are shown and counted while one types; an empty search shows all; what is nowhere is said."""
    topic = TopicPage(page)
    topic.open(many)
    topic.search("0423 nUMBER")
    matching = [number for number in range(1, MANY + 1) if "0423" in many_text(number)]
    expect(topic.matches).to_have_text(f"{len(matching)} matches")
    assert topic.all_rows() == {
        index: (number, many_text(number)) for index, number in enumerate(sorted(matching, reverse=True))
    }
    topic.search("number 100000")
    expect(topic.matches).to_have_text("1 match")
    topic.expect_row(0, MANY, many_text(MANY))
    topic.search("no such thing")
    expect(topic.matches).to_have_text("0 matches")
    expect(page.get_by_text("No item holds “no such thing”.")).to_be_visible()
    topic.search("")
    expect(topic.matches).to_have_text(f"100{SPACING}000 items")
    topic.expect_row(0, MANY, many_text(MANY))


def test_items_are_sorted_by_time_count_and_provider(page: Page, api: Api, mixed: str) -> None:
    """A click on a column's head sorts by it, another one turns the order; each order is the API's."""
    topic = TopicPage(page)
    topic.open(mixed)
    expect(topic.matches).to_have_text(f"{MIXED} items")
    for sort, order in ORDERS:
        page.get_by_test_id(f"sort-{sort}").click()
        head = page.get_by_role("columnheader").filter(has=page.get_by_test_id(f"sort-{sort}"))
        expect(head).to_have_attribute("aria-sort", "ascending" if order == "asc" else "descending")
        items = api.items(mixed, sort=sort, order=order, limit=500)["items"]
        topic.expect_row(0, items[0]["id"], items[0]["text"])
        assert topic.all_rows() == {index: (item["id"], item["text"]) for index, item in enumerate(items)}
    page.get_by_test_id("sort-count").click()
    expect(topic.row(NAMED_THRICE - 1).locator(".item-count")).to_have_text("3×")
    expect(topic.row(NAMED_THRICE).locator(".item-count")).to_have_text("1×")


def test_an_item_is_shown_in_full(page: Page, mixed: str) -> None:
    """A click on a row shows where the item comes from and how often it was named; Escape leads back to the list."""
    topic = TopicPage(page)
    topic.open(mixed)
    topic.row(0).click()
    expect(topic.dialog).to_contain_text("South Town 120")
    expect(topic.dialog).to_contain_text("test:fast")
    expect(topic.dialog).to_contain_text("1 time")
    page.keyboard.press("Escape")
    expect(topic.dialog).to_have_count(0)
    expect(topic.grid).to_be_focused()


def test_a_list_is_taken_home(page: Page, api: Api, mixed: str) -> None:
    """The menu's links download what the API exports, in every format, under a name that says what it is."""
    TopicPage(page).open(mixed)
    for form in ("txt", "jsonl", "csv", "parquet"):
        page.get_by_test_id("export").click()
        with page.expect_download() as started:
            page.get_by_test_id(f"export-{form}").click()
        expect(page.get_by_test_id(f"export-{form}")).to_be_hidden()
        assert started.value.suggested_filename == f"{mixed}.{form}"
        data = started.value.path().read_bytes()
        assert data == api.export(mixed, form)
        if form == "parquet":
            assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == MIXED
        else:
            assert data.count(b"\n") == MIXED + (form == "csv")
