"""What a run tells of its work to whoever watches it from outside: traces and metrics.

`RunObserver` does nothing: the form that is used while nothing is exported. `orchestrator.telemetry` has the form that
makes spans and metrics; only a run that is traced imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from contract.messages import ItemBatch, Order, OrderDone, OrderFailed, TelemetrySetup

if TYPE_CHECKING:
    from orchestrator.providers import ProviderSpec
    from orchestrator.run import Run
    from orchestrator.store import Ingested, Written

_NO_CARRIER: Mapping[str, str] = {}


class Taken(msgspec.Struct, frozen=True):
    """A batch and what became of it.

    `outcome` is None for one that came too late to be taken in, and for one that brings no items but `instead` parts of
    the topic (a plan's answer) or judgements of the list.
    """

    producer: int
    batch: ItemBatch
    outcome: Ingested | None
    instead: Literal["", "parts", "judgements"] = ""


class RunObserver:
    """Is told what happens in a run. Every method returns at once and never raises."""

    def built(self, run: Run) -> None:
        """The run is about to begin."""

    def ending(self) -> None:
        """The producers are about to be asked to end."""

    def spawning(self, producer: int, generation: int) -> TelemetrySetup | None:
        """A producer process is being started; what it is to do about telemetry."""
        return None

    def spawned(self, producer: int, pid: int | None) -> None:
        """Its process is there."""

    def ready(self, producer: int) -> None:
        """It takes orders."""

    def exited(self, producer: int, pid: int | None, exit_code: int | None, *, expected: bool) -> None:
        """Its process has ended; `exit_code` is negative for the signal that killed it."""

    def giving(self, order: Order, producer: int, replaces: int | None) -> Mapping[str, str]:
        """An order goes out, perhaps for what another one at another provider left missing; its carrier."""
        return _NO_CARRIER

    def ingesting(self) -> None:
        """Batches are about to be taken in."""

    def ingested(self, taken: Sequence[Taken], written: Written | None) -> None:
        """Batches have been taken in, in one transaction, and their new lines written."""

    def ended(self, spec: ProviderSpec, message: OrderDone | OrderFailed, cost_usd: float | None) -> None:
        """A call has ended."""

    def tick(self) -> None:
        """A few times a second."""


UNOBSERVED = RunObserver()
