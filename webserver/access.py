"""Who may call: the names under which we are called, the sites that requests come from, the token and its sessions."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from webserver.problems import Problem, too_many
from webserver.rates import TokenBuckets

FAILED_ATTEMPTS = 10
"""Wrong tokens that a client may try in a row."""
FAILED_ATTEMPTS_PER_S = 0.1
SESSION_S = 7 * 24 * 3600.0
MAX_SESSIONS = 256


class KnownHosts:
    """Under which `Host` we may be called: no foreign name, so that none can be bound to us (DNS rebinding).

    An address cannot be bound to anything, and is let through. So is any port: a tunnel or a proxy may have another.

    Args:
        names: Ours.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(_name(name) for name in names)

    def allows(self, host: str) -> bool:
        """Whether a `Host` header is one of ours."""
        try:
            parts = urlsplit(f"//{host}")
            _ = parts.port
        except ValueError:
            return False
        if parts.netloc != host or not parts.hostname or "@" in host:
            return False
        name = _name(parts.hostname)
        return name in self._names or _is_address(name)


def same_origin(origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Whether a request comes from our own page, or from no page at all.

    Args:
        origin: The `Origin` header; with `https` where a proxy before us speaks it.
        fetch_site: The `Sec-Fetch-Site` header.
        host: The `Host` header.
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    return origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


class Session:
    """A browser that has shown the token.

    Args:
        ends_at: When it ends by itself.

    Attributes:
        ended: Set when it has been ended: what was opened in it is to be closed.
    """

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.ended = asyncio.Event()


class Access:
    """The token and the sessions that stand for it.

    Args:
        token: What callers must know; None: nothing.
        port: Ours; cookies do not tell ports apart, their names must.
        clock: Monotonic seconds.
    """

    def __init__(self, token: str | None, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = None if token is None else token.encode()
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._failures = TokenBuckets(FAILED_ATTEMPTS_PER_S, FAILED_ATTEMPTS, clock)
        self.cookie_name = f"orchestrator-session-{port}"

    @property
    def needed(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    def check(self, authorization: str | None, cookies: str | None, client: str) -> Session | None:
        """Let a request pass; the session that let it, or None where it was the token, or nothing is needed.

        Args:
            authorization: The `Authorization` header.
            cookies: The `Cookie` header.
            client: Whose failed attempts are counted.

        Raises:
            Problem: 401, or 429 after too many wrong tokens.
        """
        if self._token is None:
            return None
        session = self._session(cookies)
        if session is not None:
            return session
        if authorization is None:
            raise _unauthorized("a token is needed: the service printed it when it started")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("the token is sent as: Authorization: Bearer TOKEN")
        self._check_token(token.strip(), client)
        return None

    def open_session(self, token: str, client: str) -> str | None:
        """A new session's id for the right token; None where none is needed. Raises `Problem` as `check` does."""
        if self._token is None:
            return None
        self._check_token(token, client)
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = Session(self._clock() + SESSION_S)
        if len(self._sessions) > MAX_SESSIONS:
            self._end(next(iter(self._sessions)))
        return session

    def close_session(self, cookies: str | None) -> None:
        """End the session that a request names, if there is one."""
        self._end(_digest(self._named(cookies)))

    def _end(self, key: bytes) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.ended.set()

    def _check_token(self, token: str, client: str) -> None:
        # Before the comparison: who guesses must not learn any more whether a guess was right.
        wait_s = self._failures.wait(client)
        if wait_s:
            raise too_many(wait_s, "too many wrong tokens from this address; wait a little")
        assert self._token is not None  # noqa: S101 - callers have asked
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token):
            self._failures.take(client)
            raise _unauthorized("the token is wrong: the service printed the right one when it started")

    def _session(self, cookies: str | None) -> Session | None:
        key = _digest(self._named(cookies))
        session = self._sessions.get(key)
        if session is not None and session.ends_at < self._clock():
            self._end(key)
            return None
        return session

    def _named(self, cookies: str | None) -> str:
        return cookie_parser(cookies).get(self.cookie_name, "") if cookies else ""


def _unauthorized(error: str) -> Problem:
    return Problem(401, error, headers={"www-authenticate": "Bearer"})


def _digest(session: str) -> bytes:
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).digest()


def _name(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
