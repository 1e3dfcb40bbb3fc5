"""What addresses there are, for those who see a request before it finds its way."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route, WebSocketRoute

_READS = frozenset({"GET", "HEAD"})


class RouteTable:
    """The patterns of all routes.

    Args:
        routes: Of the app.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route | WebSocketRoute)]

    def name(self, path: str) -> str | None:
        """A path's pattern, such as `/api/v1/topics/{id}`; None for an address that is none of ours."""
        return next((route.path_format for route in self._routes if route.path_regex.match(path)), None)

    def methods(self, path: str) -> frozenset[str]:
        """What can be done at a path; nothing at an address that is none of ours. What can be got has a head, too."""
        found: set[str] = set()
        for route in self._routes:
            if isinstance(route, Route) and route.path_regex.match(path):
                found |= route.methods or set()
        return frozenset(found | _READS if "GET" in found else found)
