"""A topic of a million items: scrolled through and searched in a real page, and searched over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from playwright.async_api import Page

from archive.filesystem import RealFileSystem
from benchmarks.report import Figure, Table
from benchmarks.web_browser import SEARCH_SHOWN, WATCH_FRAMES, browser, opened
from benchmarks.web_service import WebService, add_machine, web_service
from contract.identity import Identity
from contract.messages import Item
from orchestrator.store import IncomingBatch, Store

ITEMS = 1_000_000
TOPIC = "million"
_BATCH = 5000
_REPEATED = 0.1
_SYLLABLES = [
    *(consonant + vowel for consonant in "bdfgklmnprstvw" for vowel in "aeio"),
    *("an", "en", "in", "on", "ar", "er", "or", "al", "el", "st"),
]
_CODE_SYLLABLES = 4
_LETTERS = "aeiotnrslmdkpvbg"
_SEARCHES = 8
_WHEEL_S = 5.0
_WHEEL_EVERY_S = 1 / 60
_WHEELS = {"wheel, 7,200 px/s": 120, "wheel, 36,000 px/s": 600}
"""Pixels a turn, 60 turns a second."""
_KEY_MS = 60.0
"""Between two key strokes of somebody who types quickly."""


def code(number: int) -> str:
    """A word for each number below 15 million, made of the syllables that all items are made of."""
    syllables = []
    for _ in range(_CODE_SYLLABLES):
        number, place = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return "".join(syllables)


def _texts() -> Iterator[str]:
    draw = random.Random(1)
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(2, 3))) for _ in range(5000)]
    for number in range(ITEMS):
        yield f"{draw.choice(words).title()} {code(number)} {draw.choice(words)}"


def fill(folder: Path) -> None:
    """Make the topic's folder through the store, as a run would."""
    store = Store.open(folder, TOPIC, identity=Identity.NORMALIZED, filesystem=RealFileSystem())
    store.begin_run({})
    texts = _texts()
    while batch := [Item(text) for text in itertools.islice(texts, _BATCH)]:
        order = store.issue_order(provider="test", model="simulated", mode="explore", size=_BATCH, producer=0)
        store.ingest([IncomingBatch(order, batch + batch[: int(_BATCH * _REPEATED)])])
        store.end_order(
            order, state="done", attempts=1, usage=None, cost_usd=None, error=None,
            time_to_first_chunk_s=None, duration_s=None,
        )  # fmt: skip
    store.close()


# --- over HTTP ----------------------------------------------------------------------------------------------------


class _Searcher:
    """Asks for the first page of what matches, over one kept connection."""

    def __init__(self, service: WebService) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=120)

    def search(self, words: str, **query: str | int) -> tuple[float, int]:
        """Milliseconds until the whole answer is there, and how many items match."""
        path = f"/api/v1/topics/{TOPIC}/items?" + urlencode({"limit": 100, "search": words, **query})
        started = time.perf_counter()
        self._connection.request("GET", path)
        data = self._connection.getresponse().read()
        return (time.perf_counter() - started) * 1000, int(json.loads(data)["total"])


# Numbers below `_SEARCHES` for searches over HTTP, as many more for those in the page: none of them is known there.
_KINDS: dict[str, Callable[[int], str]] = {
    # Letters that every item has; letters of a word that one item has, or none: no rare byte helps.
    "common letter": lambda number: _LETTERS[number],
    "rare word": lambda number: code(61_003 * number + 7),
    "no match": lambda number: code(ITEMS + 800_011 * number),
}


def _add_searches(table: Table, service: WebService) -> None:
    searcher = _Searcher(service)
    opened_ms, _ = searcher.search("")
    memory = service.web_server().memory_full_info().uss / 2**20
    table.add("first page of the list", Figure("first, median ms", opened_ms), Figure("web server MiB", memory))
    for kind, word in _KINDS.items():
        first, again = [], []
        for number in range(_SEARCHES):
            first.append(searcher.search(word(number)))
            again.append(searcher.search(word(number))[0])
        table.add(
            f"HTTP, {kind}",
            Figure("matches", statistics.median(total for _, total in first)),
            Figure("first, median ms", statistics.median(ms for ms, _ in first)),
            Figure("first, most ms", max(ms for ms, _ in first)),
            Figure("again, median ms", statistics.median(again)),
            Figure("again, most ms", max(again)),
        )
    sorts = [searcher.search("", sort=sort)[0] for sort in ("count", "provider")]
    table.add("HTTP, all, by count, by provider", Figure("first, most ms", max(sorts)))


