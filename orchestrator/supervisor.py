"""The producers' lives: started, replaced when they die, sent away when fewer are wanted, ended together.

Knows nothing of what orders mean.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

from contract.errors import ProducerStartError
from contract.identity import Identity
from contract.messages import (
    Cancel,
    Configure,
    FromProducer,
    ItemBatch,
    KnownKeys,
    LogLine,
    Order,
    OrderDone,
    OrderFailed,
    ProviderSetup,
    Ready,
    Shutdown,
    ToProducer,
)
from orchestrator.observer import UNOBSERVED, RunObserver, Taken
from orchestrator.processes.communicator import Closed, ProducerChannels
from orchestrator.processes.process_manager import ProcessManager
from orchestrator.producers import Became, Died, Happening, Producer, Said, describe_exit
from telemetry.logs import TRACE, log_for_child

log = logging.getLogger(__name__)

MAX_FAILED_STARTS = 3
"""Starts in a row that may end before `Ready` while no producer works; then the fault is not the process's."""
READY_TIMEOUT_S = 60.0
HANG_GRACE_S = 30.0
"""Seconds beyond the providers' own time-outs after which a silent producer with open orders is taken for hung."""
LEAVE_S = 10.0
"""Seconds that a producer that is not wanted any more gets to end, its last spans' delivery included."""
_REAP_S = 0.5
_END_S = 4.0
"""Seconds that producers get to end when the run does. A sound one takes a tenth of a second, on a busy machine more;
its spans' delivery may take three (`OTEL_BSP_EXPORT_TIMEOUT`)."""
_TERMINATE_S = 0.5
"""Seconds after SIGTERM, then after SIGKILL, for one that did not."""
_STARTS_A_ROUND = 4
"""Processes started in one round of the run's loop: each costs about 11 ms, in which nothing is taken in."""


