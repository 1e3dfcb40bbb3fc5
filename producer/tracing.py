"""What a producer tells of its work to a trace. These do nothing: the form that is used while tracing is off.

`producer.otel_tracing` has the form that makes spans; only a traced producer imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from contract.messages import Order, OrderDone, OrderFailed, ProviderSetup
from producer.providers.base import Call, Chunk, Provider

_NO_CARRIER: Mapping[str, str] = {}


class CallTrace:
    """One order, from its arrival to the sending of its last item."""

    def active(self) -> AbstractContextManager[object]:
        """While inside, log records belong to this order."""
        return nullcontext()

    def requested(self, call: Call, provider: Provider) -> None:
        """The model is asked."""

    def answered(self, chunk: Chunk) -> None:
        """A chunk has come."""

    def ended(self, message: OrderDone | OrderFailed) -> None:
        """The answer is over."""

    def sending(self, items: int) -> Mapping[str, str]:
        """A batch goes out; its carrier."""
        return _NO_CARRIER

    def sent(self) -> None:
        """The order's last message is with the orchestrator."""


class ProducerTrace:
    """The producer's life."""

    def order(self, order: Order, setup: ProviderSetup) -> CallTrace:
        """An order has come."""
        return _untraced

    def ended(self) -> None:
        """All orders have ended; nothing follows."""

    def shut_down(self) -> None:
        """Deliver what has not been delivered, for a bounded time."""


_untraced = CallTrace()
