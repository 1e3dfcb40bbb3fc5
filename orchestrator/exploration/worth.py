"""What each provider's answers are worth beside the others': new items for their price.

A provider whose answers bring more than was expected of the arms that it was asked about, or whose tokens cost less,
gets a larger share of the orders. Each keeps a part: what only one model knows is found by that one alone, and a model
that was asked seldom brings the more for it.
"""

from __future__ import annotations

from collections.abc import Sequence

_FORGOTTEN = 0.95
"""What a response weighs after one more of the same provider."""
_PRIOR_RESPONSES = 4.0
"""As good as expected, so many times: before anything was seen."""
_SHARPNESS = 2.0
"""Shares go by worth to the power of this."""
FLOOR = 0.1
"""No provider gets less than this share of an equal part."""


class Worth:
    """Feed it every response that was not a plan's."""

    def __init__(self) -> None:
        self._new: dict[str, float] = {}
        self._expected: dict[str, float] = {}
        self._prices: dict[str, float] = {}

    def answered(self, provider: str, *, new: int, expected: float, price: float) -> None:
        """A response: its new items, how many were expected of any provider, and its price in any unit."""
        self._new[provider] = _FORGOTTEN * self._new.get(provider, _PRIOR_RESPONSES) + new + 0.5
        self._expected[provider] = _FORGOTTEN * self._expected.get(provider, _PRIOR_RESPONSES) + expected + 0.5
        before = self._prices.get(provider, price)
        self._prices[provider] = before + (1 - _FORGOTTEN) * (price - before)

    def shares(self, providers: Sequence[str]) -> dict[str, float]:
        """The share of the orders that each should get, 1 in all; equal until all of them have answered."""
        names = list(providers)
        if not all(name in self._prices for name in names):
            return {name: 1 / len(names) for name in names}
        if not names:
            return {}
        worth = {name: (self._new[name] / self._expected[name] / self._prices[name]) ** _SHARPNESS for name in names}
        total = sum(worth.values())
        kept = FLOOR / len(names)
        return {name: kept + (1 - FLOOR) * worth[name] / total for name in names}
