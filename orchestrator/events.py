"""What a run tells its watchers (display, log, Python API), as it happens; and its result."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from contract.discovery import ExplorationView
from contract.errors import ErrorKind, ExitCode


class StopReason(StrEnum):
    """Why a run ended."""

    ITERATIONS = "iterations"
    MAX_ATTRIBUTES = "max_attributes"
    MAX_COST = "max_cost"
    MAX_TIME = "max_time"
    EXHAUSTED = "exhausted"
    COVERAGE = "coverage"
    MIN_YIELD = "min_yield"
    MAX_PRICE_PER_ITEM = "max_price_per_item"
    NO_PROVIDER = "no_provider"
    INTERRUPTED = "interrupted"
    PRODUCERS_CANNOT_START = "producers_cannot_start"
    STORAGE = "storage"
    CLOSED = "closed"

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return _EXIT_CODES.get(self, ExitCode.DONE)


_EXIT_CODES = {
    StopReason.NO_PROVIDER: ExitCode.NO_PROVIDER,
    StopReason.INTERRUPTED: ExitCode.INTERRUPTED,
    StopReason.PRODUCERS_CANNOT_START: ExitCode.PRODUCER_START,
    StopReason.STORAGE: ExitCode.STORAGE,
}


class ItemFound(msgspec.Struct, frozen=True, tag="item"):
    """A new item; it is in `run.db` and in `attributes.txt` already.

    Attributes:
        id: Its place in the order of discovery, from 1.
        text: The item.
        description: What the model said of it, or empty.
        provider: Who named it, `vendor:model`.
        order_id: In which order.
    """

    id: int
    text: str
    description: str
    provider: str
    order_id: int


class OrderEnded(msgspec.Struct, frozen=True, tag="order"):
    """A response came to its end, well or not.

    Attributes:
        error: None for a complete response.
        retry_in_s: Seconds until the order is tried again, None where it is not.
    """

    order_id: int
    attempt: int
    producer: int
    provider: str
    new: int
    duplicate: int
    error: ErrorKind | None = None
    message: str = ""
    retry_in_s: float | None = None


class ProducerDied(msgspec.Struct, frozen=True, tag="died"):
    """A producer process ended unasked; its orders are given to others, and it is replaced if it is still wanted."""

    producer: int
    why: str
    orders: int


class ProviderDisabled(msgspec.Struct, frozen=True, tag="disabled"):
    """A provider gets no more orders in this run."""

    provider: str
    message: str


class Stopping(msgspec.Struct, frozen=True, tag="stopping"):
    """No new orders are given; open ones are finished or cancelled."""

    reason: StopReason
    open_orders: int
    cancelling: bool


class Judging(msgspec.Struct, frozen=True, tag="judging"):
    """The run has come to its end by itself; the items that nobody has judged yet are judged before it ends."""

    reason: StopReason
    unjudged: int


class Steered(msgspec.Struct, frozen=True, tag="steered"):
    """The run was paused, goes on, or has other settings from now on.

    Attributes:
        kind: What happened.
        text: The same in plain words, for people.
    """

    kind: Literal["paused", "resumed", "changed"]
    text: str


RunEvent = ItemFound | OrderEnded | ProducerDied | ProviderDisabled | Judging | Stopping | Steered


class ProviderTotals(msgspec.Struct, frozen=True):
    """Figures of one provider in this run."""

    name: str
    calls: int
    failures: int
    new: int
    duplicate: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class Result(msgspec.Struct, frozen=True):
    """What a run did. Counts are of this run, except `unique`, which is of the topic's folder.

    Attributes:
        topic: The topic.
        folder: Where the files are.
        unique: Items in `attributes.txt`.
        new: Items that this run added.
        duplicates: Items that came again.
        refused: Pieces of output that were no items.
        calls: Calls to models, successful or not.
        failed_calls: Calls among them that failed.
        cancelled_calls: Calls among them that were cut off by the run's own end.
        input_tokens: Tokens sent, as the providers reported them (see `tokens_estimated`).
        output_tokens: Tokens received.
        tokens_estimated: Tokens among both that were counted by us because a stream ended early.
        cost_usd: US dollars, or None where a price is unknown.
        invalid: Items in `attributes.txt` that a model found not to belong; they are left out of `valid.txt`.
        unjudged: Items that nobody has judged; None where none ever was, and that was not asked for.
        shortened_calls: Calls whose answers were ended because they only repeated (`--patience`).
        duration_s: Wall time.
        stop_reason: Why it ended.
        explanation: The same in a sentence.
        exit_code: What the command exits with.
        providers: Per provider.
        coverage: Share of what can be found that has been found, 0 to 1; None where it is not known.
        exploration: What that estimate says in full; None as above.
    """

    topic: str
    folder: Path
    unique: int
    new: int
    duplicates: int
    refused: int
    calls: int
    failed_calls: int
    cancelled_calls: int
    input_tokens: int
    output_tokens: int
    tokens_estimated: int
    cost_usd: float | None
    duration_s: float
    stop_reason: StopReason
    explanation: str
    exit_code: int
    providers: tuple[ProviderTotals, ...]
    coverage: float | None = None
    exploration: ExplorationView | None = None
    invalid: int = 0
    unjudged: int | None = None
    shortened_calls: int = 0
