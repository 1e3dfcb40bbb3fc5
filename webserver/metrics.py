"""`/metrics`: topics, requests and live connections.

OpenTelemetry's metrics are imported for the first caller; requests before that are remembered until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from contract import spans
from contract.service import ProviderView, TopicView

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

    from telemetry.prometheus import MetricsPage

    Observe = Callable[[CallbackOptions], Iterable[Observation]]

_REMEMBERED = 10_000
_TOPIC_GAUGES: tuple[tuple[str, str, str, Callable[[TopicView], float]], ...] = (
    (spans.METRIC_ITEMS_UNIQUE, spans.ITEMS, "Items of the topic.", lambda view: view.unique),
    (spans.METRIC_ORDERS_OPEN, "{order}", "Responses being read.", lambda view: view.open_orders),
    (spans.METRIC_PRODUCERS_READY, "{process}", "Producers that are ready.", lambda view: view.producers_alive),
)
_PROVIDER_COUNTERS: tuple[tuple[str, str, str, Callable[[ProviderView], float | None]], ...] = (
    (spans.METRIC_ITEMS_NEW, spans.ITEMS, "Items of this run that were new.", lambda one: one.new),
    (spans.METRIC_ITEMS_DUPLICATE, spans.ITEMS, "Items of this run that came again.", lambda one: one.duplicate),
    (spans.METRIC_COST, "USD", "Spent in this run, where the price is known.", lambda one: one.cost_usd),
    (spans.METRIC_TOPIC_INPUT_TOKENS, spans.TOKENS, "Tokens sent in this run.", lambda one: one.input_tokens),
    (spans.METRIC_TOPIC_OUTPUT_TOKENS, spans.TOKENS, "Tokens received in this run.", lambda one: one.output_tokens),
)


class RequestDone(msgspec.Struct, frozen=True):
    """A request that was answered.

    Attributes:
        method: As in `http.request.method`.
        route: As in `http.route`; None for an address that is none of ours.
        status: Of the response.
        duration_s: Until its last byte.
    """

    method: str
    route: str | None
    status: int
    duration_s: float


class Metrics:
    """What is counted.

    Args:
        views: Gives the newest views of topics.
        connections: Gives the number of live connections.
    """

    def __init__(self, views: Callable[[], Iterable[TopicView]], connections: Callable[[], int]) -> None:
        self._views = views
        self._connections = connections
        self._early: deque[RequestDone] = deque(maxlen=_REMEMBERED)
        self._page: MetricsPage | None = None
        self._duration: Histogram | None = None

    def request_done(self, request: RequestDone) -> None:
        """Count a request."""
        if self._duration is None:
            self._early.append(request)
            return
        attributes: dict[str, str | int] = {
            spans.HTTP_METHOD: request.method,
            spans.HTTP_STATUS: request.status,
            spans.URL_SCHEME: "http",
        }
        if request.route is not None:
            attributes[spans.HTTP_ROUTE] = request.route
        if request.status >= 500:
            attributes[spans.ERROR_TYPE] = str(request.status)
        self._duration.record(request.duration_s, attributes)

    def render(self) -> tuple[bytes, str]:
        """The page for Prometheus and its content type."""
        if self._page is None:
            self._page = self._open()
        return self._page.render(), self._page.content_type

    def _open(self) -> MetricsPage:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource

        from telemetry.prometheus import MetricsPage

        page = MetricsPage()
        resource = Resource({spans.SERVICE_NAMESPACE: spans.NAMESPACE, spans.SERVICE_NAME: spans.WEBSERVER})
        meter = MeterProvider([page.reader], resource, shutdown_on_exit=False).get_meter("topic_orchestrator")
        self._duration = meter.create_histogram(
            spans.METRIC_HTTP_DURATION,
            spans.SECONDS,
            "Duration of requests.",
            explicit_bucket_boundaries_advisory=spans.HTTP_DURATION_BUCKETS,
        )
        while self._early:
            self.request_done(self._early.popleft())
        self._observe(meter)
        return page

    def _observe(self, meter: Meter) -> None:
        from opentelemetry.metrics import Observation

        def of_topics(value: Callable[[TopicView], float]) -> Observe:
            return lambda options: [Observation(value(view), {spans.TOPIC: view.id}) for view in self._views()]

        def of_providers(value: Callable[[ProviderView], float | None]) -> Observe:
            def observe(options: CallbackOptions) -> list[Observation]:
                return [
                    Observation(known, {spans.TOPIC: view.id, spans.PROVIDER: provider.name})
                    for view in self._views()
                    for provider in view.providers
                    if (known := value(provider)) is not None
                ]

            return observe

        for name, unit, words, of_topic in _TOPIC_GAUGES:
            meter.create_observable_gauge(name, [of_topics(of_topic)], unit, words)
        for name, unit, words, of_provider in _PROVIDER_COUNTERS:
            meter.create_observable_counter(name, [of_providers(of_provider)], unit, words)
        meter.create_observable_gauge(
            spans.METRIC_LIVE_CONNECTIONS,
            [lambda options: [Observation(self._connections())]],
            "{connection}",
            "Open pages.",
        )
