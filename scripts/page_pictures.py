"""Take the pictures of the page: `.venv/bin/python scripts/page_pictures.py` writes docs/page*.png and docs/topics.png.

Starts a service of its own on the simulated model's real closed lists, in a temporary folder, and waits until there is
something to see (about two minutes). Needs Chromium, as the page's tests do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import APIRequestContext, Browser, Page, expect, sync_playwright

_DOCS = Path(__file__).parents[1] / "docs"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
_TOPICS = "/api/v1/topics"
_PAGE = {"width": 1280, "height": 1130}
_OVERVIEW = {"width": 1280, "height": 720}
_PHONE = {"width": 390, "height": 844}
_WAIT_MS = 60_000
_PRICES = ["test:small=0.25,2", "test:large=1.25,10"]
_HABITS = ["test.noise_rate=0", "test.typo_rate=0", "test.case_rate=0", "test.tokens_per_second=14"]
_STUMBLES = ["test.rate_limited_rate=0.06", "test.retry_after_s=2", "test.stream_truncated_rate=0.03"]
_QUICK = [*_HABITS, "test.speed=0"]


@contextmanager
def _service(folder: str) -> Iterator[str]:
    """A service in this folder; gives its address."""
    program = Path(sys.executable).parent / "orchestrator"
    words = [str(program), "--port", "0", "--provider", "test:small,test:large:2", "--log-level", "error"]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", said)
        if found is None:
            raise SystemExit(f"the service did not start: {said}")
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _start(requests: APIRequestContext, topic: str, options: dict[str, Any]) -> str:
    answer = requests.post(_TOPICS, data={"topic": topic, "options": {"prices": _PRICES, **options}}).json()
    if "id" not in answer:
        raise SystemExit(f"{topic}: {answer['error']}")
    return str(answer["id"])


def _wait(requests: APIRequestContext, topic_id: str, *, unique: int = 0, state: str = "") -> None:
    """Until it has so many items, or this state."""
    while True:
        view = requests.get(f"{_TOPICS}/{topic_id}").json()
        if view["unique"] >= unique and state in ("", view["state"]):
            return
        time.sleep(0.2)


def _fill(requests: APIRequestContext) -> str:
    """Topics in several states; the id of the one that is looked at."""
    elements = _start(requests, "Chemical elements", {"provider_options": _QUICK, "max_attributes": 118})
    _wait(requests, elements, state="finished")
    languages = _start(requests, "Languages", {"provider_options": _HABITS, "producers": 2})
    _wait(requests, languages, unique=60)
    requests.post(f"{_TOPICS}/{languages}/stop", data={"now": True})
    countries = _start(requests, "Countries of the world", {"provider_options": _HABITS, "producers": 3})
    looked_at = _start(
        requests,
        "Programming languages",
        {"provider_options": [*_HABITS, *_STUMBLES], "producers": 4, "concurrency": 2, "max_cost_usd": 0.25},
    )
    _wait(requests, countries, unique=120)
    requests.post(f"{_TOPICS}/{countries}/pause", data={})
    _start(requests, "Airports", {"provider_options": _HABITS, "producers": 6, "concurrency": 2})
    _wait(requests, looked_at, unique=400)
    return looked_at


def _open(browser: Browser, path: str, **window: Any) -> Page:
    page = browser.new_context(reduced_motion="reduce", locale="en-GB", timezone_id="UTC", **window).new_page()
    page.set_default_timeout(_WAIT_MS)
    page.goto(path)
    return page


def _take(page: Page, name: str) -> None:
    """The window as it is, as soon as everything in it is there."""
    expect(page.locator(".live")).to_have_text("Live", timeout=_WAIT_MS)
    expect(page.get_by_test_id("unique-count").first).not_to_have_text("0", timeout=_WAIT_MS)
    expect(page.locator(".skeleton, .item-row[data-loading=true]")).to_have_count(0, timeout=_WAIT_MS)
    page.wait_for_load_state("networkidle")
    target = _DOCS / f"{name}.png"
    page.screenshot(path=target)
    page.context.close()
    sys.stdout.write(f"{target} {target.stat().st_size // 1024} KB\n")


def main() -> None:
    """Fill a service, take the pictures, end it."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    with TemporaryDirectory() as folder, _service(folder) as address, sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # Chromium refuses to build it as root
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=sandbox)
        requests = playwright.request.new_context(base_url=address)
        topic = f"{address}/topics/{_fill(requests)}"
        _take(_open(browser, topic, viewport=_PAGE, color_scheme="light"), "page")
        _take(_open(browser, topic, viewport=_PAGE, color_scheme="dark"), "page-dark")
        phone = {"viewport": _PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
        _take(_open(browser, topic, color_scheme="light", **phone), "page-phone")
        _take(_open(browser, address, viewport=_OVERVIEW, color_scheme="light"), "topics")
        browser.close()


if __name__ == "__main__":
    main()
