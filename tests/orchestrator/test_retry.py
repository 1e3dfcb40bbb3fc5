"""When an order is tried again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ErrorKind
from orchestrator.retry import BASE_S, CAP_S, MAX_RETRY_AFTER_S, back_off_s, may_retry


@given(st.integers(0, 100), st.integers())
def test_back_off_grows_and_is_bounded(attempt: int, seed: int) -> None:
    """The wait lies below the exponential bound, is never an instant retry, and never beyond the cap."""
    wait = back_off_s(attempt, None, random.Random(seed))
    bound = min(CAP_S, BASE_S * 2 ** min(attempt, 16))
    assert bound / 10 <= wait <= bound <= CAP_S


@given(st.floats(0, 1e9), st.integers())
def test_retry_after_is_honoured_and_bounded(asked_s: float, seed: int) -> None:
    """The wait is at least what the provider asked for, but a run never sleeps for a day."""
    wait = back_off_s(0, asked_s, random.Random(seed))
    assert wait >= min(asked_s, MAX_RETRY_AFTER_S)
    assert wait <= MAX_RETRY_AFTER_S + BASE_S


def test_a_negative_retry_after_counts_as_none() -> None:
    """A date in the past asks for no pause."""
    assert 0 < back_off_s(0, -5.0, random.Random(1)) <= BASE_S


def test_only_attempts_and_cancellation_end_the_trying() -> None:
    """Every kind is tried again up to the limit, a cancelled order never."""
    for kind in ErrorKind:
        assert may_retry(kind, 0, 3) is (kind is not ErrorKind.CANCELLED)
        assert not may_retry(kind, 2, 3)
