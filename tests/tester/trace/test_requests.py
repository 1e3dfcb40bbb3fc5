"""Every request has its span, and the span tells of that request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Span, Trace
from tester.trace.requests import Asked, assert_requests, span_of
from tests.tester.trace.build import TRACE_ID, changed, span

CALLER = "c0ffee" + "0" * 10
ASKED = Asked("PATCH", "/api/v1/topics/river-towns", 200, TRACE_ID, CALLER)


def told(asked: Asked = ASKED, *, route: str | None = "/api/v1/topics/{id}", **others: Any) -> Span:
    """The span of a request."""
    attributes: dict[str, Any] = {names.HTTP_METHOD: asked.method, names.HTTP_STATUS: asked.status}
    if route is not None:
        attributes[names.HTTP_ROUTE] = route
    name = asked.method if route is None else f"{asked.method} {route}"
    given: dict[str, Any] = {
        "name": name,
        "parent": asked.span_id,
        "kind": "server",
        "service": names.WEBSERVER,
        "attributes": attributes,
    }
    return span(**{**given, **others})


def test_each_request_has_its_span() -> None:
    """It is found by the parent that the request named, among others of the same route."""
    other = Asked("PATCH", "/api/v1/topics/lake-fish", 409, TRACE_ID, "2" * 16)
    mine, theirs = told(), told(other)
    trace = Trace([theirs, mine, told(route=None, parent="3" * 16)])
    assert span_of(trace, ASKED) is mine
    assert span_of(trace, other) is theirs
    assert len(assert_requests(trace, [ASKED, other])) == 2


def test_an_address_of_nothing_has_a_span_without_a_route() -> None:
    """A request that no route takes is named by its method alone."""
    asked = msgspec.structs.replace(ASKED, path="/no/such/place", status=404)
    assert span_of(Trace([told(asked, route=None)]), asked)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([], "expected 1, saw 0"),
        ([told(), told()], "expected 1, saw 2"),
        ([told(kind="internal")], "expected 1, saw 0"),
        ([told(service=names.ORCHESTRATOR)], "expected 1, saw 0"),
        ([told(parent="4" * 16)], "expected 1, saw 0"),
        ([changed(told(), http__response__status_code=500)], "500"),
        ([changed(told(), http__request__method="POST")], "POST"),
        ([told(name="PATCH")], "the name 'PATCH /api/v1/topics/{id}'"),
        ([told(route="/api/v1/topics")], "of a route that has this path"),
        ([told(route="/api/v1/topics/{id}/stop")], "of a route that has this path"),
    ],
)
def test_a_request_without_its_span_is_found(spans: list[Span], words: str) -> None:
    """No span, two, one of another answer, or one of another route is told with the request."""
    with pytest.raises(CheckError, match="the span of PATCH /api/v1/topics/river-towns") as raised:
        assert_requests(Trace(spans), [ASKED])
    assert words in str(raised.value)


def test_no_requests_are_a_failure() -> None:
    """An assertion about nothing would hold whatever the web server does."""
    with pytest.raises(CheckError, match="at least 1"):
        assert_requests(Trace([told()]), [])
