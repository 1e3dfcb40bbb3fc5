"""A topic that is watched over a connection that gets lost, then searched, sorted, paged and taken home."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import msgspec

from contract import spans as names
from contract.service import TopicEvent
from tester.checks import check, check_equal
from tester.live import Live
from tester.run_files import ItemRow, RunFiles
from tester.scenario import Context
from tester.scenarios.webserver.session import Session
from tester.scenarios.webserver.steering import view_of
from tester.trace import Trace
from tester.web_client import RefusedError, WebClient

TOPIC_ID = "old-bridges"
_TOPIC = "Old bridges"
_BEFORE, _MISSED, _AFTER = 30, 20, 20
"""Items that come before the connection is lost, while it is, and when it is there again, at least."""
_PAGE = 37
_SEARCHES = 4


async def play(context: Context, session: Session) -> None:
    """Do it; the topic has ended afterwards."""
    options = {
        "provider": "test",
        "producers": 2,
        "concurrency": 2,
        "request_size": 15,
        "seed": context.seed,
        "provider_options": ["test.speed=1.5", "test.universe_size=2000"],
    }
    files = session.files(TOPIC_ID)
    async with session.client() as client, client.live() as live, client.live() as other:
        for one in (live, other):
            await one.watch(TOPIC_ID)
        check_equal("id of the topic", await client.start(_TOPIC, options), TOPIC_ID)
        await _lose_the_connection(context, live, other)
        await client.pause(TOPIC_ID)
        await live.until(
            "a pause", lambda: view_of(live).state == "paused" and not view_of(live).open_orders, context.timeout_s
        )
        # From here on the files stand still: what is answered is held against them.
        await _check_views(client, live, files)
        await _check_items(context, client, files)
        await _check_exports(client, files)
        await client.unpause(TOPIC_ID)
        calls = view_of(live).calls
        await live.until("more calls", lambda: view_of(live).calls > calls, context.timeout_s)
        await client.stop(TOPIC_ID)
        await live.until("its end", lambda: view_of(live).ended_at is not None, context.timeout_s)
        check_equal("how it ended", (view_of(live).state, view_of(live).stop_reason), ("interrupted", "interrupted"))
        await live.until("its last event", lambda: live.events[-1].kind == "ended", context.timeout_s)
        live.check_whole()
        await _check_events(client, live, files)


async def _lose_the_connection(context: Context, live: Live, other: Live) -> None:
    """What comes meanwhile comes afterwards, once."""
    await live.until("its first items", lambda: len(live.items) >= _BEFORE, context.timeout_s)
    await live.lose()
    known = len(live.items)
    await other.until("items meanwhile", lambda: len(other.items) >= known + _MISSED, context.timeout_s)
    check_equal("items over a connection that is lost", len(live.items), known)
    await live.resume()
    await live.until("what was missed", lambda: len(live.items) >= known + _MISSED + _AFTER, context.timeout_s)
    for one in (live, other):
        one.check_whole()
    check_equal("gaps that the server told of", (live.gaps, other.gaps), (0, 0))


async def _check_views(client: WebClient, live: Live, files: RunFiles) -> None:
    """View, list, summaries and live items tell what is in the files."""
    lines = files.lines()
    await live.until("all items", lambda: len(live.items) >= len(lines), 10.0)
    check_equal("live items beside attributes.txt", [item.text for item in live.items], lines)
    check_equal("live items' first", live.items[0].id, 1)
    view = await client.view(TOPIC_ID)
    listed = {topic.id: topic for topic in await client.topics()}
    for what, unique in (("view", view.unique), ("list", listed[TOPIC_ID].unique)):
        check_equal(f"unique items of the {what}", unique, len(lines))
    check_equal("new items by provider", sum(provider.new for provider in view.providers), len(lines))
    check_equal("new items by producer", sum(producer.new for producer in view.producers), len(lines))
    curve = await client.history(TOPIC_ID)
    check_equal("new items of the history", sum(bucket["new"] for bucket in curve["buckets"]), len(lines))
    check_equal("calls of the history", sum(bucket["calls"] for bucket in curve["buckets"]), view.calls)


async def _check_items(context: Context, client: WebClient, files: RunFiles) -> None:
    """Pages, sorted and searched, are what run.db and attributes.txt hold."""
    rows = files.items()
    check_equal("attributes.txt beside run.db", [row.text for row in rows], files.lines())
    orders: dict[Literal["time", "count", "provider"], Callable[[ItemRow], object]] = {
        "time": lambda row: row.id,
        "count": lambda row: (row.count, row.id),
        "provider": lambda row: row.id,  # there is one provider
    }
    for sort, by in orders.items():
        wanted = [(row.text, row.count) for row in sorted(rows, key=by)]  # type: ignore[arg-type] # numbers, or pairs
        for order, expected in (("asc", wanted), ("desc", wanted[::-1])):
            paged: list[tuple[str, int]] = []
            while len(paged) < len(rows):
                page = await client.items(
                    TOPIC_ID, offset=len(paged), limit=_PAGE, sort=sort, order="asc" if order == "asc" else "desc"
                )
                check_equal("total and unique of a page", (page.total, page.unique), (len(rows), len(rows)))
                check(page.items, f"a page from {len(paged)} on is empty")
                paged += [(item.text, item.count) for item in page.items]
            check_equal(f"items sorted by {sort}, {order}, page by page", paged, expected)
    rng = context.rng("searches")
    words = sorted({word for row in rows for word in row.text.split() if word.isascii() and len(word) > 2})
    for _ in range(_SEARCHES):
        word = rng.choice(words)
        begin = rng.randrange(len(word) - 2)
        piece = "".join(rng.choice((str.upper, str.lower))(letter) for letter in word[begin : begin + 3])
        found = await client.items(TOPIC_ID, search=piece, limit=500, order="asc")
        expected_texts = [row.text for row in rows if piece.casefold() in row.text.casefold()]
        check_equal(f"items with {piece!r}", [item.text for item in found.items], expected_texts)
        check_equal(f"number of items with {piece!r}", found.total, len(expected_texts))
    for nothing in ("%", "_", "no item has this"):
        check_equal(f"items with {nothing!r}", (await client.items(TOPIC_ID, search=nothing)).total, 0)
    check_equal("items beyond the end", (await client.items(TOPIC_ID, offset=10**6)).items, ())


async def _check_exports(client: WebClient, files: RunFiles) -> None:
    """Each form holds each item once, in order, with its count."""
    rows = [(row.text, row.count) for row in files.items()]
    available = {one["name"]: one["available"] for one in (await client.service())["export_formats"]}
    check_equal("parquet is offered", available.pop("parquet"), find_spec("pyarrow") is not None)
    check_equal("forms that are offered", available, {"txt": True, "jsonl": True, "csv": True})
    check_equal("txt", await client.export(TOPIC_ID, "txt"), files.attributes.read_bytes())
    lines = [msgspec.json.decode(line) for line in (await client.export(TOPIC_ID, "jsonl")).splitlines()]
    check_equal("items of jsonl", [(line["text"], line["count"]) for line in lines], rows)
    table = csv.DictReader(io.StringIO((await client.export(TOPIC_ID, "csv")).decode(), newline=""))
    check_equal("items of csv", [(line["text"], int(line["count"])) for line in table], rows)
    try:
        content = await client.export(TOPIC_ID, "parquet")
    except RefusedError as refused:
        check(find_spec("pyarrow") is None and "parquet" in refused.error, f"parquet is refused: {refused}")
        return
    parquet: Any = import_module("pyarrow.parquet")
    columns = parquet.read_table(io.BytesIO(content)).to_pydict()
    check_equal("items of parquet", list(zip(columns["text"], columns["count"], strict=True)), rows)


async def _check_events(client: WebClient, live: Live, files: RunFiles) -> None:
    """The event log is the same by request, live, and in its file."""
    written = [
        msgspec.json.decode(line, type=TopicEvent) for line in (files.folder / "events.jsonl").read_bytes().splitlines()
    ]
    check_equal("events by request", list(await client.events(TOPIC_ID)), written)
    check_equal("live events", live.events, written)
    kinds = [event.kind for event in written]
    check_equal("kinds of events", kinds, ["started", "paused", "resumed", "stopping", "ended"])


def check_spans(whole: Trace, trace: Trace) -> None:
    """Assert what the topic's spans must tell.

    Args:
        whole: The service's.
        trace: The topic's run's.
    """
    check_equal("stop reason", trace.root.attributes[names.STOP_REASON], "interrupted")
    trace.select(name=names.ORDER).at_least(1).every({names.ERROR_TYPE: None})
    # Each connection is one span, as long as it lasted: two, of which one was lost and came again.
    whole.select(name="GET /api/v1/live", attributes={names.HTTP_STATUS: 101}).at_least(4)
