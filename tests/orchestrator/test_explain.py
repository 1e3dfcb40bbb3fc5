from __future__ import annotations

import math
from typing import Any

import pytest

from orchestrator.events import StopReason
from orchestrator.explain import decision, explain
from orchestrator.exploration import Explorer, Traits
from orchestrator.routing import Router
from orchestrator.settings import Settings


class Told(Explorer):
    """An explorer that expects what it is told to."""

    def __init__(self, brings: float) -> None:
        super().__init__("Fruit", 60, {"test:x": Traits()})
        self._brings = brings

    @property
    def next_yield(self) -> float:
        return self._brings


def _said(reason: StopReason, *, brings: float = 2.94, price_usd: float | None = None, **settings: Any) -> str:
    router = Router([], lambda: 0.0)
    made, told = Settings(topic="Fruit", **settings), Told(brings)
    return explain(reason, made, router, told, None, decision(reason, made, told, price_usd))


def test_too_few_new_items_are_told_beside_the_wanted_ones() -> None:
    """The expected yield stands in the sentence with the limit that it fell below."""
    said = _said(StopReason.MIN_YIELD, min_yield=3.5)
    assert said == "the next request was expected to bring 2.9 new items (--min-yield 3.5)"


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (0.0123, "the next new item was expected to cost $0.0123 (--max-price-per-item 0.001)"),
        (0.000051, "the next new item was expected to cost $0.000051 (--max-price-per-item 0.001)"),
        (None, "the next new item was expected to cost more than is wanted (--max-price-per-item 0.001)"),
        (math.inf, "the next request was expected to bring nothing new for its price (--max-price-per-item 0.001)"),
    ],
)
def test_a_dear_item_is_told_beside_the_wanted_price(price: float | None, said: str) -> None:
    """The expected price stands in the sentence with its limit; an infinite one is told as what it means."""
    assert _said(StopReason.MAX_PRICE_PER_ITEM, price_usd=price, max_price_per_item_usd=0.001) == said


def test_an_end_without_new_items_names_how_many_answers_that_were() -> None:
    """A run that ends because nothing came, though arms are left, says so instead of naming a coverage."""
    assert _said(StopReason.EXHAUSTED).startswith("the last 20 complete responses brought no new item; more may come")
