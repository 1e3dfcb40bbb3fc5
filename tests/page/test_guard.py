from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

from tests.page.browsing import Browsing, NoBrowserError, find_chromium
from tests.page.web_service import WebService

TROUBLE = {
    "console.error('something broke')": "console: something broke",
    "setTimeout(() => { throw new Error('thrown'); })": "uncaught: thrown",
    "Promise.reject(new Error('rejected'))": "uncaught: rejected",
    "fetch('https://example.com/').catch(() => null)": "console: policy violated: connect-src",
    "new Image().src = 'http://example.com/a.png'": "console: policy violated: img-src",
    "document.body.setAttribute('onclick', '1')": "console: policy violated: script-src-attr",
    "document.body.append(Object.assign(document.createElement('script'), { text: '1' }))": "script-src-elem",
    "window.open('http://example.com/')": "request to another place: http://example.com/",
    "alert('hello')": "dialog: hello",
    "fetch('/no-such-thing')": "console: Failed to load resource: the server responded with a status of 404",
}
"""What a page could do, and the words in which the guard must note it."""


def test_the_guard_sees(browser: Browser, service: WebService) -> None:
    """Whatever must not happen in a page is noted, with what it was; once allowed, it is no fault."""
    browsing = Browsing(browser)
    page = browsing.open(service.address)
    page.goto("/")
    for script in TROUBLE:
        page.evaluate(f"() => {{ {script}; }}")
    with page.expect_console_message(lambda message: message.text == "all is said"):
        page.evaluate("fetch('/health').then(() => console.log('all is said'))")
    seen = browsing.faults()
    browsing.allow(".")
    assert browsing.faults() == []
    browsing.close()
    assert [told for told in TROUBLE.values() if not any(told in fault for fault in seen)] == [], seen


def test_a_quiet_page_has_no_faults(browser: Browser, service: WebService) -> None:
    """A page in which nothing goes wrong has none."""
    browsing = Browsing(browser)
    page = browsing.open(service.address)
    page.goto("/")
    page.evaluate("fetch('/health').then((answer) => answer.text())")
    assert browsing.faults() == []
    browsing.close()


def test_nothing_else_can_be_reached(browser: Browser) -> None:
    """The browser itself finds no other place, whatever a page may try."""
    page = browser.new_page()
    with pytest.raises(PlaywrightError, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.com/")
    page.context.close()


def test_a_missing_browser_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Chromium is not installed the reason says how to get it."""
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(NoBrowserError, match=r"CHROMIUM=/nowhere/chromium is no program; scripts/test\.sh installs it"):
        find_chromium()
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoBrowserError, match="Chromium is not installed"):
        find_chromium()
