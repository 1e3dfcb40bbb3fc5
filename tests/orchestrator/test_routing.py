"""Which provider gets the next order."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ErrorKind
from contract.messages import ProviderSetup
from orchestrator.providers import ProviderSpec
from orchestrator.routing import BREAKER_FAILURES, GIVE_UP_FAILURES, GIVE_UP_S, Router


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spec(name: str, weight: float = 1.0, limit: int | None = None) -> ProviderSpec:
    """A provider of the simulated kind."""
    return ProviderSpec("test", weight, 8192, limit, ProviderSetup(f"test:{name}", "simulated", name))


def test_weights_are_kept_and_spread_evenly() -> None:
    """Weights 3 : 1 give 3 : 1 orders, and the light one is not served in a clump."""
    router = Router([spec("a", 3), spec("b", 1)], Clock())
    order = []
    for _ in range(40):
        state = router.choose(router.available())
        assert state is not None
        order.append(state.spec.setup.model)
    assert Counter(order) == {"a": 30, "b": 10}
    assert "bb" not in "".join(order)


def _served(router: Router, count: int) -> Counter[str]:
    states = [router.choose(router.available()) for _ in range(count)]
    return Counter(state.spec.setup.model for state in states if state is not None)


def test_weights_change_while_orders_are_in_flight() -> None:
    """From the change on the new weights hold, nothing is made good; what is in flight stays counted."""
    router = Router([spec("a", 1), spec("b", 1)], Clock())
    router.states["test:a"].in_flight = 3
    assert _served(router, 41) == {"a": 21, "b": 20}
    router.reweigh({"test:b": 99.0})
    assert _served(router, 100) == {"a": 1, "b": 99}
    assert router.states["test:a"].in_flight == 3


def test_weight_zero_gets_nothing() -> None:
    """Neither an order nor a wait for its pause; with no other left nobody is, for this stated reason."""
    clock = Clock()
    router = Router([spec("a"), spec("b")], clock)
    router.states["test:a"].on_failure(ErrorKind.RATE_LIMITED, "429", 7.0, clock.now)
    router.reweigh({"test:a": 0.0})
    clock.now += 7.0
    assert _served(router, 4) == {"b": 4}
    router.states["test:b"].paused_until = clock.now + 5.0
    router.states["test:a"].paused_until = clock.now + 1.0
    assert router.next_change_s() == pytest.approx(5.0)
    clock.now += 1.0
    assert router.available() == []
    assert not router.exhausted
    router.states["test:b"].disabled = "the key is wrong"
    assert router.exhausted
    assert router.why_none() == "test:a: its weight is 0; test:b: the key is wrong"


@given(st.lists(st.floats(0, 1.7e308), min_size=2, max_size=4).filter(any))
def test_any_weights_are_shared_out(weights: list[float]) -> None:
    """No sum of them overflows; over many orders each provider gets its part."""
    router = Router([spec(str(index)) for index in range(len(weights))], Clock())
    router.reweigh({f"test:{index}": weight for index, weight in enumerate(weights)})
    served = _served(router, 200)
    largest = max(weights)
    whole = sum(weight / largest for weight in weights)
    for index, weight in enumerate(weights):
        assert abs(served[str(index)] - 200 * (weight / largest) / whole) <= len(weights)


def test_a_provider_that_was_not_asked_for_long_is_not_given_up_for_it() -> None:
    """Neither a pause nor a time at weight 0 counts as an outage; failures in a row stay counted."""
    clock = Clock()
    router = Router([spec("a"), spec("b")], clock)
    for state in router.states.values():
        state.on_success()
        state.on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    router.reweigh({"test:a": 0.0})
    clock.now += GIVE_UP_S
    router.reweigh({"test:a": 1.0})
    router.states["test:a"].on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    assert router.states["test:a"].disabled is None
    router.resume()
    router.states["test:b"].on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    assert router.states["test:b"].disabled is None
    assert router.states["test:b"].failures_in_row == 2


def test_a_rate_limit_pauses_one_provider_and_the_others_go_on() -> None:
    """After a 429 with Retry-After nothing goes there until then; the other provider gets the orders."""
    clock = Clock()
    router = Router([spec("a"), spec("b")], clock)
    router.states["test:a"].on_failure(ErrorKind.RATE_LIMITED, "429", 7.0, clock.now)
    assert {router.choose(router.available()).spec.setup.model for _ in range(4)} == {"b"}  # type: ignore[union-attr]
    assert router.next_change_s() == pytest.approx(7.0)
    clock.now += 7.0
    assert {router.choose(router.available()).spec.setup.model for _ in range(4)} == {"a", "b"}  # type: ignore[union-attr]


def test_a_rate_limit_without_a_time_pauses_too() -> None:
    """A 429 that names no time is not hammered: the pause grows from one to the next."""
    clock = Clock()
    router = Router([spec("a")], clock)
    pauses = []
    for _ in range(4):
        router.states["test:a"].on_failure(ErrorKind.RATE_LIMITED, "429", None, clock.now)
        pause = router.next_change_s()
        assert pause is not None
        pauses.append(pause)
        clock.now += pause
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4 * pauses[0]


def test_the_limit_in_flight_halves_on_429_and_grows_on_success() -> None:
    """A jam halves what is in flight; answers let it grow again, by one for each full round."""
    clock = Clock()
    router = Router([spec("a", limit=16)], clock)
    state = router.states["test:a"]
    state.in_flight = 15
    state.on_failure(ErrorKind.RATE_LIMITED, "429", None, clock.now)
    assert int(state.limit) == 8
    for _ in range(9):
        state.on_success()
    assert int(state.limit) == 9
    for _ in range(1000):
        state.on_success()
    assert state.limit == 16


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.REQUEST_REFUSED, ErrorKind.QUOTA])
def test_a_refusal_for_good_disables_the_provider_at_once(kind: ErrorKind) -> None:
    """401, 400 and an empty account are not asked again; the reason is kept for the user."""
    router = Router([spec("a")], Clock())
    router.states["test:a"].on_failure(kind, "the key is wrong", None, 1000.0)
    assert router.choose(router.available()) is None
    assert router.exhausted
    assert "the key is wrong" in router.why_none()


def test_an_open_circuit_lets_single_probes_through() -> None:
    """After several failures in a row one request at a time probes, after a pause; a success closes the circuit."""
    clock = Clock()
    router = Router([spec("a")], clock)
    state = router.states["test:a"]
    state.on_success()
    for _ in range(BREAKER_FAILURES):
        state.on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    assert router.choose(router.available()) is None
    pause = router.next_change_s()
    assert pause is not None
    clock.now += pause
    assert router.choose(router.available()) is state
    state.in_flight = 1
    assert router.choose(router.available()) is None
    state.on_success()
    assert router.choose(router.available()) is state


def test_a_provider_that_never_answered_is_given_up_soon() -> None:
    """An unreachable endpoint does not keep a run alive for ever."""
    router = Router([spec("a")], Clock())
    for _ in range(GIVE_UP_FAILURES):
        assert not router.exhausted
        router.states["test:a"].on_failure(ErrorKind.CONNECTION, "refused", None, 1000.0)
    assert router.exhausted


def test_a_provider_that_did_answer_is_given_more_time() -> None:
    """An outage of minutes is waited out; a longer one is not."""
    clock = Clock()
    router = Router([spec("a")], clock)
    state = router.states["test:a"]
    state.on_success()
    for _ in range(GIVE_UP_FAILURES * 2):
        state.on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    assert not router.exhausted
    clock.now += GIVE_UP_S
    state.on_failure(ErrorKind.OVERLOADED, "503", None, clock.now)
    assert router.exhausted


@pytest.mark.parametrize("kind", [ErrorKind.CANCELLED, ErrorKind.PROCESS_CRASH, ErrorKind.CONTEXT_OVERFLOW])
def test_what_says_nothing_of_the_provider_does_not_count(kind: ErrorKind) -> None:
    """A killed producer or a cancelled stream is not the provider's fault."""
    router = Router([spec("a")], Clock())
    for _ in range(GIVE_UP_FAILURES + 1):
        router.states["test:a"].on_failure(kind, "x", None, 1000.0)
    assert router.choose(router.available()) is not None


