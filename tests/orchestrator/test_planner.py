"""What an order contains."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import WHOLE, ProviderSetup, Scope
from orchestrator.planner import (
    Known,
    avoid_list,
    build_order,
    estimated_input_tokens,
    max_output_tokens,
    order_seed,
)
from orchestrator.providers import ProviderSpec
from producer.prompt import build_prompt

_SPEC = ProviderSpec("test", 1.0, 2048, None, ProviderSetup("test:x", "simulated", "x"))


def test_the_most_repeated_and_the_newest_take_turns() -> None:
    """The list starts with what this order brought, then alternates, and names nothing twice."""
    known = Known(["r1", "r2", "both"], ["n1", "both", "n2"])
    assert avoid_list(known, 1000, first=["own"]) == ("own", "r1", "n1", "r2", "both", "n2")


@given(st.lists(st.text(min_size=1, max_size=30)), st.lists(st.text(min_size=1, max_size=30)), st.integers(0, 200))
def test_the_list_keeps_its_budget(repeated: list[str], newest: list[str], budget: int) -> None:
    """However many items are known, the list never costs more than its share of the context."""
    chosen = avoid_list(Known(repeated, newest), budget)
    assert sum(len(text) // 4 + 2 for text in chosen) <= budget
    assert len(set(chosen)) == len(chosen)


def test_no_budget_no_list() -> None:
    """A share of 0 switches the list off."""
    assert avoid_list(Known(["a"], ["b"]), 0) == ()


def test_the_answer_fits_the_context() -> None:
    """At most half of the context is asked for, whatever the size."""
    assert max_output_tokens(60, _SPEC) == 1024
    assert max_output_tokens(20, _SPEC) == 720


def test_seeds_are_repeatable_and_differ() -> None:
    """The same run seed gives the same call seeds, a different one for each order and attempt; none without."""
    seeds = {order_seed(1, order, attempt) for order in range(200) for attempt in range(3)}
    assert len(seeds) == 600
    assert order_seed(1, 5, 0) == order_seed(1, 5, 0)
    assert order_seed(None, 5, 0) is None
    assert order_seed(-7, 5, 0) in range(2**31)


def test_an_order_carries_all_that_a_call_needs() -> None:
    """Topic, size, provider and list are in the order."""
    order = build_order(order_id=3, attempt=1, topic="T", size=9, spec=_SPEC, avoid=("a",), seed=1)
    assert (order.id, order.attempt, order.topic, order.size, order.provider) == (3, 1, "T", 9, "test:x")
    assert order.avoid == ("a",)


def test_the_guess_of_a_prompt_is_not_too_low() -> None:
    """Whatever it names: an avoid-list, parts that a catch-all leaves out, candidates to be judged."""
    names = tuple(f"Some part number {number} of a long name" for number in range(40))
    for scope, mode, candidates in (
        (WHOLE, "explore", ()),
        (Scope(facet=names[0], prefix="S"), "explore", ()),
        (Scope(besides=names), "explore", ()),
        (Scope(besides=names), "plan", ()),
        (WHOLE, "validate", names),
    ):
        order = build_order(
            order_id=1,
            attempt=0,
            topic="Paris attractions",
            size=60,
            spec=_SPEC,
            avoid=names,
            seed=None,
            mode=mode,
            scope=scope,
        )
        order = msgspec.structs.replace(order, candidates=candidates)
        system, prompt = build_prompt(order)
        assert 3 * estimated_input_tokens(order) >= len((system + prompt).encode()) - 3
