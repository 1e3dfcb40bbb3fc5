from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from archive.spool import Spool
from contract.service import Start
from tests.webserver.serving import WAIT_S, Serving, in_loop, make_topic, serving
from webserver import connections, server
from webserver.connections import MAX_CONNECTIONS


async def _connect(web: Serving) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", web.port)


async def _ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the connection's end."""
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server that waits for nobody for long."""
    monkeypatch.setattr(connections, "REQUEST_S", 0.05)
    monkeypatch.setattr(connections, "UNREAD_S", 0.05)
    monkeypatch.setattr(connections, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"GET /health HTT",
        b"GET /health HTTP/1.1\r\nHost: {host}\r\n",
        b"GET /health HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nabc",
        b"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\nGET /hea",
        b"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n\r\n",
        b"POST /api/v1/topics HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"GET /api/v1/live HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n",
    ],
)
@in_loop
async def test_what_drips_in_is_ended(tmp_path: Path, part: bytes) -> None:
    """A request whose head or body does not come to its end is given up, wherever it stops."""
    async with serving(tmp_path) as web:
        reader, writer = await _connect(web)
        writer.write(part.replace(b"{host}", f"127.0.0.1:{web.port}".encode()))
        await _ended(reader)
        writer.close()


@pytest.mark.usefixtures("impatient")
@in_loop
async def test_a_body_that_never_ends_after_its_answer(tmp_path: Path) -> None:
    """An answer that needed no body does not make its connection one that may drip for ever."""
    async with serving(tmp_path) as web:
        reader, writer = await _connect(web)
        writer.write(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nContent-Length: 60000\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        ended = asyncio.create_task(_ended(reader))
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait((ended,), timeout=0.01)
        await ended
        writer.close()


@pytest.mark.usefixtures("impatient")
@in_loop
async def test_a_request_in_time_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that waits for an answer, or for events, is left alone."""
    looks, enough = 0, asyncio.Event()

    def reap(open_connections: set[Any], now: float) -> int:
        nonlocal looks
        looks += 1
        if looks > 20:
            enough.set()
        return _reap(open_connections, now)

    _reap = connections.reap
    async with serving(tmp_path) as web:
        assert (await web.get("/health"))[0] == 200
        async with web.live() as live:
            await live.next()
            web.service.answers = lambda message: None
            asking = asyncio.create_task(web.send("POST", "/api/v1/topics", {"topic": "x"}))
            await web.service.hears(Start)
            monkeypatch.setattr(connections, "reap", reap)
            await enough.wait()
            assert not asking.done()
            assert not live.socket.closed
            asking.cancel()


@pytest.mark.usefixtures("impatient")
@in_loop
async def test_a_download_that_nobody_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that its client does not read is given up after a while: it would be held for ever."""
    given_up = asyncio.Event()
    monkeypatch.setattr(Spool, "close", lambda spool: given_up.set())
    make_topic(tmp_path, *(f"item {number} {'x' * 400}" for number in range(30_000)))
    async with serving(tmp_path) as web:
        with socket.create_connection(("127.0.0.1", web.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            path = "/api/v1/topics/paris-attractions/export?format=txt"
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n\r\n".encode())
            async with asyncio.timeout(WAIT_S):
                await given_up.wait()


@in_loop
async def test_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    """However many connections are open and say nothing, the page answers: the oldest of them gives way."""
    async with serving(tmp_path) as web:
        with ExitStack() as stack:
            idle = []
            for _ in range(MAX_CONNECTIONS + 100):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", web.port)))
                idle.append(one)
                if len(idle) % 50 == 0:
                    assert (await web.get("/health"))[0] == 200
                    async with web.asked("/") as response:
                        assert response.status == 200
            idle[0].settimeout(WAIT_S)
            assert await asyncio.to_thread(_closed, idle[0])
            idle[-1].sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n\r\n".encode())
            idle[-1].settimeout(WAIT_S)
            assert (await asyncio.to_thread(idle[-1].recv, 100)).startswith(b"HTTP/1.1 200 ")


def _closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
