"""`python -m webserver CHANNEL LISTENER`: two inherited file descriptors. Started by the service, not by people."""

from __future__ import annotations

import socket
import sys

from webserver.main import run


def main(arguments: list[str]) -> None:
    """Serve until the service is gone or wants it to end."""
    try:
        channel, listener = (socket.socket(fileno=int(argument)) for argument in arguments)
    except (ValueError, OSError):
        sys.exit("the web server is started by: orchestrator (without --topic)")
    run(channel, listener)


if __name__ == "__main__":
    main(sys.argv[1:])
