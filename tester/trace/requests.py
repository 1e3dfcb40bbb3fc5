"""Whether every request to the web server has its span, and which."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from contract import spans as names
from tester.trace.render import explain
from tester.trace.select import Spans
from tester.trace.span import Span
from tester.trace.trace import Trace

_PLACE = re.compile(r"\\\{\w+\\\}")


class Asked(msgspec.Struct, frozen=True):
    """A request that was made.

    Attributes:
        method: Of HTTP.
        path: Without the query, as it was sent.
        status: Of the answer; 101 for a live connection.
        trace_id: Of the trace that its span belongs to; empty where it was made without one.
        span_id: What is its span's parent.
    """

    method: str
    path: str
    status: int
    trace_id: str
    span_id: str


def span_of(trace: Trace, asked: Asked) -> Span:
    """The span of one request.

    Raises:
        CheckError: There is none, or more than one, or it tells of another request or answer.
    """
    found = [
        span
        for span in trace.select(kind="server", service=names.WEBSERVER)
        if (span.trace_id, span.parent_id) == (asked.trace_id, asked.span_id)
    ]
    asserted = f"the span of {asked.method} {asked.path}"
    if len(found) != 1:
        raise explain(trace, asserted, "1", str(len(found)), found)
    wanted = {names.HTTP_METHOD: asked.method, names.HTTP_STATUS: asked.status}
    told = {name: found[0].attributes.get(name) for name in wanted}
    if told != wanted:
        raise explain(trace, asserted, str(wanted), str(told), found)
    route = found[0].attributes.get(names.HTTP_ROUTE)
    name = asked.method if route is None else f"{asked.method} {route}"
    if found[0].name != name or not _matches(route, asked.path):
        raise explain(trace, asserted, f"the name {name!r} of a route that has this path", found[0].name, found)
    return found[0]


def assert_requests(trace: Trace, asked: Iterable[Asked]) -> Spans:
    """Assert that each request has one span that tells its method, route and status.

    Args:
        trace: Of the service.
        asked: `WebClient.asked`.

    Returns:
        The spans, in the order of their start.

    Raises:
        CheckError: See `span_of`; or there are no requests.
    """
    return Spans(trace, [span_of(trace, one) for one in asked], "spans of requests").at_least(1)


def _matches(route: object, path: str) -> bool:
    """Whether a path is one of a route such as `/api/v1/topics/{id}`; what has no route may have any."""
    return route is None or re.fullmatch(_PLACE.sub("[^/]+", re.escape(str(route))), path) is not None
