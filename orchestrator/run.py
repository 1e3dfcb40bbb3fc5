"""The run: one loop that gives orders, takes items in, and knows when to stop.

Signal handlers and other threads only leave a wish (`interrupt`, `terminate`); the loop does the work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import msgspec

from contract.errors import ErrorKind, OrchestratorError, ProducerStartError, ProviderError, StorageError
from contract.messages import ItemBatch, OrderDone, OrderFailed
from orchestrator.events import (
    ItemFound,
    OrderEnded,
    ProducerDied,
    ProviderDisabled,
    Result,
    RunEvent,
    Stopping,
    StopReason,
)
from orchestrator.explain import explain
from orchestrator.limits import DRY_RESPONSES, Budget
from orchestrator.observer import UNOBSERVED, RunObserver, Taken
from orchestrator.orders import OrderDesk
from orchestrator.pricing import Price
from orchestrator.providers import ProviderSpec
from orchestrator.routing import Router
from orchestrator.settings import Settings
from orchestrator.stats import RunStats
from orchestrator.store import IncomingBatch, Ingested, Store
from orchestrator.supervisor import Became, Died, Happening, Said, Supervisor
from telemetry.configuration import without_secrets

log = logging.getLogger(__name__)

_TICK_S = 0.2
_CHECK_S = 1.0
_CANCEL_S = 1.0
"""Seconds that cancelled streams get to deliver what they hold."""


class Run:
    """One run over one topic.

    Args:
        settings: What was asked for.
        specs: The providers.
        prices: Price by provider name, None where unknown.
        store: The topic's open store; the run closes it.
        supervisor: Not started yet; the run shuts it down.
        wake: Lets the supervisor's waiting `receive` return.
        observer: Told what happens.
        check: Called about once a second; raises what ends the run (the local model's server is gone).
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[ProviderSpec],
        prices: Mapping[str, Price | None],
        store: Store,
        supervisor: Supervisor,
        wake: Callable[[], None],
        observer: RunObserver = UNOBSERVED,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.store = store
        self.supervisor = supervisor
        self.router = Router(specs, clock)
        self.stats = RunStats(dict(prices), settings.producers, clock)
        self.stop_reason: StopReason | None = None
        self.failure: OrchestratorError | None = None
        self.desk = OrderDesk(
            settings, self.router, Budget(settings.max_cost_usd), prices, store, supervisor, observer, clock
        )
        self._wake = wake
        self._observer = observer
        self._check = check
        self._next_check = clock() + _CHECK_S
        self._clock = clock
        self._wishes: list[StopReason] = []
        self._cancelling = False
        self._cancel_deadline = float("inf")
        self._out: list[RunEvent] = []

    # --- wishes from outside -------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: finish open responses, then end. Second call: end at once. Safe in a signal handler."""
        self._wishes.append(StopReason.INTERRUPTED)
        self._wake()

    def terminate(self) -> None:
        """End at once; everything received is kept. Safe in a signal handler."""
        self._wishes += [StopReason.INTERRUPTED, StopReason.INTERRUPTED]
        self._wake()

    # --- the loop ------------------------------------------------------------------------------------------

    def rounds(self) -> Generator[list[RunEvent], None, None]:
        """Run to the end; yields what happened in each round of the loop (perhaps nothing, a few times a second).

        Everything is written and all producers have ended when this returns or is closed. `stop_reason` then says
        why, and `failure` holds the error where one ended the run.
        """
        try:
            self.store.begin_run(_as_json(self.settings))
            self.supervisor.start_all()
            while not self._finished():
                self._absorb(self.supervisor.receive(self._timeout_s()))
                self._observer.tick()
                yield self._take_events()
        except ProducerStartError as error:
            if self._wishes:  # a signal to the whole process group ended the fork server too
                self.stop_reason = StopReason.INTERRUPTED
            else:
                self._fail(StopReason.PRODUCERS_CANNOT_START, error)
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)
        except KeyboardInterrupt:
            self.stop_reason = StopReason.INTERRUPTED
            raise
        finally:
            self._end()
        yield self._take_events()

    def _take_events(self) -> list[RunEvent]:
        events, self._out = self._out, []
        return events

    def _fail(self, reason: StopReason, error: OrchestratorError) -> None:
        self.stop_reason = reason
        self.failure = error

    def _end(self) -> None:
        self._take_last_words()
        self._observer.ending()
        self.supervisor.shut_down()
        self.stop_reason = self.stop_reason or StopReason.CLOSED
        try:
            if not isinstance(self.failure, StorageError):
                self.desk.abandon()
                self.store.end_run(self.stop_reason)
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)
        finally:
            self.store.close()

    def _take_last_words(self) -> None:
        """A caller that left early has open streams: cancel them and take in what they hold."""
        if self.failure is not None or self._cancelling or not self.desk.open:
            return
        try:
            self._stop(self.stop_reason or StopReason.CLOSED, cancel=True)
            while self.desk.open and self._clock() < self._cancel_deadline:
                self._absorb(self.supervisor.receive(_TICK_S / 4))
        except StorageError as error:
            self._fail(StopReason.STORAGE, error)

    def _finished(self) -> bool:
        """Apply wishes and limits, give orders; whether nothing is left to do."""
        while self._wishes:
            self._stop(self._wishes.pop(0), cancel=self.stop_reason is not None)
        if self._clock() >= self._next_check:
            self._next_check = self._clock() + _CHECK_S
            self._check_local()
        if self.stop_reason is None:
            self.supervisor.replace_dead()
            self._check_limits()
        if self.stop_reason is None:
            self.desk.give_orders(self.stats.share_new)
            self._stop_if_nothing_could_be_given()
        if self.stop_reason is None:
            return False
        if not self._cancelling and self._time_is_over():
            self._stop(StopReason.MAX_TIME, cancel=True)
        return not self.desk.open or self._clock() >= self._cancel_deadline

    def _stop(self, reason: StopReason, *, cancel: bool) -> None:
        if self._cancelling or (self.stop_reason is not None and not cancel):
            return
        self.stop_reason = self.stop_reason or reason
        self.desk.drop_waiting()
        if cancel:
            self._cancelling = True
            self._cancel_deadline = self._clock() + _CANCEL_S
            self.supervisor.cancel(list(self.desk.open))
        self._out.append(Stopping(reason, len(self.desk.open), cancel))

    def _check_limits(self) -> None:
        limit = self.settings.max_attributes
        if limit is not None and self.store.totals().unique >= limit:
            self._stop(StopReason.MAX_ATTRIBUTES, cancel=True)
        elif self._time_is_over():
            self._stop(StopReason.MAX_TIME, cancel=True)
        elif self.router.exhausted:
            self._stop(StopReason.NO_PROVIDER, cancel=False)
        elif self.settings.iterations is None and self.stats.dry_responses >= DRY_RESPONSES:
            self._stop(StopReason.EXHAUSTED, cancel=True)

    def _time_is_over(self) -> bool:
        return self.settings.max_time_s is not None and self.stats.elapsed_s >= self.settings.max_time_s

    def _check_local(self) -> None:
        """A local server that has died is a provider less; the others go on."""
        try:
            self._check()
        except ProviderError as error:
            for name in self.router.disable("local", error.message):
                self._out.append(ProviderDisabled(name, error.message))

    def _stop_if_nothing_could_be_given(self) -> None:
        if not self.desk.idle:
            return
        if self.desk.iterations_done:
            self._stop(StopReason.ITERATIONS, cancel=False)
        elif self.desk.money_ran_out:
            self._stop(StopReason.MAX_COST, cancel=False)

    def _timeout_s(self) -> float:
        timeout = _TICK_S
        due, now = self.desk.next_retry_at, self._clock()
        if due is not None and due > now:  # one that is due already waits for a slot, which a message will free
            timeout = min(timeout, due - now)
        pause = self.router.next_change_s()
        if pause is not None:
            timeout = min(timeout, pause)
        return max(0.001, timeout)

    # --- taking in -----------------------------------------------------------------------------------------

    def _absorb(self, happenings: Sequence[Happening]) -> None:
        """Items first, all in one transaction; then the ends of orders, in the order in which they came."""
        batches = [
            (happening.producer, happening.message)
            for happening in happenings
            if isinstance(happening, Said) and isinstance(happening.message, ItemBatch)
        ]
        if batches:
            self._ingest([(producer, batch) for producer, batch in batches if batch.order_id in self.desk.open])
            late = [Taken(producer, batch, None) for producer, batch in batches if batch.order_id not in self.desk.open]
            if late:
                self._observer.ingested(late, None)
        for happening in happenings:
            match happening:
                case Said(message=OrderDone() as done):
                    self._on_done(happening.producer, done)
                case Said(message=OrderFailed() as failed):
                    self._on_failed(happening.producer, failed)
                case Died():
                    self._on_death(happening)
                case Said() | Became():
                    pass

    def _ingest(self, batches: Sequence[tuple[int, ItemBatch]]) -> None:
        if not batches:
            return
        incoming = [IncomingBatch(batch.order_id, batch.items, batch.refused) for _, batch in batches]
        self._observer.ingesting()
        try:
            outcomes = self.store.ingest(incoming)
        except StorageError:
            self._observer.ingested([Taken(producer, batch, None) for producer, batch in batches], None)
            raise
        taken = [Taken(producer, batch, outcome) for (producer, batch), outcome in zip(batches, outcomes, strict=True)]
        self._observer.ingested(taken, self.store.written)
        for (producer, batch), outcome in zip(batches, outcomes, strict=True):
            order = self.desk.open[batch.order_id]
            name = order.provider.spec.name
            self.desk.took(batch.order_id, (item.text for item in batch.items), len(outcome.new), outcome.duplicate)
            refused = sum(refusal.count for refusal in batch.refused)
            new = [item.text for item in outcome.new]
            self.stats.arrived(name, producer, new, outcome.duplicate, refused)
            self._out += _found(outcome, name)

    def _on_done(self, producer: int, message: OrderDone) -> None:
        if message.order_id not in self.desk.open:
            return
        spec = self.desk.open[message.order_id].provider.spec
        name = spec.name
        cost = self.stats.ended(name, producer, message)
        self._observer.ended(spec, message, cost)
        order = self.desk.answered(message, cost)
        self.stats.answered(order.new, order.duplicate)
        self._out.append(OrderEnded(order.id, message.attempt, producer, name, order.new, order.duplicate))

    def _on_failed(self, producer: int, message: OrderFailed) -> None:
        if message.order_id not in self.desk.open:
            return
        spec = self.desk.open[message.order_id].provider.spec
        name = spec.name
        cost = self.stats.ended(name, producer, message)
        self._observer.ended(spec, message, cost)
        order, wait, disabled = self.desk.failed(message, cost, retry=self.stop_reason is None)
        self._out.append(
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
            self._out.append(ProviderDisabled(disabled, message.message))

    def _on_death(self, death: Died) -> None:
        self._out.append(ProducerDied(death.producer, death.why, len(death.orders)))
        for order_id in death.orders:
            if order_id in self.desk.open:
                attempt = self.desk.open[order_id].attempt
                kind = ErrorKind.PROCESS_CRASH
                self._on_failed(
                    death.producer, OrderFailed(order_id, attempt, kind, f"producer {death.producer}: {death.why}", 0)
                )

    # --- the result ----------------------------------------------------------------------------------------

    def result(self) -> Result:
        """What the run did; call it after `rounds` has ended."""
        stats = self.stats
        reason = self.stop_reason or StopReason.CLOSED
        return Result(
            topic=self.settings.topic,
            folder=self.store.folder,
            unique=self.store.totals().unique,
            new=stats.new,
            duplicates=stats.duplicate,
            refused=stats.refused,
            calls=stats.calls,
            failed_calls=stats.failures,
            cancelled_calls=stats.cancelled,
            input_tokens=stats.input_tokens,
            output_tokens=stats.output_tokens,
            tokens_estimated=stats.estimated_tokens,
            cost_usd=stats.cost_usd,
            duration_s=round(stats.elapsed_s, 3),
            stop_reason=reason,
            explanation=explain(reason, self.settings, self.router, self.failure),
            exit_code=reason.exit_code,
            providers=tuple(figures.totals() for figures in stats.providers.values()),
        )


def _found(outcome: Ingested, provider: str) -> list[RunEvent]:
    return [ItemFound(item.id, item.text, item.description, provider, outcome.order_id) for item in outcome.new]


def _as_json(settings: Settings) -> dict[str, Any]:
    """The settings as they may be kept: no password, and only text that can be written."""
    endpoint = settings.trace_endpoint
    kept = msgspec.structs.replace(settings, trace_endpoint=endpoint and without_secrets(endpoint))
    built: dict[str, Any] = msgspec.to_builtins(
        kept, enc_hook=lambda value: str(value).encode(errors="replace").decode()
    )
    return built
