"""The web server's end of its channel to the service: requests there, news of topics back.

It is read whatever browsers do: what it brings goes into bounded queues, at once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from contract.errors import ChannelError
from contract.framing import FrameReader, frame
from contract.messages import LogLine, Shutdown, encode
from contract.service import (
    LIVE_STATES,
    Answer,
    Continue,
    News,
    Relay,
    Serve,
    Start,
    Steer,
    TopicView,
    decode_to_web_server,
)

log = logging.getLogger(__name__)

ANSWER_S = 30.0
"""Seconds that the service may take to answer a request."""
MAX_OPEN_REQUESTS = 256
MAX_ENDED_VIEWS = 1000
"""So many ended topics' last views are kept."""
_LOG_BACKLOG_BYTES = 1024 * 1024
"""With so much unsent, log lines are left out."""


class Listener(Protocol):
    """Hears what happens to topics. Must return at once."""

    def viewed(self, view: TopicView, before: TopicView | None) -> None:
        """A topic has a new state; `before`: the one that was told of last."""
        ...

    def news(self, id: str, news: News) -> None:  # noqa: A002 - the message's word
        """Something was found, or happened."""
        ...


class ServiceLink(asyncio.Protocol):
    """The channel as an asyncio protocol.

    Attributes:
        views: Newest state of each topic that the service has told of, by id; ended ones among them.
        listeners: Told of everything that is relayed.
        serve: The first message; None where this process is to end before it came.
        ended: Done when the service is gone or wants this process to end; its result is the error, or None.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.views: dict[str, TopicView] = {}
        self.listeners: list[Listener] = []
        self.serve: asyncio.Future[Serve | None] = loop.create_future()
        self.ended: asyncio.Future[ChannelError | None] = loop.create_future()
        self._frames = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Answer]] = {}

    # --- asyncio.Protocol ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            for message in self._frames.feed(data):
                self._heard(decode_to_web_server(message))
        except ChannelError as error:
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._end(None)

    # --- for the rest of the web server --------------------------------------------------------------------

    @property
    def live(self) -> dict[str, TopicView]:
        """Topics that run now, by id."""
        return {view.id: view for view in self.views.values() if view.state in LIVE_STATES}

    def send(self, message: msgspec.Struct) -> None:
        """Send without waiting; a service that is gone swallows it. Raises `ChannelError` for what is no message."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(encode(message)))

    def log(self, line: LogLine) -> None:
        """Send a log line, unless a great many wait already."""
        if self._transport is not None and self._transport.get_write_buffer_size() < _LOG_BACKLOG_BYTES:
            self.send(line)

    async def ask(self, request: Callable[[int], Start | Continue | Steer]) -> Answer:
        """Ask the service something; `request` makes the message from its number.

        An answer that does not come in time, or cannot come any more, is an `Answer` of status 503.

        Raises:
            ChannelError: The message cannot be sent: it is too long, or holds what is no text.
        """
        number = next(self._numbers)
        if self.ended.done():
            return _unavailable(number, "the service has ended; start it again")
        if len(self._open) >= MAX_OPEN_REQUESTS:
            return _unavailable(number, "the service has too many requests to answer; try again later")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            self.send(request(number))
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return _unavailable(number, f"the service did not answer within {ANSWER_S:.0f} s; see what became of it")
        finally:
            del self._open[number]

    def end(self) -> None:
        """This process is to end, whatever the service says."""
        self._end(None)

    def close(self) -> None:
        """Send what waits and close."""
        if self._transport is not None:
            self._transport.close()

    # --- what comes ----------------------------------------------------------------------------------------

    def _heard(self, message: Serve | Relay | Answer | Shutdown) -> None:
        match message:
            case Serve():
                if not self.serve.done():
                    self.serve.set_result(message)
            case Relay(content=TopicView() as view):
                self._viewed(view)
            case Relay(id=id, content=News() as news):
                for listener in self.listeners:
                    listener.news(id, news)
            case Answer():
                answer = self._open.get(message.request)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case Shutdown():
                self._end(None)

    def _viewed(self, view: TopicView) -> None:
        before = self.views.pop(view.id, None)  # to the end: the order is that of the last change
        self.views[view.id] = view
        if len(self.views) > MAX_ENDED_VIEWS:
            ended = next((one.id for one in self.views.values() if one.state not in LIVE_STATES), None)
            if ended is not None:
                del self.views[ended]
        for listener in self.listeners:
            listener.viewed(view, before)

    def _end(self, error: ChannelError | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)
        for number, answer in self._open.items():
            if not answer.done():
                answer.set_result(_unavailable(number, "the service has ended; start it again"))
        if not self.serve.done():
            self.serve.set_result(None)


def _unavailable(number: int, error: str) -> Answer:
    return Answer(number, error, 503)
