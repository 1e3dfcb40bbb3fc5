"""Live clients that ask the web server for what open pages ask it, in one process and without the pages' own work.

Each watches a topic, takes everything that it is sent, and, as the page does whose list stands at its top, asks for
the newest 100 items a second after new ones came. A silent one watches, too, but never reads; when it is cut off, it
comes again.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp

from benchmarks.web_service import WebService

_FOLLOW_S = 1.0
_SILENT_LOOK_S = 0.2
_SMALL_BUFFER_BYTES = 4096
_LOWEST_PRIORITY = 19


class Heard(NamedTuple):
    """What the clients of a process heard, all together.

    Attributes:
        seconds: From the first message asked for to the end.
        cpu_s: CPU time of the clients' process in that time.
        messages: Messages that the readers took.
        mib: Their size.
        requests: Lists of items that they asked for.
        lost: Readers that were cut off.
        silent_cut: How often a silent one was.
    """

    seconds: float
    cpu_s: float
    messages: int
    mib: float
    requests: int
    lost: int
    silent_cut: int


class _Clients:
    def __init__(self, url: str, topics: Sequence[str]) -> None:
        self.url = url
        self.topics = topics
        self.messages = self.size = self.requests = self.lost = self.silent_cut = 0

    async def read(self, session: aiohttp.ClientSession, number: int) -> None:
        topic = self.topics[number % len(self.topics)]
        items = f"{self.url}/api/v1/topics/{topic}/items?limit=100&sort=time&order=desc"
        following: asyncio.Task[None] | None = None
        try:
            async with session.ws_connect(f"{self.url}/api/v1/live") as live:
                await live.send_str(json.dumps({"watch": topic}))
                async for message in live:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    self.messages += 1
                    self.size += len(message.data)
                    news = message.data.startswith('{"type":"news"') and '"items":[]' not in message.data
                    if news and (following is None or following.done()):
                        following = asyncio.create_task(self._follow(session, items))
            self.lost += 1
        finally:
            if following is not None:
                following.cancel()

    async def _follow(self, session: aiohttp.ClientSession, items: str) -> None:
        await asyncio.sleep(_FOLLOW_S)
        async with session.get(items) as answer:
            await answer.read()
            self.requests += 1

    async def stay_silent(self, number: int) -> None:
        topic = self.topics[number % len(self.topics)]
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        while True:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER_BYTES)
                connection.connect((host, int(port)))
                connection.sendall(_handshake(host, port))
                if not connection.recv(16).startswith(b"HTTP/1.1 101"):
                    raise RuntimeError("the silent client is refused")
                connection.sendall(_masked(json.dumps({"watch": topic}).encode()))
                gone = select.poll()
                gone.register(connection, select.POLLRDHUP)  # the bytes that wait are of no interest
                while not gone.poll(0):  # noqa: ASYNC110 - the loop cannot wait for this alone
                    await asyncio.sleep(_SILENT_LOOK_S)
            self.silent_cut += 1


def _handshake(host: str, port: str) -> bytes:
    return (
        f"GET /api/v1/live HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _masked(text: bytes) -> bytes:
    """A short text as a WebSocket frame (RFC 6455), with a mask of zeros."""
    if len(text) > 125:
        return b"\x81\xfe" + len(text).to_bytes(2) + bytes(4) + text
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text


async def _run(spec: dict[str, Any]) -> Heard:
    clients = _Clients(spec["url"], spec["topics"])
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = [asyncio.create_task(clients.read(session, number)) for number in range(spec["readers"])]
        tasks += [asyncio.create_task(clients.stay_silent(number)) for number in range(spec["silent"])]
        while clients.messages < 3 * spec["readers"]:  # noqa: ASYNC110 - hello, topics, then news or a view
            await asyncio.sleep(0.01)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        started, cpu_before = time.monotonic(), time.process_time()
        clients.messages = clients.size = clients.requests = 0
        await asyncio.to_thread(sys.stdin.read)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu_before
        heard = Heard(
            seconds, cpu, clients.messages, clients.size / 2**20, clients.requests, clients.lost, clients.silent_cut
        )
        failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if any(failed):
        raise RuntimeError(f"clients failed: {failed}")
    return heard


class Clients:
    """A running process of clients."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def leave(self) -> Heard:
        """Let all of them go; what they heard."""
        out, _ = self._process.communicate(timeout=30)
        return Heard(*json.loads(out))


@contextmanager
def live_clients(
    service: WebService, topics: Sequence[str], readers: int, silent: int = 0, *, lowest_priority: bool = False
) -> Iterator[Clients]:
    """Open clients that watch the topics in turn; when the block is entered, each of them has heard something.

    Args:
        service: Whom they ask.
        topics: Ids of the topics.
        readers: Clients that read everything.
        silent: Clients that read nothing.
        lowest_priority: They get only the CPU time that nobody else wants (nice 19), as if they ran elsewhere.
    """
    spec = json.dumps({"url": service.url, "topics": list(topics), "readers": readers, "silent": silent})
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.web_clients", spec],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if lowest_priority:
            os.setpriority(os.PRIO_PROCESS, process.pid, _LOWEST_PRIORITY)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the clients cannot connect")
        yield Clients(process)
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(json.loads(sys.argv[1])))) + "\n")
