"""Asking a model which items do not belong: what to ask about, and how much of the answer to believe (pure)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

import msgspec

from contract.identity import Identity, key_of

BATCH_SIZE = 40
"""Candidates in one order at most: of longer lists models judge the middle badly."""

LEAST_CONTROLS = 4
"""Fewer say little."""

_NOBODY = ("none", "none of them", "none of these", "none of the above", "no items", "nothing", "all belong", "n/a")
"""How models say that all candidates belong."""


class Candidate(msgspec.Struct, frozen=True):
    """An item that may be judged.

    Attributes:
        id: Its number, in order of discovery.
        text: The item.
        count: How many answers named it.
    """

    id: int
    text: str
    count: int


class Verdict(NamedTuple):
    """What an answer says of its candidates.

    Attributes:
        rejected: Those that do not belong, as candidates, without controls; empty unless `believed`.
        believed: Whether the answer can be made use of; if not, its candidates stay unjudged.
        strangers: Lines that are no candidate.
    """

    rejected: tuple[Candidate, ...]
    believed: bool
    strangers: int


def next_batch(items: Iterable[Candidate], judged: Container[int], size: int = BATCH_SIZE) -> tuple[Candidate, ...]:
    """The candidates of the next order: items that one answer alone named come first, of these the newest.

    Args:
        items: The list, or its newest part.
        judged: Numbers of items that have been judged.
        size: Candidates at most, 1 to `BATCH_SIZE`.
    """
    unjudged = [item for item in items if item.id not in judged]
    unjudged.sort(key=lambda item: (item.count > 1, -item.id))
    return tuple(unjudged[: max(1, min(size, BATCH_SIZE))])


def verdict(
    candidates: Sequence[Candidate], answer: Iterable[str], identity: Identity, controls: Container[int] = ()
) -> Verdict:
    """What an answer that lists the candidates that do not belong says.

    It is not believed where it names more than a quarter of the controls, or, with too few of them, more than half of
    the candidates (it lists those that belong, or repeats its prompt), or where it lists lines and not one candidate
    (it talks of something else). An empty answer says that all belong.

    Args:
        candidates: What was asked about.
        answer: The answer's lines.
        identity: By which a line is a candidate.
        controls: Numbers of candidates that are known to belong.
    """
    by_key = {key_of(candidate.text, identity): candidate for candidate in candidates}
    nobody = {key_of(text, identity) for text in _NOBODY}
    named: dict[int, Candidate] = {}
    strangers = 0
    for line in answer:
        key = key_of(line, identity)
        candidate = by_key.get(key)
        if candidate is not None:
            named[candidate.id] = candidate
        elif line.strip() and key not in nobody:
            strangers += 1
    known = [candidate.id for candidate in by_key.values() if candidate.id in controls]
    doubted = [item_id for item_id in known if item_id in named]
    sound = 4 * len(doubted) <= len(known) if len(known) >= LEAST_CONTROLS else 2 * len(named) <= len(by_key)
    believed = sound and (bool(named) or not strangers)
    rejected = tuple(candidate for candidate in named.values() if candidate.id not in controls)
    return Verdict(rejected if believed else (), believed, strangers)
