"""A producer's spans; `contract.spans` has their names and their tree."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from contract import spans
from contract.messages import Configure, Order, OrderDone, OrderFailed, ProviderSetup, TelemetrySetup
from producer.providers.base import Call, Chunk, Provider
from producer.tracing import CallTrace, ProducerTrace
from telemetry.content import captures_content, input_messages, output_messages, system_instructions
from telemetry.logs import show_trace_ids
from telemetry.sdk import Telemetry, carrier_of, current_ids, links_to

_SHUT_DOWN_S = 0.8
"""Less than the second that the orchestrator gives a producer to end."""


class OtelProducerTrace(ProducerTrace):
    """Spans of this producer.

    Args:
        setup: Where they go.
        configure: Which producer this is.

    Attributes:
        index: Its place among the run's producers.
        window_s: Length of the windows that a `send items` span stands for.
        capture: Whether prompts and answers are wanted in the spans.
    """

    def __init__(self, setup: TelemetrySetup, configure: Configure) -> None:
        self.index = configure.producer
        self._telemetry = Telemetry(setup, spans.PRODUCER)
        self.window_s = spans.WINDOW_DELAYS * self._telemetry.export_delay_s
        self.capture = captures_content(setup)
        self._orders = 0
        self._open: set[OtelCallTrace] = set()
        tracer = self._telemetry.tracer
        self._telemetry.started(self._telemetry.parent)
        self._span = tracer.start_span(
            spans.PRODUCER_RUN,
            self._telemetry.parent,
            attributes={
                spans.PRODUCER_INDEX: configure.producer,
                spans.PRODUCER_GENERATION: configure.generation,
            },
        )
        self._context = set_span_in_context(self._span, Context())
        show_trace_ids(current_ids)

    def order(self, order: Order, setup: ProviderSetup) -> CallTrace:
        """See `ProducerTrace`."""
        self._orders += 1
        trace = OtelCallTrace(self, order, setup)
        self._open.add(trace)
        return trace

    def ended(self) -> None:
        """See `ProducerTrace`. Orders whose end did not reach the orchestrator any more end here."""
        for trace in list(self._open):
            trace.abandoned()
        self._span.set_attribute(spans.ORDERS, self._orders)
        self._span.set_attribute(spans.SPANS_EMITTED, self._telemetry.emitted + 1)
        self._span.end()

    def shut_down(self) -> None:
        """See `ProducerTrace`."""
        self._telemetry.shut_down(_SHUT_DOWN_S)

    # --- for the orders' traces ----------------------------------------------------------------------------

    def start(
        self,
        name: str,
        parent: Span | None,
        attributes: Mapping[str, str | int | float | bool],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        cause: Mapping[str, str] | None = None,
    ) -> Span:
        """Begin a span under `parent`, or under the producer's own."""
        context = self._context if parent is None else set_span_in_context(parent, Context())
        return self._telemetry.tracer.start_span(name, context, kind, attributes, links_to(cause or {}))

    def closed(self, trace: OtelCallTrace) -> None:
        """An order's trace is over."""
        self._open.discard(trace)


