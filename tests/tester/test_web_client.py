from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from tester.checks import CheckError
from tester.live import Live
from tester.trace.requests import Asked
from tester.web_client import RefusedError, WebClient

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
WITHIN_S = 20.0
TOPIC = {"type": "view", "id": "a-b", "topic": "A b", "state": "running", "at": 1.0}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Standin:
    """A server in place of web mode: notes what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, Any]] = []
        self.live: list[web.WebSocketResponse] = []
        self.watched: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.to_say: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note a request; answer with the next of `answers`."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers, await request.read()))
        if request.path == "/api/v1/live":
            return await self._live(request, headers)
        status, body = self.answers.pop(0) if self.answers else (200, {})
        return (
            web.Response(status=status, body=body)
            if isinstance(body, bytes)
            else web.json_response(body, status=status)
        )

    async def _live(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        if headers.get("origin", request.host) not in (request.host,):
            return web.json_response({"error": "no"}, status=403)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        self.live.append(connection)
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                self.watched.put_nowait(message.json())
                for said in self.to_say:
                    await connection.send_json(said)
        return connection


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Standin, str]]:
    """The stand-in on a port that is free, and its address."""
    standin = Standin()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", standin.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield standin, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def play(part: Callable[[Standin, WebClient], Awaitable[None]], *, trace_id: str = TRACE_ID, token: str = "") -> None:
    """Play something with a stand-in and a client of it."""

    async def played() -> None:
        async with (
            asyncio.timeout(WITHIN_S),
            serving() as (standin, address),
            WebClient(address, trace_id, token=token) as client,
        ):
            await part(standin, client)

    asyncio.run(played())


def news(*ids: int, events: tuple[int, ...] = (), gap: bool = False, topic: str = "a-b") -> dict[str, Any]:
    """What a live connection says of new items and events."""
    items = [{"id": one, "text": f"item {one}", "description": "", "provider": "p", "first_at": 1.0} for one in ids]
    lines = [{"seq": one, "at": 1.0, "level": "info", "kind": "started", "text": "x"} for one in events]
    return {"type": "news", "id": topic, "items": items, "events": lines, "gap": gap}


CALLS: list[tuple[Callable[[WebClient], Awaitable[Any]], str, str, str]] = [
    (lambda c: c.start("A b", {"producers": 3}), "POST", "/api/v1/topics", '{"topic":"A b","options":{"producers":3}}'),
    (lambda c: c.continue_("a-b"), "POST", "/api/v1/topics/a-b/continue", '{"options":{}}'),
    (lambda c: c.pause("a-b"), "POST", "/api/v1/topics/a-b/pause", "{}"),
    (lambda c: c.unpause("a-b"), "POST", "/api/v1/topics/a-b/unpause", "{}"),
    (lambda c: c.stop("a-b", now=True), "POST", "/api/v1/topics/a-b/stop", '{"now":true}'),
    (lambda c: c.change("a-b", max_cost_usd=None), "PATCH", "/api/v1/topics/a-b", '{"max_cost_usd":null}'),
    (lambda c: c.health(), "GET", "/health", ""),
    (lambda c: c.service(), "GET", "/api/v1/service", ""),
    (lambda c: c.history("a-b", points=5), "GET", "/api/v1/topics/a-b/history?points=5", ""),
    (lambda c: c.export("a-b", "csv"), "GET", "/api/v1/topics/a-b/export?format=csv", ""),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS)
def test_each_call_is_a_request(call: Callable[[WebClient], Awaitable[Any]], method: str, path: str, body: str) -> None:
    """Each call is one request of the API; what changes something says that it is JSON."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.answers.append((200, {"id": "a-b"}))
        await call(client)
        ((seen_method, seen_path, headers, seen_body),) = standin.requests
        assert (seen_method, seen_path, seen_body.decode()) == (method, path, body)
        assert (headers.get("content-type") == "application/json") is bool(body)

    play(part)


def test_every_request_belongs_to_the_trace() -> None:
    """A request bears a span of its own as parent, and is noted with it: its span can be found."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.answers += [(200, {}), (404, {"error": "no such topic"})]
        await client.health()
        with pytest.raises(RefusedError):
            await client.pause("nobody's")
        assert await client.live_status({"origin": "http://evil.example"}) == 403
        parents = [headers["traceparent"].split("-") for _, _, headers, _ in standin.requests]
        assert [parent[1] for parent in parents] == [TRACE_ID] * 3
        assert client.asked == [
            Asked("GET", "/health", 200, TRACE_ID, parents[0][2]),
            Asked("POST", "/api/v1/topics/nobody%27s/pause", 404, TRACE_ID, parents[1][2]),
            Asked("GET", "/api/v1/live", 403, TRACE_ID, parents[2][2]),
        ]
        assert len({one.span_id for one in client.asked}) == 3

    play(part)


def test_without_a_trace_nothing_is_claimed() -> None:
    """A client without a trace sends no context; a token goes with every request."""

    async def part(standin: Standin, client: WebClient) -> None:
        await client.health()
        await client.live_status({})
        for _, _, headers, _ in standin.requests:
            assert "traceparent" not in headers
            assert headers["authorization"] == "Bearer secret"

    play(part, trace_id="", token="secret")  # noqa: S106 - nobody's


@pytest.mark.parametrize(
    ("body", "error", "topic_id"),
    [({"error": "it runs already", "id": "a-b"}, "it runs already", "a-b"), (b"<html>", "<html>", "")],
)
def test_a_refusal_tells_the_services_line(body: Any, error: str, topic_id: str) -> None:
    """What is not carried out is an exception with status and the service's own words, whatever form they have."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.answers.append((409, body))
        with pytest.raises(RefusedError, match=re.escape(f"POST /api/v1/topics: 409: {error}")) as refused:
            await client.start("A b")
        assert (refused.value.status, refused.value.error, refused.value.topic_id) == (409, error, topic_id)

    play(part)


