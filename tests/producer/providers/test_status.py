"""What statuses, error documents and Retry-After mean."""

from __future__ import annotations

import pytest

from contract.errors import (
    AuthFailed,
    BadResponse,
    ContextOverflow,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from producer.providers.status import from_status, from_stream, read_complaint, retry_after_s

TYPE_URL = "type.googleapis.com/google.rpc."


def google(code: int, message: str = "", **detail: object) -> dict[str, object]:
    """An error document of Google's with one detail."""
    return {"error": {"code": code, "message": message, "details": [detail]}}


CASES: list[tuple[int, object, type[ProviderError]]] = [
    (301, None, RequestRefused),
    (400, {"error": {"message": "bad"}}, RequestRefused),
    (400, {"code": "context_length_exceeded"}, ContextOverflow),
    (400, {"error": {"type": "exceed_context_size_error", "code": 400}}, ContextOverflow),
    (400, {"message": "This model's maximum context length is 4096 tokens."}, ContextOverflow),
    (400, {"type": "error", "error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}, ContextOverflow),
    (400, google(400, "The input token count exceeds the maximum number of tokens allowed"), ContextOverflow),
    (413, "<html>413</html>", ContextOverflow),
    (400, google(400, "API key not valid.", reason="API_KEY_INVALID"), AuthFailed),
    (400, {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}, QuotaExhausted),
    (401, "nothing to read", AuthFailed),
    (402, None, QuotaExhausted),
    (403, [{"error": {"message": "no"}}], AuthFailed),
    (404, None, RequestRefused),
    (408, None, ProviderTimeout),
    (409, None, Overloaded),
    (422, {"detail": "x"}, RequestRefused),
    (429, None, RateLimited),
    (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, QuotaExhausted),
    (429, google(429, violations=[{"quotaId": "RequestsPerDayPerProject"}]), QuotaExhausted),
    (429, google(429, violations=[{"quotaId": "RequestsPerMinutePerProject"}]), RateLimited),
    (429, {"message": "Request too large for tokens per min; see maximum context length"}, RateLimited),
    (500, {"message": "maximum context length"}, Overloaded),
    (502, "<html>bad gateway</html>", Overloaded),
    (503, None, Overloaded),
    (504, None, Overloaded),
    (529, {"type": "error", "error": {"type": "overloaded_error"}}, Overloaded),
]


@pytest.mark.parametrize(("status", "body", "expected"), CASES)
def test_statuses(status: int, body: object, expected: type[ProviderError]) -> None:
    """Each status with its document is one kind of error, which keeps the status."""
    error = from_status(status, body, {})
    assert type(error) is expected
    assert error.status == status


NOW = 1_800_000_000.0

DELAYS = [
    ({}, None),
    ({"retry-after": "7"}, 7.0),
    ({"Retry-After": "0.5"}, 0.5),
    ({"retry-after": "-3"}, 0.0),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60.0),
    ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
    ({"retry-after": "Fri, 99 Jan 2027 07:00:00 GMT"}, None),
]


@pytest.mark.parametrize(("headers", "expected"), DELAYS)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, dates and milliseconds are read; nonsense is no delay; no delay is negative."""
    assert retry_after_s(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"code": 502, "message": "bad gateway"}, Overloaded),
        ({"code": 429, "message": "slow down"}, RateLimited),
        ({"code": "insufficient_quota"}, QuotaExhausted),
        ({"code": "context_length_exceeded"}, ContextOverflow),
        ({"code": 400}, BadResponse),
    ],
)
def test_an_error_inside_a_stream_has_no_status(document: object, expected: type[ProviderError]) -> None:
    """The response's is 200: the provider had begun to work, and may charge for that."""
    error = from_stream(document)
    assert (type(error), error.status) == (expected, None)


def test_retry_after_in_googles_document() -> None:
    """Gemini names its delay in the error document and not in a header."""
    error = from_status(429, google(429, retryDelay="34.5s"), {})
    assert error.retry_after_s == 34.5


@pytest.mark.parametrize(
    "body", [None, 7, [], [[]], {"error": []}, {"error": {"details": [1, {}]}}, {"error": {"details": 5}}]
)
def test_any_document_is_survived(body: object) -> None:
    """Documents of any form are read without an error of our own."""
    assert read_complaint(body).codes == frozenset()
