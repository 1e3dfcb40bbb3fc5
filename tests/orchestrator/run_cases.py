"""A run over memory whose parts a test sets by hand, for those who only look at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from archive.filesystem import MemoryFileSystem
from contract.errors import ErrorKind
from contract.identity import Identity
from contract.messages import OrderDone, OrderFailed, ProviderSetup, Usage
from orchestrator.open_order import OpenOrder
from orchestrator.pricing import FlatPrice
from orchestrator.processes.communicator import MemoryCommunicator
from orchestrator.processes.process_manager import ThreadProcessManager
from orchestrator.producers import Producer
from orchestrator.providers import ProviderSpec
from orchestrator.run import Run
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.supervisor import Supervisor

FOLDER = Path("/runs/fruit")


class Clock:
    """Time that tests move."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Handle:
    """A process that stays."""

    pid = 4711

    def join(self, timeout_s: float) -> bool:
        return False

    def exit_code(self) -> int | None:
        return None

    def terminate(self) -> None:
        """It stays all the same."""

    def kill(self) -> None:
        """It stays all the same."""


def still_run(clock: Clock, models: Sequence[str] = ("a", "b"), **settings: Any) -> Run:
    """A run of the simulated model that nobody drives."""
    made = Settings(topic="Fruit", **{"producers": 2, **settings})
    specs = [
        ProviderSpec("test", 1.0, 8192, None, ProviderSetup(f"test:{model}", "simulated", model)) for model in models
    ]
    communicator = MemoryCommunicator()
    store = Store.open(FOLDER, "Fruit", identity=Identity.NORMALIZED, filesystem=MemoryFileSystem())
    supervisor = Supervisor(
        made.producers, [one.setup for one in specs], "info", communicator, ThreadProcessManager(_nobody), clock=clock
    )
    prices = {one.name: FlatPrice(250.0, 500.0) for one in specs}
    return Run(made, specs, prices, store, supervisor, communicator.wake, clock=clock)


def _nobody(endpoint: object) -> NoReturn:
    raise AssertionError("no producer is started here")


def alive(run: Run, index: int, *, ready: bool = True) -> Producer:
    """Give a producer a process."""
    producer = run.supervisor.producers[index]
    producer.handle, producer.restart_at, producer.ready = Handle(), None, ready
    run.supervisor.begun |= ready
    return producer


def reads(run: Run, producer: Producer, provider: str, orders: int = 1) -> None:
    """Let a producer have open orders at a provider."""
    state = run.router.states[provider]
    for _ in range(orders):
        order = OpenOrder(state, 60, run.explorer.dearest)
        order.id = len(run.desk.open) + 1
        run.desk.open[order.id] = order
        producer.open_orders[order.id] = 0.0
        state.in_flight += 1


def call(run: Run, provider: str, producer: int = 0, error: ErrorKind | None = None, duration_s: float = 2.0) -> None:
    """Let a call end."""
    usage = Usage(1000, 500)
    run.stats.ended(
        provider,
        producer,
        OrderDone(1, 0, usage, "stop", 0, 0, 0.5, duration_s)
        if error is None
        else OrderFailed(1, 0, error, f"it was {error}", 0, usage=usage, duration_s=duration_s),
    )
