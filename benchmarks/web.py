"""Web mode: how soon an item is seen, what pages cost the web server and a run, and what a page's loading takes.

The real service, real or light clients (`web_clients`), and a model server whose lines carry the time of their sending
(`web_model`). All of it runs on one machine and shares its cores: each table begins with how busy that was before.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import aiohttp
import msgspec
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from benchmarks.report import Figure, Table
from benchmarks.web_browser import NEWEST_ITEM, WATCH_NEWEST, Load, arrivals, browser, clock_difference_ms, load, opened
from benchmarks.web_clients import Heard, live_clients
from benchmarks.web_model import RATE_A_STREAM, model_server, sent_at
from benchmarks.web_service import Use, WebService, add_machine, cpu_s, use, web_service
from contract.service import FoundItem

TOPICS = 4
PAGES = 20
_RUN = {"producers": 2, "concurrency": 2}
_STREAMS = 4
_RATE = TOPICS * _STREAMS * RATE_A_STREAM
_WARM_UP_S = 6.0
_WINDOW_S = 15.0
_LOADS = 7
_REAL_PAGES = 2

# --- how soon an item is seen -------------------------------------------------------------------------------------


class _News(msgspec.Struct):
    type: str
    items: tuple[FoundItem, ...] = ()


def _start_topics(service: WebService) -> list[str]:
    return [service.start(f"Benchmark topic {number}", _RUN) for number in range(TOPICS)]


async def _listen(url: str, topic: str, heard: dict[int, tuple[float, float]]) -> None:
    """Note by item when its line's end was sent and when it came over a live connection."""
    decode = msgspec.json.Decoder(_News).decode
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/v1/live") as live:
        await live.send_json({"watch": topic})
        first = True
        async for message in live:
            now = time.time()
            news = decode(message.data)
            if news.type == "news":
                if not first:  # the first one tells what was missed
                    heard.update((item.id, (sent_at(item.text), now)) for item in news.items)
                first = False


async def _arrivals(service: WebService, topic: str) -> tuple[list[list[float]], float, float]:
    """Ages in seconds of a window's lines (heard, in the document, painted); share not painted; clocks' difference."""
    heard: dict[int, tuple[float, float]] = {}
    async with browser() as chromium:
        page = await opened(chromium, f"{service.url}/topics/{topic}", WATCH_NEWEST)
        listening = asyncio.create_task(_listen(service.url, topic, heard))
        await page.wait_for_selector(NEWEST_ITEM)
        await asyncio.sleep(_WARM_UP_S)
        difference_ms = await clock_difference_ms(page)
        begin = time.time()
        await asyncio.sleep(_WINDOW_S)
        end = time.time()
        await asyncio.sleep(2.0)  # what was sent at the window's end is on its way
        painted = {number: (at / 1000, seen / 1000) for number, _, at, seen in await arrivals(page)}
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    window = {number: times for number, times in heard.items() if begin <= times[0] < end}
    ages = [
        tuple(moment - sent for moment in (came, *painted[number]))
        for number, (sent, came) in window.items()
        if number in painted
    ]
    return [list(column) for column in zip(*ages, strict=True)], 1 - len(ages) / len(window), difference_ms


def arrival(repeats: int) -> Table:
    """From the sending of a line's end to that item's row in a real page, while four topics run."""
    table = Table(
        "web-arrival",
        f"model's complete line to its row in a page; {TOPICS} topics, {_STREAMS} streams each, {_RATE:g} lines/s in "
        "all; one real page, one light client",
    )
    add_machine(table)
    ages: list[list[float]] = [[], [], []]
    missing, differences, medians = [], [], []
    for _ in range(repeats):
        with model_server() as model_url, web_service(model_url) as service:
            topics = _start_topics(service)
            found, missed, difference_ms = asyncio.run(_arrivals(service, topics[0]))
        for kept, more in zip(ages, found, strict=True):
            kept += more
        missing.append(missed)
        differences.append(difference_ms)
        medians.append(statistics.median(found[2]) * 1000)
    for row, kept in zip(("light client has it", "in the page's document", "painted"), ages, strict=True):
        table.add(row, Figure("lines", len(kept)), *_milliseconds(kept))
    table.add("painted, median of each run", Figure("least ms", min(medians)), Figure("most ms", max(medians)))
    table.add(
        "checks",
        Figure("not painted %", max(missing) * 100),
        Figure("page's clock ahead ms", max(differences, key=abs)),
    )
    return table


def _milliseconds(seconds: Sequence[float]) -> tuple[Figure, ...]:
    quantiles = statistics.quantiles(seconds, n=100)
    return (
        Figure("median ms", statistics.median(seconds) * 1000),
        Figure("p95 ms", quantiles[94] * 1000),
        Figure("p99 ms", quantiles[98] * 1000),
    )


# --- what open pages cost the web server --------------------------------------------------------------------------


class _Window(NamedTuple):
    """What was taken over a window.

    Attributes:
        web: Of the web server's process.
        service_cpu: CPU seconds a second of the service's own process.
        items_per_s: New items in all topics.
    """

    web: Use
    service_cpu: float
    items_per_s: float


