"""The edge: whatever a vendor's SDK, its transport or its stream comes up with becomes one of our `ProviderError`s.

SDK classes are told by what they carry (`status_code`, `body`, `response`) and by name, so that this module imports no
SDK; a test raises every exception class of all of them here.
"""

from __future__ import annotations

import json
import socket
import ssl
import zlib
from collections.abc import Iterator

import aiohttp

from contract.errors import (
    AuthFailed,
    BadResponse,
    ConnectionFailed,
    ProviderError,
    ProviderTimeout,
    RequestRefused,
    StreamTruncated,
)
from producer.providers.error_text import one_line, scrub
from producer.providers.status import from_status, is_status

_FOREIGN = frozenset(
    {"openai", "anthropic", "google", "tenacity", "pydantic_core",
     "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "anyio"}
)  # fmt: skip
"""Packages whose exceptions are always ours to translate; a `TypeError` of our own is not."""

_TIMEOUT_NAMES = frozenset({"APITimeoutError", "TimeoutException"})
_CONNECTION_NAMES = frozenset(
    {"APIConnectionError", "NetworkError", "ProtocolError", "ProxyError", "StreamError", "TransportError",
     "BrokenResourceError", "ClosedResourceError", "EndOfStream", "BusyResourceError"}
)  # fmt: skip
_UNCONNECTED = (
    aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL,
    ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError,
)  # fmt: skip
_CONNECTING_NAMES = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "InvalidURL", "UnsupportedProtocol"})
_HUNG_UP = (
    aiohttp.ServerDisconnectedError, aiohttp.SocketTimeoutError, aiohttp.ClientPayloadError,
    ConnectionResetError, BrokenPipeError, EOFError,
)  # fmt: skip
_HUNG_UP_NAMES = frozenset({"ReadError", "WriteError", "ReadTimeout", "WriteTimeout", "RemoteProtocolError"})
_ADDRESS_NAMES = frozenset({"InvalidURL", "UnsupportedProtocol", "TooManyRedirects"})
_CREDENTIAL_NAMES = frozenset({"CredentialsError", "SubjectTokenProviderError", "EphemeralTokenAPIKeyError"})
_UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError, zlib.error)
_MAX_CHAIN = 10


class Translator:
    """Makes the errors of one provider.

    Args:
        provider: `ProviderSetup.name`, which opens every message.
        key: The key, so that it can be taken out of messages.
    """

    def __init__(self, provider: str, key: str | None) -> None:
        self._provider = provider
        self._key = key

    def translate(self, error: Exception, *, began: bool) -> ProviderError | None:
        """The error to raise instead; None for an exception that is not a provider's doing.

        Args:
            error: What was raised.
            began: Whether the response had begun; a break after that is a cut stream.
        """
        if isinstance(error, ProviderError):
            found: ProviderError | None = error
        else:
            found = _from_response(error) or _from_transport(error, began) or _from_package(error)
        if found is None:
            return None
        text = one_line(scrub(f"{self._provider}: {found.message}", self._key))
        unsent = found.unsent or (not began and _is_unsent(error))
        return type(found)(text, status=found.status, retry_after_s=found.retry_after_s, unsent=unsent)


def _from_response(error: Exception) -> ProviderError | None:
    """An SDK's exception that carries an HTTP status."""
    status = next((s for name in ("status_code", "status", "code") if is_status(s := getattr(error, name, None))), None)
    if status is None or _package(error) not in _FOREIGN:
        return None
    response = getattr(error, "response", None)
    body = getattr(error, "body", None) or getattr(error, "details", None)
    return from_status(status, body, getattr(response, "headers", None) or {})


def _from_transport(error: Exception, began: bool) -> ProviderError | None:
    """A break of the connection, told by the innermost exception that says what happened.

    The SDKs' own wrapping cannot be relied on: a server that hangs up comes out of openai's as a time-out.
    """
    found: ProviderError | None = None
    for cause in _chain(error):
        found = _transport(cause, began) or found
    return found


def _transport(error: BaseException, began: bool) -> ProviderError | None:
    names = {kind.__name__ for kind in type(error).__mro__} if _package(error) in _FOREIGN else set()
    if names & _ADDRESS_NAMES or isinstance(error, aiohttp.InvalidURL | aiohttp.TooManyRedirects):
        return RequestRefused("the base URL is not one that can be used; check it")
    if isinstance(error, TimeoutError) or names & _TIMEOUT_NAMES:
        waiting_for = "a further chunk" if began else "an answer"
        return ProviderTimeout(f"gave up waiting for {waiting_for}")
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return _broken(f"no secure connection ({getattr(error, 'reason', None) or type(error).__name__})", began)
    if isinstance(error, OSError):
        return _broken(error.strerror or type(error).__name__, began)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | EOFError):
        return _broken("the connection was closed", began)
    if names & _CONNECTION_NAMES:
        return _broken("the connection was closed", began)
    return None


def _broken(reason: str, began: bool) -> ProviderError:
    if began:
        return StreamTruncated(f"the connection broke in the middle of the answer: {reason}")
    return ConnectionFailed(f"cannot be reached: {reason}")


def _is_unsent(error: Exception) -> bool:
    """Whether no connection was made. A server that takes a request and hangs up may charge for it all the same.

    It takes both kinds of causes: a hang-up, too, may come out of an SDK as a connection that was never made.
    """
    causes = list(_chain(error))
    return any(_is(cause, _UNCONNECTED, _CONNECTING_NAMES) for cause in causes) and not any(
        _is(cause, _HUNG_UP, _HUNG_UP_NAMES) for cause in causes
    )


def _is(error: BaseException, kinds: tuple[type[BaseException], ...], names: frozenset[str]) -> bool:
    return isinstance(error, kinds) or (_package(error) in _FOREIGN and type(error).__name__ in names)


def _from_package(error: Exception) -> ProviderError | None:
    """Whatever else these packages raise: the answer was not what they understand."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _CREDENTIAL_NAMES:
        return AuthFailed("the key cannot be used; check it")
    if _package(error) in _FOREIGN or any(isinstance(cause, _UNREADABLE) for cause in _chain(error)):
        return BadResponse(f"the answer cannot be read ({type(error).__name__})")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, its cause, the cause's cause ..."""
    current: BaseException | None = error
    for _ in range(_MAX_CHAIN):
        if current is None:
            return
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _package(error: BaseException) -> str:
    """Top-level package that the exception's class comes from."""
    return type(error).__module__.partition(".")[0]
