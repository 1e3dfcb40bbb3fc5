"""A live connection of web mode as a page has it: what it heard, lost and resumed, and waits that are push-driven."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from contract.service import FoundItem, TopicEvent, TopicView
from tester.checks import CheckError

_CLOSE_S = 5.0
_ANSWER_S = 30.0


class _Message(msgspec.Struct, frozen=True):
    """What the server sends, of any kind."""

    type: str
    topics: tuple[TopicView, ...] = ()
    topic: TopicView | None = None
    id: str = ""
    items: tuple[FoundItem, ...] = ()
    events: tuple[TopicEvent, ...] = ()
    gap: bool = False


_decode = msgspec.json.Decoder(_Message).decode


class Live:
    """What is heard over a live connection, and over those that follow it. An async context manager.

    Args:
        connect: Opens a connection.

    Attributes:
        topics: Newest summary of each topic, by id.
        view: Newest state of the watched topic.
        items: Its items, in the order in which they came.
        events: The lines of its event log, likewise.
        gaps: How often the server said that something is missing.
        messages: Messages heard, by kind.
    """

    def __init__(self, connect: Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]) -> None:
        self.topics: dict[str, TopicView] = {}
        self.view: TopicView | None = None
        self.items: list[FoundItem] = []
        self.events: list[TopicEvent] = []
        self.gaps = 0
        self.messages: dict[str, int] = {}
        self._connect = connect
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._watched: str | None = None
        self._news = 0

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether the connection is there."""
        return self._reading is not None and not self._reading.done()

    async def watch(self, topic_id: str | None) -> None:
        """From now on hear one topic's details, from its beginning; None: of none.

        Returns with the server's answer, which is what there is already (at most the newest 200 of each).
        """
        self.view, self.items, self.events = None, [], []
        self._watched = topic_id
        await self._say_what_is_watched()

    async def lose(self) -> None:
        """Break the connection as a failing network does: nothing is said."""
        if self._socket is not None:
            with suppress(OSError):  # it may be broken already
                self._socket.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        await self._end_reading()

    async def resume(self) -> None:
        """Connect again and ask for what was missed since the last item and event; returns with the answer."""
        await self._open()
        if self._watched is not None:
            await self._say_what_is_watched()

    async def close(self) -> None:
        """End the connection in order."""
        if self._socket is not None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._socket.close()
        await self._end_reading()

    async def until(self, what: str, condition: Callable[[], object], timeout_s: float) -> None:
        """Wait until a condition holds; it is looked at now and whenever a message comes.

        Raises:
            CheckError: It does not within the time, or the connection ended before; `what` names it.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            self._changed.clear()
            if not self.connected:
                raise CheckError(f"{what}: the live connection ended before; {self._heard()}")
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                raise CheckError(f"{what}: not within {timeout_s:g} s; {self._heard()}") from None

    def check_whole(self) -> None:
        """From the first to the last that came, items and events came in order, none twice and none left out.

        Raises:
            CheckError: They did not.
        """
        for what, numbers in (
            ("items", [item.id for item in self.items]),
            ("events", [event.seq for event in self.events]),
        ):
            for before, number in pairwise(numbers):
                if number != before + 1:
                    raise CheckError(f"live {what}: after number {before} came {number}")

    async def _open(self) -> None:
        self._socket = await self._connect()
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _say_what_is_watched(self) -> None:
        if self._socket is None:
            raise RuntimeError("a Live is used with `async with`")
        message: dict[str, Any] = {"watch": self._watched}
        if self.items:
            message["items_after"] = self.items[-1].id
        if self.events:
            message["events_after"] = self.events[-1].seq
        before = self._news
        await self._socket.send_str(msgspec.json.encode(message).decode())
        if self._watched is not None:
            await self.until("what there is of the topic", lambda: self._news > before, _ANSWER_S)

    async def _read(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for message in connection:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(_decode(message.data))
                    self._changed.set()
        finally:
            self._changed.set()

    def _take(self, message: _Message) -> None:
        self.messages[message.type] = self.messages.get(message.type, 0) + 1
        if message.type == "topics":
            self.topics |= {topic.id: topic for topic in message.topics}
        elif message.type == "view" and message.topic is not None and message.topic.id == self._watched:
            self.view = message.topic
        elif message.type == "news" and message.id == self._watched:
            self.items += message.items
            self.events += message.events
            self.gaps += message.gap
            self._news += 1

    async def _end_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        self._socket = None

    def _heard(self) -> str:
        state = (
            "no view" if self.view is None else f"{self.view.state}, {self.view.unique} items, {self.view.calls} calls"
        )
        return f"heard so far: {self.messages}, {len(self.items)} items, {len(self.events)} events; the topic: {state}"
