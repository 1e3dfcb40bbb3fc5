"""The judge of a run (`--validate`): which items a model is asked about, when, which model, and what comes of it.

While the run explores, full batches go out beside its requests, at most `SHARE` of all; what is left is asked once the
run has come to its end by itself. What was judged is in the store: no item is bought a second verdict.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import NamedTuple

from contract.identity import Identity
from orchestrator.curation.validation import BATCH_SIZE, Candidate, next_batch, verdict
from orchestrator.exploration import Explorer
from orchestrator.open_order import OpenOrder
from orchestrator.routing import ProviderState, Router
from orchestrator.store import Store

log = logging.getLogger(__name__)

SHARE = 0.25
"""Of all orders of a run that is still exploring, at most so many judge."""
_WINDOW = 10 * BATCH_SIZE
"""A batch is chosen from so many of the newest items."""
_LEAST = 12
"""A smaller batch is filled up with controls."""
_CROWDED = 0.3
"""Where more of the last candidates than this did not belong, half of a batch are controls: of an answer that names
most of its candidates nobody could tell otherwise whether it is right."""
_MOST_FAILURES = 3
"""So many orders in a row that come to nothing, and the run ends without the rest being judged."""


class Batch(NamedTuple):
    """What one order asks about.

    Attributes:
        candidates: In the order in which they are asked.
        controls: Numbers of those that are known to belong: from what is said of them it follows whether the rest is
            believed.
    """

    candidates: tuple[Candidate, ...] = ()
    controls: frozenset[int] = frozenset()

    @property
    def asked(self) -> list[int]:
        """Numbers of those that are to be judged."""
        return [one.id for one in self.candidates if one.id not in self.controls]

    @property
    def texts(self) -> tuple[str, ...]:
        """The candidates as a model is shown them."""
        return tuple(one.text for one in self.candidates)


class Judge:
    """See the module.

    Args:
        store: Has the items, and keeps what is judged.
        router: Knows the providers.
        explorer: Told which items do not belong.
        identity: By which a line of an answer is a candidate.
        names: Providers that may judge; None: all that explore. Without any, nothing is judged.

    Attributes:
        orders: Orders given so far.
    """

    def __init__(
        self, store: Store, router: Router, explorer: Explorer, identity: Identity, names: Collection[str] | None
    ) -> None:
        self.orders = 0
        self._store = store
        self._router = router
        self._explorer = explorer
        self._identity = identity
        self._names = names
        self._size = BATCH_SIZE
        self._failures = 0
        self._rejecting = 0.0
        self._unbelieved: dict[int, set[str]] = {}
        if self.wanted:
            store.judgements.vouch()

    @property
    def names(self) -> Collection[str]:
        """Providers that judge whatever their weight is."""
        return self._names or ()

    @property
    def wanted(self) -> bool:
        """Whether items are judged at all."""
        return self._names is None or len(self._names) > 0

    @property
    def judges(self) -> list[ProviderState]:
        """The providers that may be asked, now or later."""
        return [state for state in self._router.states.values() if self._may_judge(state)]

    @property
    def has_judges(self) -> bool:
        """Whether there is one."""
        return bool(self.judges)

    @property
    def has_work(self) -> bool:
        """Whether there is something to ask, and somebody who may be asked."""
        if not self.wanted or self._failures >= _MOST_FAILURES or not self._store.judgements.open:
            return False
        return self.has_judges

    def is_due(self, explored: int, *, whole: bool, first: bool = False) -> bool:
        """Whether an order may go out now.

        Args:
            explored: Exploring orders that the run has given.
            whole: Whether the rest is asked for: the run explores no more.
            first: Whether full batches come before what explores.
        """
        if not self.has_work:
            return False
        if whole:
            return True
        full = self._store.judgements.never_asked >= self._size
        return full and (first or self.orders + 1 <= SHARE * (explored + self.orders + 1))

    def batch(self) -> Batch:
        """The next candidates; empty where there are none."""
        open_items = self._candidates(self._store.judgements.newest_open(_WINDOW))
        doubtful = bool(open_items) and self._store.judgements.tries(open_items[0].id) > 0
        controls = self._candidates(self._store.well_known(self._size // 2))
        crowded = bool(controls) and (doubtful or self._rejecting > _CROWDED)
        chosen = next_batch(open_items, (), self._size - len(controls) if crowded else self._size)
        lacking = len(controls) if crowded else min(_LEAST, self._size) - len(chosen)
        controls = controls[: max(0, lacking)] if chosen else []
        mixed = sorted((*chosen, *controls), key=lambda one: one.text)  # nothing tells controls from the others
        return Batch(tuple(mixed), frozenset(one.id for one in controls))

    def _candidates(self, item_ids: Sequence[int]) -> list[Candidate]:
        """The items with their texts; there is none among them that the store does not have."""
        texts = self._store.texts(item_ids)
        return [
            Candidate(item_id, text, self._store.named_by(item_id))
            for item_id, text in zip(item_ids, texts, strict=True)
        ]

    def available(self, batch: Batch) -> list[ProviderState]:
        """Who may be asked now; where it can be helped, nobody whose answer about these was not believed."""
        free = [state for state in self._router.free() if self._may_judge(state)]
        unbelieved = set().union(*(self._unbelieved.get(item_id, ()) for item_id in batch.asked))
        others = [state for state in free if state.spec.name not in unbelieved]
        if others or not free:
            return others
        waits = any(
            self._may_judge(state) and state.spec.name not in unbelieved for state in self._router.states.values()
        )
        return [] if waits else free

    def _may_judge(self, state: ProviderState) -> bool:
        return state.usable if self._names is None else state.spec.name in self._names and state.disabled is None

    # --- an order's course ---------------------------------------------------------------------------------

    def issued(self, batch: Batch) -> None:
        """An order about these went out."""
        self.orders += 1
        self._store.judgements.asked(batch.asked)

    def answered(self, order: OpenOrder) -> None:
        """A validating order has its answer: keep what it says. One that was cut short is not believed."""
        batch = order.batch
        self._failures = 0
        said = verdict(batch.candidates, order.received, self._identity, batch.controls)
        asked = batch.asked
        share = len(said.rejected) / len(asked) if said.believed else 1.0
        self._rejecting += 0.5 * (share - self._rejecting)
        if not said.believed or order.torn:
            self._store.keep_verdict(order.id, valid=(), invalid={}, unsure=asked)
            for item_id in asked:
                self._unbelieved.setdefault(item_id, set()).add(order.provider.spec.name)
            log.debug("order %d (%s): its judgement of %d items is not believed", order.id, order.provider.spec.name,
                      len(asked))  # fmt: skip
            return
        invalid = {one.id: one.text for one in said.rejected}
        valid = [item_id for item_id in asked if item_id not in invalid]
        self._store.keep_verdict(order.id, valid=valid, invalid=invalid, unsure=())
        for item_id in asked:
            self._unbelieved.pop(item_id, None)
        if invalid:
            self._explorer.rejected(list(invalid))
        self._explorer.judged(valid, invalid)
        log.debug("order %d (%s): %d of %d items are not of the topic", order.id, order.provider.spec.name,
                  len(invalid), len(asked))  # fmt: skip

    def returned(self, batch: Batch, *, failed: bool, overflow: bool = False) -> None:
        """A validating order came to nothing.

        Args:
            batch: What it asked about.
            failed: Whether it was given up; if not, the run cut it off.
            overflow: Whether it was too long for the model.
        """
        self._store.judgements.returned(batch.asked)
        if overflow and len(batch.candidates) > 1:
            self._size = max(1, len(batch.candidates) // 2)
        elif failed:
            self._failures += 1
            if self._failures == _MOST_FAILURES:
                log.warning("judging is given up: %d requests in a row came to nothing", self._failures)
