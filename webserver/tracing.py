"""What the web server tells of its work to a trace. These do nothing: the form that is used while tracing is off.

`webserver.otel_tracing` has the form that makes spans; only a traced web server imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import msgspec

_NO_CARRIER: Mapping[str, str] = {}


class Asked(msgspec.Struct, frozen=True):
    """A request, as far as its span tells of it.

    Attributes:
        method: As in `http.request.method`.
        path: Without the query.
        host: The `Host` header, empty where there is none.
        client: The client's address.
        user_agent: The `User-Agent` header, empty where there is none.
        carrier: Its trace context (W3C), where it has one.
    """

    method: str
    path: str
    host: str
    client: str
    user_agent: str
    carrier: dict[str, str] = {}


class RequestTrace:
    """One request, from its head to the last byte of its response."""

    @property
    def carrier(self) -> Mapping[str, str]:
        """Leads to this request; empty when nothing is traced."""
        return _NO_CARRIER

    def active(self) -> AbstractContextManager[object]:
        """While inside, log records belong to this request."""
        return nullcontext()

    def ended(self, route: str | None, status: int | None, error: str) -> None:
        """It is over.

        Args:
            route: The route's pattern; None for an address that is none of ours.
            status: Of the response; None where there was none: the client had gone.
            error: Name of the exception that nobody expected; empty for none.
        """


class WebTrace:
    """The web server's life."""

    def request(self, asked: Asked) -> RequestTrace:
        """A request has come."""
        return _untraced

    def ended(self) -> None:
        """All requests have ended; nothing follows."""

    def shut_down(self) -> None:
        """Deliver what has not been delivered, for a bounded time."""


_untraced = RequestTrace()
