from __future__ import annotations

import asyncio
import socket
import tracemalloc
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from archive.event_log import EVENTS_NAME
from contract.service import News, Relay
from contract.version import __version__
from tests.orchestrator.store_cases import TOPIC, feed, open_store
from tests.webserver.serving import WAIT_S, Live, Serving, event, in_loop, item, make_topic, serving, view
from webserver import backlog, connections, hub
from webserver.backlog import MAX_NEWS_CHARACTERS
from webserver.live import MAX_MESSAGE_BYTES, MESSAGES_BURST
from webserver.recent import KEPT

ID = "paris-attractions"


def _ids(news: dict[str, Any]) -> list[int]:
    return [one["id"] for one in news["items"]]


def _seqs(news: dict[str, Any]) -> list[int]:
    return [one["seq"] for one in news["events"]]


async def _watching(live: Live, items: int | None = None, events: int | None = None) -> dict[str, Any]:
    """Watch the topic; the news that were missed."""
    await live.watch(ID, items, events)
    return await live.news()


@in_loop
async def test_greeting(tmp_path: Path) -> None:
    """First who we are, then all topics at a glance: those that run and those in folders."""
    make_topic(tmp_path, "Louvre")
    async with serving(tmp_path) as web:
        await web.shown(view("running", unique=5, settings={"seed": 1}))
        async with web.live() as live:
            assert live.seen[0]["version"] == __version__
            topics = await live.next()
        assert {one["id"]: one["unique"] for one in topics["topics"]} == {ID: 1, "running": 5}
        for one in topics["topics"]:
            assert not {"settings", "providers", "producers"} & set(one)


@in_loop
async def test_changed_topics_at_a_glance(tmp_path: Path) -> None:
    """Every page hears of changed topics, and of those alone."""
    async with serving(tmp_path) as web:
        await web.shown(view("a"))
        await web.shown(view("b"))
        async with web.live() as live, web.live() as other:
            for one in (live, other):
                assert len((await one.next())["topics"]) == 2
            web.service.show(view("b", at=2000.0, unique=8))
            for one in (live, other):
                changed = await one.until(lambda message: message["type"] == "topics")
                assert [(topic["id"], topic["unique"]) for topic in changed["topics"]] == [("b", 8)]


@in_loop
async def test_states_of_the_watched_topic(tmp_path: Path) -> None:
    """The whole view at once and after each change; the last one always comes, however fast they follow."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID, settings={"seed": 1}))
        async with web.live() as live:
            await live.watch(ID)
            shown = await live.until(lambda message: message["type"] == "view")
            assert shown["topic"]["settings"] == {"seed": 1}
            assert shown["topic"]["providers"][0]["name"] == "test:simulated"
            for number in range(100):
                web.service.show(view(ID, at=2000.0 + number, unique=number))
            last = await live.until(lambda message: message["type"] == "view" and message["topic"]["unique"] == 99)
            views = [one for one in live.seen if one["type"] == "view"]
            assert last is views[-1]
            assert len(views) < 50
            await live.watch("other")
            web.service.show(view(ID, at=3000.0))
            web.service.show(view("other", at=3000.0))
            assert (await live.until(lambda message: message["type"] == "view"))["topic"]["id"] == "other"


@in_loop
async def test_the_end_of_the_watched_topic(tmp_path: Path) -> None:
    """The last state comes when all that led to it has come, also to one who begins to watch then."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID))
        async with web.live() as live, web.live() as other:
            await _watching(live)
            web.service.send(
                Relay(ID, News((item(1),), (event(1),))), Relay(ID, view(ID, 2000.0, "finished", ended_at=2000.0))
            )
            for one in (live, other):
                if one is other:
                    await other.watch(ID)
                await one.until(lambda message: message["type"] == "view" and message["topic"]["ended_at"] is not None)
                told = [
                    event["seq"] for message in one.seen if message["type"] == "news" for event in message["events"]
                ]
                assert told == [1]


