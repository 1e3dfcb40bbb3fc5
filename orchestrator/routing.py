"""Which provider gets the next order: weights, rate limits, circuit breakers.

Each provider has a limit of requests in flight that follows its answers (additive increase, multiplicative decrease,
as TCP does: Chiu & Jain 1989), a pause that a 429 asks for, and a circuit breaker: after several failures in a row it
is asked again only now and then, one request at a time. A provider that refuses us for good is disabled; one that never
answered is given up after `GIVE_UP_FAILURES`, any other after `GIVE_UP_S` without success. Weights may be changed while
the run goes on; with weight 0 a provider gets nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from contract.errors import ErrorKind
from orchestrator.providers import ProviderSpec
from orchestrator.retry import MAX_RETRY_AFTER_S

BREAKER_FAILURES = 4
BREAKER_FIRST_S = 0.5
BREAKER_MAX_S = 30.0
GIVE_UP_FAILURES = 8
GIVE_UP_S = 300.0
_UNLIMITED = 1e9

Shares = Callable[[Sequence[str]], Mapping[str, float]]
"""What share of the orders each of these providers should get, 1 in all."""


class ProviderState:
    """What is known of one provider now.

    Attributes:
        weight: Its share of the orders relative to the others.
        disabled: Why it gets no order in this run any more; None while it may.
        last_failure: What its last failed call came to; empty before one.
        failed_at: When that was, in monotonic seconds.
    """

    def __init__(self, spec: ProviderSpec) -> None:
        self.spec = spec
        self.weight = spec.weight
        self.in_flight = 0
        self.limit = float(spec.max_in_flight or _UNLIMITED)
        self.paused_until = 0.0
        self.failures_in_row = 0
        self.failing_since: float | None = None
        self.succeeded = False
        self.disabled: str | None = None
        self.last_failure = ""
        self.failed_at = float("-inf")
        self.given_up = 0
        self.share = 0.0
        self.credit = 0.0
        self._breaker_s = BREAKER_FIRST_S

    @property
    def usable(self) -> bool:
        """Whether it gets orders at all."""
        return self.disabled is None and self.weight > 0

    @property
    def broken(self) -> bool:
        """Whether the circuit is open: only a single probe is let through at a time."""
        return self.failures_in_row >= BREAKER_FAILURES

    def available(self, now: float) -> bool:
        """Whether it may get an order now."""
        return self.usable and self.free(now)

    def free(self, now: float) -> bool:
        """Whether it takes one more request now, whatever its weight."""
        if self.disabled is not None or now < self.paused_until:
            return False
        return self.in_flight < (1 if self.broken else max(1, int(self.limit)))

    def on_success(self) -> None:
        """A call came to its end."""
        self.failures_in_row = 0
        self.failing_since = None
        self.succeeded = True
        self.given_up = 0
        self._breaker_s = BREAKER_FIRST_S
        ceiling = float(self.spec.max_in_flight or _UNLIMITED)
        self.limit = min(ceiling, self.limit + 1.0 / max(1.0, self.limit))

    def on_failure(self, kind: ErrorKind, message: str, retry_after_s: float | None, now: float) -> None:
        """A call failed."""
        self.last_failure, self.failed_at = message, now
        if kind in (ErrorKind.CANCELLED, ErrorKind.PROCESS_CRASH, ErrorKind.CONTEXT_OVERFLOW):
            return  # says nothing about the provider's health
        if kind.disables_provider:
            self.disabled = message
            return
        if kind in (ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED):
            # Every call that was in flight reports the same jam: shrink once for each, but from what is really used.
            self.limit = max(1.0, min(self.limit, self.in_flight + 1) * 0.5)
        if retry_after_s is not None:
            self.paused_until = max(self.paused_until, now + min(retry_after_s, MAX_RETRY_AFTER_S))
        if self.failing_since is None:
            self.failing_since = now
        if kind is not ErrorKind.RATE_LIMITED:  # a provider that says "slow down" is not a broken one
            self.failures_in_row += 1
        jammed = kind is ErrorKind.RATE_LIMITED and retry_after_s is None and now >= self.paused_until
        if self.broken or jammed:
            self.paused_until = max(self.paused_until, now + self._breaker_s)
            self._breaker_s = min(BREAKER_MAX_S, self._breaker_s * 2)
        self._give_up(message, now)

    def on_given_up(self, message: str) -> None:
        """An order used up its attempts here, whatever the reason. So many in a row, and no further one is tried."""
        self.given_up += 1
        if self.given_up >= GIVE_UP_FAILURES and self.disabled is None:
            self.disabled = f"{self.given_up} requests in a row came to nothing; last: {message}"

    def _give_up(self, message: str, now: float) -> None:
        never = not self.succeeded and self.failures_in_row >= GIVE_UP_FAILURES
        gone = self.failing_since is not None and now - self.failing_since >= GIVE_UP_S
        if never or gone:
            self.disabled = f"given up without an answer; last: {message}"


class Router:
    """Chooses among providers.

    Args:
        specs: The providers of the run.
        clock: Monotonic seconds.
    """

    def __init__(self, specs: Sequence[ProviderSpec], clock: Callable[[], float]) -> None:
        self.states = {spec.name: ProviderState(spec) for spec in specs}
        self._clock = clock
        self._share_out()

    def _share_out(self) -> None:
        """Scale the weights by a power of two, so that no sum of them overflows; nobody is owed anything."""
        _, exponent = math.frexp(max((state.weight for state in self.states.values()), default=0.0))
        for state in self.states.values():
            state.share = math.ldexp(state.weight, -exponent)
            state.credit = 0.0

    def reweigh(self, weights: Mapping[str, float]) -> None:
        """Give providers of the run other weights from now on; what is in flight stays there."""
        for name, weight in weights.items():
            state = self.states[name]
            if state.weight == 0:
                state.failing_since = None  # it was not asked meanwhile
            state.weight = weight
        self._share_out()

    def resume(self) -> None:
        """Nobody was asked for a while: how long a provider has failed is counted from its next failure."""
        for state in self.states.values():
            state.failing_since = None

    def available(self) -> list[ProviderState]:
        """Providers that may get an order now."""
        now = self._clock()
        return [state for state in self.states.values() if state.available(now)]

    def free(self) -> list[ProviderState]:
        """Providers that take one more request now, also those of weight 0."""
        now = self._clock()
        return [state for state in self.states.values() if state.free(now)]

    def choose(self, available: Sequence[ProviderState], worth: Shares | None = None) -> ProviderState | None:
        """One of these for the next order; None if there is none. Smooth weighted round robin (as in nginx).

        Args:
            available: Providers that may get it.
            worth: Says what share each should get where the weights do not say it.
        """
        if not available:
            return None
        shares = self._shares(available, worth)
        for state, share in shares.items():
            state.credit += share
        best = max(available, key=lambda state: state.credit)
        best.credit -= sum(shares.values())
        return best

    def shares(self, worth: Shares | None = None) -> dict[str, float]:
        """Each provider's part of the orders, 1 in all; those that get none are left out. As in `choose`."""
        found = self._shares([state for state in self.states.values() if state.usable], worth)
        total = sum(found.values())
        return {state.spec.name: share / total for state, share in found.items()}

    def _shares(self, among: Sequence[ProviderState], worth: Shares | None) -> dict[ProviderState, float]:
        """By their weights; where all of these (but those of 0) are alike, the user leaves it to us."""
        even = len({state.weight for state in self.states.values() if state.weight}) == 1
        if worth is None or not even:
            return {state: state.share for state in among}
        shares = worth([state.spec.name for state in among])
        return {state: shares[state.spec.name] for state in among}

    def next_change_s(self) -> float | None:
        """Seconds until a paused provider is available again, or None where none is paused."""
        now = self._clock()
        waits = [
            state.paused_until - now for state in self.states.values() if state.usable and state.paused_until > now
        ]
        return min(waits) if waits else None

    @property
    def exhausted(self) -> bool:
        """Whether no provider gets orders any more."""
        return not any(state.usable for state in self.states.values())

    def why_none(self) -> str:
        """Why each provider gets none, for the user."""
        return "; ".join(_named(state) for state in self.states.values())

    @property
    def last_failure(self) -> str:
        """What a provider said when it last failed; empty where none has."""
        last = max(self.states.values(), key=lambda state: state.failed_at, default=None)
        return "" if last is None else last.last_failure

    def disable(self, vendor: str, why: str) -> list[str]:
        """Use no provider of this vendor any more; the names of those that this took away."""
        names = [name for name, state in self.states.items() if state.spec.vendor == vendor and state.disabled is None]
        for name in names:
            self.states[name].disabled = why
        return names


def _named(state: ProviderState) -> str:
    why = state.disabled or "its weight is 0"
    return why if why.startswith(state.spec.name) else f"{state.spec.name}: {why}"
