"""Metrics as a page that Prometheus reads: what `/metrics` of a server answers with."""

from __future__ import annotations

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import MetricReader
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


class MetricsPage:
    """The newest values of the metrics whose meter provider has this page's `reader`.

    A registry of its own: what a program that embeds us keeps in Prometheus' global one does not get onto the page.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.reader: MetricReader = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)

    def render(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self._registry)
