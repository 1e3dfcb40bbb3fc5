from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.worth import FLOOR, Worth


def test_before_all_have_answered_they_share_equally() -> None:
    """Nobody is preferred on a guess."""
    worth = Worth()
    worth.answered("a", new=60, expected=10, price=1)
    assert worth.shares(["a", "b"]) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(("new", "price"), [(40, 1.0), (20, 0.5)], ids=["brings more", "costs less"])
def test_what_brings_more_for_its_price_is_asked_more(new: int, price: float) -> None:
    """Both the yield beside what was expected and the price count."""
    worth = Worth()
    for _ in range(20):
        worth.answered("a", new=new, expected=20, price=price)
        worth.answered("b", new=20, expected=20, price=1.0)
    shares = worth.shares(["a", "b"])
    assert shares["a"] > 0.6 > 0.4 > shares["b"]


_ANSWERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 500), st.floats(0, 500), st.floats(1e-6, 1e6)), max_size=60
)


@given(_ANSWERS)
def test_shares_are_shares_and_nobody_starves(answers: list[tuple[str, int, float, float]]) -> None:
    """Whatever came, they sum up to 1, and each provider keeps its floor."""
    worth = Worth()
    for provider, new, expected, price in answers:
        worth.answered(provider, new=new, expected=expected, price=price)
    shares = worth.shares("abc")
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= FLOOR / 3 * 0.999
