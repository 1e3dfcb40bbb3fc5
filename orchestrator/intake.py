"""Taking in: what the producers say becomes items in the store, ends of orders, figures and events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contract.errors import ErrorKind, StorageError
from contract.messages import ItemBatch, OrderDone, OrderFailed
from orchestrator.events import ItemFound, OrderEnded, ProducerDied, ProviderDisabled, RunEvent
from orchestrator.observer import RunObserver, Taken
from orchestrator.open_order import OpenOrder
from orchestrator.orders import OrderDesk
from orchestrator.producers import Became, Died, Happening, Said
from orchestrator.stats import RunStats
from orchestrator.store import IncomingBatch, Store


class Intake:
    """Takes in what a run's producers say.

    Args:
        store: Keeps the items.
        desk: Has the open orders, and decides what becomes of failed ones.
        stats: The run's figures.
        observer: Told of batches and ends.
        tell: Takes what the run's watchers are to hear.
    """

    def __init__(
        self,
        store: Store,
        desk: OrderDesk,
        stats: RunStats,
        observer: RunObserver,
        tell: Callable[[RunEvent], None],
    ) -> None:
        self._store = store
        self._desk = desk
        self._stats = stats
        self._observer = observer
        self._tell = tell

    def take(self, happenings: Sequence[Happening], *, retry: bool) -> None:
        """Items first, all in one transaction; then the ends of orders, in the order in which they came.

        Args:
            happenings: What came.
            retry: Whether the run goes on, so that failed orders may be tried again.

        Raises:
            StorageError: The items cannot be kept.
        """
        batches = [
            (happening.producer, happening.message)
            for happening in happenings
            if isinstance(happening, Said) and isinstance(happening.message, ItemBatch)
        ]
        if batches:
            self._sort(batches)
        for happening in happenings:
            match happening:
                case Said(message=OrderDone() as done):
                    self._on_done(happening.producer, done)
                case Said(message=OrderFailed() as failed):
                    self._on_failed(happening.producer, failed, retry=retry)
                case Died():
                    self._on_death(happening, retry=retry)
                case Said() | Became():
                    pass

    def _sort(self, batches: Sequence[tuple[int, ItemBatch]]) -> None:
        """Items are taken in; parts of the topic and judgements are no items; what comes too late is only told of."""
        items, late = [], []
        for producer, batch in batches:
            order = self._desk.open.get(batch.order_id)
            if order is None:
                late.append(Taken(producer, batch, None))
            elif order.ask.mode in ("plan", "validate"):
                self._note(producer, batch, order)
            else:
                items.append((producer, batch))
        self._ingest(items)
        if late:
            self._observer.ingested(late, None)

    def _note(self, producer: int, batch: ItemBatch, order: OpenOrder) -> None:
        lines = [item.text for item in batch.items]
        if order.judges:
            # What the parser takes for no item may be a candidate, or show that the answer is none.
            lines += [refusal.text for refusal in batch.refused]
        self._desk.took(batch.order_id, lines, None)
        self._stats.arrived(order.provider.spec.name, producer, [], 0, _refused(batch))
        taken = Taken(producer, batch, None, instead="judgements" if order.judges else "parts")
        self._observer.ingested([taken], None)

    def _ingest(self, batches: Sequence[tuple[int, ItemBatch]]) -> None:
        if not batches:
            return
        incoming = [IncomingBatch(batch.order_id, batch.items, batch.refused) for _, batch in batches]
        self._observer.ingesting()
        try:
            outcomes = self._store.ingest(incoming)
        except StorageError:
            self._observer.ingested([Taken(producer, batch, None) for producer, batch in batches], None)
            raise
        taken = [Taken(producer, batch, outcome) for (producer, batch), outcome in zip(batches, outcomes, strict=True)]
        self._observer.ingested(taken, self._store.written)
        for (producer, batch), outcome in zip(batches, outcomes, strict=True):
            order = self._desk.open[batch.order_id]
            name = order.provider.spec.name
            self._desk.took(batch.order_id, (item.text for item in batch.items), outcome)
            new = [item.text for item in outcome.new]
            self._stats.arrived(name, producer, new, outcome.duplicate, _refused(batch))
            for item in outcome.new:
                self._tell(ItemFound(item.id, item.text, item.description, name, outcome.order_id))

    def _on_done(self, producer: int, message: OrderDone) -> None:
        if message.order_id not in self._desk.open:
            return
        spec = self._desk.open[message.order_id].provider.spec
        name = spec.name
        cost = self._stats.ended(name, producer, message)
        self._observer.ended(spec, message, cost)
        order = self._desk.answered(message, cost)
        if order.ask.mode in ("explore", "audit"):
            self._stats.answered(order.new, order.duplicate, cut_short=message.finish_reason == "repeating")
        self._tell(OrderEnded(order.id, message.attempt, producer, name, order.new, order.duplicate))

    def _on_failed(self, producer: int, message: OrderFailed, *, retry: bool) -> None:
        if message.order_id not in self._desk.open:
            return
        spec = self._desk.open[message.order_id].provider.spec
        name = spec.name
        cost = self._stats.ended(name, producer, message)
        self._observer.ended(spec, message, cost)
        order, wait, disabled = self._desk.failed(message, cost, retry=retry)
        self._tell(
            OrderEnded(
                order.id,
                message.attempt,
                producer,
                name,
                order.new,
                order.duplicate,
                message.kind,
                message.message,
                wait,
            )
        )
        if disabled is not None:
            self._tell(ProviderDisabled(disabled, message.message))

    def _on_death(self, death: Died, *, retry: bool) -> None:
        if retry or death.orders:  # one that goes while the run ends, and has nothing to do, is no news
            self._tell(ProducerDied(death.producer, death.why, len(death.orders)))
        for order_id in death.orders:
            if order_id in self._desk.open:
                why = f"producer {death.producer}: {death.why}"
                attempt = self._desk.open[order_id].attempt
                failed = OrderFailed(order_id, attempt, ErrorKind.PROCESS_CRASH, why, 0)
                self._on_failed(death.producer, failed, retry=retry)


def _refused(batch: ItemBatch) -> int:
    """How many pieces of output the parser did not take for items."""
    return sum(refusal.count for refusal in batch.refused)
