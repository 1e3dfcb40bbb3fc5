from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.archive.folder_cases import START, Folder
from tests.page.hostile_items import ANSWERED, IN_A_FOLDER, Hostile
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService

# Elements that markup in an item would have made, if anything had taken it for markup.
_FOREIGN_NAMES = (
    "script, iframe, img, object, embed, link, style, svg:not(.icon, .spark), [onerror], [onload], [onclick]"
)
_FOREIGN = f":is(main, dialog) :is({_FOREIGN_NAMES})"
_FOREIGN_LINKS = ":is(item-list, newest-items, .events, dialog, h1) a"


@pytest.fixture(scope="package")
def hostile_folder(service: WebService) -> str:
    """Id of a finished topic with hostile items."""
    folder = Folder(service.output / "hostile", "Hostile")  # row by row: the store itself lets no control character in
    order = folder.order(run=folder.run(ended_at=START + 60, stop_reason="exhausted"))
    for hostile in IN_A_FOLDER:
        folder.item(hostile.text, order, description=hostile.text)
    folder.database.close()
    return "hostile"


def expect_nothing_executed(page: Page) -> None:
    """No item has run, and none has become an element. Dialogs and requests are the guard's affair."""
    assert page.evaluate("window.executed") is None
    assert page.locator(_FOREIGN).evaluate_all("(elements) => elements.map((element) => element.outerHTML)") == []
    assert page.locator(_FOREIGN_LINKS).count() == 0


def test_hostile_items_of_a_folder_are_shown_as_text(page: Page, hostile_folder: str) -> None:
    """Markup, links, control and direction characters stand in both lists as the characters they are."""
    topic = TopicPage(page)
    topic.open(hostile_folder)
    expect(topic.matches).to_have_text(f"{len(IN_A_FOLDER)} items")
    shown = dict(topic.all_rows().values())
    assert shown == {number: hostile.shown for number, hostile in enumerate(IN_A_FOLDER, 1)}
    texts = page.locator(".newest-text").all_inner_texts()
    assert texts == [hostile.shown for hostile in reversed(IN_A_FOLDER)]
    expect_nothing_executed(page)


def test_a_hostile_item_is_harmless_in_full(page: Page, hostile_folder: str) -> None:
    """Opened one after the other, they are nothing but text, and all of it is there."""
    topic = TopicPage(page)
    topic.open(hostile_folder)
    topic.expect_row(0, len(IN_A_FOLDER), IN_A_FOLDER[-1].shown)
    topic.grid.focus()
    for hostile in reversed(IN_A_FOLDER):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(topic.dialog.locator(".item-full").first).to_have_text(in_full(hostile))
        expect_nothing_executed(page)
        page.keyboard.press("Escape")
        expect(topic.dialog).to_have_count(0)


def test_a_hostile_search_finds_and_does_nothing_else(page: Page, hostile_folder: str) -> None:
    """What is typed into the search is text too, in the list as well as where nothing is found."""
    topic = TopicPage(page)
    topic.open(hostile_folder)
    topic.search("<SCRIPT>window")
    expect(topic.matches).to_have_text("1 match")
    topic.expect_row(0, 1, IN_A_FOLDER[0].shown)
    topic.search("<img src=x onerror=window.executed=1>")
    expect(page.get_by_text("No item holds “<img src=x onerror=window.executed=1>”.")).to_be_visible()
    expect_nothing_executed(page)


def test_hostile_answers_flow_in_as_text(page: Page, api: Api) -> None:
    """A hostile topic, hostile answers: live and loaded again, heading, title and lists hold nothing but text."""
    name = "</title><img src=/nothing.png onerror=window.executed=1>"
    topic = TopicPage(page)
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill(name)
    page.get_by_label("Provider", exact=True).fill("openai:any")
    page.get_by_label("Producers").fill("1")
    page.get_by_test_id("start").click()
    topic.arrive("*")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page).to_have_title(re.compile(re.escape(name)))
    expect(topic.newest.filter(has_text="window.executed").first).to_be_visible()
    expect(topic.newest.filter(has_text="東京")).to_be_visible()
    topic.expect_state("Finished")  # the model knows nothing else
    expect_nothing_executed(page)
    (topic_id,) = (topic["id"] for topic in api.topics() if topic["topic"] == name)
    assert len(api.texts(topic_id)) >= len(ANSWERED) - 2
    topic.open(topic_id)
    expect(topic.matches).to_have_text(f"{topic.unique_items()} items")
    assert dict(topic.all_rows().values()) == api.texts(topic_id)
    page.goto("/")
    row = page.get_by_test_id("topic-row").filter(has_text=name)
    expect(row).to_be_visible()
    row.get_by_role("button", name=f"Continue {name}").click()
    expect(page.get_by_test_id("notice")).to_be_visible()
    expect_nothing_executed(page)


def in_full(hostile: Hostile) -> str:
    """How an item is shown that is not cut."""
    return hostile.text if hostile.shown.endswith("…") else hostile.shown
