"""The page of one topic as tests see it: places on it, and what stands there."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.page.browsing import SPACING

_LOADED_ROWS = """() => Object.fromEntries(
    [...document.querySelectorAll("[data-testid=item-row]")].map((row) => [
        row.dataset.index,
        [row.querySelector(".item-number").textContent, row.querySelector(".item-text").textContent],
    ]))"""
# Antialiased lines are lighter than their colour; the curve's own pixels are many.
_CURVE_PIXELS = """(canvas) => {
    const colour = document.createElement("canvas").getContext("2d");
    const probe = document.createElement("span");
    probe.style.color = "var(--accent)";
    document.body.append(probe);
    colour.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    colour.fillRect(0, 0, 1, 1);
    const [red, green, blue] = colour.getImageData(0, 0, 1, 1).data;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
        const far = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
        if (data[at + 3] > 200 && far < 40) found += 1;
    }
    return found;
}"""


class TopicPage:
    """A page that shows a topic.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.state = page.get_by_test_id("topic-state")
        self.unique = page.get_by_test_id("unique-count")
        self.matches = page.get_by_test_id("matches")
        self.grid = page.locator(".item-grid")
        self.rows = page.get_by_test_id("item-row")
        self.newest = page.get_by_test_id("newest-item")
        self.events = page.get_by_test_id("event-row")
        self.producers = page.locator(".producer")
        self.dialog = page.get_by_role("dialog")

    def open(self, topic_id: str) -> None:
        """Load the page of a topic; it is there, and live, afterwards."""
        self.page.goto(f"/topics/{topic_id}")
        expect(self.state).to_be_visible()
        expect(self.page.locator(".live")).to_have_text("Live")

    def arrive(self, topic_id: str) -> None:
        """The page goes to a topic by itself."""
        self.page.wait_for_url(f"**/topics/{topic_id}")
        expect(self.page.locator("item-list")).to_be_attached()  # the address changes before what is shown
        expect(self.state).to_be_visible()

    def unique_items(self) -> int:
        """How many items the topic has, as the page shows it."""
        return int(self.unique.get_attribute("data-value") or 0)

    def expect_growth(self) -> None:
        """The number of items, which never falls, changes without anybody doing anything."""
        expect(self.unique).not_to_have_attribute("data-value", str(self.unique_items()))

    def expect_state(self, *words: str) -> None:
        """It is, or becomes, one of these."""
        expect(self.state).to_have_text(re.compile(rf"^\s*({'|'.join(words)})\s*$"))

    def expect_curve(self) -> None:
        """The chart is drawn: its canvas holds the curve."""
        canvas = self.page.get_by_test_id("chart").locator("canvas")
        expect(canvas).to_be_visible()
        assert canvas.evaluate(_CURVE_PIXELS) > 50

    def row(self, index: int) -> Locator:
        """A row of the list of all items, from 0; it is there only while it is near what is seen."""
        return self.page.locator(f'[data-testid=item-row][data-index="{index}"]')

    def expect_row(self, index: int, number: int, text: str) -> None:
        """A row of the list is in its window and shows this item."""
        self.grid.scroll_into_view_if_needed()
        expect(self.row(index).locator(".item-text")).to_have_text(text)
        expect(self.row(index).locator(".item-number")).to_have_text(f"{number:,}".replace(",", SPACING))
        expect(self.row(index)).to_be_in_viewport()

    def all_rows(self) -> dict[int, tuple[int, str]]:
        """Number and text of every row of the list by its index, found by paging through it from the top."""
        found: dict[int, tuple[int, str]] = {}
        total = int(re.sub(r"\D", "", self.matches.inner_text()))
        self.grid.press("Home")
        while True:
            expect(self.page.locator(".item-row[data-loading=true]")).to_have_count(0)
            for index, (number, text) in self.page.evaluate(_LOADED_ROWS).items():
                found[int(index)] = (int(number.replace(SPACING, "")), text)
            if total - 1 in found:
                return found
            self.grid.press("PageDown")

    def search(self, words: str) -> None:
        """Search the items."""
        self.page.get_by_test_id("search").fill(words)

    def answer_stop(self, choice: str) -> None:
        """Ask to stop, and choose `finish`, `now` or `cancel`."""
        self.page.get_by_test_id("stop").click()
        expect(self.dialog).to_be_visible()
        self.dialog.get_by_test_id(f"stop-{choice}").click()
        expect(self.dialog).to_have_count(0)