@in_loop
async def test_logging_out_ends_its_connections(tmp_path: Path) -> None:
    """The session's own connections are closed; another session's, and those of the token itself, are not."""
    async with serving(tmp_path, token="x") as web, AsyncExitStack() as stack:  # noqa: S106 - nobody's
        headers = []
        for _ in range(2):
            async with web.asked("/api/v1/session", "POST", json={"token": "x"}) as response:
                headers.append({"cookie": response.headers["set-cookie"].partition(";")[0]})
        web.client.cookie_jar.clear()
        headers.append({"authorization": "Bearer x"})
        lives = [await stack.enter_async_context(web.live(headers=one)) for one in headers]
        assert (await web.send("DELETE", "/api/v1/session", headers=headers[0]))[0] == 204
        assert await lives[0].closed() == 1008
        for live in lives[1:]:
            await live.watch(ID)
            assert (await live.news())["id"] == ID


@in_loop
async def test_news_of_the_watched_topic(tmp_path: Path) -> None:
    """Items and events as they come, of the watched topic alone; the end of watching ends them."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID))
        async with web.live() as live, web.live() as other:
            assert await _watching(live) == {"type": "news", "id": ID, "items": [], "events": [], "gap": False}
            await other.watch("else")
            await other.news()
            web.service.tell("else", item(1))
            web.service.tell(ID, item(1, "<script>"), item(2), events=(event(1),))
            news = await live.news()
            assert (news["id"], _ids(news), _seqs(news), news["gap"]) == (ID, [1, 2], [1], False)
            assert news["items"][0]["text"] == "<script>"
            web.service.tell(ID, item(5))
            assert (await live.news())["gap"] is True
            assert (await other.news())["id"] == "else"
            await live.watch(None)
            await live.watch(ID, 5, 1)
            assert _ids(await live.news()) == []
            web.service.tell(ID, item(6))
            assert _ids(await live.news()) == [6]


@in_loop
async def test_coming_back_without_a_gap(tmp_path: Path) -> None:
    """What came meanwhile comes first, once, and in order; then the rest flows on."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID))
        async with web.live() as live:
            await _watching(live)
            web.service.tell(ID, *(item(number) for number in range(1, 11)), events=(event(1), event(2)))
            assert len(_ids(await live.news())) == 10
        web.service.tell(ID, *(item(number) for number in range(11, 16)), events=(event(3),))
        async with web.live() as live:
            news = await _watching(live, 10, 2)
            assert (_ids(news), _seqs(news), news["gap"]) == (list(range(11, 16)), [3], False)
            web.service.tell(ID, item(16))
            assert _ids(await live.news()) == [16]


@in_loop
async def test_coming_back_with_a_gap(tmp_path: Path) -> None:
    """Only the newest come, and it is told that there was more."""
    make_topic(tmp_path, *(f"thing {number}" for number in range(1, 1001)))
    lines = b"".join(msgspec.json.encode(event(number)) + b"\n" for number in range(1, 301))
    (tmp_path / ID / EVENTS_NAME).write_bytes(lines)
    async with serving(tmp_path) as web, web.live() as live:
        news = await _watching(live, 100, 300)
        assert (_ids(news), _seqs(news), news["gap"]) == (list(range(1001 - KEPT, 1001)), [], True)
        news = await _watching(live, 900, 50)
        assert (_ids(news), _seqs(news), news["gap"]) == (list(range(901, 1001)), list(range(101, 301)), True)
        news = await _watching(live, 900, 250)
        assert (_ids(news)[0], _seqs(news)[0], news["gap"]) == (901, 251, False)
        news = await _watching(live, 5000, 300)
        assert (len(_ids(news)), news["gap"]) == (KEPT, True)  # of a run that was moved aside
        news = await _watching(live)
        assert (len(_ids(news)), len(_seqs(news)), news["gap"]) == (KEPT, KEPT, True)


