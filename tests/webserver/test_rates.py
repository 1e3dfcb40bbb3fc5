from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webserver import rates
from webserver.rates import TokenBuckets, client_key


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 20), st.floats(0.1, 50))
def test_no_more_than_the_burst_and_the_rate(pauses: list[float], burst: int, rate: float) -> None:
    """However calls are spread, at most the burst plus what has come back since is let through."""
    clock = Clock()
    buckets = TokenBuckets(rate, burst, clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += buckets.take("a") == 0
    assert taken <= burst + sum(pauses) * rate + 1e-6


def test_the_wait_that_is_told_is_enough() -> None:
    """After the told wait there is a token again, and not before."""
    clock = Clock()
    buckets = TokenBuckets(2.0, 1, clock)
    assert buckets.take("a") == 0
    wait_s = buckets.take("a")
    assert wait_s == pytest.approx(0.5)
    clock.now += wait_s - 0.01
    assert buckets.wait("a") > 0
    clock.now += 0.01
    assert buckets.wait("a") == 0
    assert buckets.take("a") == 0


def test_clients_do_not_share() -> None:
    """One client's calls cost another nothing."""
    buckets = TokenBuckets(1.0, 1, Clock())
    assert [buckets.take(client) == 0 for client in ("a", "a", "b")] == [True, False, True]


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: the client that was silent for longest is forgotten."""
    monkeypatch.setattr(rates, "MAX_CLIENTS", 2)
    buckets = TokenBuckets(1.0, 1, Clock())
    for client in ("a", "b", "c"):
        assert buckets.take(client) == 0
    assert buckets.take("c") > 0
    assert buckets.take("b") > 0
    assert buckets.take("a") == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_addresses_of_one_customer_count_as_one(address: str, key: str) -> None:
    """An IPv6 customer has a whole network of addresses."""
    assert client_key(address) == key