def _window(service: WebService) -> _Window:
    web, unique = service.web_server(), _unique(service)
    started, web_cpu, service_cpu = time.monotonic(), cpu_s(web), cpu_s(service.process)
    time.sleep(_WINDOW_S)
    seconds = time.monotonic() - started
    return _Window(
        use(web, web_cpu, seconds),
        (cpu_s(service.process) - service_cpu) / seconds,
        (_unique(service) - unique) / seconds,
    )


def _unique(service: WebService) -> int:
    return sum(topic["unique"] for topic in service.get("/api/v1/topics")["topics"])


def _add_use(table: Table, row: str, windows: Sequence[_Window], heard: Sequence[Heard] = (), *more: Figure) -> None:
    uses = [one.web for one in windows]
    table.add(
        row,
        Figure("CPU s/s", statistics.median(one.cpu for one in uses)),
        Figure("most CPU s/s", max(one.cpu for one in uses)),
        Figure("USS MiB", statistics.median(one.uss_mib for one in uses)),
        Figure("PSS MiB", statistics.median(one.pss_mib for one in uses)),
        Figure("service CPU s/s", statistics.median(one.service_cpu for one in windows)),
        Figure("new items/s", statistics.median(one.items_per_s for one in windows)),
        *((Figure("messages/s", statistics.median(one.messages / one.seconds for one in heard)),) if heard else ()),
        *((Figure("lists/s", statistics.median(one.requests / one.seconds for one in heard)),) if heard else ()),
        *((Figure("clients' CPU s/s", statistics.median(one.cpu_s / one.seconds for one in heard)),) if heard else ()),
        *((Figure("cut off", max(one.lost for one in heard)),) if heard else ()),
        *more,
    )


async def _with_real_pages(service: WebService, topics: Sequence[str], pages: int) -> tuple[_Window, list[Figure]]:
    """A window with so many real pages; how many of them show new items in it, and the median age of these."""
    async with browser() as chromium:
        shown = [
            await opened(chromium, f"{service.url}/topics/{topics[number % len(topics)]}", WATCH_NEWEST)
            for number in range(pages)
        ]
        for page in shown:
            with suppress(PlaywrightTimeoutError):  # it is counted below
                await page.wait_for_selector(NEWEST_ITEM)
        await asyncio.sleep(_WARM_UP_S)
        begin = time.time()
        window = await asyncio.to_thread(_window, service)
        ages = [
            [painted / 1000 - sent_at(text) for _, text, _, painted in await arrivals(page) if sent_at(text) >= begin]
            for page in shown
        ]
    every = [age for one in ages for age in one]
    painted = [Figure("painted after ms", statistics.median(every) * 1000)] if every else []
    return window, [Figure("pages that show them", sum(map(bool, ages))), *painted]


def open_pages(repeats: int) -> Table:
    """CPU and memory of the web server's process without and with open pages."""
    table = Table(
        "web-pages",
        f"the web server's process while {TOPICS} topics get {_RATE:g} lines/s in all; "
        f"windows of {_WINDOW_S:g} s; each client watches a topic and asks for its newest 100 items every second",
    )
    add_machine(table)
    with model_server() as model_url, web_service(model_url) as service:
        topics = _start_topics(service)
        time.sleep(_WARM_UP_S)
        _add_use(table, "no page yet", [_window(service)])
        without, with_clients, heard = [], [], []
        for _ in range(repeats):
            with live_clients(service, topics, PAGES) as clients:
                time.sleep(2.0)
                with_clients.append(_window(service))
                heard.append(clients.leave())
            time.sleep(2.0)
            without.append(_window(service))
        _add_use(table, f"{PAGES} light clients", with_clients, heard)
        _add_use(table, "no page any more", without)
        with live_clients(service, topics, PAGES) as clients:
            window, seen = asyncio.run(_with_real_pages(service, topics, _REAL_PAGES))
            _add_use(table, f"{PAGES} light clients, {_REAL_PAGES} real pages", [window], [clients.leave()], *seen)
    return table


# --- what a page's loading takes ----------------------------------------------------------------------------------


async def _loads(service: WebService, path: str) -> list[tuple[Load, Load]]:
    async with browser() as chromium:
        return [await load(chromium, service.url + path) for _ in range(_LOADS)]


def first_load(repeats: int) -> Table:
    """Requests, bytes and time of a page's first load, and of the second."""
    table = Table(
        "web-load",
        f"a page in a browser that has never been there, and again; median of {_LOADS * repeats} loads, idle service",
    )
    add_machine(table)
    with web_service() as service:
        options = {"max_attributes": 500, "provider_options": ["test.speed=0"]}
        topic = service.start("Paris attractions", options)
        service.ended(topic, 60)
        for row, path in (("topics", "/"), ("topic of 500 items", f"/topics/{topic}")):
            loads = [pair for _ in range(repeats) for pair in asyncio.run(_loads(service, path))]
            for name, chosen in (
                (row, [first for first, _ in loads]),
                (f"{row}, again", [again for _, again in loads]),
            ):
                times = [one.first_row_ms for one in chosen]
                table.add(
                    name,
                    Figure("requests", statistics.median(one.requests for one in chosen)),
                    Figure("KiB as sent", statistics.median(one.sent_kib for one in chosen)),
                    Figure("KiB unpacked", statistics.median(one.body_kib for one in chosen)),
                    Figure("first row ms", statistics.median(times)),
                    Figure("slowest ms", max(times)),
                )
    return table
