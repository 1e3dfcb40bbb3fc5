"""Runs and orders in the database, and their sums in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from contract.errors import ErrorKind
from contract.messages import WHOLE, Scope, Usage
from contract.version import __version__
from orchestrator.store.records import Ending, OrderState, ProviderTotals

_SUMS = """
SELECT provider, count(*), sum(state = 'done'), sum(state = 'failed'),
    sum(items), sum(new), sum(duplicate), sum(refused),
    total(input_tokens), total(output_tokens), total(cached_input_tokens), total(reasoning_tokens), total(cost_usd),
    sum(state IN ('done', 'failed') AND cost_usd IS NULL)
FROM orders GROUP BY provider
"""
_ISSUE = """
INSERT INTO orders
    (id, run_id, provider, model, mode, size, producer, known_at_issue, issued_at, scope, listed, said, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')
"""
_PROGRESS = """
UPDATE orders SET items = items + ?, new = new + ?, duplicate = duplicate + ?, refused = refused + ? WHERE id = ?
"""
_END = """
UPDATE orders SET ended_at = ?, state = ?, attempts = ?, error = ?, cost_usd = ?,
    time_to_first_chunk_s = ?, duration_s = ?, whole = ?, cut = ?, replaced = ?, in_vain = ?,
    input_tokens = ?, output_tokens = ?, cached_input_tokens = ?, reasoning_tokens = ?, usage_estimated = ?
WHERE id = ?
"""


class OpenOrder:
    """An order that may still bring items.

    Attributes:
        provider: The sums it counts for.
        abroad: Whether it asked for the view of another language's speakers.
        named: Keys that its answer has named so far, over all attempts: a repeat is no further sighting.
    """

    __slots__ = ("abroad", "named", "provider")

    def __init__(self, provider: ProviderTotals, *, abroad: bool) -> None:
        self.provider = provider
        self.abroad = abroad
        self.named: set[bytes] = set()


class Ledger:
    """Writes runs and orders; every method but `end` must be called within a transaction.

    Args:
        database: The folder's database.
        clock: Unix seconds.
    """

    def __init__(self, database: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._run_id = 0
        self._ends: list[tuple[Any, ...]] = []
        self._next_id = 1 + int(database.execute("SELECT coalesce(max(id), 0) FROM orders").fetchone()[0])
        self.open: dict[int, OpenOrder] = {}
        self.providers: dict[str, ProviderTotals] = {}
        self.by_state: dict[OrderState, int] = {"open": 0, "done": 0, "failed": 0, "interrupted": 0}

    def interrupt_open(self) -> int:
        """Mark what an earlier process, or this one at its end, leaves open; returns how many."""
        self.write_ends()
        self._database.execute(
            "UPDATE runs SET stop_reason = 'killed' WHERE stop_reason IS NULL AND id <> ?", (self._run_id,)
        )
        cursor = self._database.execute(
            "UPDATE orders SET state = 'interrupted', ended_at = ? WHERE state = 'open'", (self._clock(),)
        )
        self.by_state["interrupted"] += self.by_state["open"]
        self.by_state["open"] = 0
        self.open.clear()
        return cursor.rowcount

    def load(self) -> None:
        """Read the sums of all earlier runs."""
        for state, count in self._database.execute("SELECT state, count(*) FROM orders GROUP BY state"):
            self.by_state[state] = count
        for provider, *sums in self._database.execute(_SUMS):
            totals = ProviderTotals(*sums)
            for field in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"):
                setattr(totals, field, int(getattr(totals, field)))
            self.providers[provider] = totals

    def begin_run(self, settings: object, unique: int) -> int:
        """Write a run's start; returns its id."""
        cursor = self._database.execute(
            "INSERT INTO runs (version, settings, started_at, unique_before) VALUES (?, ?, ?, ?)",
            (__version__, msgspec.json.encode(settings, enc_hook=str).decode(), self._clock(), unique),
        )
        self._run_id = int(cursor.lastrowid or 0)
        return self._run_id

    def change_settings(self, settings: object) -> None:
        """Write what the run's settings are now: a later run continues with them."""
        encoded = msgspec.json.encode(settings, enc_hook=str).decode()
        self._database.execute("UPDATE runs SET settings = ? WHERE id = ?", (encoded, self._run_id))

    def end_run(self, stop_reason: str, unique: int) -> None:
        """Write the run's end."""
        self._database.execute(
            "UPDATE runs SET ended_at = ?, stop_reason = ?, unique_after = ? WHERE id = ?",
            (self._clock(), stop_reason, unique, self._run_id),
        )

    def issue(
        self,
        provider: str,
        model: str,
        mode: str,
        size: int,
        producer: int,
        unique: int,
        scope: Scope = WHOLE,
        listed: int = 0,
        said: int = 0,
    ) -> int:
        """Write a new open order; returns its id."""
        order_id = self._next_id
        part = "" if scope == WHOLE else msgspec.json.encode(scope).decode()
        self._database.execute(
            _ISSUE,
            (order_id, self._run_id, provider, model, mode, size, producer, unique, self._clock(), part, listed, said),
        )
        self._next_id += 1
        totals = self.providers.setdefault(provider, ProviderTotals())
        totals.orders += 1
        self.by_state["open"] += 1
        self.open[order_id] = OpenOrder(totals, abroad=bool(scope.language))
        return order_id

    def progress(self, order_id: int, items: int, new: int, duplicate: int, refused: int) -> None:
        """Write what a batch brought."""
        self._database.execute(_PROGRESS, (items, new, duplicate, refused, order_id))
        totals = self.open[order_id].provider
        totals.items += items
        totals.new += new
        totals.duplicate += duplicate
        totals.refused += refused

    def end(
        self,
        order_id: int,
        state: OrderState,
        attempts: int,
        usage: Usage | None,
        cost_usd: float | None,
        error: ErrorKind | None,
        time_to_first_chunk_s: float | None,
        duration_s: float | None,
        ending: Ending,
    ) -> None:
        """Note an order's end; `write_ends` writes it."""
        totals = self.open.pop(order_id).provider
        self.by_state["open"] -= 1
        self.by_state[state] += 1
        totals.done += state == "done"
        totals.failed += state == "failed"
        if cost_usd is not None:
            totals.cost_usd += cost_usd
        elif state != "interrupted":
            totals.orders_without_cost += 1
        tokens: tuple[int | None, ...] = (None,) * 5
        if usage is not None:
            totals.input_tokens += usage.input_tokens
            totals.output_tokens += usage.output_tokens
            totals.cached_input_tokens += usage.cached_input_tokens
            totals.reasoning_tokens += usage.reasoning_tokens
            tokens = (
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_input_tokens,
                usage.reasoning_tokens,
                usage.estimated,
            )
        timing = (time_to_first_chunk_s, duration_s)
        how = msgspec.structs.astuple(ending)
        self._ends.append((self._clock(), state, attempts, error, cost_usd, *timing, *how, *tokens, order_id))

    def write_ends(self) -> None:
        """Write the ends noted since the last call."""
        if self._ends:
            self._database.executemany(_END, self._ends)
            self._ends.clear()
