"""The web server put together: one ASGI app from what the service told at the start."""

from __future__ import annotations

from pathlib import Path

import msgspec
from fastapi import FastAPI, WebSocket
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from archive.spool import formats
from contract.service import Serve
from contract.version import __version__
from webserver.access import Access, KnownHosts
from webserver.assets import Assets
from webserver.bodies import Bodies
from webserver.catalog import Catalog
from webserver.control import Control
from webserver.general import General
from webserver.hub import Hub
from webserver.live import PATH as LIVE_PATH
from webserver.live import serve_live
from webserver.metrics import Metrics
from webserver.observe import Observer
from webserver.openapi import DESCRIPTION_PATH, describe
from webserver.problems import JSON, handlers
from webserver.reading import Reading
from webserver.routes import RouteTable
from webserver.security import SESSION, Gate
from webserver.service_link import ServiceLink
from webserver.tracing import WebTrace
from webserver.workers import Workers


class WebApp:
    """The app and what lives as long as it does.

    Args:
        serve: What the service told at the start.
        link: To the service.
        trace: For spans.
        assets: The page's files; None: those of the package.

    Attributes:
        hub: All live clients.
        workers: Threads.
    """

    def __init__(self, serve: Serve, link: ServiceLink, trace: WebTrace, assets: Assets | None = None) -> None:
        self.workers = Workers()
        catalog = Catalog(Path(serve.output), link, self.workers)
        self.hub = Hub(catalog)
        link.listeners.append(self.hub)
        metrics = Metrics(link.views.values, lambda: self.hub.connections)
        access = Access(None if serve.token is None else serve.token.reveal(), serve.port)
        bodies = Bodies(serve.options)
        general = General(serve, link, access, assets or Assets(), metrics, formats())
        api = FastAPI(
            title="orchestrator",
            version=__version__,
            # The pages that show a description load their scripts from elsewhere.
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            exception_handlers=handlers(),
            # Requests are traced by us; what the environment says of OpenTelemetry is for the service to read.
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        )
        for endpoints in (general, Reading(catalog), Control(link, catalog, bodies)):
            endpoints.add_to(api)
        self._add_live(api)
        description = msgspec.json.encode(describe(api, bodies, access.cookie_name if access.needed else None))

        async def openapi() -> Response:
            """This description."""
            return Response(description, media_type=JSON)

        api.get(DESCRIPTION_PATH, include_in_schema=False)(openapi)
        routes = RouteTable(api.routes)
        gate = Gate(api, routes, KnownHosts(serve.hosts), access, general)
        self._app: ASGIApp = Observer(gate, routes, trace, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await self._app(scope, receive, send)

    def _add_live(self, api: FastAPI) -> None:
        async def live(socket: WebSocket) -> None:
            await serve_live(self.hub, socket, socket.scope[SESSION])

        api.add_api_websocket_route(LIVE_PATH, live)
