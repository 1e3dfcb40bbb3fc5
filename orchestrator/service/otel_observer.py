"""The service's spans: its own life, and those of its children; `contract.spans` has their names and their tree."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Status, StatusCode, set_span_in_context

from contract import spans
from contract.errors import ErrorKind
from contract.messages import TelemetrySetup
from orchestrator.processes.process_manager import signal_name
from orchestrator.service.observer import ServiceObserver
from telemetry.configuration import shown
from telemetry.delivery import Trouble
from telemetry.sdk import Telemetry, carrier_of, extract

log = logging.getLogger("orchestrator")

_SHUT_DOWN_S = 1.7


class OtelServiceObserver(ServiceObserver):
    """Makes the spans of the service.

    Args:
        setup: Where spans go. Metrics are the runs' and the web server's own.
    """

    def __init__(self, setup: TelemetrySetup) -> None:
        self._setup = setup
        self._telemetry = Telemetry(msgspec.structs.replace(setup, metrics=None), spans.ORCHESTRATOR, self._on_trouble)
        self._tracer = self._telemetry.tracer
        self._span = self._tracer.start_span(spans.SERVICE, self._telemetry.parent)
        self._context = set_span_in_context(self._span, Context())
        self._children: dict[str, Span] = {}
        self._telemetry.started(self._context)

    def close(self, error: BaseException | None) -> None:
        """End the service's span and deliver the rest, for a bounded time."""
        for span in self._children.values():
            span.end()
        if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
            self._span.set_attribute(spans.ERROR_TYPE, type(error).__name__)
            self._span.set_status(Status(StatusCode.ERROR, str(error)))
        self._span.set_attribute(spans.SPANS_EMITTED, self._telemetry.emitted + 1)
        self._span.end()
        self._telemetry.shut_down(_SHUT_DOWN_S)

    def spawning_web_server(self) -> TelemetrySetup | None:
        """See `ServiceObserver`."""
        span = self._children[""] = self._tracer.start_span(spans.SPAWN_WEB_SERVER, self._context)
        return msgspec.structs.replace(self._setup, carrier=carrier_of(span))

    def web_server_spawned(self, pid: int | None) -> None:
        """See `ServiceObserver`."""
        self._spawned("", pid)

    def web_server_ready(self) -> None:
        """See `ServiceObserver`."""
        self._children[""].end()

    def web_server_exited(self, pid: int | None, exit_code: int | None, *, expected: bool) -> None:
        """See `ServiceObserver`."""
        self._exited("", spans.WEB_SERVER_EXITED, pid, exit_code, expected=expected)

    def spawning_topic(self, id: str, carrier: Mapping[str, str]) -> Mapping[str, str]:  # noqa: A002 - as in messages
        """See `ServiceObserver`. It stands under the request that asked for it."""
        parent = extract(carrier) if carrier else self._context
        span = self._children[id] = self._tracer.start_span(spans.SPAWN_TOPIC, parent, attributes={spans.TOPIC_ID: id})
        return carrier_of(span)

    def topic_spawned(self, id: str, pid: int | None) -> None:  # noqa: A002
        """See `ServiceObserver`."""
        self._spawned(id, pid)

    def topic_ready(self, id: str) -> None:  # noqa: A002
        """See `ServiceObserver`."""
        self._children[id].end()

    def topic_exited(self, id: str, pid: int | None, exit_code: int | None, *, expected: bool) -> None:  # noqa: A002
        """See `ServiceObserver`."""
        self._exited(id, spans.TOPIC_EXITED, pid, exit_code, expected=expected, attributes={spans.TOPIC_ID: id})

    def _spawned(self, child: str, pid: int | None) -> None:
        if pid is not None:
            self._children[child].set_attribute(spans.CHILD_PID, pid)

    def _exited(
        self,
        child: str,
        name: str,
        pid: int | None,
        exit_code: int | None,
        *,
        expected: bool,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """A child cannot tell its own death: its open spans are never exported."""
        spawned = self._children.pop(child)
        if spawned.is_recording() and not expected:
            spawned.set_attribute(spans.ERROR_TYPE, ErrorKind.PROCESS_CRASH.value)
            spawned.set_status(Status(StatusCode.ERROR, "it ended before it was ready"))
        spawned.end()
        parent, links = set_span_in_context(spawned, Context()), [Link(spawned.get_span_context())]
        span = self._tracer.start_span(name, parent, attributes=attributes, links=links)
        span.set_attribute(spans.EXIT_EXPECTED, expected)
        if pid is not None:
            span.set_attribute(spans.CHILD_PID, pid)
        if exit_code is not None and exit_code >= 0:
            span.set_attribute(spans.PROCESS_EXIT_CODE, exit_code)
        elif exit_code is not None:
            span.set_attribute(spans.EXIT_SIGNAL, signal_name(-exit_code))
        if not expected:
            span.set_attribute(spans.ERROR_TYPE, ErrorKind.PROCESS_CRASH.value)
            span.set_status(Status(StatusCode.ERROR, "it ended unasked"))
        span.end()

    def _on_trouble(self, trouble: Trouble) -> None:
        log.warning("%s", trouble.described(shown(self._setup), "service"))
