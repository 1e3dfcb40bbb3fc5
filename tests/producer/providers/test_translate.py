"""Every exception that the SDKs and their transports can raise becomes a `ProviderError`: none is unmapped."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import ssl
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import aiohttp.http_exceptions
import anthropic
import httpx2
import openai
import pytest
from google.genai import errors as genai_errors
from yarl import URL

from contract.errors import (
    AuthFailed,
    BadResponse,
    ConnectionFailed,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    RequestRefused,
    StreamTruncated,
)
from producer.providers.translate import Translator

KEY = "a-key-that-nobody-must-see"
REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")
TRANSLATOR = Translator("p", KEY)


def classes_of(*roots: type[BaseException]) -> list[type[Exception]]:
    """All classes below the roots, the roots included."""
    found: dict[type[Any], None] = dict.fromkeys(roots)
    waiting = list(roots)
    while waiting:
        for sub in waiting.pop().__subclasses__():
            if sub not in found:
                found[sub] = None
                waiting.append(sub)
    return list(found)


def exceptions_in(module: Any) -> list[type[Exception]]:
    """All exception classes that a module defines."""
    members = vars(module).values()
    return [m for m in members if isinstance(m, type) and issubclass(m, Exception) and m.__module__ == module.__name__]


def response(status: int) -> httpx2.Response:
    """A response that an SDK's exception carries."""
    return httpx2.Response(status, request=REQUEST, headers={"retry-after": "7"})


def make(kind: type[Exception]) -> Exception:
    """An instance with plausible arguments."""
    status = getattr(kind, "status_code", None)
    status = status if isinstance(status, int) else 500
    info = SimpleNamespace(real_url=URL("http://127.0.0.1/"))
    connection = SimpleNamespace(host="127.0.0.1", port=80, ssl=True, is_ssl=True)
    attempts: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (("m",), {"response": response(status), "body": {"error": {"message": KEY}}}),
        ((), {"response": response(status), "body": None}),
        (("m", REQUEST), {"body": None}),
        ((), {"message": "m", "request": REQUEST}),
        ((), {"request": REQUEST}),
        ((), {"completion": SimpleNamespace(usage=None)}),
        (("m",), {"unsent_messages": []}),
        ((status, {"error": {"message": KEY}}), {}),
        (("m",), {"request": REQUEST, "response": response(status)}),
        ((connection, OSError(111, "refused")), {}),
        ((connection, ssl.CertificateError("x")), {}),
        (("path", connection, OSError(111, "refused")), {}),
        ((), {"symbol": "m"}),
        ((), {"library": "m", "extra": "m"}),
        ((b"expected", b"got", "127.0.0.1", 80), {}),
        ((info, ()), {"status": 502}),
        (("m",), {}),
        ((), {"message": "m"}),
        ((), {}),
        (("a", "b"), {}),
    ]
    for arguments, named in attempts:
        try:
            error = kind(*arguments, **named)
            str(error)
        except (TypeError, AttributeError, ValueError):
            continue
        return error
    raise AssertionError(f"cannot make a {kind}")


