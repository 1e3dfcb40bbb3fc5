"""What the orders of earlier runs asked and named, read from the database: the explorer learns from them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from contract.messages import WHOLE, Mode, Scope

_ORDERS = """
SELECT id, provider || ':' || model, mode, scope, listed, said, known_at_issue, state, new FROM orders
WHERE state <> 'open' ORDER BY id
"""
_NAMED = """
SELECT order_id, item_id FROM (
    SELECT first_order AS order_id, id AS item_id FROM items WHERE first_order IS NOT NULL
    UNION ALL SELECT order_id, item_id FROM sightings
) ORDER BY order_id, item_id
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
        complete: Whether its answer came to its end.
        new: Items that it found first.
        item_ids: Items that it named, each once.
        parts: What it named, where it was a plan.
        said: Earlier answers of the conversation that it continued.
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


def past_orders(database: sqlite3.Connection) -> Iterator[PastOrder]:
    """In the order of their issue. Memory does not grow with the folder; SQLite sorts on disk where it must."""
    named = iter(database.execute(_NAMED))
    waiting = next(named, None)
    for order_id, provider, mode, scope, listed, said, known, state, new in database.execute(_ORDERS):
        ids: list[int] = []
        while waiting is not None and waiting[0] <= order_id:
            if waiting[0] == order_id:
                ids.append(waiting[1])
            waiting = next(named, None)
        parts = tuple(text for (text,) in database.execute(_PARTS, (order_id,))) if mode == "plan" else ()
        complete = state == "done"
        yield PastOrder(order_id, provider, mode, _scope(scope), listed, known, complete, new, tuple(ids), parts, said)


def _scope(text: str) -> Scope:
    try:
        return msgspec.json.decode(text, type=Scope) if text else WHOLE
    except msgspec.MsgspecError:
        return WHOLE  # somebody has edited it: the answer counts for the topic as a whole
