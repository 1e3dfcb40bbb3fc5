from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.page.browsing import SPACING, Browsing
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api


def test_a_topic_is_started_and_grows_before_ones_eyes(page: Page, api: Api) -> None:
    """The form starts a topic; its page fills without a reload: number, newest items, curve, list, event log."""
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill("Garden birds")
    page.get_by_label("Producers").fill("3")
    page.get_by_test_id("start").click()
    topic = TopicPage(page)
    topic.arrive("garden-birds")
    expect(page.get_by_role("heading", name="Garden birds")).to_be_visible()
    topic.expect_state("Running")
    page.evaluate("window.loadedOnce = true")
    expect(topic.producers).to_have_count(3)
    expect(topic.newest.first).to_be_visible()
    first = topic.newest.first.get_attribute("data-item-id")
    topic.expect_growth()
    expect(topic.newest.first).not_to_have_attribute("data-item-id", str(first))
    topic.expect_growth()
    topic.expect_curve()
    expect(topic.events.filter(has_text="run 1 begins")).to_be_visible()
    expect(page).to_have_title(re.compile("Garden birds"))
    assert page.evaluate("window.loadedOnce")
    assert api.view("garden-birds")["settings"]["producers"] == 3


def test_the_keyboard_alone_starts_watches_and_stops(page: Page, api: Api) -> None:
    """Without a mouse: to the form by a key, start by Enter, to Stop by Tab, stop by Enter, search by a key."""
    topic = TopicPage(page)
    page.goto("/")
    expect(page.get_by_label("Producers")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Topic", exact=True)).to_be_focused()
    page.keyboard.type("Typed by hand")
    page.keyboard.press("Enter")
    topic.arrive("typed-by-hand")
    topic.expect_state("Running")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    topic.expect_growth()
    _tab_to(page, "pause")
    page.keyboard.press("Space")
    topic.expect_state("Paused")
    _tab_to(page, "stop")
    page.keyboard.press("Enter")
    expect(topic.dialog.get_by_test_id("stop-finish")).to_be_focused()
    page.keyboard.press("Escape")
    expect(topic.dialog).to_have_count(0)
    expect(page.get_by_test_id("stop")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(topic.dialog.get_by_test_id("stop-now")).to_be_focused()
    page.keyboard.press("Enter")
    topic.expect_state("Interrupted")
    count = f"{topic.unique_items():,}".replace(",", SPACING)
    expect(topic.matches).to_have_text(f"{count} items")
    page.keyboard.press("/")
    expect(page.get_by_test_id("search")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(topic.grid).to_be_focused()
    page.keyboard.press("End")
    (first,) = api.items("typed-by-hand", order="asc", limit=1)["items"]
    topic.expect_row(topic.unique_items() - 1, first["id"], first["text"])
    page.keyboard.press("Enter")
    expect(topic.dialog).to_contain_text(first["text"])
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Topics")).to_be_focused()


def _tab_to(page: Page, test_id: str) -> None:
    target = page.get_by_test_id(test_id)
    for _ in range(10):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{test_id} is not among the next ten stops of the Tab key")


def test_a_refused_start_says_why_beside_the_field(page: Page, api: Api, browsing: Browsing) -> None:
    """The service's own words stand at the field that they are about; nothing that was typed is lost."""
    browsing.allow("status of 400")
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill("Never begun")
    page.get_by_label("Stop after", exact=True).fill("tomorrow")
    page.get_by_test_id("start").click()
    expect(page.get_by_role("alert").filter(has_text="'tomorrow' is not a duration such as 90s")).to_be_visible()
    field = page.get_by_label("Stop after", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("textbox", name="Topic", exact=True)).to_have_value("Never begun")
    field.fill("")
    page.get_by_label("Provider", exact=True).fill("nonsense")
    page.get_by_test_id("start").click()
    expect(page.get_by_role("alert").filter(has_text="unknown provider 'nonsense'")).to_be_visible()
    assert "never-begun" not in [topic["id"] for topic in api.topics()]


def test_a_topic_that_runs_is_offered_instead_of_a_second_start(page: Page, api: Api, browsing: Browsing) -> None:
    """A second start of a running topic is refused, with a link to the one that runs."""
    browsing.allow("status of 409")
    topic_id = api.start("Only once")
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill("Only once")
    page.get_by_test_id("start").click()
    expect(page.get_by_role("alert").filter(has_text="runs already")).to_be_visible()
    page.get_by_role("link", name="Open it").click()
    TopicPage(page).arrive(topic_id)


def test_options_that_are_folded_away_are_sent(page: Page, api: Api) -> None:
    """All options of the command line are in the form; what was filled in is what the run has."""
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill("Many options")
    page.get_by_label("Stop at items").fill("40")
    page.get_by_text("All options").click()
    page.get_by_label("Items a request").fill("20")
    page.get_by_label("Same item means").select_option("exact")
    page.get_by_label("Provider options").fill("test.speed=0\ntest.universe_size=300")
    page.get_by_test_id("start").click()
    topic = TopicPage(page)
    topic.arrive("many-options")
    topic.expect_state("Finished")
    expect(topic.unique).to_have_text("40")
    settings = api.view("many-options")["settings"]
    given = {name: settings[name] for name in ("max_attributes", "request_size", "identity", "provider_options")}
    assert given == {
        "max_attributes": 40,
        "request_size": 20,
        "identity": "exact",
        "provider_options": ["test.speed=0", "test.universe_size=300"],
    }
