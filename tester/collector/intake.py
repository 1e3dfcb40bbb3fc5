"""What HTTP and gRPC have in common: a body is taken in, or a request is refused and noted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tester.collector.decode import decode_metrics, decode_spans
from tester.collector.store import SpanStore

Signal = Literal["traces", "metrics", "logs"]
Fault = Literal["hang", "error", "refuse"]

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of a request, before and after decompression. An exporter's batch has some 300 kB. A hostile body of two-byte spans
takes 90 times its length while it is decoded, which this keeps bearable."""

_KEPT_REFUSALS = 10_000
_TEXT_CHARS = 200


class Refusal(msgspec.Struct, frozen=True):
    """A request that was turned away.

    Attributes:
        path: What it asked for.
        status: What it was answered: an HTTP status such as `415`, or a gRPC status such as `INVALID_ARGUMENT`.
        reason: In one line.
    """

    path: str
    status: str
    reason: str


class Intake:
    """Takes in the bodies of requests and counts, for any number of threads.

    Args:
        store: Where spans and metrics go.
    """

    def __init__(self, store: SpanStore) -> None:
        self.store = store
        self.requests = 0
        self._refused: deque[Refusal] = deque(maxlen=_KEPT_REFUSALS)
        self._lock = threading.Lock()

    def arrived(self) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1

    def take(self, signal: Signal, body: bytes) -> bytes:
        """Decode a body and keep what it holds; of logs nothing is kept.

        Returns:
            The body of the response: an encoded `Export…ServiceResponse`.

        Raises:
            MalformedError: The body is not what it should be; nothing of it was kept.
        """
        if signal == "metrics":
            self.store.add_metrics(decode_metrics(body))
        elif signal == "traces" and (dropped := self.store.add(decode_spans(body))):
            partial = ExportTracePartialSuccess(rejected_spans=dropped, error_message="the collector is full")
            answer: bytes = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
            return answer
        return b""  # An empty message says that everything was taken.

    def refuse(self, path: str, status: str, reason: str) -> None:
        """Note a request that was turned away."""
        with self._lock:
            self._refused.append(Refusal(_line(path), status, _line(reason)))

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """The newest refusals, oldest first."""
        with self._lock:
            return tuple(self._refused)


def _line(text: str) -> str:
    return " ".join(text.split())[:_TEXT_CHARS]
