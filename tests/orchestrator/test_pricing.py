from __future__ import annotations

import pytest

from contract.messages import ProviderSetup
from orchestrator.exploration import Traits
from orchestrator.pricing import FlatPrice, Price, traits_of
from orchestrator.providers import ProviderSpec


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ((0.0, None), Traits()),
        ((0.0, 0.0), Traits()),
        ((0.15, 0.0), Traits(0.15, 0.6)),
        ((0.0, 0.15), Traits(0.05 * 0.15, 0.05 * 0.6)),
    ],
)
def test_what_costs_nothing_is_cheaper_than_what_costs_something(
    prices: tuple[float, float | None], expected: Traits
) -> None:
    """Where only some are free they count with a small part of the cheapest other's price; unknown is equal."""
    names = ("test:a", "test:b")
    given: dict[str, Price | None] = {
        name: None if read is None else FlatPrice(read, 4 * read) for name, read in zip(names, prices, strict=True)
    }
    spec = ProviderSpec("test", 1.0, 8192, None, ProviderSetup("test:a", "simulated", "a"))
    assert traits_of(spec, given) == pytest.approx(expected)