class OtelCallTrace(CallTrace):
    """Spans of one order: `order`, the call to the model, its HTTP request, and what is sent."""

    def __init__(self, producer: OtelProducerTrace, order: Order, setup: ProviderSetup) -> None:
        self._producer = producer
        self._order = order
        self._setup = setup
        self._identity = {spans.ORDER_ID: order.id, spans.ORDER_ATTEMPT: order.attempt}
        self._span = producer.start(
            spans.ORDER,
            None,
            {
                **self._identity,
                spans.PRODUCER_INDEX: producer.index,
                spans.ORDER_MODE: order.mode,
                spans.ORDER_SCOPE: order.scope.kind,
                spans.ORDER_SIZE: order.size,
                spans.ORDER_AVOID: len(order.avoid),
                spans.ORDER_SAID: len(order.said),
                spans.PROVIDER: setup.name,
            },
            cause=order.carrier,
        )
        self._inference: Span | None = None
        self._attempt: Span | None = None
        self._send: _Send | None = None
        self._answer: list[str] = []
        self._closed = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `CallTrace`."""
        token = attach(set_span_in_context(self._span, Context()))
        try:
            yield
        finally:
            detach(token)

    def requested(self, call: Call, provider: Provider) -> None:
        """See `CallTrace`."""
        target = provider.target
        where: dict[str, str | int] = {}
        if target.address is not None and target.port is not None:
            where = {spans.SERVER_ADDRESS: target.address, spans.SERVER_PORT: target.port}
        attributes: dict[str, str | int | float | bool] = {
            spans.GEN_AI_OPERATION: target.operation,
            spans.GEN_AI_PROVIDER: target.provider,
            spans.GEN_AI_MODEL: self._setup.model,
            spans.GEN_AI_STREAM: True,
            spans.GEN_AI_MAX_TOKENS: call.max_output_tokens,
            **where,
            **provider.request_attributes(call),
            **self._identity,
        }
        if self._producer.capture:
            attributes[spans.GEN_AI_SYSTEM_INSTRUCTIONS] = system_instructions(call.system)
            attributes[spans.GEN_AI_INPUT_MESSAGES] = input_messages(call.turns)
        name = spans.inference_name(target.operation, self._setup.model)
        # A model that runs in this process is not reached as a client.
        kind = SpanKind.INTERNAL if target.url is None else SpanKind.CLIENT
        self._inference = self._producer.start(name, self._span, attributes, kind=kind)
        if target.url is not None:
            http: dict[str, str | int | float | bool] = {
                spans.HTTP_METHOD: "POST",
                spans.URL_FULL: target.url,
                **where,
                **self._identity,
            }
            if self._order.attempt:
                http[spans.HTTP_RESEND_COUNT] = self._order.attempt
            self._attempt = self._producer.start(spans.ATTEMPT, self._inference, http, kind=SpanKind.CLIENT)

    def answered(self, chunk: Chunk) -> None:
        """See `CallTrace`."""
        if self._inference is None:
            return
        if chunk.response_id is not None:
            self._inference.set_attribute(spans.GEN_AI_RESPONSE_ID, chunk.response_id)
        if chunk.response_model is not None:
            self._inference.set_attribute(spans.GEN_AI_RESPONSE_MODEL, chunk.response_model)
        if self._producer.capture:
            self._answer.append(chunk.text)

    def ended(self, message: OrderDone | OrderFailed) -> None:
        """See `CallTrace`."""
        self._span.set_attributes({spans.ITEMS_PARSED: message.items, spans.ITEMS_REFUSED: message.refused})
        if self._attempt is not None:
            status = message.status if isinstance(message, OrderFailed) else 200
            if status is None and message.time_to_first_chunk_s is not None:
                status = 200
            if status is not None:
                self._attempt.set_attribute(spans.HTTP_STATUS, status)
            self._end(self._attempt, message)
        if self._inference is not None:
            self._describe_answer(self._inference, message)
            self._end(self._inference, message)
        if isinstance(message, OrderFailed):
            self._fail(self._span, message)

    def _describe_answer(self, span: Span, message: OrderDone | OrderFailed) -> None:
        usage = message.usage
        if usage is not None:
            span.set_attributes(
                {
                    spans.GEN_AI_INPUT_TOKENS: usage.input_tokens,
                    spans.GEN_AI_OUTPUT_TOKENS: usage.output_tokens,
                    spans.USAGE_ESTIMATED: usage.estimated,
                }
            )
            if usage.cached_input_tokens:
                span.set_attribute(spans.GEN_AI_CACHED_TOKENS, usage.cached_input_tokens)
            if usage.reasoning_tokens:
                span.set_attribute(spans.GEN_AI_REASONING_TOKENS, usage.reasoning_tokens)
        if message.time_to_first_chunk_s is not None:
            span.set_attribute(spans.GEN_AI_FIRST_CHUNK, message.time_to_first_chunk_s)
        reason = message.finish_reason if isinstance(message, OrderDone) else "error"
        if isinstance(message, OrderDone):
            span.set_attribute(spans.GEN_AI_FINISH_REASONS, [reason])
        if self._producer.capture:
            span.set_attribute(spans.GEN_AI_OUTPUT_MESSAGES, output_messages("".join(self._answer), reason))

    def sending(self, items: int) -> Mapping[str, str]:
        """See `CallTrace`. One span stands for all batches of a window."""
        if self._closed:
            return {}
        now = time.monotonic()
        if self._send is not None and now - self._send.began > self._producer.window_s:
            self._send.end()
            self._send = None
        if self._send is None:
            span = self._producer.start(
                spans.SEND_ITEMS,
                self._span,
                {**self._identity, **spans.messaging(spans.SEND, spans.ITEMS_DESTINATION)},
                kind=SpanKind.PRODUCER,
            )
            self._send = _Send(span, now)
        self._send.batches += 1
        self._send.items += items
        return self._send.carrier

    def sent(self) -> None:
        """See `CallTrace`."""
        if self._closed:
            return
        self._closed = True
        if self._send is not None:
            self._send.end()
        self._span.end()
        self._producer.closed(self)

    def abandoned(self) -> None:
        """The orchestrator is gone, or ended this producer before it had heard of the order's end."""
        for span in (self._attempt, self._inference):
            if span is not None and span.is_recording():
                span.end()
        self._span.set_status(Status(StatusCode.ERROR, "the orchestrator did not hear of its end"))
        self.sent()

    def _end(self, span: Span, message: OrderDone | OrderFailed) -> None:
        if isinstance(message, OrderFailed):
            self._fail(span, message)
        span.end()

    def _fail(self, span: Span, message: OrderFailed) -> None:
        # HTTP's convention wants an error status itself as the type.
        refused = span is self._attempt and message.status is not None and message.status >= 400
        span.set_attribute(spans.ERROR_TYPE, str(message.status) if refused else message.kind.value)
        span.set_status(Status(StatusCode.ERROR, message.message))


class _Send:
    """An open `send items` span and what it stands for."""

    def __init__(self, span: Span, began: float) -> None:
        self.span = span
        self.began = began
        self.carrier = carrier_of(span)
        self.batches = 0
        self.items = 0

    def end(self) -> None:
        self.span.set_attributes({spans.MESSAGING_COUNT: self.batches, spans.ITEMS_SENT: self.items})
        self.span.end()
