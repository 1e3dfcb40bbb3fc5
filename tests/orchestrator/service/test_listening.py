from __future__ import annotations

import socket

import pytest

from contract.errors import ConfigurationError
from orchestrator.service.listening import called_names, is_loopback, listen, local_url, url

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing but tests of its refusal and its names


def test_a_taken_port_is_told() -> None:
    """The message names the port and says what to do."""
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} of 127.0.0.1 is taken .* --port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 300, "\udc80"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    """One line says so."""
    with pytest.raises(ConfigurationError, match=r"cannot listen|no address of this machine"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), (EVERYWHERE, False), ("::", False),
     ("10.0.0.1", False), ("localhost.example", False), ("127.0.0.1.example", False)],
)  # fmt: skip
def test_what_loopback_is(host: str, expected: bool) -> None:
    """Only addresses that no other machine can reach need no token."""
    assert is_loopback(host) is expected


def test_names_of_a_loopback_page_are_this_machines_own() -> None:
    """No other name may call it, unless the user allows one."""
    assert called_names("127.0.0.1") == ("localhost", "127.0.0.1")
    assert called_names("127.0.0.1", ("box.example",))[-1] == "box.example"
    assert socket.gethostname() in called_names(EVERYWHERE)


def test_addresses_for_people_and_for_this_machine() -> None:
    """The page's address can be typed into a browser."""
    assert url("127.0.0.1", 80) == "http://localhost:80"
    assert url("2001:db8::1", 80) == "http://[2001:db8::1]:80"
    assert url(EVERYWHERE, 80) == f"http://{socket.gethostname()}:80"
    with listen(EVERYWHERE, 0) as listener:
        assert local_url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
