"""Tells the producers which items are known, so that they can end answers that only repeat (`--patience`).

The keys only advise: a producer that has not heard of an item yet reads on, and the exact index decides what is new.
Each producer is told every key once, in order of discovery; a new process is told all of them again. A producer gets
the next keys only when it has taken the last ones, so that one that is stopped costs no memory.
"""

from __future__ import annotations

from contract.messages import KNOWN_KEY_BYTES, KnownKeys
from orchestrator.store import Store
from orchestrator.supervisor import Supervisor

KEYS_A_MESSAGE = 8192
"""64 KiB."""
_MESSAGES_A_ROUND = 16
"""Keys are read between two rounds of the run's loop; a round may not wait long for them."""


class KnownFeed:
    """See the module.

    Args:
        store: Knows the items.
        supervisor: Carries the keys.
    """

    def __init__(self, store: Store, supervisor: Supervisor) -> None:
        self._store = store
        self._supervisor = supervisor
        self._told: dict[int, tuple[int, int]] = {}

    def tell(self) -> bool:
        """Send each producer that has room what it does not know yet; whether more is due at once."""
        last: int = self._store.totals().unique
        messages: dict[int, tuple[KnownKeys, int]] = {}
        for producer in self._supervisor.producers:
            if not producer.takes_orders:
                continue
            generation, told = self._told.get(producer.index, (-1, 0))
            if generation != producer.generation:
                told = 0
            while told < last and self._supervisor.has_room(producer):
                if told not in messages:
                    if len(messages) == _MESSAGES_A_ROUND:
                        break
                    messages[told] = self._message(told)
                message, upto = messages[told]
                if upto == told:
                    break
                self._supervisor.advise(producer, message)
                told = upto
            self._told[producer.index] = (producer.generation, told)
        return len(messages) == _MESSAGES_A_ROUND

    def _message(self, after: int) -> tuple[KnownKeys, int]:
        """The next keys after this item, and the number of the last one among them."""
        keys = self._store.keys_after(after, KEYS_A_MESSAGE)
        return KnownKeys(b"".join(key[:KNOWN_KEY_BYTES] for key in keys)), after + len(keys)