def test_answers_have_types() -> None:
    """Views, lists, pages and events come as the contract has them; what is new in them is ignored."""

    async def part(standin: Standin, client: WebClient) -> None:
        item = {"id": 1, "text": "x", "description": "", "provider": "p", "first_at": 1.0, "count": 2, "new": True}
        standin.answers += [
            (200, {**TOPIC, "unique": 7, "later": "?"}),
            (200, {"topics": [TOPIC]}),
            (200, {"total": 1, "unique": 3, "offset": 0, "items": [item]}),
            (200, {"events": news(events=(4,))["events"]}),
            (200, b"a\nb\n"),
        ]
        assert (await client.view("a-b")).unique == 7
        assert [topic.id for topic in await client.topics()] == ["a-b"]
        page = await client.items("a-b", search="x y", sort="count", order="asc", offset=2, limit=3)
        assert (page.total, page.items[0].count) == (1, 2)
        assert standin.requests[-1][1] == "/api/v1/topics/a-b/items?offset=2&limit=3&search=x+y&sort=count&order=asc"
        assert [event.seq for event in await client.events("a-b")] == [4]
        assert await client.export("a-b", "txt") == b"a\nb\n"

    play(part)


def test_a_live_connection_keeps_what_it_hears() -> None:
    """Items and events of the watched topic are kept in order, the newest view and summaries replace older ones."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.to_say = [
            {"type": "hello", "version": "1", "now": 1.0},
            {"type": "topics", "topics": [{**TOPIC, "unique": 1}]},
            {"type": "topics", "topics": [{"id": "a-b", "topic": "A b", "state": "paused", "at": 2.0}]},
            {"type": "news", "id": "other", "items": [], "events": [], "gap": True},
            news(1, 2, events=(1,)),
            {"type": "view", "topic": {**TOPIC, "id": "other"}},
            {"type": "view", "topic": {**TOPIC, "unique": 5}},
            news(3),
            {"type": "something new", "more": 1},
        ]
        async with client.live() as live:
            await live.watch("a-b")
            await live.until("all of it", lambda: "something new" in live.messages, WITHIN_S)
            assert [item.id for item in live.items] == [1, 2, 3]
            assert [event.seq for event in live.events] == [1]
            assert live.view is not None
            assert (live.view.id, live.view.unique, live.topics["a-b"].state, live.gaps) == ("a-b", 5, "paused", 0)
            live.check_whole()
        assert client.asked[-1].status == 101

    play(part)


def test_a_lost_connection_is_resumed() -> None:
    """After a loss the last item and event are told, and what was missed is kept behind what was known."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.to_say = [news(1, 2, events=(1,))]
        async with client.live() as live:
            await live.watch("a-b")
            await live.lose()
            assert not live.connected
            standin.to_say = [news(3, 4, gap=True)]
            await live.resume()
            assert await standin.watched.get() == {"watch": "a-b"}
            assert await standin.watched.get() == {"watch": "a-b", "items_after": 2, "events_after": 1}
            assert [item.id for item in live.items] == [1, 2, 3, 4]
            assert live.gaps == 1
            await live.watch(None)
            assert await standin.watched.get() == {"watch": None}
            assert live.items == []

    play(part)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (news(1, 2, 2), "live items: after number 2 came 2"),
        (news(1, 3), "live items: after number 1 came 3"),
        (news(4, 5, events=(2, 1)), "live events: after number 2 came 1"),
    ],
)
def test_what_comes_twice_or_not_at_all_is_found(said: dict[str, Any], words: str) -> None:
    """Numbers that repeat, leave one out or go back are told; they may begin anywhere."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.to_say = [said]
        async with client.live() as live:
            await live.watch("a-b")
            with pytest.raises(CheckError, match=words):
                live.check_whole()

    play(part)


def test_a_wait_ends_with_the_time_or_the_connection() -> None:
    """What never comes is told by its name with what was heard instead, and at once where nothing more can come."""

    async def part(standin: Standin, client: WebClient) -> None:
        standin.to_say = [news(1)]
        async with client.live() as live:
            await live.watch("a-b")
            with pytest.raises(CheckError, match=r"two items: not within 0\.01 s; heard so far: .* 1 items"):
                await live.until("two items", lambda: len(live.items) == 2, 0.01)
            waiting = asyncio.ensure_future(live.until("two items", lambda: len(live.items) == 2, WITHIN_S))
            await standin.live[0].close()
            with pytest.raises(CheckError, match="two items: the live connection ended before"):
                await waiting

    play(part)


def test_a_client_is_used_within_its_context() -> None:
    """Before and after there is no connection to use, and the message says what to write."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(WebClient("http://127.0.0.1:9").health())
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(Live(lambda: asyncio.sleep(0)).watch("a"))  # type: ignore[arg-type, return-value] # never called
