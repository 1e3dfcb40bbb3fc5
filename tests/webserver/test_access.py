from __future__ import annotations

import pytest

from tests.webserver.test_rates import Clock
from webserver.access import FAILED_ATTEMPTS, MAX_SESSIONS, SESSION_S, Access, KnownHosts, same_origin
from webserver.problems import Problem


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8080", True),
        ("LOCALHOST:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("box.example", True),
        ("localhost:9000", True),
        ("localhost", True),
        ("192.0.2.1:9000", True),
        ("[2001:db8::1]", True),
        ("evil.example:8080", False),
        ("localhost.evil.example:8080", False),
        ("localhost:8080.evil.example", False),
        ("192.0.2.1.evil.example", False),
        ("user@localhost:8080", False),
        ("localhost:8080/x", False),
        ("localhost:99999", False),
        ("[::1:8080", False),
        ("", False),
        (":8080", False),
    ],
)
def test_only_known_names_and_addresses(host: str, allowed: bool) -> None:
    """A name that resolves to us, but is not ours, is refused: DNS rebinding ends here. Tunnels change ports."""
    assert KnownHosts(("localhost", "box.example")).allows(host) is allowed


@pytest.mark.parametrize(
    ("origin", "site", "same"),
    [
        (None, None, True),
        (None, "none", True),
        (None, "same-origin", True),
        ("http://localhost:8080", None, True),
        ("HTTP://LocalHost:8080", "same-origin", True),
        ("http://localhost:3000", None, False),
        ("https://localhost:8080", None, True),
        ("https://localhost", None, False),
        ("null", None, False),
        ("http://evil.example", None, False),
        ("http://localhost:8080", "cross-site", False),
        ("http://localhost:8080", "same-site", False),
        (None, "cross-site", False),
        (None, "nonsense", False),
        ("", None, False),
    ],
)
def test_only_our_own_page_or_none(origin: str | None, site: str | None, same: bool) -> None:
    """A page of another port of this machine is another site as well."""
    assert same_origin(origin, site, "localhost:8080") is same


def _status(access: Access, authorization: str | None = None, cookies: str | None = None, client: str = "c") -> int:
    try:
        access.check(authorization, cookies, client)
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer s3cret", 200),
        ("bearer  s3cret", 200),
        ("Bearer s3cre", 401),
        ("Bearer s3crets", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic s3cret", 401),
        ("Bearer s3cr\xe9t", 401),
        (None, 401),
    ],
)
def test_the_token_and_nothing_else(authorization: str | None, status: int) -> None:
    """Only the whole token opens."""
    assert _status(Access("s3cret", 8080), authorization) == status


def test_nothing_is_needed_where_there_is_no_token() -> None:
    """On loopback everybody may."""
    access = Access(None, 8080)
    assert not access.needed
    assert _status(access) == 200
    assert access.open_session("whatever", "c") is None


def test_a_session_stands_for_the_token() -> None:
    """The cookie holds a random id, which ends with the session, and not the token."""
    access = Access("s3cret", 8080)
    session = access.open_session("s3cret", "c")
    assert session is not None
    assert "s3cret" not in session
    cookie = f"other=1; {access.cookie_name}={session}; x"
    assert _status(access, None, cookie) == 200
    assert _status(access, None, f"orchestrator-session-8081={session}") == 401
    access.close_session(cookie)
    assert _status(access, None, cookie) == 401


def test_sessions_end_by_themselves() -> None:
    """A cookie that was stolen is of no use for ever."""
    clock = Clock()
    access = Access("s3cret", 8080, clock)
    cookie = f"{access.cookie_name}={access.open_session('s3cret', 'c')}"
    clock.now += SESSION_S - 1
    assert _status(access, None, cookie) == 200
    clock.now += 2
    assert _status(access, None, cookie) == 401


def test_only_so_many_sessions() -> None:
    """The oldest session gives way."""
    access = Access("s3cret", 8080)
    cookies = [f"{access.cookie_name}={access.open_session('s3cret', 'c')}" for _ in range(MAX_SESSIONS + 1)]
    assert _status(access, None, cookies[0]) == 401
    assert _status(access, None, cookies[1]) == 200


def test_guessing_is_slow() -> None:
    """After some wrong tokens even the right one is not looked at, from that address alone, and for some time alone."""
    clock = Clock()
    access = Access("s3cret", 8080, clock)
    assert [_status(access, "Bearer wrong") for _ in range(FAILED_ATTEMPTS)] == [401] * FAILED_ATTEMPTS
    assert _status(access, "Bearer wrong") == 429
    assert _status(access, "Bearer s3cret") == 429
    with pytest.raises(Problem) as refused:
        access.open_session("s3cret", "c")
    assert refused.value.status == 429
    assert int(refused.value.headers["retry-after"]) > 0
    assert _status(access, "Bearer s3cret", client="d") == 200
    clock.now += int(refused.value.headers["retry-after"])
    assert _status(access, "Bearer s3cret") == 200


def test_guessing_does_not_end_sessions() -> None:
    """Who is logged in stays so, whatever others of the same address try."""
    access = Access("s3cret", 8080)
    cookie = f"{access.cookie_name}={access.open_session('s3cret', 'c')}"
    for _ in range(FAILED_ATTEMPTS + 1):
        _status(access, "Bearer wrong")
    assert _status(access, None, cookie) == 200
