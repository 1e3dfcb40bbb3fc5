"""The filters in front of the exact index: one suite for all of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigurationError
from orchestrator.dedup.filters import (
    FALSE_POSITIVE_RATE,
    DuplicateFilter,
    ExactSetFilter,
    PybloomFilter,
    RbloomFilter,
    make_filter,
)

MAKERS: dict[str, Callable[[int], DuplicateFilter]] = {
    "rbloom": RbloomFilter,
    "pybloom": PybloomFilter,
    "exact": lambda capacity: ExactSetFilter(),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[int], DuplicateFilter]:
    """Makes an empty filter for a capacity."""
    return MAKERS[request.param]


def keys(count: int, seed: int) -> list[bytes]:
    """Distinct random keys."""
    source = random.Random(seed)
    return [source.randbytes(16) for _ in range(count)]


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=30, deadline=None)
@given(data=st.lists(st.binary(min_size=16, max_size=16), max_size=60), capacity=st.integers(1, 20))
def test_no_false_negative(name: str, data: list[bytes], capacity: int) -> None:
    """Whatever was added is found, also long past the capacity."""
    tested = MAKERS[name](capacity)
    for key in data:
        tested.add(key)
        assert key in tested
    assert all(key in tested for key in data)


def test_an_empty_filter_knows_nothing(make: Callable[[int], DuplicateFilter]) -> None:
    """A filter to which nothing was added calls every key new."""
    tested = make(10)
    assert len(tested) == 0
    assert not any(key in tested for key in keys(100, 1))


@pytest.mark.parametrize("capacity", [50, 30_000])
def test_false_positives_stay_below_the_bound_also_past_capacity(
    make: Callable[[int], DuplicateFilter], capacity: int
) -> None:
    """Grown to many times its capacity, a filter is still wrong in less than the promised share of cases."""
    tested = make(capacity)
    for key in keys(10_000, 2):
        tested.add(key)
    wrong = sum(key in tested for key in keys(20_000, 3))
    # Three standard deviations above the bound.
    assert wrong <= 20_000 * FALSE_POSITIVE_RATE + 3 * (20_000 * FALSE_POSITIVE_RATE) ** 0.5
    assert len(tested) > 9_900


def test_the_size_is_stated(make: Callable[[int], DuplicateFilter]) -> None:
    """A filter tells its memory, which grows with its keys."""
    tested = make(10)
    tested.add(b"0" * 16)
    before = tested.size_bytes
    for key in keys(1000, 4):
        tested.add(key)
    assert tested.size_bytes > before > 0


def test_a_filter_is_chosen_by_name() -> None:
    """The names of the settings make the filters they name; another name is an error of the settings."""
    assert isinstance(make_filter("rbloom", 10), RbloomFilter)
    assert isinstance(make_filter("pybloom", 10), PybloomFilter)
    with pytest.raises(ConfigurationError, match="cuckoo"):
        make_filter("cuckoo", 10)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pybloom-live the error says what to install."""
    monkeypatch.setitem(sys.modules, "pybloom_live", None)
    with pytest.raises(ConfigurationError, match="pip install pybloom-live"):
        make_filter("pybloom", 10)
