"""An OTLP receiver that keeps what it receives and can be waited on."""

from tester.collector.decode import MalformedError, Metric, Point
from tester.collector.intake import Fault, Refusal
from tester.collector.server import Collector, CollectorError, unused_endpoint
from tester.collector.store import SpanStore

__all__ = [
    "Collector",
    "CollectorError",
    "Fault",
    "MalformedError",
    "Metric",
    "Point",
    "Refusal",
    "SpanStore",
    "unused_endpoint",
]
