"""What to ask next: fills an order's contents. Which provider gets it is `routing`'s part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from contract.messages import WHOLE, Mode, Order, Scope
from orchestrator.providers import ProviderSpec

MAX_AVOID = 200
"""Longest avoid-list. Longer ones save calls but cost more than they save, and models obey them less (measured on
simulated models: cost at 95 % recall 193 tokens an item with 200, 566 with all)."""
MAX_SAID = 8
"""Most earlier answers of a conversation that are shown again: each of them is paid once more with every
continuation."""
_CHARS_PER_TOKEN = 4
_TOKENS_PER_TURN = 40
"""The request that stands before each earlier answer of a conversation, about."""
_TOKENS_PER_ITEM = 16
"""Room for one item in the answer; names take 3 to 8 tokens, descriptions that nobody asked for some more."""
_TOKENS_BASE = 400
"""Room for what stands around the items, and for a little thinking."""
_INSTRUCTION_BYTES = 400
"""The system instruction and the words around an avoid-list, at most; a test compares."""
_REQUEST_BYTES = 190
"""The words of one request for items, at most."""
_SCOPE_BYTES = 500
"""What a request says about its scope, at most, without the scope's own words."""
_MARK_BYTES = 6
"""The number before an item of an earlier answer, in the style that counts."""


def avoid_list(candidates: Iterable[str], budget_tokens: int) -> tuple[str, ...]:
    """Known items that fit the budget.

    Args:
        candidates: The most important first.
        budget_tokens: What the list may cost; a token is taken as 4 bytes, and two more for each line.

    Returns:
        The first of them, at most `MAX_AVOID`, none twice.
    """
    chosen: list[str] = []
    left = budget_tokens
    for text in islice(dict.fromkeys(candidates), MAX_AVOID):
        left -= _line_tokens(text)
        if left < 0:
            break
        chosen.append(text)
    return tuple(chosen)


def conversation(answers: Sequence[Sequence[str]], budget_tokens: int) -> tuple[tuple[str, ...], ...]:
    """The conversation that an order continues (`Order.said`), as far as it fits the budget.

    The newest answers are kept, each whole. Where not even the newest fits, its last items are kept. This is the last
    resort: what is dropped is what a model thinks of first, and it comes again. Better to begin a new conversation
    before one grows so long (measured on simulated models, 24 answers of 60: tokens an item 13.7 where a new one begins
    after three answers are shown, 15.9 where the newest three are shown for ever; as many different items).

    Args:
        answers: The items of each answer so far, oldest first.
        budget_tokens: What they may cost; reckoned as in `avoid_list`, with `_TOKENS_PER_TURN` more for each answer.

    Returns:
        At most `MAX_SAID` answers, none empty, oldest first.
    """
    kept: list[tuple[str, ...]] = []
    left = budget_tokens
    for answer in reversed([answer for answer in answers if answer][-MAX_SAID:]):
        left -= _TOKENS_PER_TURN
        whole = _ending(answer, left)
        if len(whole) < len(answer):
            return tuple(reversed(kept)) if kept or not whole else (whole,)
        left -= list_tokens(whole)
        kept.append(whole)
    return tuple(reversed(kept))


def _ending(answer: Sequence[str], budget_tokens: int) -> tuple[str, ...]:
    """The last items of an answer, as many as fit."""
    start = len(answer)
    while start and (budget_tokens := budget_tokens - _line_tokens(answer[start - 1])) >= 0:
        start -= 1
    return tuple(answer[start:])


def list_tokens(texts: Iterable[str]) -> int:
    """What a list of items costs in a prompt, about: a token is taken as 4 bytes, and two more for each line."""
    return sum(map(_line_tokens, texts))


def _line_tokens(text: str) -> int:
    return _tokens(text) + 2


def _tokens(text: str) -> int:
    """Bytes ÷ 4: about right for English, high enough for scripts of which a character takes a token or more."""
    return (len(text) if text.isascii() else len(text.encode())) // _CHARS_PER_TOKEN


def max_output_tokens(size: int, spec: ProviderSpec) -> int:
    """Hard limit of the answer, within half of the model's context."""
    return min(_TOKENS_BASE + _TOKENS_PER_ITEM * size, max(64, spec.context_tokens // 2))


def avoid_budget_tokens(share: float, spec: ProviderSpec) -> int:
    """Tokens that the avoid-list may take."""
    return known_budget_tokens(share, spec) if spec.takes_avoid_list else 0


def known_budget_tokens(share: float, spec: ProviderSpec) -> int:
    """Tokens that avoid-list and conversation may take together: all that a prompt tells of what is known.

    A model that is given no avoid-list, because it parrots one, may continue a conversation all the same.
    """
    return int(share * spec.context_tokens)


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
    said: tuple[tuple[str, ...], ...] = (),
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
        said=said,
        candidates=candidates,
        patience=patience,
        seed=order_seed(seed, order_id, attempt),
    )


def estimated_input_tokens(order: Order) -> int:
    """Tokens of the prompt, guessed high (3 bytes a token, and the instructions): for reserving money."""
    # Topic and scope are said with every request for items, and twice in the last one.
    request = _REQUEST_BYTES + _bytes((order.topic,))
    if (scope := order.scope) != WHOLE:
        request += _SCOPE_BYTES + _bytes((scope.facet, *scope.besides, scope.prefix, *([scope.language] * 3)))
    known = _bytes(order.avoid) + _bytes(order.candidates)
    said = sum(_bytes(answer) + _MARK_BYTES * len(answer) + request for answer in order.said)
    return (_INSTRUCTION_BYTES + 2 * request + known + said) // 3


def _bytes(texts: Iterable[str]) -> int:
    """Length in UTF-8 with what stands between them."""
    return sum(len(text.encode()) + 2 for text in texts)
