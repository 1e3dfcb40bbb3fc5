"""What can go wrong, in each look, with axe-core and a picture."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.page.browsing import Browsing
from tests.page.looks import Look, examine, in_every_look, press
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService


@in_every_look
def test_error_states(browsing: Browsing, service: WebService, api: Api, look: Look) -> None:
    """Unknown addresses, a refused start and a failed topic are told in words, and each state is without a fault."""
    page = browsing.open(service.address, look)
    browsing.allow("status of 40[04]")
    page.goto("/topics/no-such-topic")
    expect(page.get_by_role("heading", name="There is no such topic")).to_be_visible()
    examine(page, look, "no-such-topic")
    page.goto("/")
    page.get_by_role("textbox", name="Topic", exact=True).fill("Refused")
    if look.touch:
        press(page.get_by_text("All options"), look)
    page.get_by_label("Provider", exact=True).fill("nonsense")
    press(page.get_by_test_id("start"), look)
    expect(page.get_by_role("alert").filter(has_text="unknown provider 'nonsense'")).to_be_visible()
    examine(page, look, "start-refused")
    topic = TopicPage(page)
    topic.open(api.start(f"No key fits {look.name}", provider="anthropic:claude-haiku-4-5"))
    topic.expect_state("Failed")
    expect(page.get_by_role("alert").filter(has_text="no provider is left")).to_be_visible()
    examine(page, look, "topic-failed")


@in_every_look
def test_a_topic_of_nothing(browsing: Browsing, service: WebService, api: Api, look: Look) -> None:
    """A topic that has not brought an item yet says so in each of its places."""
    page = browsing.open(service.address, look)
    topic = TopicPage(page)
    topic.open(api.start(f"Nothing yet {look.name}", provider_options=["test.time_to_first_chunk_s=3600"]))
    topic.expect_state("Running")
    expect(page.get_by_text("No items yet. They appear here the moment they are found.")).to_be_visible()
    expect(page.get_by_text("No items yet.", exact=True)).to_be_visible()
    examine(page, look, "topic-without-items")
