"""How far a topic is explored, as the page shows it: curve, forecast, estimates, parts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from archive.exploration import META_NAME, encode
from contract.discovery import (
    DiscoveryPoint,
    DiscoveryView,
    ExplorationView,
    ForecastPoint,
    KeptExploration,
    PartView,
)
from tests.archive.folder_cases import START, Folder
from tests.page.browsing import SPACING, Browsing
from tests.page.hostile_items import IN_A_FOLDER
from tests.page.looks import Look, examine, in_every_look
from tests.page.test_hostile_items import expect_nothing_executed
from tests.page.topic_page import TopicPage
from tests.page.web_service import Api, WebService

PARTS = 43
_HOSTILE = [hostile.text for hostile in IN_A_FOLDER]


def part(number: int) -> PartView:
    """A part with few items left, the first ones with more."""
    return PartView(
        f"Part {number}",
        "facet",
        "closed" if number > 40 else "open",
        reason="used up" if number > 40 else "",
        responses=3,
        items=50,
        new=40,
        lately=float(PARTS - number),
        coverage=0.62,
        overlap=0.25,
    )


def write(output: WebService, topic: str, discovery: DiscoveryView | None) -> str:
    """A finished topic whose folder keeps this; its id."""
    name = topic.lower().replace(" ", "-")
    folder = Folder(output.output / name, topic)
    run = folder.run(ended_at=START + 60, stop_reason="exhausted")
    folder.item("An item", folder.order(run=run, new=1))
    if discovery is not None:
        explored = ExplorationView(0.83, 0.91, 0.95, 12, 0.7, 3.5, 0.0000512, {"plain": (8, 300), "facet": (4, 40)})
        kept = KeptExploration(run, "every way of asking is used up", 0.875, explored, discovery)
        folder.insert("meta", name=META_NAME, value=encode(kept).decode())
    folder.database.close()
    return name


@pytest.fixture(scope="package")
def explored(service: WebService) -> str:
    """Id of a finished topic with curve, forecast and parts."""
    curve = tuple(DiscoveryPoint(responses, 40 * responses) for responses in range(13))
    forecast = tuple(
        ForecastPoint(12 + more, 480 + 30 * more, 480 + 20 * more, 480 + 40 * more, 480 + 10 * more)
        for more in range(1, 13)
    )
    rest = PartView("", "rest", "new")
    letter = PartView("Sc", "letter", "split", within="Part 1", responses=1, items=9, new=1, lately=1.0)
    parts = (rest, letter, *map(part, range(1, PARTS - 1)))
    return write(service, "Explored", DiscoveryView(curve, forecast, parts, 7))


@in_every_look
def test_a_finished_topic_shows_how_far_it_is_explored(
    browsing: Browsing, service: WebService, explored: str, look: Look
) -> None:
    """Curve with forecast, estimates with interval, and its parts, from the folder alone; without a fault for axe."""
    page = browsing.open(service.address, look)
    topic = TopicPage(page)
    topic.open(explored)
    words = (
        "480 items after 12 responses. After 12 more: about 840 (720 to 960) if it goes on as it did, "
        "600 if all of them ask afresh."
    )
    expect(page.get_by_test_id("discovery-words")).to_have_text(words)
    chart = page.get_by_test_id("discovery-chart")
    expect(chart).to_have_attribute("aria-label", re.compile(re.escape(words)))
    expect(chart.locator("canvas")).to_be_visible()
    far = page.get_by_role("region", name="How far")
    expect(far).to_contain_text("87%, 83% to 91%: of what one more answer says when asked afresh, so much is known.")
    expect(far).to_contain_text("at most 70%")
    expect(far).to_contain_text("3.5 new items")
    expect(far).to_contain_text("the next one costs about $0.000051")
    expect(far.get_by_role("listitem").filter(has_text="By sub-topic")).to_contain_text("40 new in 4 responses")
    rows = page.locator("parts-table tbody tr")
    expect(rows).to_have_count(30)
    expect(rows.nth(0)).to_contain_text("Everything else")
    expect(rows.nth(0)).to_contain_text("Not asked yet")
    expect(rows.nth(1)).to_contain_text("Names with Sc…")
    expect(rows.nth(1)).to_contain_text("Split in Part 1")
    expect(rows.nth(2)).to_contain_text("62%")
    examine(page, look, "discovery")


def test_parts_are_folded(page: Page, explored: str) -> None:
    """Some dozens at first; all that there are on demand, with why one is closed; and how many are not listed."""
    TopicPage(page).open(explored)
    table = page.locator("parts-table")
    expect(table).to_contain_text(f"{PARTS - 1} of {PARTS} not used up")
    table.get_by_role("button", name="Show 13 more").click()
    expect(table.locator("tbody tr")).to_have_count(PARTS)
    expect(table.locator("tbody tr").last).to_contain_text("Closed: used up")
    expect(table).to_contain_text("7 parts with less left are not listed.")
    table.get_by_role("button", name="Show the first 30 only").press("Enter")
    expect(table.locator("tbody tr")).to_have_count(30)


def test_the_curve_can_be_read_without_seeing_it(page: Page, explored: str) -> None:
    """Its figures stand in a table that the keyboard opens; the pointer is told the same."""
    TopicPage(page).open(explored)
    figures = page.get_by_test_id("discovery-figures")
    figures.locator("summary").press("Enter")
    expect(figures.get_by_role("row", name="24 840 720 to 960 600")).to_be_visible()
    expect(figures.get_by_role("row", name="12 480 found")).to_be_visible()
    chart = page.get_by_test_id("discovery-chart")
    box = chart.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 40)
    expect(chart.locator(".chart-tip")).to_have_text("24 responses\nabout 840 items\n720 to 960\n600 if asked afresh")


def test_a_topic_of_before_shows_nothing_of_it(page: Page, service: WebService) -> None:
    """A folder that does not tell how far it was explored: the page is as it was, without an error."""
    TopicPage(page).open(write(service, "Before that", None))
    expect(page.locator("discovery-chart, parts-table")).to_have_count(0)
    expect(page.get_by_role("region", name="Items over time")).to_be_visible()


def test_a_running_topic_is_followed(page: Page, api: Api) -> None:
    """Curve and parts grow by themselves, nothing moves when the first of them comes, and they stay when it ends."""
    topic = TopicPage(page)
    quick = ["test.tokens_per_second=400", "test.time_to_first_chunk_s=0.3", "test.facets=8"]
    topic_id = api.start("Followed", provider_options=[*quick, "test.universe_size=50000"])  # it does not end by itself
    topic.open(topic_id)
    expect(page.locator("parts-table")).to_be_attached()
    place = "(name) => document.querySelector(`[aria-label=${name}]`).getBoundingClientRect().height"
    before = [page.evaluate(place, name) for name in ("Discovery", "Parts")]
    words = page.get_by_test_id("discovery-words")
    expect(words).to_contain_text("if it goes on as it did")
    first = words.inner_text()
    expect(words).not_to_have_text(first)
    expect(page.locator("parts-table tbody tr").first).to_be_visible()
    assert page.evaluate(place, "Parts") == before[1]
    assert page.evaluate(place, "Discovery") >= before[0]
    expect(page.get_by_test_id("discovery-chart").locator("canvas")).to_be_visible()
    topic.answer_stop("now")
    topic.expect_state("Interrupted")
    last = api.view(topic_id)["discovery"]["curve"][-1]
    told = f"{last['items']:,} items after {last['responses']} responses.".replace(",", SPACING)
    expect(words).to_contain_text(told)
    page.reload()
    expect(page.get_by_test_id("discovery-words")).to_contain_text(told)
    expect(page.locator("parts-table tbody tr").first).to_be_visible()


def test_what_was_judged_is_shown_and_can_be_left_out(page: Page, api: Api) -> None:
    """How many items are not of the topic stands with their number; a download goes without them. Free is free."""
    options = ["test.speed=0", "test.universe_size=200", "test.noise_rate=0.2", "test.judgement=0.99"]
    topic = TopicPage(page)
    topic.open(api.start("Judged things", provider_options=options, iterations=8, producers=1, validate="on"))
    topic.expect_state("Finished")
    wrong = api.view("judged-things")["invalid"]
    assert wrong > 0
    expect(page.locator(".figure.lead")).to_contain_text(f"{wrong} not of the topic")
    expect(page.get_by_role("region", name="How far")).to_contain_text("they cost nothing")
    page.get_by_test_id("export").click()
    with page.expect_download() as download:
        page.get_by_test_id("export-valid").click()
    assert len(download.value.path().read_text().splitlines()) == topic.unique_items() - wrong


def test_hostile_parts_are_shown_as_text(page: Page, service: WebService) -> None:
    """Names of parts and ways come from models and files: markup in them is text, and does nothing."""
    parts = tuple(PartView(text, "facet", "closed", within=text, reason=text) for text in _HOSTILE)
    discovery = DiscoveryView((DiscoveryPoint(0, 0), DiscoveryPoint(1, 5)), (), parts)
    TopicPage(page).open(write(service, "Hostile parts", discovery))
    rows = page.locator("parts-table tbody tr")
    expect(rows).to_have_count(len(_HOSTILE))
    expect(rows.first.locator("bdi").first).to_have_text(_HOSTILE[0])
    expect_nothing_executed(page)
