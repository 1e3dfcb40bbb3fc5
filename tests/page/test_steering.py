from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.topic_page import TopicPage
from tests.page.web_service import Api

WEIGHED = {"provider": "test:fast,test:deep:3"}
SETTINGS = (
    ("Budget", "1.5", "The budget is now $1.50."),
    ("Stop after", "1h30m", "It stops after 1h30m."),
    ("Items a request", "25", "Requests ask for 25 items now."),
    ("Requests in flight, each producer", "3", "Each producer has 3 requests in flight now."),
)


def test_producers_are_added_and_taken_away(page: Page, api: Api) -> None:
    """Plus and minus change the number of producers while it runs: on the page, and in the service."""
    topic_id = api.start("Rivers")
    topic = TopicPage(page)
    topic.open(topic_id)
    count, plus, minus = (page.get_by_test_id(f"producers-{part}") for part in ("count", "plus", "minus"))
    expect(topic.producers).to_have_count(2)
    plus.click()
    plus.click()
    expect(count).to_have_value("4")
    expect(topic.producers).to_have_count(4)
    expect(topic.events.filter(has_text="producers")).not_to_have_count(0)
    assert api.view(topic_id)["settings"]["producers"] == 4
    minus.click()
    expect(topic.producers).to_have_count(3)
    assert api.view(topic_id)["settings"]["producers"] == 3
    count.fill("1")
    count.press("Enter")
    expect(topic.producers).to_have_count(1)
    expect(minus).to_be_disabled()
    assert api.view(topic_id)["settings"]["producers"] == 1
    topic.expect_growth()


def test_a_pause_stands_still_and_goes_on(page: Page, api: Api) -> None:
    """Paused, its open responses are finished and no others begun; resumed, the number of items rises again."""
    topic_id = api.start("Lakes")
    topic = TopicPage(page)
    topic.open(topic_id)
    topic.expect_growth()
    page.get_by_test_id("pause").click()
    topic.expect_state("Paused")
    expect(page.get_by_text("No new requests are made · 0 open responses")).to_be_visible()
    then = topic.unique_items()
    page.get_by_role("button", name="Resume Lakes").click()
    topic.expect_state("Running")
    expect(topic.unique).not_to_have_attribute("data-value", str(then))


def test_settings_are_changed_while_it_runs(page: Page, api: Api) -> None:
    """Settings typed into their fields hold from then on: the page says so, and shows them when it is loaded again."""
    topic_id = api.start("Settings")
    TopicPage(page).open(topic_id)
    for label, typed, told in SETTINGS:
        page.get_by_label(label, exact=True).fill(typed)
        page.get_by_label(label, exact=True).press("Enter")
        expect(page.get_by_test_id("notice").filter(has_text=told)).to_be_visible()
    page.reload()
    for label, typed, _ in SETTINGS:
        expect(page.get_by_label(label, exact=True)).to_have_value(typed)
    settings = api.view(topic_id)["settings"]
    changed = [settings[name] for name in ("max_cost_usd", "max_time_s", "request_size", "concurrency")]
    assert changed == [1.5, 5400.0, 25, 3]


def test_a_wrong_setting_is_refused_at_its_field(page: Page, api: Api) -> None:
    """What is no number of dollars is not even sent: the field says what it takes, and Escape undoes."""
    topic_id = api.start("Wrong settings")
    TopicPage(page).open(topic_id)
    field = page.get_by_label("Budget", exact=True)
    field.fill("a lot")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Dollars above 0")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Escape")
    expect(field).to_have_value("")
    assert api.view(topic_id)["settings"]["max_cost_usd"] is None


def test_a_providers_weight_is_changed_while_it_runs(page: Page, api: Api) -> None:
    """A provider's weight, typed into its field, is its share of the requests from then on."""
    topic_id = api.start("Weights", **WEIGHED)
    TopicPage(page).open(topic_id)
    fast = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="test:fast"))
    expect(fast).to_contain_text("25% of requests")
    field = page.get_by_label("Weight of test:fast", exact=True)
    field.fill("9")
    field.press("Enter")
    expect(fast).to_contain_text("75% of requests")
    assert [provider["weight"] for provider in api.view(topic_id)["providers"]] == [9.0, 3.0]


def test_a_stop_can_be_thought_over(page: Page, api: Api) -> None:
    """Stop asks first; Cancel, Escape and the cross leave the topic as it is."""
    topic = TopicPage(page)
    topic.open(api.start("Thought over"))
    topic.answer_stop("cancel")
    page.get_by_test_id("stop").click()
    expect(topic.dialog).to_contain_text("Thought over")
    page.keyboard.press("Escape")
    expect(topic.dialog).to_have_count(0)
    page.get_by_test_id("stop").click()
    topic.dialog.get_by_role("button", name="Close").click()
    expect(topic.dialog).to_have_count(0)
    topic.expect_state("Running")
    topic.expect_growth()


@pytest.mark.parametrize(("choice", "told"), [("finish", "finishing"), ("now", "stopping")])
def test_a_stopped_topic_can_be_continued(page: Page, api: Api, choice: str, told: str) -> None:
    """Stopped either way it is interrupted, keeps its items and its log says how; Continue goes on from there."""
    topic_id = api.start(f"Stopped {choice}")
    topic = TopicPage(page)
    topic.open(topic_id)
    topic.expect_growth()
    topic.answer_stop(choice)
    topic.expect_state("Interrupted")
    expect(topic.events.filter(has_text=told)).to_be_visible()
    expect(topic.events.filter(has_text="run 1 ended: interrupted")).to_be_visible()
    view = api.view(topic_id)
    assert view["cancelled_calls"] == 0 or choice == "now"
    expect(topic.unique).to_have_attribute("data-value", str(view["unique"]))
    page.get_by_test_id("continue").click()
    topic.expect_state("Running")
    expect(topic.events.filter(has_text="run 2 begins")).to_be_visible()
    topic.expect_growth()
    assert topic.unique_items() > view["unique"]


def test_a_topic_is_continued_with_changes(page: Page, api: Api) -> None:
    """The dialog knows the settings that the topic had; only what is changed there is different afterwards."""
    topic_id = api.start("Changed", max_attributes=30, producers=3, provider_options=["test.speed=0"])
    topic = TopicPage(page)
    topic.open(topic_id)
    topic.expect_state("Finished")
    page.get_by_test_id("continue-changed").click()
    limit = topic.dialog.get_by_label("Stop at items")
    expect(limit).to_have_attribute("placeholder", "30")
    limit.fill("70")
    topic.dialog.get_by_role("button", name="Continue", exact=True).click()
    expect(topic.unique).to_have_attribute("data-value", "70")
    topic.expect_state("Finished")
    settings = api.view(topic_id)["settings"]
    assert (settings["max_attributes"], settings["producers"]) == (70, 3)


def test_a_refused_request_is_told_in_the_services_words(page: Page, api: Api) -> None:
    """A provider that refuses the key ends the run: the page shows why, in the head, the log and the table."""
    topic = TopicPage(page)
    topic.open(api.start("No key fits", provider="anthropic:claude-haiku-4-5"))
    topic.expect_state("Failed")
    expect(page.get_by_role("alert").filter(has_text="no provider is left")).to_be_visible()
    expect(page.get_by_text(re.compile("Not asked any more: .*key"))).to_be_visible()
    expect(topic.events.filter(has_text="anthropic")).not_to_have_count(0)
    page.get_by_role("button", name="Errors").click()
    expect(topic.events.first).to_have_attribute("data-level", "error")
