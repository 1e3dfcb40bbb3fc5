"""What a producer has to say, gathered for a few milliseconds and sent in one write.

Gathering costs an item at most `FLUSH_S` on its way and spares a message for each of the hundred chunks of an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from contract.messages import FromProducer, Item, ItemBatch, LogLine, OrderDone, OrderFailed, Ready, Refusal
from producer.channel import Channel
from producer.tracing import CallTrace

FLUSH_S = 0.010
_MAX_PENDING = 2000
"""Items and messages that may wait here while the orchestrator is slow; then there is no room: see `producer.call`."""


class _OpenBatch:
    """Items of one order that have not been sent yet."""

    def __init__(self, order_id: int, attempt: int, trace: CallTrace) -> None:
        self.order_id = order_id
        self.attempt = attempt
        self.trace = trace
        self.items: list[Item] = []
        self.refused: list[Refusal] = []
        self.completed_at = time.monotonic()

    def message(self) -> ItemBatch:
        return ItemBatch(
            order_id=self.order_id,
            attempt=self.attempt,
            items=tuple(self.items),
            refused=tuple(self.refused),
            completed_at=self.completed_at,
            carrier=dict(self.trace.sending(len(self.items))),
        )


class Outbox:
    """Orders the messages of all open calls into the one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue: list[FromProducer | _OpenBatch] = []
        self._batches: dict[tuple[int, int], _OpenBatch] = {}
        self._pending = 0
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._urgent = asyncio.Event()
        self._closing = False
        self._after: list[Callable[[], None]] = []

    def put_items(
        self, order_id: int, attempt: int, items: tuple[Item, ...], refused: tuple[Refusal, ...], trace: CallTrace
    ) -> None:
        """Add what one chunk brought."""
        batch = self._batches.get((order_id, attempt))
        if batch is None:
            batch = self._batches[order_id, attempt] = _OpenBatch(order_id, attempt, trace)
            self._queue.append(batch)
        batch.items.extend(items)
        batch.refused.extend(refused)
        self._added(len(items) + len(refused))

    def put(self, message: Ready | OrderDone | OrderFailed | LogLine, sent: Callable[[], None] | None = None) -> None:
        """Add a message behind everything that was put before it; `sent` is called when all of it has gone out."""
        self._queue.append(message)
        if sent is not None:
            self._after.append(sent)
        self._added(1)
        if isinstance(message, OrderDone | OrderFailed):
            self._urgent.set()  # a free slot must not wait for its next order

    def _added(self, count: int) -> None:
        self._pending += count
        self._something.set()
        if self._pending >= _MAX_PENDING:
            self._room.clear()

    @property
    def has_room(self) -> bool:
        """Whether the orchestrator has taken enough for more to be put."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until the orchestrator has taken enough for more to be put."""
        await self._room.wait()

    async def run(self) -> None:
        """Send until `close`. Raises `ConnectionError` when the orchestrator is gone."""
        while True:
            await self._something.wait()
            if not self._closing:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_S):
                        await self._urgent.wait()
            self._urgent.clear()
            await self._flush()
            if self._closing and not self._queue:
                return

    async def _flush(self) -> None:
        queue, self._queue = self._queue, []
        after, self._after = self._after, []
        self._batches.clear()
        self._pending = 0
        if not self._closing:
            self._something.clear()
        if queue:
            await self._channel.send(*(entry.message() if isinstance(entry, _OpenBatch) else entry for entry in queue))
        self._room.set()
        for sent in after:
            sent()

    def close(self) -> None:
        """Let `run` send the rest and return."""
        self._closing = True
        self._something.set()
        self._urgent.set()
