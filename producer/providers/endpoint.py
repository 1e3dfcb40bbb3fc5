"""Where a provider is and with which key it is asked."""

from __future__ import annotations

import ipaddress
import ssl
from urllib.parse import quote, urlsplit

import msgspec

from contract.errors import AuthFailed, RequestRefused
from contract.messages import ProviderSetup
from producer.providers.base import Target
from producer.providers.error_text import scrub

NO_KEY = "no-key"
"""Sent where no key is set: the SDKs insist on one, servers of one's own do not look at it."""


_PORTS = {"http": 80, "https": 443}
_PATH_CHARS = "/%:;@!$&'()*+,=~[]"
"""What a path may hold besides letters, digits and `-._`; a `%` stands for itself, as the SDKs take it."""


class Endpoint(msgspec.Struct, frozen=True):
    """An API's address and key.

    Attributes:
        base_url: Address, without a slash at its end.
        key: The key in clear text; `NO_KEY` if there is none. Not shown by `repr`.
        official: Whether this is the vendor's own address.
        loopback: Whether it is on this machine: the environment's proxies are never asked to go there.
    """

    base_url: str
    key: str
    official: bool
    loopback: bool

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, official={self.official})"

    def target(self, operation: str, provider: str, path: str) -> Target:
        """Where requests go, fit for spans.

        User, password, query and fragment are left out, and of the path whatever is the key or looks like one: some
        gateways want it there.

        Args:
            operation: `gen_ai.operation.name`.
            provider: `gen_ai.provider.name`.
            path: What the SDK appends to the base URL, with a slash at its beginning.
        """
        parts = urlsplit(self.base_url)
        address = parts.hostname or ""
        host = f"[{address}]" if ":" in address else address
        if parts.port is not None:
            host = f"{host}:{parts.port}"
        full_path = scrub(parts.path.rstrip("/") + path, self.key if self.key != NO_KEY else None)
        url = f"{parts.scheme}://{host}{quote(full_path, safe=_PATH_CHARS)}"
        return Target(operation, provider, url, address, parts.port or _PORTS[parts.scheme])


def resolve(setup: ProviderSetup, official_url: str) -> Endpoint:
    """The endpoint that a setup means.

    The vendor's own address is given to the SDK explicitly, so that no environment variable of the SDK's can send the
    key elsewhere.

    Raises:
        RequestRefused: The base URL is not an HTTP address.
        AuthFailed: The key holds characters that no key has and no header can carry.
    """
    base_url = (setup.base_url or official_url).strip().rstrip("/")
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise RequestRefused("the base URL is not an http or https address; check it")
    key = setup.api_key.reveal().strip() if setup.api_key is not None else ""
    if not (key.isascii() and (key.isprintable() and " " not in key)):
        raise AuthFailed("the key holds characters that no key has; check it")
    official = host == urlsplit(official_url).hostname
    return Endpoint(base_url, key or NO_KEY, official, _is_loopback(host))


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | bool:
    """What an HTTP client's `verify` should be: True loads the system's authorities, which takes 75 ms.

    A plain-http address has no use for them. It gets a context that trusts nobody, so that a TLS connection, should
    there ever be one, fails instead of being trusted.
    """
    if endpoint.base_url.startswith("https:"):
        return True
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