# --- in the page --------------------------------------------------------------------------------------------------


class _Scrolled(NamedTuple):
    frames_per_s: Sequence[float]
    rows: float
    loading_share: float


async def _scroll(page: Page, pixels: int) -> _Scrolled:
    await page.locator(".item-grid").hover()
    await page.mouse.wheel(0, pixels)
    first = await _first_row(page)
    await page.evaluate(WATCH_FRAMES)
    started = time.monotonic()
    turn = 0
    while time.monotonic() - started < _WHEEL_S:
        turn += 1
        await page.mouse.wheel(0, pixels)
        await asyncio.sleep(max(0.0, started + turn * _WHEEL_EVERY_S - time.monotonic()))
    frames = await page.evaluate("() => { cancelAnimationFrame(bench.frame); return bench.frames; }")
    rates = [1000 / (after[0] - before[0]) for before, after in itertools.pairwise(frames)]
    rows, loading = sum(frame[1] for frame in frames), sum(frame[2] for frame in frames)
    return _Scrolled(rates, await _first_row(page) - first, loading / rows)


async def _first_row(page: Page) -> float:
    look = "Math.min(...[...document.querySelectorAll('.item-row')].map((row) => Number(row.dataset.index)))"
    return float(await page.evaluate(look))


async def _typed(page: Page, words: str) -> float:
    """Milliseconds from the last key stroke of a search to its rows."""
    field = page.get_by_test_id("search")
    await field.fill("")
    await page.get_by_text(f"{ITEMS:,} items".replace(",", "\u202f"), exact=True).wait_for()
    await field.focus()
    shown = asyncio.create_task(page.evaluate(SEARCH_SHOWN))
    await asyncio.sleep(0.3)
    await page.keyboard.type(words, delay=_KEY_MS)
    milliseconds, _ = await shown
    return float(milliseconds)


async def _add_page(table: Table, service: WebService, repeats: int) -> None:
    async with browser() as chromium:
        started = time.monotonic()
        page = await opened(chromium, f"{service.url}/topics/{TOPIC}")
        await page.locator(".item-row[data-loading=false]").first.wait_for()
        table.add("page opened", Figure("first, median ms", (time.monotonic() - started) * 1000))
        for row, pixels in _WHEELS.items():
            runs = [await _scroll(page, pixels) for _ in range(repeats)]
            rates = [rate for run in runs for rate in run.frames_per_s]
            table.add(
                row,
                Figure("frames/s, median", statistics.median(rates)),
                Figure("frames/s, p5", statistics.quantiles(rates, n=20)[0]),
                Figure("rows/s", statistics.median(run.rows for run in runs) / _WHEEL_S),
                Figure("rows not loaded %", statistics.median(run.loading_share for run in runs) * 100),
            )
        for kind, word in _KINDS.items():
            typed = [await _typed(page, word(number)) for number in range(_SEARCHES, 2 * _SEARCHES)]
            table.add(
                f"typed in the page, {kind}",
                Figure("first, median ms", statistics.median(typed)),
                Figure("first, most ms", max(typed)),
            )


def million(repeats: int) -> Table:
    """Frames a second while scrolling, and time of searches, in a topic of a million items."""
    table = Table(
        "web-million",
        f"a topic of {ITEMS:,} items; targets: 50 frames/s, search in 300 ms; wheel turned for {_WHEEL_S:g} s in "
        f"headless Chromium without GPU; {_SEARCHES} different searches of a kind; typed: from the last key stroke, "
        "the page's delay of 150 ms included",
    )
    with tempfile.TemporaryDirectory(prefix="web-million-") as scratch:
        add_machine(table)
        output = Path(scratch)
        started = time.monotonic()
        fill(output / TOPIC)
        filled_s = time.monotonic() - started
        with web_service(output=output) as service:
            _add_searches(table, service)
            asyncio.run(_add_page(table, service, repeats))
        table.add("made in", Figure("s", filled_s))
    return table
