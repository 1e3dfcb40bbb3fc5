"""What the estimators' tests share: fresh responses, and lists to make them of."""

from __future__ import annotations

from hypothesis import strategies as st

from orchestrator.exploration.incidence import Incidence


def item_lists(most: int) -> st.SearchStrategy[list[list[int]]]:
    """At most so many responses of few items."""
    return st.lists(st.lists(st.integers(0, 30), max_size=10), max_size=most)


def fresh(*lists: list[int]) -> Incidence:
    """Fresh responses."""
    incidence = Incidence()
    for items in lists:
        incidence.add("a", items)
    return incidence
