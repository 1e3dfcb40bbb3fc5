"""A finished span as it was received."""

from __future__ import annotations

from typing import Literal

import msgspec

from contract import spans as names

Value = str | bool | int | float | list["Value"] | dict[str, "Value"] | None
Kind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
Status = Literal["unset", "ok", "error"]


class Link(msgspec.Struct, frozen=True, gc=False):
    """A reference from one span to another.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        attributes: Of the link.
    """

    trace_id: str
    span_id: str
    attributes: dict[str, Value] = {}


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened within a span.

    Attributes:
        name: What.
        time_ns: When, in nanoseconds since 1970.
        attributes: Of the event.
    """

    name: str
    time_ns: int
    attributes: dict[str, Value] = {}


class Span(msgspec.Struct, frozen=True, gc=False):
    """A finished span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: 16 hexadecimal digits, or empty for a span without a parent.
        name: See `contract.spans`.
        kind: Its role.
        start_ns: Nanoseconds since 1970.
        end_ns: Nanoseconds since 1970.
        status: `error` where it failed.
        message: Of the status.
        attributes: Its own.
        links: To spans that caused it.
        events: Within it.
        service: `service.name` of its process: `orchestrator`, `producer`, `webserver`.
        instance: `service.instance.id`, one for each process.
        pid: `process.pid`, or 0 where it is not told.
        resource: All attributes of its process.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    status: Status = "unset"
    message: str = ""
    attributes: dict[str, Value] = {}
    links: tuple[Link, ...] = ()
    events: tuple[Event, ...] = ()
    service: str = ""
    instance: str = ""
    pid: int = 0
    resource: dict[str, Value] = {}

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def may_have_a_caller(self) -> bool:
        """Whether its parent may be a span of somebody who called one of our processes, which nobody receives."""
        return self.name in (names.RUN, names.SERVICE) or self.kind == "server"

    def number(self, name: str) -> float:
        """A numeric attribute; 0 where it is missing or is no number."""
        value = self.attributes.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
