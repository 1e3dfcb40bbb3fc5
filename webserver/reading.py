"""The API's read side: topics, their items, history, events and export."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response

from archive.history import MAX_POINTS, Curve
from archive.item_index import MAX_PAGE_ITEMS, MAX_SEARCH_CHARACTERS, Sort
from contract.service import TopicView
from webserver.answers import EventList, ItemList, TopicList, answer
from webserver.catalog import Catalog
from webserver.downloads import MEDIA_TYPES, Downloads
from webserver.openapi import EVERYWHERE, described
from webserver.waiting import while_connected

TopicId = Annotated[
    str,
    Path(
        pattern=r"^[^/\\.\x00][^/\\.\x00]{0,199}$",
        description="The topic's id: the name of its folder.",
        examples=["paris-attractions"],
    ),
]
_MOST = 2**53
MAX_EVENTS = 1000


class Reading:
    """Endpoints.

    Args:
        catalog: All topics.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._downloads = Downloads()

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        read = (*EVERYWHERE, 503)
        one = (*read, 404, 409)
        get = app.get
        get("/api/v1/topics", response_class=Response, responses=described(*read, shape=TopicList))(self.topics)
        get("/api/v1/topics/{id}", response_class=Response, responses=described(*one, shape=TopicView))(self.topic)
        get("/api/v1/topics/{id}/items", response_class=Response, responses=described(*one, shape=ItemList))(self.items)
        get("/api/v1/topics/{id}/history", response_class=Response, responses=described(*one, shape=Curve))(
            self.history
        )
        get("/api/v1/topics/{id}/events", response_class=Response, responses=described(*one, shape=EventList))(
            self.events
        )
        get(
            "/api/v1/topics/{id}/export",
            response_class=Response,
            responses=described(*one, media=tuple(MEDIA_TYPES.values()), says="The items, streamed."),
        )(self.export)

    async def topics(self, request: Request) -> Response:
        """All topics; those that run first, then those with the newest activity."""
        return answer(TopicList(await while_connected(request, self._catalog.all())))

    async def topic(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """Everything that is shown of one topic."""
        return answer(await while_connected(request, self._catalog.one(id)))

    async def items(
        self,
        request: Request,
        id: TopicId,  # noqa: A002 - the API's word
        offset: Annotated[int, Query(ge=0, le=_MOST, description="Matching items to leave out.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE_ITEMS, description="Items at most.")] = 100,
        search: Annotated[
            str, Query(max_length=MAX_SEARCH_CHARACTERS, description="Words that must all occur in an item.")
        ] = "",
        sort: Annotated[Sort, Query(description="By time of discovery, number of answers, or provider.")] = "time",
        order: Annotated[Literal["asc", "desc"], Query(description="From the least, or from the most.")] = "desc",
    ) -> Response:
        """A page of the items, searched and sorted."""
        page = await while_connected(
            request, self._catalog.page(id, offset, limit, search, sort, descending=order == "desc")
        )
        return answer(ItemList(page.total, page.unique, offset, page.items))

    async def history(
        self,
        request: Request,
        id: TopicId,  # noqa: A002 - the API's word
        points: Annotated[int, Query(ge=1, le=MAX_POINTS, description="Points of the curve at most.")] = 600,
    ) -> Response:
        """The discovery curve over all runs."""
        return answer(await while_connected(request, self._catalog.history(id, points)))

    async def events(
        self,
        request: Request,
        id: TopicId,  # noqa: A002 - the API's word
        before: Annotated[int | None, Query(ge=1, le=_MOST, description="Only those with a smaller number.")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS, description="Events at most, the newest of them.")] = 200,
    ) -> Response:
        """The event log, a stretch of it."""
        return answer(EventList(await while_connected(request, self._catalog.events(id, before, limit))))

    async def export(
        self,
        request: Request,
        id: TopicId,  # noqa: A002 - the API's word
        format: Annotated[Literal["txt", "jsonl", "csv", "parquet"], Query(description="Of the file.")] = "txt",  # noqa: A002
        valid: Annotated[bool, Query(description="Leave out the items that were judged not to belong.")] = False,
    ) -> Response:
        """The items as a file."""
        return await self._downloads.begin(
            lambda: while_connected(request, self._catalog.export(id, format, valid=valid)), id, format
        )
