"""The store of a topic's items."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import msgspec

from archive import exploration
from archive.failures import storage_error, translated
from archive.filesystem import FileSystem
from contract.discovery import KeptExploration
from contract.errors import ErrorKind, OrchestratorError, StorageError
from contract.identity import Identity, key_of
from contract.messages import WHOLE, Refusal, Scope, Usage
from orchestrator.store.attributes_file import ATTRIBUTES_NAME, clean_line
from orchestrator.store.judgements import Judgements
from orchestrator.store.manifest import write_manifest
from orchestrator.store.opening import Opened, open_parts
from orchestrator.store.past_orders import FreshCall, PastOrder, fresh_calls, past_orders
from orchestrator.store.records import AS_USUAL, Ending, IncomingBatch, Ingested, NewItem, OrderState, Totals, Written
from orchestrator.store.recovery import INSERT_ITEM
from orchestrator.store.rejected_file import REJECTED_NAME, ItemCheck, rejected_lines
from orchestrator.store.transaction import Transaction
from orchestrator.store.valid_file import write_valid

NEWEST_KEPT = 4000
"""So many of the newest items are in memory."""

NOT_OF_TOPIC = "not_of_topic"
"""The reason in `rejected.jsonl` where a model judged."""

_SIGHTING = "INSERT INTO sightings VALUES (?, ?)"
_HOLD = "INSERT OR IGNORE INTO held (key, text, description, order_id, at) VALUES (?, ?, ?, ?, ?)"


class Store:
    """Keeps every item of a topic once. Use `Store.open`; one thread at a time.

    The order of things is the promise: a transaction holds the new items, the sightings and the orders' progress; only
    after its commit are the lines appended to `attributes.txt`. A process may die between any two steps; the next
    `open` repairs. After a `StorageError` the store takes nothing more in; what was committed before is kept.

    Attributes:
        folder: The topic's folder.
        attributes_path: Its `attributes.txt`.
        recovered: What opening found and repaired.
        written: What the last `ingest` wrote to `attributes.txt`; None if it had nothing new.
        judgements: What was judged of the items; changed by `keep_verdict` alone.
    """

    def __init__(
        self,
        folder: Path,
        parts: Opened,
        *,
        identity: Identity,
        filesystem: FileSystem,
        max_items: int | None,
        clock: Callable[[], float],
        validity: ItemCheck | None = None,
    ) -> None:
        self.folder = folder
        self.recovered = parts.recovery
        self.written: Written | None = None
        self._database = parts.database
        self._lock = parts.lock
        self._index = parts.index
        self._ledger = parts.ledger
        self._repeats = parts.repeats
        self.judgements: Judgements = parts.judgements
        self._attributes = parts.attributes
        self.attributes_path = folder / ATTRIBUTES_NAME
        self._rejected = filesystem.append(folder / REJECTED_NAME)
        self._held = parts.held
        self._unique = parts.recovery.items_known
        self._limit = max_items
        self._identity = identity
        self._filesystem = filesystem
        self._clock = clock
        self._failure: OrchestratorError | None = None
        self._closed = False
        self._newest: deque[str] = deque(self._read_newest(NEWEST_KEPT), maxlen=NEWEST_KEPT)
        self._validity = validity
        if validity is not None:
            for text in self._newest:
                validity.learn(text)

    @classmethod
    def open(
        cls,
        folder: Path,
        topic: str,
        *,
        identity: Identity,
        filesystem: FileSystem,
        filter_name: str = "rbloom",
        fresh: bool = False,
        max_items: int | None = None,
        clock: Callable[[], float] = time.time,
        validity: ItemCheck | None = None,
    ) -> Store:
        """Lock, create or continue a topic's folder, and repair what a killed process left.

        Args:
            folder: Where the topic's files are; created if needed.
            topic: The topic; a folder belongs to one.
            identity: What counts as the same item; fixed when the folder is made.
            filesystem: Where the folder lives.
            filter_name: The filter in front of the index, `rbloom` or `pybloom`.
            fresh: Move an earlier run's folder to `<name>.<UTC time>` and start anew; nothing is deleted.
            max_items: Neither the database nor `attributes.txt` gets more items; new ones beyond are held.
            clock: Unix seconds.
            validity: Judges new items before they are taken in; None: nobody does.

        Raises:
            FolderBusyError: Another process works in the folder.
            ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
            ConfigurationError: The folder belongs to another topic or identity, is no folder, or the filter is missing.
            StorageError: The disk does not let us.
        """
        with translated(folder):
            parts = open_parts(folder, topic, identity, filesystem, filter_name, fresh, max_items, clock)
            try:
                return cls(
                    folder,
                    parts,
                    identity=identity,
                    filesystem=filesystem,
                    max_items=max_items,
                    clock=clock,
                    validity=validity,
                )
            except BaseException:
                parts.attributes.close()
                parts.database.close()
                parts.lock.release()
                raise

    # --- runs and orders -----------------------------------------------------------------------------------

    def begin_run(self, settings: Mapping[str, object]) -> int:
        """Write a run's start and `run.json`; returns the run's number. `settings` must hold no key."""
        with self._guarded():
            with Transaction(self._database):
                run_id = self._ledger.begin_run(settings, self._unique)
            self._write_derived()
            return run_id

    def change_settings(self, settings: Mapping[str, object]) -> None:
        """Write what the run's settings are now. `settings` must hold no key."""
        with self._guarded():
            with Transaction(self._database):
                self._ledger.change_settings(settings)
            self._write_manifest()

    def issue_order(
        self,
        *,
        provider: str,
        model: str,
        mode: str,
        size: int,
        producer: int,
        scope: Scope = WHOLE,
        listed: int = 0,
        said: int = 0,
    ) -> int:
        """Write a new order, durably, before it costs anything; returns its id, unique over all runs of the folder.

        Args:
            provider: The vendor.
            model: The model's name.
            mode: `contract.messages.Mode`.
            size: Items, or parts, asked for.
            producer: Index of the producer that gets it first.
            scope: The part of the topic that is asked about.
            listed: Items on its avoid-list.
            said: Earlier answers of the conversation that it continues.
        """
        with self._guarded(), Transaction(self._database):
            self._ledger.write_ends()
            return self._ledger.issue(provider, model, mode, size, producer, self._unique, scope, listed, said)

    def keep_parts(self, order_id: int, parts: Sequence[str]) -> None:
        """Keep the parts of the topic that a plan's answer named, so that a later run need not buy them again.

        What has ended before is written with them: a kill leaves both, or neither.
        """
        with self._guarded(), Transaction(self._database):
            self._ledger.write_ends()
            self._database.executemany(
                "INSERT INTO parts VALUES (?, ?, ?)",
                [(order_id, at, clean_line(part)) for at, part in enumerate(parts)],
            )

    def keep_exploration(self, kept: KeptExploration) -> None:
        """Keep how far the topic is explored, in place of what was kept before."""
        with self._guarded(), Transaction(self._database):
            self._database.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (exploration.META_NAME, exploration.encode(kept).decode()),
            )

    def keep_verdict(
        self, order_id: int, *, valid: Sequence[int], invalid: Mapping[int, str], unsure: Sequence[int]
    ) -> None:
        """Keep what the answer to a validating order said, at once: what was bought once is not bought again.

        The lines of `rejected.jsonl` come before the commit: no item is left out of `valid.txt` that stands nowhere.

        Args:
            order_id: The order.
            valid: Numbers of items that belong.
            invalid: Those that do not, with their texts.
            unsure: Those of which the answer said nothing that can be believed.
        """
        with self._guarded():
            rows = self.judgements.rows(order_id, valid, list(invalid), unsure, int(self._clock()))
            with Transaction(self._database):
                self._ledger.write_ends()
                self.judgements.write(rows)
                if invalid:
                    refusals = [Refusal(text, NOT_OF_TOPIC) for text in invalid.values()]
                    self._rejected.write(rejected_lines(order_id, refusals, "model", self._clock()))
            self.judgements.took(rows)

    def named_by(self, item_id: int) -> int:
        """How many orders have named this item, at most 256."""
        return self._repeats.count(item_id)

    def well_known(self, count: int) -> list[int]:
        """Numbers of items that surely belong: judged so, and named by most answers, then those found first."""
        valid = [item_id for item_id in self.most_repeated(2 * count) if self.judgements.is_valid(item_id)]
        return list(dict.fromkeys((*valid, *self.judgements.oldest_valid(count))))[:count]

    def keys_after(self, item_id: int, count: int) -> list[bytes]:
        """The identity keys of the `count` items that were found next after this one, in order of discovery."""
        rows = self._database.execute("SELECT key FROM items WHERE id > ? ORDER BY id LIMIT ?", (item_id, count))
        return [row[0] for row in rows]

    def texts(self, item_ids: Sequence[int]) -> list[str]:
        """The items with these ids, in their order."""
        marks = ",".join("?" * len(item_ids))
        query = f"SELECT id, text FROM items WHERE id IN ({marks})"  # noqa: S608 - question marks only
        found = dict(self._database.execute(query, item_ids))
        return [found[item_id] for item_id in item_ids if item_id in found]

    def past_orders(self) -> Iterator[PastOrder]:
        """All ended orders of the folder in the order of their end, with what each has named."""
        return past_orders(self._database)

    def fresh_calls(self) -> Iterator[FreshCall]:
        """What each complete fresh answer of the folder took."""
        return fresh_calls(self._database)

    def end_order(
        self,
        order_id: int,
        *,
        state: str,
        attempts: int,
        usage: Usage | None,
        cost_usd: float | None,
        error: ErrorKind | None,
        time_to_first_chunk_s: float | None,
        duration_s: float | None,
        ending: Ending = AS_USUAL,
    ) -> None:
        """Note an order's end; written with the next transaction, at the latest by `flush`, `end_run` or `close`.

        Args:
            order_id: An open order; no batch for it may come any more.
            state: `done`, `failed` or `interrupted`.
            attempts: Calls made for it.
            usage: Tokens of all attempts, None where nothing is known.
            cost_usd: Price of all attempts, None where unknown.
            error: Why it failed, where it did.
            time_to_first_chunk_s: Of the last attempt, in seconds.
            duration_s: Of the last attempt, in seconds.
            ending: How its answer ended.
        """
        timing = (time_to_first_chunk_s, duration_s)
        ended = cast(OrderState, state)
        self._ledger.end(order_id, ended, attempts, usage, cost_usd, error, *timing, ending)

    def end_run(self, stop_reason: str) -> None:
        """Write the run's end and `run.json`; orders still open become interrupted."""
        with self._guarded():
            with Transaction(self._database):
                self._ledger.interrupt_open()
                self._ledger.end_run(stop_reason, self._unique)
            self._write_derived()

    def flush(self) -> None:
        """Write the noted ends of orders."""
        with self._guarded(), Transaction(self._database):
            self._ledger.write_ends()

    def close(self) -> None:
        """Write what is noted, close the files and give the lock back; a second call does nothing.

        Raises:
            StorageError: The last write failed, and no earlier call had reported a failure. The store is closed anyway.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._failure is None:
                self.flush()
        finally:
            self._attributes.close()
            with contextlib.suppress(OSError):
                self._rejected.close()
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._lock.release()

    # --- items ---------------------------------------------------------------------------------------------

    def ingest(self, batches: Sequence[IncomingBatch]) -> list[Ingested]:
        """Take in batches of open orders, in one transaction, then append the new lines.

        Within an order an item is counted once, over all its batches and attempts. Returns one outcome for each batch.

        Raises:
            StorageError: Nothing of these batches is kept if the database failed; all of it if only the append did.
            ValueError: A batch names an order that is not open.
        """
        for batch in batches:
            if batch.order_id not in self._ledger.open:
                raise ValueError(f"order {batch.order_id} is not open")
        with self._guarded():
            with Transaction(self._database):
                self._ledger.write_ends()
                intake = _Intake(self, int(self._clock()))
                outcomes = [intake.take(batch) for batch in batches]
                intake.write()
                if intake.rejected:
                    # Before the commit: no item is counted as refused that stands nowhere.
                    self._rejected.write(b"".join(intake.rejected))
            self._count(intake)
            self._write(intake)
            now = self._clock()
            refused = b"".join(
                rejected_lines(batch.order_id, batch.refused, "parser", now) for batch in batches if batch.refused
            )
            if refused:
                self._rejected.write(refused)
            if self._index.due:
                with Transaction(self._database):
                    self._index.fill()
            return outcomes

    def _write(self, intake: _Intake) -> None:
        self.written = None
        if intake.rows:
            began_ns = time.time_ns()
            lines = self._attributes.append(row[2] for row in intake.rows)
            self.written = Written(lines, self._attributes.size, began_ns, time.time_ns())

    def _count(self, intake: _Intake) -> None:
        """Bring the figures in memory to the state of the commit."""
        self._unique += len(intake.rows)
        self.judgements.added(len(intake.rows))
        self._held += intake.held
        for row in intake.rows:
            self._repeats.added()
            self._newest.append(row[2])
        for item_id, _ in intake.sightings:
            self._repeats.sighted(item_id)

    # --- figures -------------------------------------------------------------------------------------------

    def totals(self) -> Totals:
        """The sums over all runs of the folder, from memory; a snapshot."""
        ledger = self._ledger
        return Totals(
            unique=self._unique,
            held=self._held,
            sightings=self._repeats.sightings,
            orders=dict(ledger.by_state),
            providers={name: msgspec.structs.replace(one) for name, one in ledger.providers.items()},
            judged=self.judgements.totals(),
        )

    def newest(self, count: int) -> list[str]:
        """The items found last, the newest first."""
        if count > len(self._newest) < self._unique:
            return self._read_newest(count)[::-1]
        return [self._newest[-1 - i] for i in range(min(count, len(self._newest)))]

    def most_repeated(self, count: int) -> list[int]:
        """Numbers of items that two or more orders named, the most often named first; at most `repeats.LISTED`."""
        return self._repeats.leaders(count)

    def _read_newest(self, count: int) -> list[str]:
        rows = self._database.execute("SELECT text FROM items ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        return [row[0] for row in reversed(rows)]

    def _write_derived(self) -> None:
        """What follows from the database: `run.json`, and `valid.txt` where anything was judged."""
        self._write_manifest()
        if self.judgements.any:
            write_valid(self.folder, self.judgements, self._filesystem)

    def _write_manifest(self) -> None:
        write_manifest(self.folder, self._database, self.totals(), self._filesystem)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn failures into the project's errors; after one the memory may be ahead of the disk, so it is final."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._failure = storage_error(error, self.folder)
            raise self._failure from error
        except BaseException:
            self._failure = StorageError(f"work on {self.folder} was broken off; everything committed before is kept")
            raise


class _Intake:
    """What one `ingest` decides and writes."""

    def __init__(self, store: Store, now: int) -> None:
        self._store = store
        self._database = store._database
        self._now = now
        self._room = None if store._limit is None else max(0, store._limit - store._unique)
        self.rows: list[tuple[int, bytes, str, str, int, int]] = []
        self.sightings: list[tuple[int, int]] = []
        self.held = 0
        self.rejected: list[bytes] = []
        self._first_id = store._unique + 1

    def take(self, batch: IncomingBatch) -> Ingested:
        """Decide about each item of a batch."""
        order_id = batch.order_id
        order = self._store._ledger.open[order_id]
        named = order.named
        identity = self._store._identity
        before, sighted_before, held_before = len(self.rows), len(self.sightings), self.held
        rejected_before = len(self.rejected)
        received = 0
        first_named: list[tuple[bytes, str, str]] = []
        for item in batch.items:
            text = clean_line(item.text)
            if not text:
                continue
            received += 1
            key = key_of(text, identity)
            if key not in named:
                named.add(key)
                first_named.append((key, text, item.description))
        known = self._store._index.find([key for key, _, _ in first_named])
        for key, text, description in first_named:
            if key in known:
                self.sightings.append((known[key], order_id))
            elif reason := self._why_not(text, order.abroad):
                refusal = Refusal(text, reason)
                self.rejected.append(rejected_lines(order_id, [refusal], "check", self._store._clock()))
            elif self._room is None or self._room > len(self.rows):
                self._add(key, text, clean_line(description), order_id)
            else:
                self._hold(key, text, clean_line(description), order_id)
        new = tuple(NewItem(row[0], row[2], row[3]) for row in self.rows[before:])
        held = self.held - held_before
        rejected = len(self.rejected) - rejected_before
        received -= rejected
        duplicate = received - len(new) - held
        blank = len(batch.items) - received
        refused = blank + sum(refusal.count for refusal in batch.refused)
        self._store._ledger.progress(order_id, received, len(new), duplicate, refused)
        sighted = tuple(item_id for item_id, _ in self.sightings[sighted_before:])
        return Ingested(order_id, new, duplicate, held, blank, sighted, rejected)

    def _why_not(self, text: str, abroad: bool) -> str | None:
        validity = self._store._validity
        if validity is None:
            return None
        reason = validity.reason(text, abroad=abroad)
        if reason is None:
            validity.learn(text)
        return reason

    def _add(self, key: bytes, text: str, description: str, order_id: int) -> None:
        item_id = self._first_id + len(self.rows)
        self._store._index.add(key, item_id)
        self.rows.append((item_id, key, text, description, order_id, self._now))

    def _hold(self, key: bytes, text: str, description: str, order_id: int) -> None:
        self.held += self._database.execute(_HOLD, (key, text, description, order_id, self._now)).rowcount

    def write(self) -> None:
        """Write the new items and the sightings into the current transaction."""
        self._database.executemany(INSERT_ITEM, self.rows)
        self._database.executemany(_SIGHTING, self.sightings)
