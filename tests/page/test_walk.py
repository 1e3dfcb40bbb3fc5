"""The way through the page that everybody goes, in each look, with axe-core and a picture at every step."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.page.browsing import Browsing
from tests.page.conftest import MakeApi
from tests.page.looks import Look, examine, in_every_look, press
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService

_BROKEN = r"net::ERR_|WebSocket connection"
_PRICES = "test:fast=0.25,2\ntest:deep=1.25,10"


@pytest.mark.timeout(300)
@in_every_look
def test_the_main_walk(browsing: Browsing, own_service: WebService, make_api: MakeApi, look: Look) -> None:
    """From the empty page by a topic's whole life to a lost connection: every state is there, and without a fault."""
    page = browsing.open(own_service.address, look)
    api = make_api(own_service)
    topic = TopicPage(page)
    _start(page, look)
    _watch(topic, look)
    _open_dialogs(topic, look)
    _steer(topic, look)
    _end(topic, look, api)
    _look_around(topic, look, api)
    browsing.allow(_BROKEN)
    own_service.stop()
    expect(page.get_by_test_id("connection-banner")).to_be_visible()
    examine(page, look, "connection-lost")


def _start(page: Page, look: Look) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="What do you want everything of?")).to_be_visible()
    expect(page.get_by_label("Producers")).to_be_visible()
    examine(page, look, "topics-empty")
    press(page.get_by_role("button", name="Programming languages"), look)
    page.get_by_label("Provider", exact=True).fill("test:fast,test:deep:2")
    page.get_by_label("Budget, US$").fill("5")
    press(page.get_by_text("All options"), look)
    page.get_by_label("Prices").fill(_PRICES)
    page.get_by_label("Provider options").fill("test.tail_size=20000")  # so that it does not end by itself meanwhile
    examine(page, look, "all-options")
    press(page.get_by_test_id("start"), look)


def _watch(topic: TopicPage, look: Look) -> None:
    topic.arrive("programming-languages")
    topic.expect_state("Running")
    expect(topic.newest.first).to_be_visible()
    topic.expect_growth()
    topic.expect_growth()
    expect(topic.row(3)).to_have_attribute("data-loading", "false")
    topic.expect_curve()
    examine(topic.page, look, "topic-running")


def _open_dialogs(topic: TopicPage, look: Look) -> None:
    page = topic.page
    press(page.get_by_role("button", name="Keyboard shortcuts"), look)
    expect(topic.dialog).to_be_visible()
    examine(page, look, "dialog-shortcuts", "dialog")
    press(topic.dialog.get_by_role("button", name="Close").last, look)
    press(page.get_by_test_id("export"), look)
    expect(page.get_by_test_id("export-csv")).to_be_visible()
    examine(page, look, "export-menu", ".view-head")
    press(page.get_by_role("heading", level=1), look)
    expect(page.get_by_test_id("export-csv")).to_be_hidden()
    press(topic.row(1), look)
    expect(topic.dialog).to_contain_text("First named by")
    examine(page, look, "dialog-item", "dialog")
    press(topic.dialog.get_by_role("button", name="Close").last, look)
    topic.search("no such item")
    expect(topic.matches).to_have_text("0 matches")
    examine(page, look, "search-without-match", "item-list")
    topic.search("")
    press(page.get_by_test_id("stop"), look)
    expect(topic.dialog).to_be_visible()
    examine(page, look, "dialog-stop", "dialog")
    press(topic.dialog.get_by_test_id("stop-cancel"), look)


def _steer(topic: TopicPage, look: Look) -> None:
    page = topic.page
    page.get_by_test_id("producers-count").fill("18")
    page.get_by_test_id("producers-count").press("Enter")
    expect(page.locator(".tile")).to_have_count(18)
    page.get_by_label("Budget", exact=True).fill("a lot")
    page.get_by_label("Budget", exact=True).press("Enter")
    examine(page, look, "topic-many-producers-wrong-budget", "[aria-label=Producers], [aria-label=Settings]")
    page.get_by_label("Budget", exact=True).press("Escape")
    press(page.get_by_test_id("pause"), look)
    topic.expect_state("Paused")
    examine(page, look, "topic-paused", ".view-head")


def _end(topic: TopicPage, look: Look, api: Api) -> None:
    page = topic.page
    press(page.get_by_test_id("stop"), look)
    press(topic.dialog.get_by_test_id("stop-now"), look)
    topic.expect_state("Interrupted")
    expect(topic.events.filter(has_text="run 1 ended")).to_be_visible()
    examine(page, look, "topic-ended")
    press(page.get_by_test_id("continue-changed"), look)
    expect(topic.dialog).to_be_visible()
    examine(page, look, "dialog-continue", "dialog")
    topic.dialog.get_by_label("Stop at items").fill(str(topic.unique_items() + 1))
    topic.dialog.get_by_label("Producers", exact=True).fill("2")
    press(topic.dialog.get_by_role("button", name="Continue", exact=True), look)
    topic.expect_state("Finished")
    assert api.view("programming-languages")["settings"]["producers"] == 2


def _look_around(topic: TopicPage, look: Look, api: Api) -> None:
    page = topic.page
    api.start("Airports")
    page.goto("/")
    row = page.locator("[data-topic-id=airports]")
    expect(row.get_by_test_id("topic-state")).to_have_text("Running")
    expect(row.get_by_test_id("unique-count")).not_to_have_text("0")
    expect(page.locator("[data-topic-id=programming-languages]")).to_contain_text("Finished")
    examine(page, look, "topics")
