"""The web server's listening socket.

The service opens it and keeps it: callers that come while a web server that died is replaced are answered by the next.
"""

from __future__ import annotations

import errno
import ipaddress
import socket

from contract.errors import ConfigurationError

_LOOPBACK = "127.0.0.1"
_BACKLOG = 512


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Args:
        host: `localhost`, an address or a name of this machine; `0.0.0.0` or `::` for all of its addresses.
        port: 0 for any that is free.

    Raises:
        ConfigurationError: The port is taken, or the address is not this machine's.
    """
    address = _LOOPBACK if host == "localhost" else host
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"--host {host!r} is no address of this machine: {_reason(error)}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} of {host} is taken by another program: stop it, or choose another with --port"
            ) from error
        raise ConfigurationError(f"cannot listen on {host}, port {port}: {_reason(error)}") from error
    return listener


def _reason(error: OSError | UnicodeError) -> str:
    return getattr(error, "strerror", None) or str(error)


def called_names(host: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names under which callers may know a web server that listens on `host`.

    A page of another site can have its own name resolve to this machine (DNS rebinding), but it cannot change the name
    that the browser sends.
    """
    own = ("localhost",) if is_loopback(host) else (socket.gethostname(), f"{socket.gethostname()}.local", "localhost")
    return tuple(dict.fromkeys((*own, host, *more)))


def local_url(listener: socket.socket) -> str:
    """Where this machine itself reaches the listening socket."""
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def url(host: str, port: int) -> str:
    """Where a person finds the page."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = socket.gethostname()
    elif is_loopback(host):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
