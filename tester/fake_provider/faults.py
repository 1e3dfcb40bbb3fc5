"""What can go wrong with a provider, as values: a kind and its parameters."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class FaultKind(StrEnum):
    """One way to fail. Kinds up to `RESET` answer before any item; those after it may send items first."""

    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONTEXT_OVERFLOW = "context_overflow"
    CONTEXT_OVERFLOW_LLAMA = "context_overflow_llama"
    HTML = "html"
    PLAIN_JSON = "plain_json"
    EMPTY = "empty"
    RESET = "reset"
    CUT = "cut"
    CUT_RESET = "cut_reset"
    CUT_CLEAN = "cut_clean"
    STALL = "stall"
    DRIP = "drip"
    GARBAGE = "garbage"
    ERROR_EVENT = "error_event"
    ENCODING = "encoding"
    DUPLICATE = "duplicate"
    LONG_LINE = "long_line"
    CONTENT_TYPE = "content_type"


STATUS: Mapping[FaultKind, int] = {
    FaultKind.RATE_LIMITED: 429,
    FaultKind.QUOTA: 429,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.OVERLOADED: 529,
    FaultKind.BAD_REQUEST: 400,
    FaultKind.UNAUTHORIZED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.NOT_FOUND: 404,
    FaultKind.CONTEXT_OVERFLOW: 400,
    FaultKind.CONTEXT_OVERFLOW_LLAMA: 400,
}
"""HTTP status of the kinds that answer with the vendor's error document."""


class Fault(msgspec.Struct, frozen=True):
    """One failure to inject.

    Attributes:
        kind: What happens.
        retry_after_s: Seconds for the `Retry-After` header of an error status; None leaves the header away.
        as_date: Whether `Retry-After` is written as an HTTP date.
        after_items: Whole items sent before the stream breaks; the break comes in the middle of the next one. A stall
            after 0 items sends nothing at all, not even a status line.
        interval_s: Seconds between two bytes of `DRIP`.
        event: Error type of `ERROR_EVENT`, in the vendor's words: `overloaded_error`, `rate_limit_error` ...
        line_bytes: Length of the line of `LONG_LINE`.
    """

    kind: FaultKind
    retry_after_s: float | None = None
    as_date: bool = False
    after_items: int = 2
    interval_s: float = 0.0005
    event: str = "overloaded_error"
    line_bytes: int = 5 * 1024 * 1024

    @classmethod
    def parse(cls, text: str) -> Fault | None:
        """Read `kind` or `kind:name=value,name=value`; `none` is no fault.

        Raises:
            ValueError: Not a kind, or not a parameter of this class.
        """
        kind, _, rest = text.partition(":")
        if kind == "none":
            return None
        fields: dict[str, Any] = {"kind": kind}
        for pair in filter(None, rest.split(",")):
            name, _, value = pair.partition("=")
            if name not in cls.__struct_fields__:
                raise ValueError(f"a fault has no parameter {name!r}")
            fields[name] = value
        return msgspec.convert(fields, cls, strict=False)


class FaultPlan:
    """Which request fails how: first the schedule in the order of requests, then draws at the given rates.

    Args:
        schedule: One entry a request; None answers properly.
        rates: Probability of each fault once the schedule is used up.
        seed: Makes the draws repeatable.

    Raises:
        ValueError: Rates below 0, or above 1 in sum.
    """

    def __init__(self, schedule: Iterable[Fault | None], rates: Mapping[Fault, float], seed: int) -> None:
        if any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1 + 1e-9:
            raise ValueError("fault rates must be at least 0 and at most 1 in sum")
        self._schedule = deque(schedule)
        self._rates = dict(rates)
        self._random = random.Random(f"faults {seed}")

    def add(self, *faults: Fault | None) -> None:
        """Append to the schedule of a running server."""
        self._schedule.extend(faults)

    def draw(self) -> Fault | None:
        """The fault of the next request."""
        if self._schedule:
            return self._schedule.popleft()
        if not self._rates:
            return None
        point = self._random.random()
        for fault, rate in self._rates.items():
            point -= rate
            if point < 0:
                return fault
        return None
