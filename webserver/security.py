"""What every request passes before anything else sees it, and what every response carries.

In this order: the name we are called under, the site the request comes from, how often its client asks, the token, the
request's form, and its body's size and haste.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webserver.access import Access, KnownHosts, Session, same_origin
from webserver.problems import JSON, Problem, too_many
from webserver.rates import TokenBuckets, client_key
from webserver.routes import RouteTable

MAX_BODY_BYTES = 64 * 1024
BODY_S = 8.0
"""Seconds within which a request's body must have come."""
CONTROL_PER_S, CONTROL_BURST = 10.0, 30
READS_PER_S, READS_BURST = 100.0, 300

SESSION = "orchestrator.session"
"""In a request's scope: the `Session` that let it pass, or None."""
_CONTROL = frozenset({"POST", "PATCH", "DELETE"})
_WITH_BODY = frozenset({"POST", "PATCH"})
_API = "/api/"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)


class Paths(Protocol):
    """Knows which paths are whose."""

    def is_page(self, path: str) -> bool:
        """Whether a path is the page or one of its files."""
        ...

    def is_public(self, path: str) -> bool:
        """Whether a path needs no token."""
        ...


class Gate:
    """ASGI middleware for HTTP and WebSocket.

    Args:
        app: What requests go to that have passed.
        routes: Its addresses.
        hosts: Names under which we may be called.
        access: The token.
        paths: Which paths are told apart.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: RouteTable,
        hosts: KnownHosts,
        access: Access,
        paths: Paths,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._routes = routes
        self._hosts = hosts
        self._access = access
        self._paths = paths
        self._control = TokenBuckets(CONTROL_PER_S, CONTROL_BURST, clock)
        self._reads = TokenBuckets(READS_PER_S, READS_BURST, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, scope["path"])
        try:
            scope[SESSION] = self._check(scope)
            if scope["type"] == "http" and scope["method"] in _CONTROL:
                whole = await _whole_body(receive)
                if whole is None:
                    return
                receive = whole
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if scope.get("method") == "HEAD":
            # The server sends the head alone; it goes by the scope that it has made.
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> Session | None:
        host = header(scope, b"host")
        if host is None or not self._hosts.allows(host):
            raise Problem(403, "this address is not known here: open the one that the service printed")
        path = scope["path"]
        control = scope["type"] == "http" and scope["method"] in _CONTROL
        if control or path.startswith(_API) or path == "/metrics":
            self._check_site(scope, host)
        client = client_key(scope["client"][0]) if scope.get("client") else ""
        # The page has many small files, which are in memory: to send one costs no more than to refuse it.
        if not self._paths.is_page(path) and (wait_s := (self._control if control else self._reads).take(client)):
            raise too_many(wait_s, "too many requests from this address; wait a little")
        session = None
        if not self._paths.is_public(path):
            session = self._access.check(header(scope, b"authorization"), header(scope, b"cookie"), client)
        if scope["type"] == "http":
            self._check_form(scope)
        return session

    def _check_form(self, scope: Scope) -> None:
        method, allowed = scope["method"], self._routes.methods(scope["path"])
        if allowed and method not in allowed:
            raise Problem(405, "this address does not take that method", headers={"allow": ", ".join(sorted(allowed))})
        if method in _WITH_BODY and allowed:
            # What a form of a foreign page can send without asking the browser's leave is never of this type.
            content_type = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
            if content_type != JSON:
                raise Problem(415, f"this needs the header Content-Type: {JSON}")
        length = header(scope, b"content-length")
        if length is not None and int(length) > MAX_BODY_BYTES:
            raise _too_large()

    @staticmethod
    def _check_site(scope: Scope, host: str) -> None:
        if not same_origin(header(scope, b"origin"), header(scope, b"sec-fetch-site"), host):
            raise Problem(403, "a page of another site may not ask this")


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value. Raises `Problem` if it is there more than once: who reads which would be a matter of luck."""
    values = [value for key, value in scope["headers"] if key == name]
    if name == b"cookie":  # HTTP/2 gateways split it
        return b"; ".join(values).decode("latin-1") if values else None
    if len(values) > 1:
        raise Problem(400, f"the request has more than one {name.decode()} header")
    return values[0].decode("latin-1") if values else None


def _too_large() -> Problem:
    return Problem(413, f"the request's body is too large: at most {MAX_BODY_BYTES // 1024} KiB")


async def _whole_body(receive: Receive) -> Receive | None:
    """Read the body; returns what gives it again, or None when the client has gone."""
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(BODY_S):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise Problem(408, f"the request's body did not come within {BODY_S:.0f} s") from None
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again


def _with_headers(send: Send, path: str) -> Send:
    """`send`, with the security headers on the response's start."""
    further = HEADERS if not path.startswith(_API) else (*HEADERS, (b"cache-control", b"no-store"))

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            own = list(message.get("headers", ()))
            have = {key.lower() for key, _ in own}
            message = {**message, "headers": [*own, *(one for one in further if one[0] not in have)]}
        await send(message)

    return sending
