"""From the service's news to live clients: each message is made once, whoever gets it, and waits for nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from contract.discovery import DiscoveryView
from contract.errors import OrchestratorError
from contract.service import LIVE_STATES, News, TopicView
from contract.version import __version__
from webserver.backlog import Backlog, Summaries
from webserver.catalog import Catalog
from webserver.paced import Paced
from webserver.problems import Problem
from webserver.recent import Recent
from webserver.summary import summary_of

log = logging.getLogger(__name__)

MAX_CLIENTS = 200
SUMMARIES_EVERY_S = 0.5
VIEWS_EVERY_S = 0.25
PING_EVERY_S = 15.0
LOOK_EVERY_S = 5.0
"""How often folders are looked at for what other processes do there, while somebody watches."""
_LOOKS_APART_S = 1.0
"""Pages that are opened at the same time look once."""
_TRY_AGAIN_LATER = 1013

_encode = msgspec.json.Encoder().encode


class Client:
    """A live connection, as the hub sees it.

    Args:
        summaries: Makes the message with the newest summaries of these topics.

    Attributes:
        backlog: What it has not taken yet.
        filled: Set when something was put there.
        ended: Set when the connection is to be closed, with `close_code` and `close_reason`.
        watched: The topic whose details it gets.
    """

    def __init__(self, summaries: Callable[[Iterable[str]], str]) -> None:
        self.backlog = Backlog(summaries)
        self.filled = asyncio.Event()
        self.ended = asyncio.Event()
        self.watched: str | None = None
        self.close_code = 1000
        self.close_reason = ""

    def end(self, code: int, reason: str) -> None:
        """Have the connection closed."""
        if not self.ended.is_set():
            self.close_code, self.close_reason = code, reason
            self.ended.set()


class _Watched:
    """A topic that somebody watches."""

    def __init__(self, hub: Hub, id: str) -> None:  # noqa: A002 - the field's word
        self.clients: set[Client] = set()
        self.view: TopicView | None = None
        self.discovery: DiscoveryView | None = None
        self.pace = Paced(VIEWS_EVERY_S, lambda: hub.send_view(id))


class Hub:
    """All live clients. It is a `Listener` of the service link.

    Args:
        catalog: Where views come from.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._clients: set[Client] = set()
        self._joining = 0
        self._watched: dict[str, _Watched] = {}
        self._recent: dict[str, Recent] = {}
        self._summaries: dict[str, msgspec.Struct] = {}
        self._changed: set[str] = set()
        self._pace = Paced(SUMMARIES_EVERY_S, self._send_summaries)
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")

    @property
    def connections(self) -> int:
        """Open live connections."""
        return len(self._clients)

    # --- clients -------------------------------------------------------------------------------------------

    async def join(self) -> Client:
        """A new client; it gets all topics' summaries. Raises `Problem` 503 when there are too many."""
        if len(self._clients) + self._joining >= MAX_CLIENTS:
            raise Problem(
                503, f"{MAX_CLIENTS} pages are open already: close one, or try later", headers={"retry-after": "10"}
            )
        self._joining += 1
        try:
            await self._look()
        finally:
            self._joining -= 1
        client = Client(self._summaries_message)
        client.backlog.put_first(_text({"type": "hello", "version": __version__, "now": time.time()}))
        client.backlog.put_first(self._summaries_message(self._summaries))
        client.filled.set()
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """A client has gone."""
        self._unwatch(client)
        self._clients.discard(client)

    async def watch(
        self,
        client: Client,
        id: str | None,  # noqa: A002 - the field's word
        items_after: int,
        events_after: int,
    ) -> None:
        """From now on the client gets one topic's details, what it missed first.

        Args:
            client: Who.
            id: The topic; None: none.
            items_after: The last item that it has; 0: none.
            events_after: The last event that it has; 0: none.
        """
        self._unwatch(client)
        if id is None:
            return
        found = await self._find(id)
        recent = self._recent.get(id, Recent())
        if not recent.covers(items_after, events_after):
            read = await self._catalog.newest(id)
            recent = self._recent.setdefault(id, recent)  # another client may have come first
            recent.merge(read.items, read.events)
        # Nothing is awaited from here on: whatever comes next goes to this client, too.
        watched = self._watched.setdefault(id, _Watched(self, id))
        watched.clients.add(client)
        client.watched = id
        views = [view for view in (self._catalog.told.get(id), found, watched.view) if view is not None]
        watched.view = max(views, key=lambda view: view.at, default=None)
        discoveries = [view.discovery for view in sorted(views, key=lambda view: view.at) if view.discovery is not None]
        watched.discovery = discoveries[-1] if discoveries else watched.discovery
        news, gap = recent.missed(items_after, events_after)
        self._put_news(client, _news_message(id, news, gap))
        if watched.view is not None:
            client.backlog.put_view(_view_message(watched.view), last=watched.view.ended_at is not None)
        if watched.discovery is not None:
            client.backlog.put_discovery(_discovery_message(id, watched.discovery))
        client.filled.set()

    async def end_all(self, code: int, reason: str, timeout_s: float) -> None:
        """Close every connection; waits until they are, for at most so long."""
        for client in list(self._clients):
            client.end(code, reason)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self._clients and loop.time() < deadline:  # noqa: ASYNC110 - they leave one by one
            await asyncio.sleep(0.01)

    # --- what the service tells ----------------------------------------------------------------------------

    def viewed(self, view: TopicView, before: TopicView | None) -> None:
        """See `Listener`."""
        if view.state in LIVE_STATES and before is not None and before.state not in LIVE_STATES:
            self._recent.pop(view.id, None)  # it may have been started anew
            if view.id in self._watched:
                self._watched[view.id].discovery = None
        self._show(view)
        self._forget(view.id)

    def news(self, id: str, news: News) -> None:  # noqa: A002 - the message's word
        """See `Listener`."""
        recent = self._recent.setdefault(id, Recent())
        news = recent.without_known(news)
        gap = recent.add(news)
        watched = self._watched.get(id)
        if watched is not None and (news.items or news.events):
            message = _news_message(id, news, gap)
            for client in watched.clients:
                self._put_news(client, message)
        self._forget(id)

    # --- what is done from time to time --------------------------------------------------------------------

    async def keep_looking(self) -> NoReturn:
        """Look at the folders while somebody watches, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._clients:
                await self._look()

    async def keep_pinging(self) -> NoReturn:
        """Give every client a sign of life, until cancelled."""
        message = _text({"type": "ping"})
        while True:
            await asyncio.sleep(PING_EVERY_S)
            for client in self._clients:
                client.backlog.put_ping(message)
                client.filled.set()

    async def _look(self) -> None:
        """Find what other processes have changed."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at < _LOOKS_APART_S:
                return
            try:
                views = await self._catalog.all()
            except OrchestratorError as error:
                log.warning("cannot look at the topics: %s", error)
                return
            self._looked_at = asyncio.get_running_loop().time()
            known = {view.id for view in views}
            for gone in self._summaries.keys() - known:
                del self._summaries[gone]
            for view in views:
                if self._summaries.get(view.id) != summary_of(view):
                    self._show(view)
                    if view.id in self._watched and not self._is_live(view.id):
                        await self._follow(view.id)

    async def _follow(self, id: str) -> None:  # noqa: A002 - the field's word
        """Tell what another process has found in a topic that somebody watches."""
        found = await self._find(id)
        if found is not None and id in self._watched:
            self._tell_discovery(self._watched[id], found)
        recent = self._recent.get(id)
        if recent is None:
            return
        read = await self._catalog.newest(id)
        items = tuple(item for item in read.items if item.id > recent.last_item)
        events = tuple(event for event in read.events if event.seq > recent.last_event)
        if items or events:
            self.news(id, News(items, events))

    # --- messages ------------------------------------------------------------------------------------------

    def send_view(self, id: str) -> None:  # noqa: A002 - the field's word
        """Send a watched topic's view to those who watch."""
        watched = self._watched.get(id)
        if watched is None or watched.view is None:
            return
        message = _view_message(watched.view)
        for client in watched.clients:
            client.backlog.put_view(message, last=watched.view.ended_at is not None)
            client.filled.set()
        self._tell_discovery(watched, watched.view)

    def _tell_discovery(self, watched: _Watched, view: TopicView) -> None:
        """Send a view's discovery to those who watch, if it is another than before."""
        if view.discovery is None or view.discovery == watched.discovery:
            return
        watched.discovery = view.discovery
        message = _discovery_message(view.id, view.discovery)
        for client in watched.clients:
            client.backlog.put_discovery(message)
            client.filled.set()

    def _send_summaries(self) -> None:
        changed, self._changed = frozenset(self._changed), set()
        if not self._clients or not changed:
            return
        message = Summaries(changed, self._summaries_message(changed))
        for client in self._clients:
            client.backlog.put_summaries(message)
            client.filled.set()

    def _summaries_message(self, ids: Iterable[str]) -> str:
        return _text({"type": "topics", "topics": [self._summaries[one] for one in ids if one in self._summaries]})

    def _put_news(self, client: Client, message: str) -> None:
        client.backlog.put_news(message)
        client.filled.set()
        if client.backlog.overflown:
            client.end(_TRY_AGAIN_LATER, "too slow; connect again to resume")

    def _show(self, view: TopicView) -> None:
        self._summaries[view.id] = summary_of(view)
        self._changed.add(view.id)
        self._pace.touch()
        watched = self._watched.get(view.id)
        if watched is not None:
            watched.view = view
            watched.pace.touch()

    async def _find(self, id: str) -> TopicView | None:  # noqa: A002 - the field's word
        try:
            return await self._catalog.one(id)
        except (Problem, OrchestratorError):
            return None  # there is none yet, or it cannot be read: its page says so

    def _unwatch(self, client: Client) -> None:
        id, client.watched = client.watched, None  # noqa: A001 - the field's word
        client.backlog.forget_topic()
        if id is None:
            return
        watched = self._watched[id]
        watched.clients.discard(client)
        if not watched.clients:
            watched.pace.cancel()
            del self._watched[id]
            self._forget(id)

    def _forget(self, id: str) -> None:  # noqa: A002 - the field's word
        if id not in self._watched and not self._is_live(id):
            self._recent.pop(id, None)

    def _is_live(self, id: str) -> bool:  # noqa: A002 - the field's word
        view = self._catalog.told.get(id)
        return view is not None and view.state in LIVE_STATES


def _news_message(id: str, news: News, gap: bool) -> str:  # noqa: A002 - the message's word
    return _text({"type": "news", "id": id, "items": news.items, "events": news.events, "gap": gap})


def _view_message(view: TopicView) -> str:
    """The discovery comes in messages of its own: it is large, and changes less often."""
    return _text({"type": "view", "topic": msgspec.structs.replace(view, discovery=None)})


def _discovery_message(id: str, discovery: DiscoveryView) -> str:  # noqa: A002 - the message's word
    return _text({"type": "discovery", "id": id, "discovery": discovery})


def _text(message: Mapping[str, Any]) -> str:
    return _encode(message).decode()