def test_even_weights_leave_the_choice_to_what_providers_are_worth() -> None:
    """With equal weights shares follow the worth; a user who weighs one more than another decides alone."""

    def worth(names: Sequence[str]) -> dict[str, float]:
        return {name: {"test:a": 0.8, "test:b": 0.2}[name] for name in names}

    for weights, shares in (((1, 1), (80, 20)), ((1, 3), (25, 75))):
        router = Router([spec("a", weights[0]), spec("b", weights[1]), spec("never", 0)], Clock())
        chosen: Counter[str] = Counter()
        for _ in range(100):
            state = router.choose(router.available(), worth)
            assert state is not None
            chosen[state.spec.setup.model] += 1
        assert (chosen["a"], chosen["b"]) == shares
        assert router.shares(worth) == pytest.approx({"test:a": shares[0] / 100, "test:b": shares[1] / 100})


def test_the_last_failure_is_the_last_in_time() -> None:
    """Whichever provider it was; nothing before one."""
    clock = Clock()
    router = Router([spec("a"), spec("b")], clock)
    assert router.last_failure == ""
    for name in ("b", "a"):
        clock.now += 1
        router.states[f"test:{name}"].on_failure(ErrorKind.TIMEOUT, f"{name} is late", None, clock.now)
    assert router.last_failure == "a is late"
