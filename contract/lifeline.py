"""A child's life hangs on its channel: when the other end is gone, so is the reason to be there."""

from __future__ import annotations

import os
import select
import threading
import time

_GRACE_S = 1.0
"""Seconds that an orphan may take to end by itself before it is ended hard."""
_HANG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


def end_with_parent(fd: int) -> None:
    """From now on this process ends when the channel's other end is gone, even if its event loop no longer turns.

    Args:
        fd: The channel's. A thread waits for its hang-up without reading from it.
    """
    threading.Thread(target=_wait_for_hang_up, args=(fd,), name="lifeline", daemon=True).start()


def _wait_for_hang_up(fd: int) -> None:
    watch = select.poll()
    watch.register(fd, getattr(select, "POLLRDHUP", 0))
    while True:
        for _, event in watch.poll():
            if event & _HANG_UP:
                time.sleep(_GRACE_S)
                os._exit(1)
