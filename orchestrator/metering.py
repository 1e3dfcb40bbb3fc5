"""A run's metrics: calls, time to the first chunk, tokens, items, queues, restarts.

The orchestrator alone records them: it hears of every call, those of producers that were killed included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeter, Observation

from contract import spans
from contract.messages import OrderDone, OrderFailed
from orchestrator.observer import Taken
from orchestrator.providers import ProviderSpec

if TYPE_CHECKING:
    from orchestrator.run import Run


class Metering:
    """Instruments and what they are told.

    Args:
        meter: Where they are made; None: nothing is recorded.
    """

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter = meter or NoOpMeter("off")
        self._depth = 0
        self._duration = meter.create_histogram(
            spans.METRIC_DURATION,
            spans.SECONDS,
            "Duration of calls to models.",
            explicit_bucket_boundaries_advisory=spans.DURATION_BUCKETS,
        )
        self._first_chunk = meter.create_histogram(
            spans.METRIC_FIRST_CHUNK,
            spans.SECONDS,
            "Time to the first chunk of an answer.",
            explicit_bucket_boundaries_advisory=spans.DURATION_BUCKETS,
        )
        self._tokens = {
            name: meter.create_counter(name, spans.TOKENS, description)
            for name, description in (
                (spans.METRIC_INPUT_TOKENS, "Tokens sent, cached ones included."),
                (spans.METRIC_OUTPUT_TOKENS, "Tokens received, reasoning included."),
                (spans.METRIC_CACHED_TOKENS, "Tokens sent that the provider had in its cache."),
                (spans.METRIC_REASONING_TOKENS, "Tokens received that were reasoning."),
            )
        }
        self._new = meter.create_counter(spans.METRIC_ITEMS_NEW, spans.ITEMS, "Items found for the first time.")
        self._duplicate = meter.create_counter(spans.METRIC_ITEMS_DUPLICATE, spans.ITEMS, "Items that came again.")
        self._refused = meter.create_counter(spans.METRIC_ITEMS_REFUSED, spans.ITEMS, "Output that was no item.")
        self._cost = meter.create_counter(spans.METRIC_COST, "USD", "Price of the calls, where it is known.")
        self._restarts = meter.create_counter(spans.METRIC_RESTARTS, "{restart}", "Producers replaced.")

    def watch(self, run: Run) -> None:
        """Observe a run's queues from now on."""
        self._gauge(spans.METRIC_ITEMS_UNIQUE, spans.ITEMS, lambda: run.stats.new + run.store.recovered.items_known)
        self._gauge(spans.METRIC_ORDERS_OPEN, "{order}", lambda: len(run.desk.open))
        self._gauge(spans.METRIC_ORDERS_WAITING, "{order}", lambda: run.desk.waiting)
        self._gauge(spans.METRIC_QUEUE_DEPTH, "{message}", lambda: self._depth)
        self._gauge(
            spans.METRIC_PRODUCERS_READY,
            "{process}",
            lambda: sum(producer.ready for producer in run.supervisor.producers),
        )

    def _gauge(self, name: str, unit: str, value: Callable[[], int]) -> None:
        def observe(options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value())]

        self._meter.create_observable_gauge(name, [observe], unit)

    def restarted(self, producer: int) -> None:
        """A producer has been replaced."""
        self._restarts.add(1, {spans.PRODUCER_INDEX: producer})

    def ingested(self, taken: Sequence[Taken]) -> None:
        """Batches have been taken in together: so many had queued up."""
        self._depth = len(taken)
        for one in taken:
            if one.outcome is not None:
                self._new.add(len(one.outcome.new))
                self._duplicate.add(one.outcome.duplicate)
            if one.batch.refused:
                self._refused.add(sum(refusal.count for refusal in one.batch.refused))

    def ended(self, spec: ProviderSpec, message: OrderDone | OrderFailed, cost_usd: float | None) -> None:
        """A call has ended."""
        operation, provider = spans.GEN_AI_NAMES[spec.setup.api]
        attributes: dict[str, str | int] = {
            spans.GEN_AI_OPERATION: operation,
            spans.GEN_AI_PROVIDER: provider,
            spans.GEN_AI_MODEL: spec.setup.model,
        }
        host = urlsplit(spec.setup.base_url).hostname if spec.setup.base_url else None
        if host is not None:
            attributes[spans.SERVER_ADDRESS] = host
        usage = message.usage
        for name, tokens in (
            (spans.METRIC_INPUT_TOKENS, usage.input_tokens if usage else 0),
            (spans.METRIC_OUTPUT_TOKENS, usage.output_tokens if usage else 0),
            (spans.METRIC_CACHED_TOKENS, usage.cached_input_tokens if usage else 0),
            (spans.METRIC_REASONING_TOKENS, usage.reasoning_tokens if usage else 0),
        ):
            if tokens:
                self._tokens[name].add(tokens, {**attributes, spans.GEN_AI_MODALITY: spans.TEXT})
        if cost_usd:
            self._cost.add(cost_usd, attributes)
        if message.time_to_first_chunk_s is not None:
            self._first_chunk.record(message.time_to_first_chunk_s, attributes)
        if isinstance(message, OrderFailed):
            attributes[spans.ERROR_TYPE] = message.kind.value
        self._duration.record(message.duration_s, attributes)
