from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.page.browsing import Browsing
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService


def test_several_topics_at_a_glance(page: Page, api: Api, mixed: str) -> None:
    """Each topic has a row with state, items, rate, cost and producers, live ones first; those that run go on alive."""
    first = api.start("Glance one", producers=1)
    second = api.start("Glance two", producers=3)
    page.goto("/")
    rows = page.get_by_test_id("topic-row")
    running = rows.and_(page.locator("[data-state=running]"))
    expect(running).to_have_count(2)
    for topic_id, producers in ((first, "1"), (second, "3")):
        row = page.locator(f"[data-topic-id={topic_id}]")
        expect(row.get_by_test_id("topic-state")).to_have_text("Running")
        count = row.get_by_test_id("unique-count")
        expect(count).not_to_have_attribute("data-value", str(count.get_attribute("data-value")))
        cell = row.get_by_role("cell").filter(has=page.locator(".cell-label", has_text="Producers"))
        expect(cell).to_contain_text(producers)
        expect(row.locator(".spark-line")).to_have_count(1)
    ended = page.locator(f"[data-topic-id={mixed}]")
    expect(ended.get_by_test_id("topic-state")).to_have_text("Finished")
    expect(ended.get_by_test_id("unique-count")).to_have_text("120")
    assert rows.evaluate_all("(rows) => rows.slice(0, 2).map((row) => row.dataset.state)") == ["running", "running"]


def test_topics_are_steered_from_the_overview(page: Page, api: Api) -> None:
    """Pause, resume, stop and continue work in a topic's row, without going there."""
    topic_id = api.start("Steered from above")
    page.goto("/")
    row = page.locator(f"[data-topic-id={topic_id}]")
    state = row.get_by_test_id("topic-state")
    row.get_by_test_id("pause").click()
    expect(state).to_have_text("Paused")
    row.get_by_test_id("pause").click()
    expect(state).to_have_text("Running")
    row.get_by_test_id("stop").click()
    page.get_by_role("dialog").get_by_test_id("stop-now").click()
    expect(state).to_have_text("Interrupted")
    row.get_by_test_id("continue").click()
    expect(state).to_have_text("Running")
    expect(page).to_have_url(page.url)


def test_two_windows_show_the_same(browsing: Browsing, service: WebService, api: Api) -> None:
    """What is done in one window is seen in the other one by itself, and so is a topic that is started there."""
    one, other = browsing.open(service.address), browsing.open(service.address)
    one.goto("/")
    expect(one.locator(".live")).to_have_text("Live")
    topic_id = api.start("Seen twice")
    row = one.locator(f"[data-topic-id={topic_id}]")
    expect(row.get_by_test_id("topic-state")).to_have_text("Running")
    topic = TopicPage(other)
    topic.open(topic_id)
    topic.answer_stop("now")
    expect(row.get_by_test_id("topic-state")).to_have_text("Interrupted")


def test_an_unknown_topic_leads_back(page: Page, browsing: Browsing) -> None:
    """The address of a topic that is not there says so, and offers those that are."""
    browsing.allow("status of 404")
    page.goto("/topics/no-such-topic")
    expect(page.get_by_role("heading", name="There is no such topic")).to_be_visible()
    page.get_by_role("link", name="All topics", exact=True).click()
    expect(page.get_by_role("heading", name="Topics")).to_be_visible()


def test_back_and_forward_go_between_topics(page: Page, many: str, mixed: str) -> None:
    """Links inside the page make the browser's own steps: back and forward show what was there, without a reload."""
    page.goto("/")
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("link", name="Numbers").click()
    TopicPage(page).arrive(many)
    expect(page.get_by_role("heading", name="Numbers")).to_be_visible()
    page.get_by_role("link", name="Topics", exact=True).click()
    page.get_by_role("link", name="Towns").click()
    TopicPage(page).arrive(mixed)
    expect(page.get_by_role("heading", name="Towns")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Topics")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Numbers")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Topics")).to_be_visible()
    assert page.evaluate("window.loadedOnce")


def test_colours_follow_the_system_until_one_chooses(page: Page, mixed: str) -> None:
    """The page is light or dark as the system is; the button chooses, and the choice holds for the next visit."""
    topic = TopicPage(page)
    topic.open(mixed)
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert light != dark
    toggle = page.get_by_test_id("theme-toggle")
    toggle.click()
    expect(toggle).to_have_attribute("data-theme-now", "light")
    assert page.evaluate(background) == light
    page.reload()
    expect(toggle).to_have_attribute("data-theme-now", "light")
    assert page.evaluate(background) == light
    toggle.click()
    expect(toggle).to_have_attribute("data-theme-now", "dark")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) == dark
