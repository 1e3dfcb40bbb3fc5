"""Topics wherever they are: those that run tell of themselves, all others are in their folders."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from archive.busy import is_busy
from archive.event_log import read_events
from archive.history import Curve, History
from archive.index_cache import IndexCache
from archive.item_index import Page, Sort
from archive.spool import Spool, open_spool
from archive.topic_view import topic_view
from archive.topics import Topics, folder_of
from contract.errors import ConfigurationError, OrchestratorError
from contract.service import LIVE_STATES, FoundItem, TopicEvent, TopicView
from webserver.problems import Problem
from webserver.recent import KEPT
from webserver.service_link import ServiceLink
from webserver.workers import Workers

log = logging.getLogger(__name__)
T = TypeVar("T")

_ELSEWHERE = "runs in another process"
_MAX_HISTORIES = 16


class Newest(msgspec.Struct, frozen=True):
    """The newest items and events of a topic, as far as they are in its folder."""

    items: Sequence[FoundItem] = ()
    events: Sequence[TopicEvent] = ()


class Catalog:
    """All topics: their views, and what is in their folders.

    Args:
        root: The folder that holds their folders.
        link: To the service, which tells of those that run.
        workers: Threads to read folders in.
    """

    def __init__(self, root: Path, link: ServiceLink, workers: Workers) -> None:
        self._root = root
        self._link = link
        self._workers = workers
        self._indexes = IndexCache(root)
        self._histories: OrderedDict[str, History] = OrderedDict()
        self._topics = Topics(root)

    @property
    def told(self) -> dict[str, TopicView]:
        """What the service told of topics, ended ones among them, by id."""
        return self._link.views

    @property
    def live(self) -> dict[str, TopicView]:
        """Topics that run now as the service's, by id."""
        return self._link.live

    # --- views ---------------------------------------------------------------------------------------------

    async def all(self) -> list[TopicView]:
        """All topics, without `discovery`; those that run first, then those with the latest activity."""
        live = frozenset(self.live)

        def read() -> list[TopicView]:
            return [self._elsewhere(view) for view in self._topics.views(live)]

        views = {view.id: view for view in await self._workers.run(read, "topics")}
        views.update({view.id: _newer(view, views.get(view.id)) for view in self._link.views.values()})
        listed = [msgspec.structs.replace(view, discovery=None) for view in views.values()]
        return sorted(listed, key=_activity, reverse=True)

    async def one(self, id: str) -> TopicView:  # noqa: A002 - the field's word
        """One topic's view. Raises `Problem` 404, or `OrchestratorError` where its folder cannot be read."""
        told = self._link.views.get(id)
        if told is not None and told.state in LIVE_STATES:
            return told
        try:
            found = await self._workers.run(lambda: self._elsewhere(topic_view(folder_of(self._root, id))))
        except ConfigurationError:
            if told is None:
                raise _unknown(id) from None
            return told
        return found if told is None else _newer(told, found)

    async def is_busy(self, id: str) -> bool:  # noqa: A002 - the field's word
        """Whether some process works in the topic's folder. An unknown topic is not busy."""
        try:
            return await self._workers.run(lambda: is_busy(folder_of(self._root, id)))
        except ConfigurationError:
            return False

    def _elsewhere(self, view: TopicView) -> TopicView:
        """The view of a folder; it tells where another process is at work."""
        if view.ended_at is not None or not is_busy(self._root / view.id):
            return view
        return msgspec.structs.replace(view, state="running", progress=_ELSEWHERE, stop_reason="", explanation="")

    # --- what is in a folder -------------------------------------------------------------------------------

    async def page(
        self,
        id: str,  # noqa: A002 - the field's word
        offset: int,
        limit: int,
        search: str = "",
        sort: Sort = "time",
        *,
        descending: bool = True,
    ) -> Page:
        """A part of a topic's items; see `ItemIndex.page`. Raises `Problem` 404 for an unknown topic."""
        return await self._read(
            id,
            lambda folder: self._indexes.refreshed(id).page(offset, limit, search, sort, descending),
            Page(0, 0, ()),
            f"items of {id}",
        )

    async def history(self, id: str, points: int) -> Curve:  # noqa: A002 - the field's word
        """A topic's discovery curve. Raises `Problem` 404 for an unknown topic."""
        history = self._histories.get(id) or History(self._root / id)
        curve = await self._read(id, lambda folder: history.curve(points), Curve(1.0, (), ()), f"history of {id}")
        self._histories[id] = history
        self._histories.move_to_end(id)
        if len(self._histories) > _MAX_HISTORIES:
            self._histories.popitem(last=False)
        return curve

    async def events(self, id: str, before: int | None, limit: int) -> list[TopicEvent]:  # noqa: A002
        """A stretch of a topic's event log. Raises `Problem` 404 for an unknown topic."""
        return await self._read(id, lambda folder: read_events(folder, before, None, limit), [])

    async def export(self, id: str, wanted: str, *, valid: bool = False) -> Spool:  # noqa: A002 - the field's word
        """Begin an export; see `open_spool`. Raises `Problem` 404 for an unknown topic, 409 for one without a run."""
        await self.one(id)
        try:
            return await self._workers.run(lambda: open_spool(folder_of(self._root, id), wanted, valid=valid))
        except ConfigurationError as error:
            raise Problem(409, str(error), id) from error

    async def newest(self, id: str) -> Newest:  # noqa: A002 - the field's word
        """The newest items and events; of a topic that has no folder, or one that cannot be read: none."""
        try:
            page = await self.page(id, 0, KEPT)
            events = await self.events(id, None, KEPT)
        except (Problem, OrchestratorError) as error:
            log.debug("nothing is read of %s: %s", id, error)
            return Newest()
        items = [FoundItem(row.id, row.text, row.description, row.provider, row.first_at) for row in page.items]
        return Newest(items, events)

    async def _read(
        self,
        id: str,  # noqa: A002 - the field's word
        work: Callable[[Path], T],
        nothing: T,
        turn: str | None = None,
    ) -> T:
        """Read a topic's folder; of a topic that has only just begun there is `nothing`."""
        try:
            return await self._workers.run(lambda: work(folder_of(self._root, id)), turn)
        except ConfigurationError:
            if id in self._link.views:
                return nothing
            raise _unknown(id) from None


def _newer(told: TopicView, found: TopicView | None) -> TopicView:
    """What the service told of a topic, unless another process has worked on it since."""
    if told.state in LIVE_STATES or found is None or (found.started_at or 0) <= (told.started_at or told.at):
        return told
    return found


def _activity(view: TopicView) -> tuple[bool, float]:
    live = view.state in LIVE_STATES
    return live, (view.started_at or view.at) if live else (view.ended_at or view.at)


def _unknown(id: str) -> Problem:  # noqa: A002 - the field's word
    return Problem(404, f"there is no topic {id!r}")
