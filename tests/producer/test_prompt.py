"""From an order to the words a model reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Order, Scope
from producer.prompt import STYLES, build_prompt


def _order(**fields: object) -> Order:
    return Order(1, 0, "test:x", "Paris  attractions", 25, 100, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
def test_topic_size_direction_and_list_are_in_the_prompt(style: str) -> None:
    """Whatever the style, the model is told what to list, how much, in which direction and what is known."""
    _, prompt = build_prompt(
        _order(scope=Scope("museums", ("parks",), "Mu", "French"), avoid=("Louvre", "Orsay")), style
    )
    for part in ("Paris attractions", "25", "museums", "parks", '"Mu"', "French", "Louvre", "Orsay"):
        assert part in prompt


def test_an_audit_names_nothing_known() -> None:
    """Without an avoid-list the prompt does not speak of one."""
    _, prompt = build_prompt(_order())
    assert "known" not in prompt


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_topic_and_any_item_makes_a_prompt(topic: str, avoid: list[str]) -> None:
    """Topics and items are untrusted text; building a prompt never fails, and line breaks in a topic are taken out."""
    order = Order(1, 0, "test:x", topic, 3, 100, avoid=tuple(avoid))
    _, prompt = build_prompt(order)
    assert " ".join(topic.split()) in prompt
