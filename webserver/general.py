"""The API's remaining endpoints: the service itself, its health, metrics, the session, the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from archive.spool import FormatOption
from contract.service import Serve
from contract.version import __version__
from webserver.access import SESSION_S, Access
from webserver.answers import Health, ProviderSuggestion, ServiceView, answer
from webserver.assets import INDEX, PREFIX, Assets
from webserver.bodies import LogIn, read
from webserver.metrics import Metrics
from webserver.openapi import CONTROL, EVERYWHERE, body_of, described
from webserver.rates import client_key
from webserver.security import header
from webserver.service_link import ServiceLink

_PAGES = frozenset({"/", "/favicon.ico"})
_TOPIC_PAGES = "/topics/"
_NO_TOKEN = frozenset({"/health", "/api/v1/session"})


class General:
    """Endpoints.

    Args:
        serve: What the service told at the start.
        link: To the service.
        access: The token.
        assets: The page's files.
        metrics: For `/metrics`.
        formats: Of exports.
    """

    def __init__(
        self,
        serve: Serve,
        link: ServiceLink,
        access: Access,
        assets: Assets,
        metrics: Metrics,
        formats: Sequence[FormatOption],
    ) -> None:
        self._link = link
        self._access = access
        self._assets = assets
        self._metrics = metrics
        self._view = ServiceView(
            __version__,
            serve.output,
            serve.options,
            tuple(ProviderSuggestion(*one) for one in serve.providers),
            tuple(formats),
            access.needed,
        )

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        free: dict[str, Any] = {"security": []}
        app.get(
            "/health", response_class=Response, responses=described(400, 403, 429, shape=Health), openapi_extra=free
        )(self.health)
        app.get(
            "/metrics",
            response_class=Response,
            responses=described(*EVERYWHERE, media=("text/plain",), says="Metrics in Prometheus' format."),
        )(self.metrics)
        app.get("/api/v1/service", response_class=Response, responses=described(*EVERYWHERE, shape=ServiceView))(
            self.service
        )
        session = described(*CONTROL, status=204)
        app.post(
            "/api/v1/session",
            status_code=204,
            response_class=Response,
            responses=session,
            openapi_extra={**body_of(LogIn), **free},
        )(self.log_in)
        app.delete("/api/v1/session", status_code=204, response_class=Response, responses=session, openapi_extra=free)(
            self.log_out
        )
        for path in ("/", "/topics/{id}"):
            app.get(path, include_in_schema=False)(self.page)
        app.get("/favicon.ico", include_in_schema=False)(self.icon)
        app.get(PREFIX + "{path:path}", include_in_schema=False)(self.asset)

    def is_page(self, path: str) -> bool:
        """Whether a path is the page or one of its files: they hold nothing that is anybody's."""
        return path in _PAGES or path.startswith(_TOPIC_PAGES) or self._assets.has(path)

    def is_public(self, path: str) -> bool:
        """Whether a path needs no token."""
        return path in _NO_TOKEN or self.is_page(path)

    async def health(self) -> Response:
        """Whether the service is there."""
        return answer(Health("ok", __version__, len(self._link.live)))

    async def metrics(self) -> Response:
        """Metrics for Prometheus."""
        page, content_type = self._metrics.render()
        return Response(page, media_type=content_type)

    async def service(self) -> Response:
        """What this service is and offers."""
        return answer(self._view)

    async def log_in(self, request: Request) -> Response:
        """Open a session with the token; a cookie stands for it from then on."""
        body = await read(request, LogIn)
        client = client_key(request.client.host) if request.client is not None else ""
        session = self._access.open_session(body.token, client)
        response = Response(status_code=204)
        if session is not None:
            self._set_cookie(response, session, int(SESSION_S))
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        self._access.close_session(header(request.scope, b"cookie"))
        response = Response(status_code=204)
        self._set_cookie(response, "", 0)
        return response

    async def page(self, request: Request) -> Response:
        """The page; which topic it shows, it sees from its address."""
        return self._assets.named(INDEX, request)

    async def icon(self, request: Request) -> Response:
        """For browsers that ask for it unasked."""
        return self._assets.named("icon.svg", request)

    async def asset(self, request: Request) -> Response:
        """A file of the page."""
        return self._assets.response(request)

    def _set_cookie(self, response: Response, value: str, max_age_s: int) -> None:
        # Not `secure`: there is no TLS, and a `__Host-` name would need it.
        response.set_cookie(
            self._access.cookie_name, value, max_age=max_age_s, path="/", httponly=True, samesite="strict"
        )
