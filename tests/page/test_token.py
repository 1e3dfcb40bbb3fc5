from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tester.scenario import Context
from tests.page.browsing import Browsing
from tests.page.conftest import MakeService
from tests.page.looks import Look, examine, in_every_look, press
from tests.page.web_service import WebService


@pytest.fixture(scope="module")
def guarded(context: Context, new_service: MakeService) -> Iterator[WebService]:
    """A service on every address of this machine, which therefore asks for its token."""
    state = context.place("guarded-state")
    service = new_service("guarded", "--host", "0.0.0.0", environment={"XDG_STATE_HOME": str(state)})  # noqa: S104
    service.start()
    yield service
    service.stop()


@pytest.fixture
def address(guarded: WebService) -> str:
    """Where this machine reaches it."""
    return f"http://127.0.0.1:{urlsplit(guarded.address).port}"


@pytest.fixture
def token(guarded: WebService) -> str:
    """As it was printed, in the link."""
    match = re.search(r"#token=(\S+)", guarded.printed)
    assert match, guarded.printed
    return match.group(1)


@in_every_look
def test_a_service_with_a_token_asks_for_it(browsing: Browsing, address: str, token: str, look: Look) -> None:
    """Without the token there is nothing but the question; a wrong one is refused in words, the right one opens."""
    page = browsing.open(address, look)
    browsing.allow("status of 401|WebSocket connection")
    page.goto("/topics/anything")
    expect(page.get_by_role("heading", name="This service needs its token")).to_be_visible()
    examine(page, look, "token-asked")
    page.get_by_label("Token", exact=True).fill("not the token")
    press(page.get_by_role("button", name="Open"), look)
    alert = page.get_by_role("alert").filter(has_text=re.compile("token"))
    expect(alert).to_be_visible()
    examine(page, look, "token-refused")
    page.goto("/")
    page.get_by_label("Token", exact=True).fill(token)
    press(page.get_by_role("button", name="Open"), look)
    expect(page.get_by_role("heading", name="What do you want everything of?")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="What do you want everything of?")).to_be_visible()
    expect(page.locator(".live")).to_have_attribute("data-status", "open")


def test_the_printed_link_opens_and_leaves_no_trace(browsing: Browsing, address: str, token: str) -> None:
    """The link logs in; the token is out of the address and the history, and no script can read the session."""
    page = browsing.open(address)
    page.goto(f"/#token={token}")
    expect(page.get_by_role("heading", name="What do you want everything of?")).to_be_visible()
    expect(page).to_have_url(f"{address}/")
    assert page.evaluate("[history.length, document.cookie, JSON.stringify(localStorage)]")[1:] == ["", "{}"]
    page.go_back()
    assert token not in page.url
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert token not in cookie["value"]


def test_a_link_with_a_wrong_token_says_so(browsing: Browsing, address: str) -> None:
    """A link that is too old shows the question and why, without the wrong token in the address."""
    page = browsing.open(address)
    browsing.allow("status of 401")
    page.goto("/#token=an-old-one")
    expect(page.get_by_role("heading", name="This service needs its token")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text=re.compile("token"))).to_be_visible()
    expect(page).to_have_url(f"{address}/")
