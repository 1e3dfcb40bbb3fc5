"""Addresses and keys of endpoints."""

from __future__ import annotations

import pytest

from contract.errors import AuthFailed, RequestRefused
from contract.messages import ProviderSetup, Secret
from producer.providers.base import Target
from producer.providers.endpoint import NO_KEY, resolve

OFFICIAL = "https://api.example.com/v1"


def setup(base_url: str | None = None, key: str | None = None) -> ProviderSetup:
    """A setup with an address and a key."""
    return ProviderSetup("p", "openai", "m", base_url, None if key is None else Secret(key))


@pytest.mark.parametrize(
    ("base_url", "expected", "official", "loopback"),
    [
        (None, OFFICIAL, True, False),
        ("https://api.example.com/v1/", OFFICIAL, True, False),
        ("http://localhost:11434/v1", "http://localhost:11434/v1", False, True),
        ("http://127.0.0.1:80", "http://127.0.0.1:80", False, True),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", False, True),
        (" http://192.168.1.7/v1 ", "http://192.168.1.7/v1", False, False),
        ("https://api.example.com.evil.org", "https://api.example.com.evil.org", False, False),
    ],
)
def test_addresses(base_url: str | None, expected: str, official: bool, loopback: bool) -> None:
    """Without an address the vendor's own is meant; what is on this machine is known as such."""
    endpoint = resolve(setup(base_url), OFFICIAL)
    assert (endpoint.base_url, endpoint.official, endpoint.loopback) == (expected, official, loopback)


@pytest.mark.parametrize("base_url", ["nonsense", "ftp://x/", "http://", "http://[bad", "http://x:port/", "//x/v1"])
def test_what_is_no_address_is_refused(base_url: str) -> None:
    """A base URL that is no http address disables the provider with a sentence."""
    with pytest.raises(RequestRefused, match="base URL"):
        resolve(setup(base_url), OFFICIAL)


@pytest.mark.parametrize("key", ["“quoted”", "two words", "line\nend", "nul\x00"])
def test_keys_that_cannot_be_sent_are_refused(key: str) -> None:
    """A key with characters that no header can carry is told before a request is made, without showing it."""
    with pytest.raises(AuthFailed) as raised:
        resolve(setup(key=key), OFFICIAL)
    assert key not in str(raised.value)


def test_keys_are_trimmed_hidden_and_replaced() -> None:
    """White space around a key is not part of it; no key is a placeholder; `repr` shows none."""
    endpoint = resolve(setup(key=" secret-key \n"), OFFICIAL)
    assert endpoint.key == "secret-key"
    assert "secret" not in repr(endpoint)
    assert resolve(setup(), OFFICIAL).key == NO_KEY


TARGETS = [
    (None, "https://api.example.com/v1/p", "api.example.com", 443),
    ("http://localhost/", "http://localhost/p", "localhost", 80),
    ("http://localhost:8080/v1/", "http://localhost:8080/v1/p", "localhost", 8080),
    ("https://API.Example.com:443/v1", "https://api.example.com:443/v1/p", "api.example.com", 443),
    ("http://[::1]:8080/v1", "http://[::1]:8080/v1/p", "::1", 8080),
    ("http://[::1]", "http://[::1]/p", "::1", 80),
    ("http://host/a b/café/a%20b", "http://host/a%20b/caf%C3%A9/a%20b/p", "host", 80),
    ("https://user:the-password@host/v1", "https://host/v1/p", "host", 443),
    ("https://the-secret-key@host:8443", "https://host:8443/p", "host", 8443),
    ("https://user:p@ss@host/v1", "https://host/v1/p", "host", 443),
    ("https://host/v1?key=the-secret-key", "https://host/v1/p", "host", 443),
    ("https://host/v1/?api-version=1&key=other#part", "https://host/v1/p", "host", 443),
    ("https://host/the-secret-key/v1", "https://host/[key]/v1/p", "host", 443),
    ("https://host/sk-another-key/v1", "https://host/[key]/v1/p", "host", 443),
]


@pytest.mark.parametrize(("base_url", "url", "address", "port"), TARGETS)
def test_targets(base_url: str | None, url: str, address: str, port: int) -> None:
    """Spans are told the whole address of the request, with no user, password, query or key in it."""
    target = resolve(setup(base_url, "the-secret-key"), OFFICIAL).target("chat", "vendor", "/p")
    assert target == Target("chat", "vendor", url, address, port)


def test_placeholder_for_no_key_is_no_secret() -> None:
    """Without a key nothing in a path is taken for one."""
    assert resolve(setup(f"http://host/{NO_KEY}"), OFFICIAL).target("chat", "v", "/p").url == f"http://host/{NO_KEY}/p"
