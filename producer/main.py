"""Entry point of a producer process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from contract.errors import ChannelError
from contract.lifeline import end_with_parent
from producer.channel import SocketChannel
from producer.providers.factory import make_provider
from producer.session import Session


def run(connection: socket.socket) -> None:
    """Serve `connection` until its other end is gone or asks to stop; then return, so that the process ends."""
    # The orchestrator hears Ctrl-C and decides; the terminal sends it to the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_with_parent(connection.fileno())
    try:
        asyncio.run(_serve(connection))
    except ChannelError as error:
        sys.exit(f"producer {os.getpid()}: {error}")


async def _serve(connection: socket.socket) -> None:
    session = Session(await SocketChannel.open(connection), make_provider)
    serving = asyncio.create_task(session.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return
    finally:
        session.trace.shut_down()  # the loop has nothing else to do any more