@in_loop
async def test_a_web_server_that_was_replaced(tmp_path: Path) -> None:
    """What came before it was there is read from the folder, and joined with what it has heard itself."""
    folder = tmp_path / ID
    folder.mkdir()
    store = open_store(folder)
    store.begin_run({"topic": TOPIC})
    feed(store, *(f"thing {number}" for number in range(1, 31)))
    async with serving(tmp_path) as web:
        await web.shown(view(ID, at=2e9))
        feed(store, *(f"thing {number}" for number in range(31, 41)))
        web.service.tell(ID, *(item(number) for number in range(31, 41)))
        await web.shown(view(ID, at=3e9))
        async with web.live() as live:
            news = await _watching(live, 20)
            assert (_ids(news), news["gap"]) == (list(range(21, 41)), False)
    store.close()


@in_loop
async def test_a_run_that_is_started_anew(tmp_path: Path) -> None:
    """The items of the run before are forgotten: numbers begin at 1 again."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID))
        async with web.live() as live:
            await _watching(live)
            web.service.tell(ID, *(item(number) for number in range(1, 9)))
            await live.news()
            await web.shown(view(ID, at=2000.0, state="finished"))
            await web.shown(view(ID, at=3000.0, state="starting"))
            async with web.live() as other:
                assert _ids(await _watching(other)) == []
            web.service.tell(ID, item(1, "anew"))
            assert _ids(await live.news()) == [1]
            news = await _watching(live, 8)
            assert ([one["text"] for one in news["items"]], news["gap"]) == (["anew"], True)


@in_loop
async def test_a_topic_of_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of the command line is followed as well: by looking into its folder now and then."""
    monkeypatch.setattr(hub, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(hub, "_LOOKS_APART_S", 0.0)
    folder = tmp_path / ID
    folder.mkdir()
    store = open_store(folder)
    store.begin_run({"topic": TOPIC})
    feed(store, "Louvre")
    async with serving(tmp_path) as web, web.live() as live:
        assert _ids(await _watching(live)) == [1]
        feed(store, "Pantheon")
        news = await live.news()
        assert [one["text"] for one in news["items"]] == ["Pantheon"]
        store.end_run("interrupted")
        store.close()
        await live.until(lambda message: message["type"] == "view" and message["topic"]["state"] == "interrupted")


@in_loop
async def test_a_topic_that_is_not_there_yet(tmp_path: Path) -> None:
    """It can be watched before it has begun."""
    async with serving(tmp_path) as web, web.live() as live:
        assert _ids(await _watching(live)) == []
        web.service.show(view(ID, state="starting"))
        assert (await live.until(lambda message: message["type"] == "view"))["topic"]["state"] == "starting"
        web.service.tell(ID, item(1))
        assert _ids(await live.news()) == [1]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", 1008),
        ("nonsense", 1008),
        ("{}", 1008),
        ("[]", 1008),
        ('{"watch": 7}', 1008),
        ('{"watch": ".."}', 1008),
        ('{"watch": "a/b"}', 1008),
        ('{"watch": ""}', 1008),
        ('{"watch": "%s"}' % ("x" * 201), 1008),
        ('{"watch": "a", "items_after": -1}', 1008),
        ('{"watch": "a", "items_after": 1e99}', 1008),
        ('{"watch": "a", "items_after": "1"}', 1008),
        ("[" * (MAX_MESSAGE_BYTES - 1), 1008),
        (b'{"watch": null}', 1008),
        (" " * (MAX_MESSAGE_BYTES + 1), 1009),
    ],
)
@in_loop
async def test_what_is_no_message(tmp_path: Path, message: str | bytes, code: int) -> None:
    """Garbage ends the connection, and no other."""
    async with serving(tmp_path) as web, web.live() as other:
        async with web.live() as live:
            if isinstance(message, str):
                await live.socket.send_str(message)
            else:
                await live.socket.send_bytes(message)
            assert await live.closed() == code
        await other.watch(ID)
        assert (await other.news())["id"] == ID


@in_loop
async def test_text_that_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that are no UTF-8 end the connection without a word in the log."""
    async with serving(tmp_path) as web, web.live() as live:
        await live.socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert await live.closed() == 1008
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@in_loop
async def test_too_many_messages(tmp_path: Path) -> None:
    """A client that asks again and again is cut off: each question may cost a look into a folder."""
    async with serving(tmp_path) as web, web.live() as live:
        for _ in range(MESSAGES_BURST + 20):
            await live.socket.send_str('{"watch": null}')
        assert await live.closed() == 1008


@in_loop
async def test_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page sees from them that the connection is alive."""
    monkeypatch.setattr(hub, "PING_EVERY_S", 0.01)
    async with serving(tmp_path) as web, web.live() as live:
        for _ in range(3):
            await live.until(lambda message: message == {"type": "ping"})


