"""The order of the tests where several workers share them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Protocol, TypeVar

TOGETHER = "tests/page/"
"""Share one browser and one service; another worker starts its own."""
SLOW = (
    "tests/e2e/test_scenarios.py",
    "tests/webserver/test_openapi.py",
    "tests/e2e/test_readme.py",
    "tests/orchestrator/service/test_service.py",
    "tests/orchestrator/test_recovery.py",
    "tests/orchestrator/test_steering.py",
    "tests/e2e/",
)
"""Tests that start processes, those first of which one alone takes longest; no two need the same fixture."""


class Test(Protocol):
    """What is known of a test, as pytest's items have it."""

    nodeid: str


T = TypeVar("T", bound=Test)


def share_out(tests: Sequence[T], workers: int) -> list[T]:
    """Put tests in an order in which no worker is left with a long one at the end.

    xdist's `worksteal` cuts the list into equal parts, one a worker; who has nothing left takes half of another's rest,
    from its end. So each part begins with long tests, and ends with quick ones to take.

    Args:
        tests: In any order.
        workers: How many workers there are, at least 2.
    """
    together = [test for test in tests if test.nodeid.startswith(TOGETHER)]
    slow = sorted((test for test in tests if _place(test) < len(SLOW)), key=_place)
    owners = workers - 1 if together else workers
    heads = [*([together] if together else []), *(slow[turn::owners] for turn in range(owners))]
    begun = {test.nodeid for test in chain(*heads)}
    quick = iter([test for test in tests if test.nodeid not in begun])
    shared: list[T] = []
    for number, head in enumerate(heads):
        size = (len(tests) - len(shared)) // (workers - number)
        shared += [*head, *islice(quick, max(0, size - len(head)))]
    return [*shared, *quick]


def _place(test: Test) -> int:
    return next((place for place, name in enumerate(SLOW) if test.nodeid.startswith(name)), len(SLOW))
