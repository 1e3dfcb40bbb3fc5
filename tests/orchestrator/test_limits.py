"""The hard limit on money."""

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Order
from orchestrator.limits import Budget, worst_case_usd
from orchestrator.pricing import FlatPrice

_PRICE = FlatPrice(1.0, 10.0)


def _order(order_id: int) -> Order:
    return Order(order_id, 0, "test:x", "topic", 60, 1000)


@given(st.floats(0.001, 1.0), st.lists(st.floats(0, 1), max_size=50), st.integers(0, 60))
def test_the_limit_holds_whatever_comes_back(limit: float, shares: list[float], later: int) -> None:
    """As no call costs more than its worst case, the limit is never exceeded; one that comes later stops all orders."""
    budget = Budget(None if later else limit)
    open_orders: list[int] = []
    at_most = limit
    for order_id, part in enumerate(shares):
        if order_id == later:
            budget.limit_usd = limit
            at_most = max(limit, budget.spent_usd + len(open_orders) * worst_case_usd(_order(0), _PRICE))
        order = _order(order_id)
        if budget.affords(order, _PRICE):
            budget.reserve(order, _PRICE)
            open_orders.append(order_id)
        if len(open_orders) > 3:
            budget.settle(open_orders.pop(0), worst_case_usd(order, _PRICE) * part)
    for order_id in open_orders:
        budget.settle(order_id, worst_case_usd(_order(order_id), _PRICE))
    if budget.limit_usd is not None:
        assert budget.spent_usd <= at_most + 1e-9


def test_without_a_limit_everything_is_afforded() -> None:
    """Whatever it costs, and where nobody knows what."""
    assert Budget(None).affords(_order(1), None)
    assert Budget(None).affords(_order(1), FlatPrice(1e9, 1e9))


def test_a_limit_may_come_later_and_change() -> None:
    """What was put aside while there was none counts; one below what is spent is exceeded, one at it is not."""
    worst = worst_case_usd(_order(1), _PRICE)
    budget = Budget(None)
    budget.reserve(_order(1), _PRICE)
    budget.limit_usd = worst * 1.5
    assert not budget.affords(_order(2), _PRICE)
    budget.limit_usd = worst * 2
    assert budget.affords(_order(2), _PRICE)
    budget.settle(1, None, certain=False)
    assert budget.spent_usd == worst
    assert not budget.exceeded
    budget.limit_usd = worst
    assert not budget.exceeded
    budget.limit_usd = worst * 0.99
    assert budget.exceeded
    budget.limit_usd = None
    assert not budget.exceeded


def test_an_unknown_price_is_never_afforded_under_a_limit() -> None:
    """What cannot be reckoned cannot be kept under a limit."""
    assert not Budget(1.0).affords(_order(1), None)


def test_reservations_count() -> None:
    """Open orders hold their money back from further ones."""
    worst = worst_case_usd(_order(1), _PRICE)
    budget = Budget(worst * 1.5)
    assert budget.affords(_order(1), _PRICE)
    budget.reserve(_order(1), _PRICE)
    assert not budget.affords(_order(2), _PRICE)
    budget.settle(1, 0.0)
    assert budget.affords(_order(2), _PRICE)
