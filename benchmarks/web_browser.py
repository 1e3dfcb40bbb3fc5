"""Real pages in a headless Chromium, and what is measured inside them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from playwright.async_api import Browser, CDPSession, Page, async_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu")
_CLOCK_LOOKS = 30
_TIMEOUT_MS = 60_000.0

NEWEST_ITEM = "[data-testid=newest-item]"

_CLOCK = """
// What is seen, in milliseconds since 1970; `painted` calls back in the task after the next animation frame.
window.bench = {
  now: () => performance.timeOrigin + performance.now(),
  painted: (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => then(bench.now());
    channel.port2.postMessage(0);
  }),
};
"""
WATCH_NEWEST = (
    _CLOCK
    + """
bench.arrived = [];
bench.known = new Set();
new MutationObserver((records) => {
  const at = bench.now();
  const came = [];
  for (const { addedNodes } of records)
    for (const row of addedNodes)
      if (row.dataset?.testid === "newest-item" && !bench.known.has(row.dataset.itemId)) {
        bench.known.add(row.dataset.itemId);
        came.push([Number(row.dataset.itemId), row.firstElementChild.textContent]);
      }
  if (came.length) bench.painted((painted) => bench.arrived.push(...came.map((item) => [...item, at, painted])));
}).observe(document, { childList: true, subtree: true });
"""
)
"""Notes each newest item once: `[id, text, in the document at, painted at]`."""

WATCH_FIRST_ROW = (
    _CLOCK
    + """
bench.firstRow = new Promise((resolve) => {
  const selector = location.pathname === "/" ? "[data-testid=topic-row]" : ".item-row[data-loading=false]";
  const look = new MutationObserver(() => {
    if (!document.querySelector(selector)) return;
    look.disconnect();
    bench.painted((at) => resolve(at - performance.timeOrigin));
  });
  look.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-loading"] });
});
"""
)
"""A promise of when the first row of the list is painted, in milliseconds since the navigation began."""

WATCH_FRAMES = """
() => {
  bench.frames = [];
  const grid = document.querySelector(".item-grid");
  const frame = (at) => {
    const { top, bottom } = grid.getBoundingClientRect();
    let rows = 0, loading = 0;
    for (const row of grid.querySelectorAll(".item-row")) {
      const place = row.getBoundingClientRect();
      if (place.bottom <= top || place.top >= bottom) continue;
      rows += 1;
      if (row.dataset.loading === "true") loading += 1;
    }
    bench.frames.push([at, rows, loading]);
    bench.frame = requestAnimationFrame(frame);
  };
  bench.frame = requestAnimationFrame(frame);
}
"""
"""Notes each animation frame: `[time, rows in the window, rows among them that are not loaded]`."""

SEARCH_SHOWN = """
() => new Promise((resolve) => {
  const matches = document.querySelector("[data-testid=matches]");
  const before = matches.textContent;
  let key = 0;
  document.querySelector("[data-testid=search]").addEventListener("keydown", () => { key = bench.now(); });
  const look = () => {
    const now = matches.textContent;
    if (!key || now === before || now.startsWith("Searching") || !now) requestAnimationFrame(look);
    else bench.painted((at) => resolve([at - key, now]));
  };
  bench.waits = true;
  requestAnimationFrame(look);
})
"""
"""From the last key stroke in the search field to the painted answer: `[milliseconds, number of matches in words]`."""


class Load(NamedTuple):
    """What loading a page took.

    Attributes:
        requests: Requests over HTTP.
        sent_kib: All bytes received, heads included, as they were sent.
        body_kib: Bodies, unpacked.
        first_row_ms: From the navigation's start to the first row painted.
    """

    requests: int
    sent_kib: float
    body_kib: float
    first_row_ms: float


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """The browser that the variable CHROMIUM names, or the first one that is installed."""
    given = os.environ.get("CHROMIUM")
    program = shutil.which(given) if given else next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise RuntimeError(f"{given or 'Chromium'} is not installed")
    async with async_playwright() as playwright:
        sandbox = os.geteuid() != 0  # as root it refuses to build its sandbox
        launched = await playwright.chromium.launch(executable_path=program, args=_OPTIONS, chromium_sandbox=sandbox)
        try:
            yield launched
        finally:
            await launched.close()


async def opened(chromium: Browser, url: str, script: str = _CLOCK) -> Page:
    """A page of its own, with nothing kept from others; `script` runs before the page's own."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    await context.add_init_script(script)
    page = await context.new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    await page.goto(url, wait_until="commit")
    return page


async def arrivals(page: Page) -> list[tuple[int, str, float, float]]:
    """What `WATCH_NEWEST` has noted."""
    return [(number, text, at, painted) for number, text, at, painted in await page.evaluate("bench.arrived")]


async def clock_difference_ms(page: Page) -> float:
    """How far the page's clock is ahead of ours, from the quickest of several looks."""
    looks = []
    for _ in range(_CLOCK_LOOKS):
        before = time.time()
        theirs = await page.evaluate("bench.now()")
        after = time.time()
        looks.append((after - before, theirs - (before + after) * 500))
    _, difference_ms = min(looks)
    return float(difference_ms)


async def load(chromium: Browser, url: str) -> tuple[Load, Load]:
    """Load a page with nothing in its cache, then once more with what it kept."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    await context.add_init_script(WATCH_FIRST_ROW)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    first = await _load(page, session, url)
    again = await _load(page, session, url)
    await context.close()
    return first, again


async def _load(page: Page, session: CDPSession, url: str) -> Load:
    sent: dict[str, float] = {}
    bodies: dict[str, float] = {}
    asked: set[str] = set()

    def requested(event: dict[str, object]) -> None:
        asked.add(str(event["requestId"]))

    def received(event: dict[str, object]) -> None:
        name = str(event["requestId"])
        bodies[name] = bodies.get(name, 0.0) + float(str(event["dataLength"]))

    def finished(event: dict[str, object]) -> None:
        sent[str(event["requestId"])] = float(str(event["encodedDataLength"]))

    def cached(event: dict[str, object]) -> None:
        asked.discard(str(event["requestId"]))

    handlers = {
        "Network.requestWillBeSent": requested,
        "Network.dataReceived": received,
        "Network.loadingFinished": finished,
        "Network.requestServedFromCache": cached,
    }
    for name, handler in handlers.items():
        session.on(name, handler)
    await session.send("Network.enable")
    await page.goto(url, wait_until="load")
    first_row = await page.evaluate("bench.firstRow")
    await page.wait_for_load_state("networkidle")
    for name, handler in handlers.items():
        session.remove_listener(name, handler)
    return Load(
        len(asked),
        sum(sent.get(name, 0.0) for name in asked) / 1024,
        sum(bodies.get(name, 0.0) for name in asked) / 1024,
        first_row,
    )
