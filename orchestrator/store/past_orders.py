"""What the orders of earlier runs asked and named, read from the database: the explorer learns from them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from contract.messages import WHOLE, Mode, Scope, Usage

_ORDERS = """
SELECT id, provider || ':' || model, mode, scope, listed, said, known_at_issue, state, new,
    whole, cut, replaced, in_vain
FROM orders WHERE state <> 'open' ORDER BY ended_at, id
"""
_NAMED = """
SELECT order_id, item_id FROM (
    SELECT first_order AS order_id, id AS item_id FROM items WHERE first_order IS NOT NULL
    UNION ALL SELECT order_id, item_id FROM sightings
) JOIN orders ON orders.id = order_id WHERE state <> 'open' ORDER BY ended_at, order_id, item_id
"""
_FRESH_CALLS = """
SELECT provider || ':' || model, size, input_tokens, output_tokens, cached_input_tokens, duration_s FROM orders
WHERE state = 'done' AND mode = 'audit' AND whole AND duration_s IS NOT NULL ORDER BY id
"""
_PARTS = "SELECT text FROM parts WHERE order_id = ? ORDER BY place"


class PastOrder(msgspec.Struct, frozen=True):
    """One ended order.

    Attributes:
        id: Its id.
        provider: `vendor:model`.
        mode: `contract.messages.Mode`.
        scope: The part of the topic that it asked about.
        listed: Items on its avoid-list.
        known_at_issue: Items in the store when it went out.
        complete: Whether its answer came to its end, in one piece (a plan's may have come in several).
        new: Items that it found first.
        item_ids: Items that it named, each once.
        parts: What it named, where it was a plan.
        said: Earlier answers of the conversation that it continued.
        cut: Whether its answer was ended early.
        stopped: Whether a run's end, or a kill, broke it off.
        replaced: Whether another order asked for the rest.
        in_vain: Whether it was a plan that named items instead of parts.
    """

    id: int
    provider: str
    mode: Mode
    scope: Scope
    listed: int
    known_at_issue: int
    complete: bool
    new: int
    item_ids: tuple[int, ...]
    parts: tuple[str, ...] = ()
    said: int = 0
    cut: bool = False
    stopped: bool = False
    replaced: bool = False
    in_vain: bool = False


class FreshCall(msgspec.Struct, frozen=True):
    """What a complete fresh answer took.

    Attributes:
        provider: `vendor:model`.
        size: Items that it was asked for.
        usage: Tokens of all its attempts; None where they are not known.
        duration_s: Of its last attempt, in seconds.
    """

    provider: str
    size: int
    usage: Usage | None
    duration_s: float


def fresh_calls(database: sqlite3.Connection) -> Iterator[FreshCall]:
    """The complete fresh answers of all runs, in the order of their issue."""
    for provider, size, read, written, cached, duration_s in database.execute(_FRESH_CALLS):
        usage = None
        if read is not None and written is not None:
            usage = Usage(input_tokens=read, output_tokens=written, cached_input_tokens=cached or 0)
        yield FreshCall(provider, size, usage, duration_s)


def past_orders(database: sqlite3.Connection) -> Iterator[PastOrder]:
    """In the order of their end, in which a run learns from them.

    Memory does not grow with the folder; SQLite sorts on disk where it must.
    """
    named = iter(database.execute(_NAMED))
    waiting = next(named, None)
    for order_id, provider, mode, scope, listed, said, known, state, new, *ending in database.execute(_ORDERS):
        ids: list[int] = []
        while waiting is not None and waiting[0] == order_id:
            ids.append(waiting[1])
            waiting = next(named, None)
        parts = tuple(text for (text,) in database.execute(_PARTS, (order_id,))) if mode == "plan" else ()
        whole, cut, replaced, in_vain = map(bool, ending)
        complete = state == "done" and (whole or mode == "plan")
        yield PastOrder(
            id=order_id,
            provider=provider,
            mode=mode,
            scope=_scope(scope),
            listed=listed,
            known_at_issue=known,
            complete=complete,
            new=new,
            item_ids=tuple(ids),
            parts=parts,
            said=said,
            cut=cut,
            replaced=replaced,
            in_vain=in_vain,
            stopped=state == "interrupted",
        )


def _scope(text: str) -> Scope:
    try:
        return msgspec.json.decode(text, type=Scope) if text else WHOLE
    except msgspec.MsgspecError:
        return WHOLE  # somebody has edited it: the answer counts for the topic as a whole
