"""Signals become wishes of the run; nothing is done in a handler."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.run import Run


@contextmanager
def forwarded_signals(run: Run) -> Iterator[None]:
    """While inside: Ctrl-C asks the run to finish open responses, twice to end at once; SIGTERM and SIGHUP end it.

    Only the main thread can receive signals; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        run.interrupt()

    def on_terminate(number: int, frame: FrameType | None) -> None:
        run.terminate()

    handlers = {signal.SIGINT: on_interrupt, signal.SIGTERM: on_terminate, signal.SIGHUP: on_terminate}
    # What is ignored stays ignored: `nohup` and background jobs of a shell ask for that.
    before = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
