"""What an HTTP status and a vendor's error document mean, as one of our errors."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TypeGuard

import msgspec

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

_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_CONTEXT_TEXT = re.compile(
    r"prompt is too long|maximum context length|exceeds? the maximum number of tokens|exceed context limit"
    r"|available context size|context (?:window|length) exceeded",
    re.IGNORECASE,
)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_balance"})
_QUOTA_TEXT = re.compile(r"credit balance is too low|insufficient balance", re.IGNORECASE)
_KEY_CODES = frozenset({"api_key_invalid", "invalid_api_key", "authentication_error"})
_RETRYABLE_4XX = frozenset({409, 423, 425, 499})
_LATER_WORDS = ("overloaded", "unavailable", "server_error", "internal", "api_error", "timeout")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)s$")


class Complaint(msgspec.Struct, frozen=True):
    """A vendor's error document, whatever its form.

    Attributes:
        text: Its sentence, or empty.
        codes: Its types, codes and reasons, in lower case.
        daily: Whether it names a quota of the day.
        retry_after_s: A delay that stands in the document (Google's `RetryInfo`).
    """

    text: str = ""
    codes: frozenset[str] = frozenset()
    daily: bool = False
    retry_after_s: float | None = None


def is_status(value: object) -> TypeGuard[int]:
    """Whether a value is an HTTP status; some SDKs keep other codes under the same name."""
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def read_complaint(body: object) -> Complaint:
    """Understand an error document: a dict with or without an outer `error`, a list of one, or a text."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        body = body.get("error") or body
    if not isinstance(body, dict):
        text = body if isinstance(body, str) else ""
        # A page of a proxy or a login says nothing that would help.
        return Complaint(text="" if text.lstrip().startswith("<") else text)
    codes = {str(body[name]).lower() for name in ("type", "code", "status", "error_type") if body.get(name)}
    daily, delay = False, None
    details = body.get("details")
    for detail in details if isinstance(details, list) else []:
        if not isinstance(detail, dict):
            continue
        if detail.get("reason"):
            codes.add(str(detail["reason"]).lower())
        daily = daily or "PerDay" in str(detail.get("violations", ""))
        if match := _DURATION.match(str(detail.get("retryDelay", ""))):
            delay = float(match.group(1))
    return Complaint(str(body.get("message") or ""), frozenset(codes), daily, delay)


def from_status(status: int, body: object, headers: Mapping[str, str]) -> ProviderError:
    """The error for a response that is not 200.

    Args:
        status: HTTP status.
        body: Error document, decoded or not.
        headers: Response headers; names are compared without case.
    """
    complaint = read_complaint(body)
    said = f": {complaint.text}" if complaint.text else ""
    delay = retry_after_s(headers)
    if delay is None:
        delay = complaint.retry_after_s
    if status < 300:
        return BadResponse(f"the answer cannot be read{said}", status=status)
    if status < 400:
        return RequestRefused(f"the address redirects elsewhere ({status}); check the base URL", status=status)
    if status == 413 or (status in (400, 422) and _is_context(complaint)):
        return ContextOverflow(f"the prompt is too long for the model{said}", status=status)
    if status in (401, 403) or (status == 400 and _is_key(complaint)):
        return AuthFailed(f"the key was refused ({status}){said}", status=status)
    if status == 402 or (status < 500 and _is_quota(complaint)):
        return QuotaExhausted(f"the account has no quota left ({status}){said}", status=status)
    if status == 429:
        return RateLimited(f"too many requests (429){said}", status=status, retry_after_s=delay)
    if status == 408:
        return ProviderTimeout(f"the provider gave up waiting (408){said}", status=status, retry_after_s=delay)
    if status >= 500 or status in _RETRYABLE_4XX:
        return Overloaded(f"the provider cannot answer now ({status}){said}", status=status, retry_after_s=delay)
    return RequestRefused(f"the request was refused ({status}){said}", status=status)


def from_stream(error: object) -> ProviderError:
    """The error for an error document inside a stream, whose status is 200: the error has none of its own."""
    complaint = read_complaint({"error": error})
    said = f": {complaint.text}" if complaint.text else ""
    numbers = [int(code) for code in complaint.codes if code.isdecimal() and is_status(int(code))]
    status = numbers[0] if numbers else None
    if _is_context(complaint):
        return ContextOverflow(f"the prompt is too long for the model{said}")
    if _is_quota(complaint):
        return QuotaExhausted(f"the account has no quota left{said}")
    if status == 429 or any("rate_limit" in code or code == "resource_exhausted" for code in complaint.codes):
        return RateLimited(f"too many requests, in mid-stream{said}", retry_after_s=complaint.retry_after_s)
    if (status or 0) >= 500 or any(word in code for code in complaint.codes for word in _LATER_WORDS):
        return Overloaded(f"the provider broke off{said}")
    return BadResponse(f"the stream ended with an error{said}")


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds asked for by `Retry-After` (seconds or HTTP date, RFC 9110) or `retry-after-ms`; None without.

    Args:
        headers: Response headers.
        now: Seconds since the epoch, for the date; now if None.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after") or headers.get("Retry-After")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(at - (time.time() if now is None else now), 0.0)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return max(number, 0.0) if number is not None and math.isfinite(number) else None


def _is_context(complaint: Complaint) -> bool:
    return bool(complaint.codes & _CONTEXT_CODES or _CONTEXT_TEXT.search(complaint.text))


def _is_key(complaint: Complaint) -> bool:
    return bool(complaint.codes & _KEY_CODES)


def _is_quota(complaint: Complaint) -> bool:
    return bool(complaint.daily or complaint.codes & _QUOTA_CODES or _QUOTA_TEXT.search(complaint.text))
