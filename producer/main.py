"""Entry point of a producer process."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import threading
import time

from contract.errors import ChannelError
from producer.channel import SocketChannel
from producer.providers.factory import make_provider
from producer.session import Session

_ORPHAN_GRACE_S = 1.0
"""Seconds that an orphaned producer may take to end by itself before it is ended hard."""


def run(connection: socket.socket) -> None:
    """Serve `connection` until its other end is gone or asks to stop; then return, so that the process ends."""
    # The orchestrator hears Ctrl-C and decides; the terminal sends it to the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_orchestrator, args=(connection.fileno(),), daemon=True).start()
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


def _end_with_orchestrator(fd: int) -> None:
    """End this process when the orchestrator is gone even if the event loop no longer turns.

    Runs in a thread of its own. It waits for the hang-up of the channel without reading from it.
    """
    watch = select.poll()
    watch.register(fd, getattr(select, "POLLRDHUP", 0))
    while True:
        for _, event in watch.poll():
            if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)):
                time.sleep(_ORPHAN_GRACE_S)
                os._exit(1)
