"""How much one client may ask for."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CLIENTS = 4096
"""So many clients are remembered; the one that has been silent for longest is forgotten first."""
_IPV6_NETWORK = 64
"""Bits of an IPv6 address that tell one customer from another."""


class TokenBuckets:
    """A token bucket for each client.

    Args:
        rate_per_s: Tokens that come back in a second.
        burst: Tokens of a full bucket.
        clock: Monotonic seconds.
    """

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate_per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a token; returns 0, or the seconds until there is one again."""
        left = self._left(client)
        if left < 1:
            return (1 - left) / self._rate
        self._buckets[client] = (left - 1, self._clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0

    def wait(self, client: str) -> float:
        """Seconds until there is a token; takes none."""
        left = self._left(client)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def _left(self, client: str) -> float:
        tokens, at = self._buckets.get(client, (self._burst, 0.0))
        return min(self._burst, tokens + (self._clock() - at) * self._rate)


def client_key(address: str) -> str:
    """What requests are counted by: an IPv4 address, or an IPv6 network of one customer."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
