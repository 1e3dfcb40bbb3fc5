"""The API's write side: starting topics and steering them. The service decides; here it is only asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from contract.service import Action, Answer, Change, Continue, Pause, Start, Steer, Stop, Unpause
from webserver.answers import TopicReference, answer
from webserver.bodies import Bodies, Nothing, StopTopic, given, read
from webserver.catalog import Catalog
from webserver.observe import carrier_of
from webserver.openapi import CONTROL, body_of, described
from webserver.problems import Problem
from webserver.reading import TopicId
from webserver.service_link import ServiceLink
from webserver.waiting import while_connected

_STATUSES = frozenset({400, 404, 409, 503})


class Control:
    """Endpoints.

    Args:
        link: To the service.
        catalog: All topics.
        bodies: Models of the requests' bodies.
    """

    def __init__(self, link: ServiceLink, catalog: Catalog, bodies: Bodies) -> None:
        self._link = link
        self._catalog = catalog
        self._bodies = bodies

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        bodies = self._bodies
        path = "/api/v1/topics/{id}"
        app.post(
            "/api/v1/topics",
            status_code=201,
            response_class=Response,
            responses=described(*CONTROL, 409, shape=TopicReference, status=201, says="It has begun."),
            openapi_extra=body_of(bodies.start),
        )(self.start)
        steering = described(*CONTROL, 404, 409, shape=TopicReference)

        def post(name: str, body: dict[str, Any], endpoint: Callable[..., Any]) -> None:
            app.post(f"{path}/{name}", response_class=Response, responses=steering, openapi_extra=body)(endpoint)

        post("continue", body_of(bodies.resume), self.resume)
        post("pause", body_of(Nothing), self.pause)
        post("unpause", body_of(Nothing), self.unpause)
        post("stop", body_of(StopTopic), self.stop)
        app.patch(path, response_class=Response, responses=steering, openapi_extra=body_of(bodies.change))(self.change)

    async def start(self, request: Request) -> Response:
        """Start a run on a topic."""
        body = given(await read(request, self._bodies.start))
        carrier = carrier_of(request.scope)
        done = await self._ask(
            request, lambda number: Start(number, body["topic"], body.get("options", {}), carrier), ""
        )
        return answer(TopicReference(done.id), 201)

    async def resume(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """Continue a topic that does not run, with its last settings and these changes."""
        body = given(await read(request, self._bodies.resume))
        carrier = carrier_of(request.scope)
        await self._ask(request, lambda number: Continue(number, id, body.get("options", {}), carrier), id)
        return answer(TopicReference(id))

    async def pause(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """Give no new orders; open responses are finished."""
        await read(request, Nothing)
        return await self._steer(request, id, Pause())

    async def unpause(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """Go on after a pause."""
        await read(request, Nothing)
        return await self._steer(request, id, Unpause())

    async def stop(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """End the run; everything found is kept."""
        body = await read(request, StopTopic)
        return await self._steer(request, id, Stop(now=body.now))

    async def change(self, request: Request, id: TopicId) -> Response:  # noqa: A002 - the API's word
        """Change settings of a running topic; what is not there stays, null takes a limit away."""
        changes = given(await read(request, self._bodies.change))
        if not changes:
            raise Problem(400, "nothing is to be changed: the request's body is empty")
        return await self._steer(request, id, Change(**changes))

    async def _steer(self, request: Request, id: str, action: Action) -> Response:  # noqa: A002 - the API's word
        carrier = carrier_of(request.scope)
        await self._ask(request, lambda number: Steer(number, id, action, carrier), id)
        return answer(TopicReference(id))

    async def _ask(
        self,
        request: Request,
        message: Callable[[int], Start | Continue | Steer],
        id: str,  # noqa: A002 - the API's word
    ) -> Answer:
        done = await while_connected(request, self._link.ask(message))
        if not done.error:
            return done
        if id and id not in self._catalog.live and done.status in (404, 409):
            await self._explain(id, done)
        raise Problem(done.status if done.status in _STATUSES else 503, done.error, done.id or id)

    async def _explain(self, id: str, done: Answer) -> None:  # noqa: A002 - the API's word
        """Why the service knows nothing of a topic: raise a better problem where there is one."""
        await self._catalog.one(id)  # 404, if there is none
        if await self._catalog.is_busy(id):
            raise Problem(409, "another process works on this topic: it was started on the command line, not here", id)
