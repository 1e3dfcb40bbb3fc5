"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from contract.messages import Item, Refusal
from orchestrator.store.judgements import JudgedTotals

OrderState = Literal["open", "done", "failed", "interrupted"]


class IncomingBatch(msgspec.Struct, frozen=True):
    """What one message brought for one open order."""

    order_id: int
    items: Sequence[Item]
    refused: Sequence[Refusal] = ()


class NewItem(msgspec.Struct, frozen=True):
    """An item that nobody had found before; `id` counts from 1 in order of discovery."""

    id: int
    text: str
    description: str


class Ingested(msgspec.Struct, frozen=True):
    """What became of one batch; `len(new) + duplicate + held + blank` is the number of its items.

    Attributes:
        order_id: The batch's order.
        new: Items found for the first time, in the model's order; they stand in `attributes.txt` now.
        duplicate: Items known before, or repeated within the order.
        sighted: Ids of known items that this order has named for the first time.
        blank: Items that were not taken in, for they had no text or the checks rejected them; they are counted as
            refused.
        held: New items beyond `max_items`; kept, and admitted by a later run that allows more.
        rejected: Those of `blank` that the checks rejected; they stand in `rejected.jsonl`.
    """

    order_id: int
    new: tuple[NewItem, ...]
    duplicate: int
    held: int
    blank: int = 0
    sighted: tuple[int, ...] = ()
    rejected: int = 0


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an order's answer came to its end, beside its state: a later run learns from it as this one did.

    Attributes:
        whole: Whether it came in one piece.
        cut: Whether it was ended early.
        replaced: Whether another order asked for the rest.
        in_vain: Whether it was a plan that named items instead of parts.
    """

    whole: bool = True
    cut: bool = False
    replaced: bool = False
    in_vain: bool = False


AS_USUAL = Ending()


class Written(msgspec.Struct, frozen=True):
    """One write to `attributes.txt`.

    Attributes:
        lines: Lines appended.
        size: Bytes of the file afterwards.
        began_ns: Nanoseconds since 1970.
        ended_ns: Nanoseconds since 1970.
    """

    lines: int
    size: int
    began_ns: int
    ended_ns: int


class Recovery(msgspec.Struct, frozen=True):
    """What opening a folder found and repaired.

    Attributes:
        items_known: Items in the database after the repair.
        torn_bytes: Bytes of a half-written last line that were cut.
        lines_written: Lines that were missing in `attributes.txt` and were written.
        lines_adopted: Lines that only `attributes.txt` had and that became items.
        orders_interrupted: Orders that an earlier process left open.
        items_admitted: Held items that this run's `max_items` lets in.
        edited_copy: Name of the copy that keeps the user's edited `attributes.txt`, or empty.
        set_aside: Name of the folder that `fresh` moved the earlier run to, or empty.
    """

    items_known: int = 0
    torn_bytes: int = 0
    lines_written: int = 0
    lines_adopted: int = 0
    orders_interrupted: int = 0
    items_admitted: int = 0
    edited_copy: str = ""
    set_aside: str = ""


class ProviderTotals(msgspec.Struct):
    """Sums over one provider's orders in all runs of the folder; tokens as far as they were reported.

    `cost_usd` sums the known costs; `orders_without_cost` says how many ended orders it leaves out.
    """

    orders: int = 0
    done: int = 0
    failed: int = 0
    items: int = 0
    new: int = 0
    duplicate: int = 0
    refused: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0
    orders_without_cost: int = 0


class Totals(msgspec.Struct, frozen=True):
    """The state of the folder, over all its runs.

    Attributes:
        unique: Items in `attributes.txt`.
        blank: Items without any text; they are counted as refused.
        held: New items beyond `max_items`.
        sightings: Pairs of an item and an order that named it.
        orders: Number of orders by state.
        providers: Sums by provider name.
        judged: How far the items are judged.
    """

    unique: int
    held: int
    sightings: int
    orders: dict[OrderState, int]
    providers: dict[str, ProviderTotals]
    judged: JudgedTotals = JudgedTotals()

    def over_all(self) -> ProviderTotals:
        """The sums over all providers."""
        total = ProviderTotals()
        for one in self.providers.values():
            for field in ProviderTotals.__struct_fields__:
                setattr(total, field, getattr(total, field) + getattr(one, field))
        return total