@in_loop
async def test_too_many_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit, which is told; a page that is closed makes room."""
    monkeypatch.setattr(hub, "MAX_CLIENTS", 2)
    async with serving(tmp_path) as web:
        address = f"ws://127.0.0.1:{web.port}/api/v1/live"
        async with web.live():
            async with web.live():
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await web.client.ws_connect(address)
                assert refused.value.status == 503
                assert refused.value.headers is not None
                assert refused.value.headers["retry-after"] == "10"
            async with asyncio.timeout(WAIT_S):
                while True:
                    try:
                        async with web.client.ws_connect(address):
                            break
                    except aiohttp.WSServerHandshakeError:
                        continue


async def _stalled(web: Serving, stack: AsyncExitStack) -> None:
    """A live connection that watches the topic and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel would take all of it
    client.connect(("127.0.0.1", web.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=64)
    stack.callback(lambda: writer.transport.abort())  # a writer that nobody holds would close it before
    head = "GET /api/v1/live HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost: 127.0.0.1:{web.port}\r\n\r\n".encode())
    assert b"101" in await reader.readline()
    text = b'{"watch": "%s"}' % ID.encode()
    writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    await writer.drain()


@in_loop
async def test_a_page_that_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 items flow past it: it is cut off, memory stays bounded, and all others get every item at once."""
    ended = asyncio.Event()
    abort = connections.LiveConnection.connection_lost

    def lost(self: connections.LiveConnection, exc: Exception | None) -> None:
        abort(self, exc)
        ended.set()

    async with serving(tmp_path) as web, AsyncExitStack() as stack:
        await web.shown(view(ID))
        live = await stack.enter_async_context(web.live())
        await _watching(live)
        await _stalled(web, stack)
        monkeypatch.setattr(connections.LiveConnection, "connection_lost", lost)
        tracemalloc.start()
        for number in range(0, 100_000, 1000):
            web.service.tell(ID, *(item(number + step, "x" * 300) for step in range(1, 1001)))
            news = await live.news()
            assert (_ids(news)[-1], news["gap"]) == (number + 1000, False)
            live.seen.clear()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 12 * MAX_NEWS_CHARACTERS
        async with asyncio.timeout(WAIT_S):
            await ended.wait()
        assert (await web.get("/health"))[0] == 200


@in_loop
async def test_the_end_waits_for_nobody_who_reads_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a stalled page nor a stalled download holds up the end, and neither is worth a word in the log."""
    make_topic(tmp_path, *(f"item {number} {'x' * 400}" for number in range(30_000)))
    async with AsyncExitStack() as stack:
        async with serving(tmp_path) as web:
            await web.shown(view(ID))
            live = await stack.enter_async_context(web.live())
            await _watching(live)
            await _stalled(web, stack)
            download = web.client.get(f"{web.url}/api/v1/topics/{ID}/export?format=jsonl")
            await stack.enter_async_context(download)
            for number in range(0, 20_000, 1000):
                web.service.tell(ID, *(item(number + step, "x" * 300) for step in range(1, 1001)))
            assert _ids(await live.news())
        assert web.task.done()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@in_loop
async def test_a_page_that_is_too_slow_hears_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it reads again it learns that it is to come back."""
    monkeypatch.setattr(backlog, "MAX_NEWS", 5)
    async with serving(tmp_path) as web, web.live() as live:
        await web.shown(view(ID))
        await _watching(live)
        web.service.send(*(_relay(number) for number in range(1, 200)))
        assert await live.closed() == 1013
        async with web.live() as again:
            news = await _watching(again, 0)
            assert _ids(news)[-1] == 199


def _relay(number: int) -> Relay:
    return Relay(ID, News((item(number),)))
