"""When to try an order again. Pure functions of what happened."""

from __future__ import annotations

import random

from contract.errors import ErrorKind

BASE_S = 0.5
CAP_S = 30.0
MAX_RETRY_AFTER_S = 300.0
"""A provider that asks for a longer pause is taken for broken after this one; a run never sleeps for a day."""


def back_off_s(attempt: int, retry_after_s: float | None, rng: random.Random) -> float:
    """Seconds to wait before the next attempt: exponential with full jitter, never less than the provider asked for.

    Full jitter (a uniform draw up to the exponential bound) spreads clients best: Brooker, "Exponential Backoff And
    Jitter", 2015. The draw has a floor of a tenth of its bound, so that it is never an instant retry.

    Args:
        attempt: Number of the attempt that failed, from 0.
        retry_after_s: What the provider asked for, or None.
        rng: Source of the jitter.
    """
    bound = min(CAP_S, BASE_S * 2.0 ** min(attempt, 16))
    wait = rng.uniform(bound / 10, bound)
    if retry_after_s is not None:
        wait += min(max(retry_after_s, 0.0), MAX_RETRY_AFTER_S)
    return wait


def may_retry(kind: ErrorKind, attempt: int, max_attempts: int) -> bool:
    """Whether an order that failed so gets another attempt (perhaps with another provider)."""
    return kind is not ErrorKind.CANCELLED and attempt + 1 < max_attempts
