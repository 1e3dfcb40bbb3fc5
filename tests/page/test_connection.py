from __future__ import annotations

from playwright.sync_api import WebSocketRoute, expect

from tests.page.browsing import Browsing, banner_seen
from tests.page.conftest import MakeApi
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService

_BROKEN = r"net::ERR_|WebSocket connection|status of 5\d\d"
_FEW = {"producers": 1, "concurrency": 1, "request_size": 10, "provider_options": ["test.tokens_per_second=12"]}
"""Some three items a second: what came while the connection was lost is still among the newest 40 at the end."""


def expect_nothing_lost(topic: TopicPage, api: Api, topic_id: str) -> None:
    """The topic has ended: newest items, list and event log hold everything once, in its order."""
    texts = api.texts(topic_id)
    expect(topic.unique).to_have_attribute("data-value", str(len(texts)))
    expect(topic.newest.first).to_have_attribute("data-item-id", str(len(texts)))
    newest = topic.newest.evaluate_all("(rows) => rows.map((row) => Number(row.dataset.itemId))")
    assert newest == list(range(len(texts), len(texts) - len(newest), -1))
    expect(topic.matches).to_have_text(f"{len(texts)} items")
    assert topic.all_rows() == {len(texts) - number: (number, text) for number, text in texts.items()}
    events = topic.events.evaluate_all("(rows) => rows.map((row) => Number(row.dataset.seq))")
    assert events == list(range(len(events), 0, -1))


def test_a_killed_web_server_is_replaced_and_the_page_heals(
    browsing: Browsing, own_service: WebService, make_api: MakeApi
) -> None:
    """SIGKILL for the web server: the banner shows, the run goes on, the page comes back with all that it missed."""
    page = browsing.open(own_service.address)
    browsing.allow(_BROKEN)
    api = make_api(own_service)
    topic_id = api.start("Goes on", **_FEW)
    topic = TopicPage(page)
    topic.open(topic_id)
    topic.expect_growth()
    page.evaluate("window.loadedOnce = true")
    with banner_seen(page):
        own_service.kill_web_server()
    expect(page.get_by_test_id("connection-banner")).to_be_hidden()
    expect(page.locator(".live")).to_have_text("Live")
    topic.expect_growth()
    topic.answer_stop("now")
    topic.expect_state("Interrupted")
    expect_nothing_lost(topic, api, topic_id)
    assert page.evaluate("window.loadedOnce")


def test_what_was_missed_comes_first(browsing: Browsing, service: WebService, api: Api) -> None:
    """While its connection is cut a page misses items; back again, it shows them all, once and in their order."""
    open_again = True
    connections: list[WebSocketRoute] = []

    def connected(route: WebSocketRoute) -> None:
        if open_again:
            route.connect_to_server()
            connections.append(route)
        else:
            route.close()

    page = browsing.open(service.address)
    page.route_web_socket("**/api/v1/live", connected)
    cut, other = TopicPage(page), TopicPage(browsing.open(service.address))
    topic_id = api.start("Missed", **_FEW)
    cut.open(topic_id)
    cut.expect_growth()
    open_again = False
    connections[-1].close()
    expect(page.get_by_test_id("connection-banner")).to_be_visible()
    then = cut.unique_items()
    other.open(topic_id)
    for _ in range(3):
        other.expect_growth()
    assert cut.unique_items() == then
    open_again = True
    page.get_by_test_id("retry-now").click()
    expect(page.get_by_test_id("connection-banner")).to_be_hidden()
    expect(cut.unique).not_to_have_attribute("data-value", str(then))
    other.answer_stop("now")
    cut.expect_state("Interrupted")
    expect_nothing_lost(cut, api, topic_id)


def test_a_restarted_service_is_found_again(browsing: Browsing, own_service: WebService, make_api: MakeApi) -> None:
    """The service ends and starts again on its port: banner, then the topic as it was left, which can be continued."""
    page = browsing.open(own_service.address)
    browsing.allow(_BROKEN)
    topic_id = make_api(own_service).start("Comes back", **_FEW)
    topic = TopicPage(page)
    topic.open(topic_id)
    topic.expect_growth()
    page.evaluate("window.loadedOnce = true")
    own_service.stop()
    banner = page.get_by_test_id("connection-banner")
    expect(banner).to_be_visible()
    expect(page.locator(".live")).to_have_text("Offline")
    own_service.start()
    expect(banner).to_be_hidden()
    topic.expect_state("Interrupted")
    then = topic.unique_items()
    page.get_by_test_id("continue").click()
    topic.expect_state("Running")
    expect(topic.unique).not_to_have_attribute("data-value", str(then))
    topic.answer_stop("now")
    topic.expect_state("Interrupted")
    expect_nothing_lost(topic, make_api(own_service), topic_id)
    assert page.evaluate("window.loadedOnce")


def test_the_overview_tells_of_a_lost_service_too(browsing: Browsing, own_service: WebService) -> None:
    """The banner shows there too; an act that fails meanwhile says why; all comes back by itself."""
    page = browsing.open(own_service.address)
    browsing.allow(_BROKEN)
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")
    own_service.stop()
    expect(page.get_by_test_id("connection-banner")).to_be_visible()
    page.get_by_test_id("retry-now").click()
    expect(page.get_by_test_id("connection-banner")).to_be_visible()
    page.get_by_role("textbox", name="Topic", exact=True).fill("Too early")
    page.get_by_test_id("start").click()
    expect(page.get_by_role("alert").filter(has_text="The service does not answer")).to_be_visible()
    own_service.start()
    expect(page.get_by_test_id("connection-banner")).to_be_hidden()
    page.get_by_test_id("start").click()
    TopicPage(page).arrive("too-early")
    TopicPage(page).expect_state("Running")
