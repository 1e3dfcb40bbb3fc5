"""When to stop: the hard limit on money, and the default rule for a run without limits.

Money is reserved before an order is given, so that the limit holds whatever comes back.
"""

from __future__ import annotations

from contract.messages import Order, Usage
from orchestrator.planner import estimated_input_tokens
from orchestrator.pricing import Price

DRY_RESPONSES = 20
"""A run without `--iterations` ends after this many complete responses in a row without a new item."""


class Budget:
    """Money that may be spent in this run. It is kept without a limit too, so that one that is set later holds at once.

    Args:
        limit_usd: The most that may be spent, or None; may be changed at any time.

    Attributes:
        spent_usd: Spent, what perhaps was spent included.
    """

    def __init__(self, limit_usd: float | None) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self._reserved: dict[int, float] = {}

    @property
    def exceeded(self) -> bool:
        """Whether more is spent than may be: the limit was lowered."""
        return self.limit_usd is not None and self.spent_usd > self.limit_usd

    def affords(self, order: Order, price: Price | None) -> bool:
        """Whether the most that `order` can cost is left. An unknown price cannot be kept under a limit."""
        if self.limit_usd is None:
            return True
        if price is None:
            return False
        return self.spent_usd + sum(self._reserved.values()) + worst_case_usd(order, price) <= self.limit_usd

    def reserve(self, order: Order, price: Price | None) -> None:
        """Put aside what `order` can cost at most."""
        if price is not None:
            self._reserved[order.id] = worst_case_usd(order, price)

    def settle(self, order_id: int, cost_usd: float | None, *, certain: bool = True) -> None:
        """Replace an order's reservation by what the call did cost.

        Where that is not certain (a stream that broke, a producer that died) the reservation counts as spent: the
        provider may charge as much, and the limit must hold.
        """
        reserved = self._reserved.pop(order_id, 0.0)
        cost = cost_usd or 0.0
        self.spent_usd += cost if certain else max(cost, reserved)


def unknown_price(name: str) -> str:
    """Why there can be no limit on the money, in words: the price of this provider is unknown."""
    return f"--max-cost cannot be kept: nobody knows the price of {name}; give it: --price {name}=INPUT,OUTPUT"


def worst_case_usd(order: Order, price: Price) -> float:
    """Cost of a call whose prompt is as long as we guess (high) and whose answer is as long as allowed."""
    return price.cost_usd(Usage(input_tokens=estimated_input_tokens(order), output_tokens=order.max_output_tokens))
