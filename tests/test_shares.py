from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.shares import SLOW, TOGETHER, share_out


class _Named(NamedTuple):
    nodeid: str


def _parts(tests: list[_Named], workers: int) -> list[list[_Named]]:
    """As xdist's `worksteal` cuts the list."""
    parts, rest = [], list(tests)
    for left in range(workers, 0, -1):
        size = len(rest) // left
        parts.append(rest[:size])
        rest = rest[size:]
    return parts


def _is_slow(test: _Named) -> bool:
    return test.nodeid.startswith(SLOW)


PLACES = st.sampled_from([TOGETHER, *SLOW, "tests/archive/", "tests/producer/test_session.py"])


@given(st.lists(PLACES, max_size=60), st.integers(2, 9))
def test_every_test_is_given_once(places: list[str], workers: int) -> None:
    """However few or many there are, nothing is lost and nothing comes twice."""
    tests = [_Named(f"{place}::test_{number}") for number, place in enumerate(places)]
    assert sorted(share_out(tests, workers)) == sorted(tests)


@given(st.integers(0, 9), st.integers(0, 40), st.integers(2, 9))
def test_each_part_begins_with_slow_tests(browsed: int, slow: int, workers: int) -> None:
    """Those of the page are one part's beginning; the other slow ones begin the others, as many in each."""
    names = [*[f"tests/archive/::{n}" for n in range(1000)], *[f"{TOGETHER}::{n}" for n in range(browsed)]]
    names += [f"{SLOW[n % len(SLOW)]}::{n}" for n in range(slow)]
    parts = _parts(share_out([_Named(name) for name in names], workers), workers)
    if browsed:
        assert [test.nodeid.startswith(TOGETHER) for test in parts.pop(0)[: browsed + 1]] == [True] * browsed + [False]
    counts = [sum(map(_is_slow, part)) for part in parts]
    assert sum(counts) == slow
    assert max(counts) - min(counts) <= 1
    assert all(_is_slow(test) for part, count in zip(parts, counts, strict=True) for test in part[:count])
