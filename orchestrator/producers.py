"""Producer slots, and what is heard of the processes in them."""

from __future__ import annotations

import signal

import msgspec

from contract.messages import ItemBatch, OrderDone, OrderFailed
from orchestrator.processes.process_manager import ProcessHandle

_RESTART_BASE_S = 0.1
_RESTART_CAP_S = 5.0


class Producer:
    """One producer slot; the process in it may be replaced.

    Attributes:
        wanted: Whether it is to have a process. One that is not wanted finishes its open orders and ends.
        restart_at: When its next process may be started; None while it has one.
        ends_by: When its process, which has been asked to end, is killed; None while it has not been asked.
        generation: Number of its process, from 0.
        restarts: Processes in it that died.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.channel: int | None = None
        self.handle: ProcessHandle | None = None
        self.ready = False
        self.wanted = True
        self.open_orders: dict[int, float] = {}
        self.last_heard = 0.0
        self.generation = 0
        self.restarts = 0
        self.restart_at: float | None = 0.0
        self.ends_by: float | None = None
        self._deaths_in_row = 0

    @property
    def pid(self) -> int | None:
        """Process id while there is a process."""
        return self.handle.pid if self.handle is not None else None

    @property
    def leaving(self) -> bool:
        """Whether its process finishes what it has and then ends."""
        return self.handle is not None and (not self.wanted or self.ends_by is not None)

    @property
    def takes_orders(self) -> bool:
        """Whether it may be given orders."""
        return self.ready and not self.leaving

    def died(self, now: float) -> None:
        """Forget the process; plan its replacement, later each time that one dies without having done anything."""
        delay = 0.0 if self._deaths_in_row == 0 else min(_RESTART_CAP_S, _RESTART_BASE_S * 2**self._deaths_in_row)
        self._deaths_in_row += 1
        self.restarts += 1
        self._vacate(now + delay)

    def left(self, now: float) -> None:
        """Forget the process, which has ended as it was asked to."""
        self._vacate(now)

    def _vacate(self, restart_at: float) -> None:
        self.channel = None
        self.handle = None
        self.ready = False
        self.ends_by = None
        self.open_orders.clear()
        self.generation += 1
        self.restart_at = restart_at

    def proved(self) -> None:
        """It finished an order: its next death is a first one again."""
        self._deaths_in_row = 0


class Became(msgspec.Struct, frozen=True):
    """A producer is ready for orders."""

    producer: int


class Said(msgspec.Struct, frozen=True):
    """A producer sent something about an order."""

    producer: int
    message: ItemBatch | OrderDone | OrderFailed


class Died(msgspec.Struct, frozen=True):
    """A producer process ended by itself or was killed.

    Attributes:
        orders: Orders it had not ended.
        exit_code: As `ProcessHandle.exit_code`.
        why: In words, for the log.
    """

    producer: int
    orders: tuple[int, ...]
    exit_code: int | None
    why: str


Happening = Became | Said | Died


def describe_exit(exit_code: int | None) -> str:
    """An exit code in words."""
    if exit_code is None:
        return "its channel closed"
    if exit_code >= 0:
        return f"it ended with exit code {exit_code}"
    try:
        return f"it was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"it was killed by signal {-exit_code}"
