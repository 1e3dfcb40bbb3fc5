"""What to ask next: fills an order's contents. Which provider gets it is `routing`'s part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice, zip_longest

import msgspec

from contract.messages import WHOLE, Mode, Order, Scope
from orchestrator.providers import ProviderSpec

MAX_AVOID = 200
"""Longest avoid-list. Longer ones save calls but cost more than they save, and models obey them less (measured on
simulated models: cost at 95 % recall 193 tokens an item with 200, 566 with all)."""
_CHARS_PER_TOKEN = 4
_TOKENS_PER_ITEM = 16
"""Room for one item in the answer; names take 3 to 8 tokens, descriptions that nobody asked for some more."""
_TOKENS_BASE = 400
"""Room for what stands around the items, and for a little thinking."""


class Known(msgspec.Struct, frozen=True):
    """What the store offers for the avoid-list, best first."""

    most_repeated: Sequence[str]
    newest: Sequence[str]


def avoid_list(known: Known, budget_tokens: int, first: Iterable[str] = ()) -> tuple[str, ...]:
    """Known items that fit the budget: `first`, then the most repeated and the newest in turn.

    The most repeated are what the model would say again most likely; the newest are what the other producers have
    just found.

    Args:
        known: Candidates.
        budget_tokens: What the list may cost; a token is taken as 4 bytes, and two more for each line.
        first: Items that must come before all others (what this very order has brought already).

    Returns:
        At most `MAX_AVOID` items, none twice.
    """
    turns = zip_longest(known.most_repeated[:MAX_AVOID], known.newest[:MAX_AVOID])
    candidates = dict.fromkeys(chain(first, chain.from_iterable(turns)))
    candidates.pop(None, None)
    chosen: list[str] = []
    left = budget_tokens
    for text in islice(candidates, MAX_AVOID):
        left -= _tokens(text) + 2
        if left < 0:
            break
        chosen.append(text)
    return tuple(chosen)


def _tokens(text: str) -> int:
    """Bytes ÷ 4: about right for English, high enough for scripts of which a character takes a token or more."""
    return (len(text) if text.isascii() else len(text.encode())) // _CHARS_PER_TOKEN


def max_output_tokens(size: int, spec: ProviderSpec) -> int:
    """Hard limit of the answer, within half of the model's context."""
    return min(_TOKENS_BASE + _TOKENS_PER_ITEM * size, max(64, spec.context_tokens // 2))


def avoid_budget_tokens(share: float, spec: ProviderSpec) -> int:
    """Tokens that the avoid-list may take."""
    return int(share * spec.context_tokens) if spec.takes_avoid_list else 0


def request_size(wanted: int, spec: ProviderSpec) -> int:
    """Items to ask this provider for in one request."""
    return wanted if spec.max_request_size is None else min(wanted, spec.max_request_size)


def order_seed(seed: int | None, order_id: int, attempt: int) -> int | None:
    """A seed for one call: the same for the same run seed, order and attempt; another for each of them."""
    if seed is None:
        return None
    return (seed * 1_000_003 + order_id * 8_191 + attempt) % 2**31


def build_order(
    *,
    order_id: int,
    attempt: int,
    topic: str,
    size: int,
    spec: ProviderSpec,
    avoid: tuple[str, ...],
    seed: int | None,
    mode: Mode = "explore",
    scope: Scope = WHOLE,
    candidates: tuple[str, ...] = (),
    patience: int = 0,
) -> Order:
    """Put an order together."""
    return Order(
        id=order_id,
        attempt=attempt,
        provider=spec.name,
        topic=topic,
        size=size,
        max_output_tokens=max_output_tokens(size, spec),
        mode=mode,
        scope=scope,
        avoid=avoid,
        candidates=candidates,
        patience=patience,
        seed=order_seed(seed, order_id, attempt),
    )


def estimated_input_tokens(order: Order) -> int:
    """Tokens of the prompt, guessed high (3 bytes a token, and the instruction): for reserving money."""
    listed = (*order.avoid, *order.candidates)
    size = 600 + len(order.topic.encode()) * 2 + sum(len(text.encode()) + 1 for text in listed)
    return size // 3
