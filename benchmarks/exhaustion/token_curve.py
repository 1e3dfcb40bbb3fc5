"""What a run had found for how many tokens: a curve over its own files, so that one run answers for every budget."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from contract.messages import WHOLE, Scope
from producer.parser import Reason

_ORDERS = """
SELECT id, mode, scope, listed, input_tokens, output_tokens, state = 'done' FROM orders
WHERE state <> 'open' AND output_tokens IS NOT NULL ORDER BY ended_at, id
"""
_NAMED = """
SELECT items.text FROM items WHERE first_order = :order
UNION ALL SELECT items.text FROM sightings JOIN items ON items.id = sightings.item_id WHERE order_id = :order
"""


class Answer(NamedTuple):
    """One ended order of a run.

    Attributes:
        way: `plain`, `listed`, `facet`, `catch-all`, `letter`, `plan`: how it asked; `fresh` for one that should have
            had a list and had none.
        input_tokens: Of its prompt, as the server counted them; over all attempts.
        output_tokens: Of its answer.
        items: The store's items that it named, each once.
        scope: The part of the topic that it was asked about.
        repeats: Further times that an item came in the same answer.
        refused: Pieces of other kinds that were no items.
        rejected: Items that the checks set aside; not among `items`.
        complete: Whether the answer came to its end.
    """

    way: str
    input_tokens: int
    output_tokens: int
    items: tuple[str, ...]
    scope: Scope = WHOLE
    repeats: int = 0
    refused: int = 0
    rejected: tuple[str, ...] = ()
    complete: bool = True


class Point(NamedTuple):
    """Where a run was after so many tokens; numbers between two answers' ends are interpolated.

    Attributes:
        tokens: As weighted.
        valid: Distinct items of the world.
        distinct: Distinct items in the list, valid or not.
        calls: Ended orders.
    """

    tokens: float
    valid: float
    distinct: float
    calls: float


def answers_of(folder: Path) -> list[Answer]:
    """The ended orders of a topic's folder whose tokens are known, in the order of their ends.

    Raises:
        sqlite3.Error: There is no database, or another one.
    """
    repeats, refused, rejected = _rejected(folder / "rejected.jsonl")
    answers = []
    with closing(sqlite3.connect(f"file:{folder / 'run.db'}?mode=ro", uri=True, timeout=30.0)) as database:
        for order, mode, scope_text, listed, read, written, done in database.execute(_ORDERS).fetchall():
            scope = msgspec.json.decode(scope_text, type=Scope) if scope_text else WHOLE
            items = tuple(text for (text,) in database.execute(_NAMED, {"order": order}))
            way, set_aside = _way(mode, scope, listed), tuple(rejected[order])
            pieces = repeats[order], refused[order], set_aside
            answers.append(Answer(way, read or 0, written, items, scope, *pieces, bool(done)))
    return answers


def _rejected(path: Path) -> tuple[Counter[int], Counter[int], defaultdict[int, list[str]]]:
    """By order: repeats within the answer, other pieces that are no items, and items that the checks set aside."""
    repeats, refused, rejected = Counter[int](), Counter[int](), defaultdict[int, list[str]](list)
    for line in path.read_bytes().splitlines() if path.exists() else ():
        one = msgspec.json.decode(line, type=_Rejected)
        if one.by == "check":
            rejected[one.order].append(one.text)
        elif one.reason in (Reason.REPETITION, Reason.COUNTER):
            repeats[one.order] += one.count
        else:
            refused[one.order] += one.count
    return repeats, refused, rejected


class _Rejected(msgspec.Struct, frozen=True):
    order: int
    by: str
    reason: str
    count: int
    text: str


def _way(mode: str, scope: Scope, listed: int) -> str:
    if mode == "plan":
        return "plan"
    if scope.prefix:
        return "letter"
    if scope.facet:
        return "facet"
    if scope.besides:
        return "catch-all"
    if mode == "audit":
        return "plain"
    return "listed" if listed else "fresh"


def curve_of(answers: Sequence[Answer], find: Callable[[str], str | None], input_weight: float = 1.0) -> list[Point]:
    """The run after each answer, from nothing on.

    Args:
        answers: In the order of their ends.
        find: The world's item that a text means.
        input_weight: What a token of a prompt counts; one of an answer counts 1.
    """
    valid: set[str] = set()
    distinct: set[str] = set()
    tokens = 0.0
    points = [Point(0.0, 0.0, 0.0, 0.0)]
    for calls, answer in enumerate(answers, 1):
        tokens += input_weight * answer.input_tokens + answer.output_tokens
        if answer.way != "plan":
            distinct.update(answer.items)
            valid.update(item for item in map(find, answer.items) if item is not None)
        points.append(Point(tokens, len(valid), len(distinct), calls))
    return points


def at_tokens(points: Sequence[Point], budget: float) -> Point:
    """The curve at a number of tokens; behind its end, its last point with that number."""
    for before, after in pairwise(points):
        if after.tokens >= budget:
            share = (budget - before.tokens) / (after.tokens - before.tokens) if after.tokens > before.tokens else 1.0
            numbers = [old + share * (new - old) for old, new in zip(before, after, strict=True)]
            return Point(*numbers)
    return points[-1]._replace(tokens=budget)
