"""A run's spans; `contract.spans` has their names and their tree. Metrics are `orchestrator.metering`'s."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

import msgspec
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context

from contract import spans
from contract.errors import ErrorKind, ExitCode, OrchestratorError
from contract.messages import Order, OrderDone, OrderFailed, TelemetrySetup
from orchestrator.metering import Metering
from orchestrator.observer import RunObserver, Taken
from orchestrator.processes.process_manager import signal_name
from orchestrator.providers import ProviderSpec
from orchestrator.run import Run
from orchestrator.settings import Settings
from orchestrator.span_windows import ProcessWindow, WriteWindow
from orchestrator.store import Written
from telemetry.configuration import shown
from telemetry.delivery import Trouble
from telemetry.logs import show_trace_ids
from telemetry.sdk import Telemetry, carrier_of, ids_of, links_to

log = logging.getLogger("orchestrator")

_SHUT_DOWN_S = 1.7
"""From the producers' being asked to end; a dead collector may cost 2 s at the end of a run, over all its processes."""
_LEAST_S = 0.3
_UNKNOWN_EXIT = 255
"""What `multiprocessing` says of a process whose fork server has died before it could tell."""


class OtelObserver(RunObserver):
    """Makes the spans of a run, and records its metrics.

    The run span stands under the calling program's current span, else under the one that `TRACEPARENT` names.

    Args:
        setup: Where spans and metrics go.
        settings: The run's.
    """

    def __init__(self, setup: TelemetrySetup, settings: Settings) -> None:
        self._setup = setup
        self._telemetry = Telemetry(setup, spans.ORCHESTRATOR, self._on_trouble)
        self._window_s = spans.WINDOW_DELAYS * self._telemetry.export_delay_s
        self._tracer = self._telemetry.tracer
        self._span = self._tracer.start_span(
            spans.RUN,
            get_current() if get_current_span().get_span_context().is_valid else self._telemetry.parent,
            attributes={
                spans.TOPIC: settings.topic,
                spans.PRODUCERS: settings.producers,
                spans.CONCURRENCY: settings.concurrency,
                spans.REQUEST_SIZE: settings.request_size,
            },
        )
        self._context = set_span_in_context(self._span, Context())
        self._run: Run | None = None
        self._spawned: dict[int, _Spawned] = {}
        self._died: set[int] = set()
        self._process_windows: dict[tuple[int, int, str], ProcessWindow] = {}
        self._write_window: WriteWindow | None = None
        self._began_ns = 0
        self._next_close = 0.0
        self._ending: float | None = None
        self._metering = Metering(self._telemetry.meter)
        self._telemetry.started(self._context)
        show_trace_ids(lambda: ids_of(self._span))

    # --- the run -------------------------------------------------------------------------------------------

    def built(self, run: Run) -> None:
        """See `RunObserver`."""
        self._run = run
        self._span.set_attribute(spans.PROVIDERS, list(run.router.states))
        self._metering.watch(run)

    def ending(self) -> None:
        """See `RunObserver`."""
        self._ending = time.monotonic()

    def close(self, error: BaseException | None) -> None:
        """End the run's span and deliver the rest, for a bounded time.

        Args:
            error: What the run ends with, if it is not its own `failure`.
        """
        self._close_windows(everything=True)
        for spawned in self._spawned.values():
            spawned.end()
        self._describe_result(error)
        self._span.set_attribute(spans.SPANS_EMITTED, self._telemetry.emitted + 1)
        self._span.end()
        taken_s = 0.0 if self._ending is None else time.monotonic() - self._ending
        self._telemetry.shut_down(max(_LEAST_S, _SHUT_DOWN_S - taken_s))
        show_trace_ids(None)

    def _describe_result(self, error: BaseException | None) -> None:
        failure = error
        exit_code = ExitCode.INTERNAL
        if isinstance(error, KeyboardInterrupt):
            failure, exit_code = None, ExitCode.INTERRUPTED
        elif isinstance(error, OrchestratorError):
            exit_code = error.exit_code
        if self._run is not None and self._run.stop_reason is not None:
            result = self._run.result()
            failure, exit_code = self._run.failure, result.exit_code
            self._span.set_attributes(
                {
                    spans.STOP_REASON: result.stop_reason.value,
                    spans.ITEMS_UNIQUE: result.unique,
                    spans.ITEMS_NEW: result.new,
                    spans.ITEMS_DUPLICATE: result.duplicates,
                    spans.ITEMS_REFUSED: result.refused,
                    spans.ORDERS: result.calls,
                    spans.INPUT_TOKENS: result.input_tokens,
                    spans.OUTPUT_TOKENS: result.output_tokens,
                }
            )
            if result.cost_usd is not None:
                self._span.set_attribute(spans.COST_USD, result.cost_usd)
            if result.coverage is not None and result.exploration is not None:
                self._span.set_attributes(
                    {
                        spans.COVERAGE: result.coverage,
                        spans.COVERAGE_LOW: result.exploration.coverage_low,
                        spans.COVERAGE_HIGH: result.exploration.coverage_high,
                        spans.COVERAGE_RESPONSES: result.exploration.fresh_responses,
                        spans.COVERAGE_DISTINCT_AT_MOST: result.exploration.distinct_at_most,
                        spans.NEXT_YIELD: result.exploration.next_yield,
                    }
                )
        self._span.set_attribute(spans.PROCESS_EXIT_CODE, exit_code)
        if failure is not None:
            self._span.set_attribute(spans.ERROR_TYPE, type(failure).__name__)
            self._span.set_status(Status(StatusCode.ERROR, str(failure)))
        elif exit_code not in (ExitCode.DONE, ExitCode.INTERRUPTED) and self._run is not None:
            self._span.set_attribute(spans.ERROR_TYPE, str(self._run.stop_reason))
            self._span.set_status(Status(StatusCode.ERROR, self._run.result().explanation))

    def _on_trouble(self, trouble: Trouble) -> None:
        log.warning("%s", trouble.described(shown(self._setup), "run"))

    def _start(
        self,
        name: str,
        attributes: Mapping[str, str | int | float | bool],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Sequence[Link] = (),
        start_ns: int | None = None,
    ) -> Span:
        return self._tracer.start_span(name, self._context, kind, attributes, links, start_ns)

    # --- producers -----------------------------------------------------------------------------------------

    def spawning(self, producer: int, generation: int) -> TelemetrySetup | None:
        """See `RunObserver`."""
        span = self._start(spans.SPAWN, {spans.PRODUCER_INDEX: producer, spans.PRODUCER_GENERATION: generation})
        self._spawned[producer] = _Spawned(span, generation)
        if producer in self._died:
            self._died.discard(producer)
            self._metering.restarted(producer)
        return msgspec.structs.replace(self._setup, carrier=carrier_of(span))

    def spawned(self, producer: int, pid: int | None) -> None:
        """See `RunObserver`."""
        spawned = self._spawned[producer]
        spawned.pid = pid
        if pid is not None:
            spawned.span.set_attribute(spans.CHILD_PID, pid)

    def ready(self, producer: int) -> None:
        """See `RunObserver`."""
        self._spawned[producer].end()

    def exited(self, producer: int, pid: int | None, exit_code: int | None, *, expected: bool) -> None:
        """See `RunObserver`. The producer cannot tell its own death: its open spans are never exported."""
        spawned = self._spawned[producer]
        if not expected:
            self._died.add(producer)
        if spawned.span.is_recording() and not expected:
            spawned.span.set_attribute(spans.ERROR_TYPE, ErrorKind.PROCESS_CRASH.value)
            spawned.span.set_status(Status(StatusCode.ERROR, "it ended before it was ready"))
        spawned.end()
        attributes: dict[str, str | int | float | bool] = {
            spans.PRODUCER_INDEX: producer,
            spans.PRODUCER_GENERATION: spawned.generation,
            spans.EXIT_EXPECTED: expected,
        }
        if pid is not None:
            attributes[spans.CHILD_PID] = pid
        if exit_code is not None and 0 <= exit_code < _UNKNOWN_EXIT:
            attributes[spans.PROCESS_EXIT_CODE] = exit_code
        elif exit_code is not None and exit_code < 0:
            attributes[spans.EXIT_SIGNAL] = signal_name(-exit_code)
        if not expected:
            attributes[spans.ERROR_TYPE] = ErrorKind.PROCESS_CRASH.value
        span = self._start(spans.PRODUCER_EXITED, attributes, links=[Link(spawned.span.get_span_context())])
        if not expected:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    # --- messages ------------------------------------------------------------------------------------------

    def giving(self, order: Order, producer: int, replaces: int | None) -> Mapping[str, str]:
        """See `RunObserver`."""
        replaced = {} if replaces is None else {spans.ORDER_REPLACES: replaces}
        span = self._start(
            spans.SEND_ORDERS,
            {
                **spans.messaging(spans.SEND, spans.ORDERS_DESTINATION),
                spans.MESSAGING_PARTITION: str(producer),
                spans.MESSAGING_ID: f"{order.id}.{order.attempt}",
                spans.ORDER_ID: order.id,
                spans.ORDER_ATTEMPT: order.attempt,
                spans.ORDER_MODE: order.mode,
                spans.ORDER_SCOPE: order.scope.kind,
                spans.ORDER_SIZE: order.size,
                spans.ORDER_AVOID: len(order.avoid),
                spans.ORDER_SAID: len(order.said),
                spans.PRODUCER_INDEX: producer,
                spans.PROVIDER: order.provider,
                **replaced,
            },
            kind=SpanKind.PRODUCER,
        )
        span.end()
        return carrier_of(span)

    def ingesting(self) -> None:
        """See `RunObserver`."""
        self._began_ns = time.time_ns()

    def ingested(self, taken: Sequence[Taken], written: Written | None) -> None:
        """See `RunObserver`."""
        served = [self._window_of(one).take(one) for one in taken]
        if written is not None:
            if self._write_window is not None and self._write_window.full:
                self._write_window.end()
                self._write_window = None
            if self._write_window is None:
                path = "" if self._run is None else str(self._run.store.attributes_path.absolute())
                path = path.encode(errors="replace").decode()  # a folder's name need not be text
                span = self._start(spans.WRITE, {spans.FILE_PATH: path}, start_ns=written.began_ns)
                self._write_window = WriteWindow(span, written.began_ns)
            new = [window for window, one in zip(served, taken, strict=True) if one.outcome and one.outcome.new]
            self._write_window.take(written, new)
        self._began_ns = 0  # what comes too late is told of without a transaction
        self._metering.ingested(taken)
        self._close_windows()

    def _window_of(self, taken: Taken) -> ProcessWindow:
        batch = taken.batch
        key = (batch.order_id, batch.attempt, batch.carrier.get("traceparent", ""))
        window = self._process_windows.get(key)
        if window is None:
            attributes: dict[str, str | int | float | bool] = {
                **spans.messaging(spans.PROCESS, spans.ITEMS_DESTINATION),
                spans.MESSAGING_PARTITION: str(taken.producer),
                spans.ORDER_ID: batch.order_id,
                spans.ORDER_ATTEMPT: batch.attempt,
                spans.PRODUCER_INDEX: taken.producer,
            }
            pid = self._spawned[taken.producer].pid
            if pid is not None:
                attributes[spans.CHILD_PID] = pid
            began_ns = self._began_ns or time.time_ns()
            span = self._start(
                spans.PROCESS_ITEMS,
                attributes,
                kind=SpanKind.CONSUMER,
                links=links_to(batch.carrier),
                start_ns=began_ns,
            )
            window = self._process_windows[key] = ProcessWindow(span, began_ns)
        return window

    def ended(self, spec: ProviderSpec, message: OrderDone | OrderFailed, cost_usd: float | None) -> None:
        """See `RunObserver`."""
        for key in [key for key in self._process_windows if key[:2] == (message.order_id, message.attempt)]:
            self._process_windows.pop(key).end()
        self._metering.ended(spec, message, cost_usd)

    def tick(self) -> None:
        """See `RunObserver`."""
        self._close_windows()

    def _close_windows(self, *, everything: bool = False) -> None:
        now = time.monotonic()  # the clock of the spans may be set back
        if now < self._next_close and not everything:
            return
        self._next_close = now + self._window_s / 4
        due = now - self._window_s
        for key, window in list(self._process_windows.items()):
            if everything or window.opened < due:
                self._process_windows.pop(key).end()
        if self._write_window is not None and (everything or self._write_window.opened < due):
            self._write_window.end()
            self._write_window = None


class _Spawned:
    """A producer process and its `spawn producer` span."""

    def __init__(self, span: Span, generation: int) -> None:
        self.span = span
        self.generation = generation
        self.pid: int | None = None

    def end(self) -> None:
        if self.span.is_recording():
            self.span.end()
