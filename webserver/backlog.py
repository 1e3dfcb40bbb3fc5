"""What waits for one live client: news in full, up to a bound; of states only the newest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

MAX_NEWS = 10_000
MAX_NEWS_CHARACTERS = 1024 * 1024
"""More than what can come from the service before a client that keeps up gets its turn."""


class Summaries(msgspec.Struct, frozen=True):
    """A message with topics' summaries, made once for all clients.

    Attributes:
        ids: Which topics stand in it.
        text: As JSON.
    """

    ids: frozenset[str]
    text: str


class Backlog:
    """Messages that a client has not taken yet.

    Args:
        summaries: Makes the message with the newest summaries of these topics.

    Attributes:
        overflown: Whether news had to be dropped: the client must be cut off, it resumes by itself.
    """

    def __init__(self, summaries: Callable[[Iterable[str]], str]) -> None:
        self._make_summaries = summaries
        self._first: deque[str] = deque()
        self._news: deque[str] = deque()
        self._characters = 0
        self._view: str | None = None
        self._view_is_last = False
        self._discovery: str | None = None
        self._summaries: Summaries | None = None
        self._ids: set[str] = set()
        self._ping: str | None = None
        self.overflown = False

    def put_first(self, text: str) -> None:
        """A message that nothing may overtake."""
        self._first.append(text)

    def put_news(self, text: str) -> None:
        """News of the watched topic."""
        if self.overflown:
            return
        self._news.append(text)
        self._characters += len(text)
        if len(self._news) > MAX_NEWS or self._characters > MAX_NEWS_CHARACTERS:
            self.overflown = True
            self._news.clear()
            self._characters = 0

    def put_view(self, text: str, *, last: bool = False) -> None:
        """The watched topic's state, in place of one that waits; the last of a run comes behind what led to it."""
        self._view, self._view_is_last = text, last

    def put_discovery(self, text: str) -> None:
        """The watched topic's discovery, in place of one that waits."""
        self._discovery = text

    def put_summaries(self, summaries: Summaries) -> None:
        """Changed topics. Those that wait and these become one message, made when it can be sent."""
        if self._ids or self._summaries is not None:
            self._ids |= summaries.ids | (self._summaries.ids if self._summaries is not None else set())
            self._summaries = None
        else:
            self._summaries = summaries

    def put_ping(self, text: str) -> None:
        """A sign of life."""
        self._ping = text

    def forget_topic(self) -> None:
        """The topic is not watched any more: nothing that waits is of interest."""
        self._news.clear()
        self._characters = 0
        self._view = self._discovery = None

    def take(self) -> str | None:
        """The next message, None when nothing waits. States first: news of a run could come without end."""
        if self._first:
            return self._first.popleft()
        if self._summaries is not None:
            text, self._summaries = self._summaries.text, None
            return text
        if self._ids:
            ids, self._ids = self._ids, set()
            return self._make_summaries(ids)
        if self._view is not None and not (self._view_is_last and self._news):
            text, self._view = self._view, None
            return text
        if self._discovery is not None:
            text, self._discovery = self._discovery, None
            return text
        if self._news:
            text = self._news.popleft()
            self._characters -= len(text)
            return text
        ping, self._ping = self._ping, None
        return ping