class Supervisor:
    """Keeps N producers alive.

    Args:
        count: How many.
        setups: What each is configured with.
        log_level: Level of the children's logs.
        communicator: Channels.
        processes: Starts and ends the processes.
        observer: Told of each process's start and end.
        clock: Monotonic seconds.
        identity: What counts as the same item, for advice about repeats.

    Attributes:
        producers: All that there are or were, by index.
        begun: Whether a producer has been ready for orders.
    """

    def __init__(
        self,
        count: int,
        setups: Sequence[ProviderSetup],
        log_level: str,
        communicator: ProducerChannels,
        processes: ProcessManager,
        observer: RunObserver = UNOBSERVED,
        clock: Callable[[], float] = time.monotonic,
        identity: Identity = Identity.NORMALIZED,
    ) -> None:
        self.producers = [Producer(index) for index in range(count)]
        self.begun = False
        self._configure_providers = tuple(setups)
        self._log_level = log_level
        self._identity = identity
        self._communicator = communicator
        self._processes = processes
        self._observer = observer
        self._clock = clock
        self._by_channel: dict[int, Producer] = {}
        self._failed_starts = 0
        self._more_due = False
        self._silence_s = HANG_GRACE_S + max((setup.total_timeout_s for setup in setups), default=0.0)

    def start_all(self) -> None:
        """Start every producer. Raises `ProducerStartError`."""
        for producer in self.producers:
            self._start(producer)

    def _start(self, producer: Producer) -> None:
        channel, endpoint = self._communicator.open()
        telemetry = self._observer.spawning(producer.index, producer.generation)
        try:
            producer.handle = self._processes.start(f"producer-{producer.index}", endpoint)
        except ProducerStartError:
            self._communicator.close(channel)
            self._observer.exited(producer.index, None, None, expected=False)
            raise
        self._observer.spawned(producer.index, producer.handle.pid)
        self._communicator.started(channel)
        producer.channel = channel
        producer.restart_at = None
        producer.last_heard = self._clock()
        self._by_channel[channel] = producer
        self._send(
            producer,
            Configure(
                producer=producer.index,
                providers=self._configure_providers,
                log_level=self._log_level,
                generation=producer.generation,
                telemetry=telemetry,
                identity=self._identity,
            ),
        )

    def _send(self, producer: Producer, message: ToProducer) -> None:
        if producer.channel is not None:
            # What a producer is configured with may hold an address with a password: only its kind is shown.
            # Keys of items are thousands of bytes that tell nobody anything.
            shown = type(message).__name__ if isinstance(message, Configure | KnownKeys) else message
            log.log(TRACE, "to producer %d: %r", producer.index, shown)
            self._communicator.send(producer.channel, message)

    def give(self, producer: Producer, order: Order) -> None:
        """Send an order to a ready producer."""
        now = self._clock()
        if not producer.open_orders:
            producer.last_heard = now
        producer.open_orders[order.id] = now
        self._send(producer, order)

    def has_room(self, producer: Producer) -> bool:
        """Whether a producer has taken all that was sent to it, so that advice does not pile up before it."""
        return producer.channel is not None and self._communicator.unsent(producer.channel) == 0

    def advise(self, producer: Producer, known: KnownKeys) -> None:
        """Tell a ready producer of items that are known."""
        self._send(producer, known)

    def cancel(self, order_ids: Sequence[int]) -> None:
        """Ask the producers to stop these orders' streams."""
        wanted = set(order_ids)
        for producer in self.producers:
            for order_id in wanted & producer.open_orders.keys():
                self._send(producer, Cancel(order_id))

    def receive(self, timeout_s: float) -> list[Happening]:
        """Wait for news, at most `timeout_s`."""
        happenings: list[Happening] = []
        timeout_s, self._more_due = 0.0 if self._more_due else timeout_s, False
        for channel, message in self._communicator.receive(timeout_s):
            producer = self._by_channel.get(channel)
            if producer is None:
                continue
            if not isinstance(message, Closed):
                happenings += self._heard(producer, message)
            elif producer.ends_by is not None:
                self._forget_channel(producer, channel)
            else:
                happenings.append(self._bury(producer, channel, message))
        happenings += self._end_hung()
        self._see_off()
        return happenings

    def _heard(self, producer: Producer, message: FromProducer) -> list[Happening]:
        producer.last_heard = self._clock()
        log.log(TRACE, "from producer %d: %r", producer.index, message)
        match message:
            case Ready():
                producer.ready = self.begun = True
                self._failed_starts = 0
                self._observer.ready(producer.index)
                log.debug("producer %d is ready (pid %d, %.0f ms)", producer.index, message.pid, message.start_s * 1000)
                return [Became(producer.index)]
            case LogLine():
                log_for_child(message, f"producer {producer.index}: ")
                return []
            case OrderDone() | OrderFailed():
                producer.open_orders.pop(message.order_id, None)
                producer.proved()
        return [Said(producer.index, message)]

    def _bury(self, producer: Producer, channel: int, closed: Closed) -> Died:
        handle = producer.handle
        exit_code: int | None = None
        if handle is not None:
            if not handle.join(_REAP_S):
                handle.kill()  # its channel is gone: it can do nothing useful any more
                handle.join(_REAP_S)
            exit_code = handle.exit_code()
        self._observer.exited(producer.index, handle.pid if handle else None, exit_code, expected=False)
        if not producer.ready:
            self._failed_starts += 1
        orders = tuple(producer.open_orders)
        self._forget_channel(producer, channel)
        producer.died(self._clock())
        return Died(producer.index, orders, exit_code, closed.error or describe_exit(exit_code))

    def _forget_channel(self, producer: Producer, channel: int) -> None:
        del self._by_channel[channel]
        producer.channel = None

    def resize(self, count: int) -> None:
        """Want `count` producers from now on: those with the lowest numbers. Returns at once.

        `replace_dead` starts what is missing. One that is not wanted any more gets no further order, finishes those
        that it has, and is then asked to end; one that is wanted again before it was asked stays.
        """
        self.producers += [Producer(index) for index in range(len(self.producers), count)]
        for producer in self.producers:
            producer.wanted = producer.index < count
        self._see_off()

    def _see_off(self) -> None:
        """Ask those to end that are not wanted and have finished; notice when they have ended. Never waits."""
        now = self._clock()
        for producer in self.producers:
            handle, ends_by = producer.handle, producer.ends_by
            if handle is None:
                continue
            if ends_by is None:
                if producer.leaving and not producer.open_orders:
                    producer.ends_by = now + LEAVE_S
                    self._send(producer, Shutdown())
            elif producer.channel is None and (exit_code := handle.exit_code()) is not None:
                log.debug("producer %d has left", producer.index)
                self._observer.exited(producer.index, handle.pid, exit_code, expected=True)
                producer.left(now)
            elif now >= ends_by:
                log.warning("producer %d does not end: kill", producer.index)
                producer.ends_by = math.inf
                handle.kill()
                if producer.channel is not None:
                    self._communicator.close(producer.channel)
                    self._forget_channel(producer, producer.channel)

    def replace_dead(self) -> None:
        """Start processes for those that are wanted and have none, a few at a time. Not called by a run that is ending.

        Raises:
            ProducerStartError: Several starts in a row came to nothing, and no producer works.
        """
        now = self._clock()
        due = [one for one in self.producers if one.wanted and one.restart_at is not None and now >= one.restart_at]
        self._more_due = len(due) > _STARTS_A_ROUND
        for producer in due[:_STARTS_A_ROUND]:
            try:
                self._start(producer)
            except ProducerStartError as error:
                log.warning("%s; trying again", error)
                self._failed_starts += 1
                producer.died(now)
        if self._failed_starts >= MAX_FAILED_STARTS:
            if not any(producer.takes_orders for producer in self.producers):
                raise ProducerStartError(
                    f"producer processes end before they are ready ({self._failed_starts} in a row): "
                    "see the log above; every item found so far is kept"
                )
            self._failed_starts = 0  # the run goes on with those that work

    def _end_hung(self) -> list[Happening]:
        now = self._clock()
        happenings: list[Happening] = []
        for producer in self.producers:
            if producer.handle is not None and producer.channel is not None and self._hangs(producer, now):
                channel = producer.channel
                producer.handle.kill()
                self._communicator.close(channel)
                happenings.append(self._bury(producer, channel, Closed(error="it hung and was killed")))
        return happenings

    def _hangs(self, producer: Producer, now: float) -> bool:
        if producer.ends_by is not None:
            return False  # it has nothing to say any more
        silence = now - producer.last_heard
        if not producer.ready:
            return silence > READY_TIMEOUT_S
        return bool(producer.open_orders) and silence > self._silence_s

    def shut_down(self) -> None:
        """End all producers: ask, then SIGTERM, then SIGKILL. Never raises; returns within about 5 s."""
        started = [producer for producer in self.producers if producer.handle is not None]
        for producer in started:
            if producer.ends_by is None:
                self._send(producer, Shutdown())
        self._drain_until_gone(started, _END_S)
        alive = started
        for step in ("terminate", "kill"):
            alive = [producer for producer in alive if not _gone(producer)]
            for producer in alive:
                log.warning("producer %d does not end: %s", producer.index, step)
                getattr(producer.handle, step)()
            self._drain_until_gone(alive, _TERMINATE_S)
        for producer in started:
            if producer.handle is not None:
                self._observer.exited(producer.index, producer.pid, producer.handle.exit_code(), expected=True)
        for channel in list(self._by_channel):
            self._communicator.close(channel)
        self._by_channel.clear()

    def _drain_until_gone(self, alive: Sequence[Producer], timeout_s: float) -> None:
        """Read what they still send (else they could not end), until all channels are closed and all have ended."""
        deadline = self._clock() + timeout_s
        waiting = {producer.channel for producer in alive if producer.channel is not None and not _gone(producer)}
        while waiting and self._clock() < deadline:
            for channel, message in self._communicator.receive(min(0.1, deadline - self._clock())):
                producer = self._by_channel.get(channel)
                if isinstance(message, Closed):
                    waiting.discard(channel)
                elif isinstance(message, LogLine):
                    log_for_child(message)
                elif isinstance(message, ItemBatch) and producer is not None:
                    self._observer.ingested([Taken(producer.index, message, None)], None)
        for producer in alive:
            if producer.handle is not None and producer.channel not in waiting:
                # Behind its last message a producer delivers its spans, for a bounded time.
                producer.handle.join(max(0.0, deadline - self._clock()))


def _gone(producer: Producer) -> bool:
    return producer.handle is None or producer.handle.exit_code() is not None