def all_exceptions() -> Iterator[type[Exception]]:
    """Every exception class of the three SDKs and of their transports."""
    for package in (openai, anthropic):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name in ("_exceptions", "_base_client", "_client"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    yield from classes_of(openai.OpenAIError, anthropic.AnthropicError, genai_errors.APIError)
    yield from exceptions_in(genai_errors)
    yield from exceptions_in(httpx2)
    for kind in exceptions_in(httpx2):
        # google-genai takes httpx, the package that httpx2 came from, where that is installed.
        yield type(kind.__name__, (kind,), {"__module__": "httpx"})
    yield from classes_of(aiohttp.ClientError)
    yield from exceptions_in(aiohttp.http_exceptions)


ALL = sorted(set(all_exceptions()), key=lambda kind: (kind.__module__, kind.__qualname__))


def test_the_list_is_not_empty() -> None:
    """The enumeration finds what is known to exist."""
    assert {openai.RateLimitError, anthropic.OverloadedError, genai_errors.ServerError} <= set(ALL)
    assert {httpx2.ReadTimeout, aiohttp.ServerDisconnectedError} <= set(ALL)
    assert len(ALL) > 100


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
@pytest.mark.parametrize("began", [False, True], ids=["before", "in mid-stream"])
def test_no_exception_is_unmapped(kind: type[Exception], began: bool) -> None:
    """Every class gives a subclass of `ProviderError` with one clean line."""
    translated = TRANSLATOR.translate(make(kind), began=began)
    assert isinstance(translated, ProviderError)
    assert type(translated) is not ProviderError
    assert translated.message.startswith("p: ")
    assert KEY not in translated.message


def caused(error: Exception, *causes: Exception) -> Exception:
    """An exception with a chain of causes."""
    current = error
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return error


TIMED_OUT = openai.APITimeoutError(request=REQUEST)
UNREACHED = openai.APIConnectionError(request=REQUEST)

MEANINGS = [
    (TIMED_OUT, ProviderTimeout, ProviderTimeout),
    (UNREACHED, ConnectionFailed, StreamTruncated),
    (TimeoutError(), ProviderTimeout, ProviderTimeout),
    (ConnectionResetError(104, "reset"), ConnectionFailed, StreamTruncated),
    (ssl.SSLError("handshake"), ConnectionFailed, StreamTruncated),
    (asyncio.IncompleteReadError(b"", 5), ConnectionFailed, StreamTruncated),
    (httpx2.ReadTimeout("x"), ProviderTimeout, ProviderTimeout),
    (httpx2.RemoteProtocolError("x"), ConnectionFailed, StreamTruncated),
    (httpx2.ReadError("x"), ConnectionFailed, StreamTruncated),
    (httpx2.InvalidURL("x"), RequestRefused, RequestRefused),
    (httpx2.DecodingError("x"), BadResponse, BadResponse),
    (aiohttp.ClientPayloadError("x"), ConnectionFailed, StreamTruncated),
    (aiohttp.SocketTimeoutError("x"), ProviderTimeout, ProviderTimeout),
    (anthropic.CredentialsError("x"), AuthFailed, AuthFailed),
    (genai_errors.ClientError(429, {"error": {"message": "m"}}), RateLimited, RateLimited),
    (openai.InternalServerError("m", response=response(500), body=None), Overloaded, Overloaded),
    (json.JSONDecodeError("x", "y", 0), BadResponse, BadResponse),
    (zlib.error("x"), BadResponse, BadResponse),
]


@pytest.mark.parametrize(("error", "before", "later"), MEANINGS, ids=lambda value: getattr(value, "__name__", None))
def test_meanings(error: Exception, before: type[ProviderError], later: type[ProviderError]) -> None:
    """What an exception means depends on whether the answer had begun, for a break but not for a time-out."""
    assert type(TRANSLATOR.translate(error, began=False)) is before
    assert type(TRANSLATOR.translate(error, began=True)) is later


def test_the_innermost_cause_decides() -> None:
    """A server that hangs up is no time-out, though the SDK calls it one."""
    error = caused(TIMED_OUT, httpx2.ConnectTimeout("x"), aiohttp.ServerDisconnectedError())
    assert type(TRANSLATOR.translate(error, began=False)) is ConnectionFailed
    error = caused(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError("x"), TimeoutError())
    assert type(TRANSLATOR.translate(error, began=False)) is ProviderTimeout


CONNECTION: Any = SimpleNamespace(host="127.0.0.1", port=80, ssl=True, is_ssl=True)
REFUSED = aiohttp.ClientConnectorError(CONNECTION, OSError(111, "refused"))


@pytest.mark.parametrize(
    ("error", "unsent"),
    [
        (REFUSED, True),
        (caused(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError("x"), REFUSED), True),
        (caused(openai.APITimeoutError(request=REQUEST), httpx2.ConnectTimeout("x")), True),
        (httpx2.InvalidURL("x"), True),
        (aiohttp.ServerDisconnectedError(), False),
        (caused(openai.APITimeoutError(request=REQUEST), httpx2.ConnectTimeout("x"), EOFError()), False),
        (caused(openai.APIConnectionError(request=REQUEST), ConnectionResetError(104, "reset")), False),
        (httpx2.ReadTimeout("x"), False),
        (openai.InternalServerError("m", response=response(500), body=None), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_request_that_never_left_cost_nothing(error: Exception, unsent: bool) -> None:
    """A server that takes it and hangs up may charge for it all the same; in mid-stream it had left."""
    before, later = (TRANSLATOR.translate(error, began=began) for began in (False, True))
    assert before is not None
    assert later is not None
    assert (before.unsent, later.unsent) == (unsent, False)


def test_retry_after_comes_through() -> None:
    """The delay in an SDK's exception is kept."""
    error = TRANSLATOR.translate(openai.RateLimitError("m", response=response(429), body=None), began=False)
    assert error is not None
    assert error.retry_after_s == 7


@pytest.mark.parametrize("error", [TypeError("x"), KeyError("x"), AssertionError("x"), RuntimeError("x")])
def test_our_own_mistakes_stay_what_they_are(error: Exception) -> None:
    """An exception that is no provider's doing is not made to look like one."""
    assert TRANSLATOR.translate(error, began=False) is None
