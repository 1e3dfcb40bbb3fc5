"""Signals become wishes of the run, or of the service; nothing is done in a handler."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Interruptible(Protocol):
    """What takes wishes: a run, or the service."""

    def interrupt(self) -> None:
        """Ctrl-C. Safe in a signal handler."""
        ...

    def terminate(self) -> None:
        """SIGTERM, SIGHUP. Safe in a signal handler."""
        ...


class SignalForwarding:
    """Where signals go: to a run as wishes; before there is one they end the command, so that all is cleaned up."""

    def __init__(self) -> None:
        self._run: Interruptible | None = None

    def to(self, run: Interruptible) -> None:
        """From now on signals are this run's wishes. One that has ended takes no notice of them."""
        self._run = run

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Handler of Ctrl-C."""
        if self._run is None:
            raise KeyboardInterrupt
        self._run.interrupt()

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """Handler of SIGTERM and SIGHUP."""
        if self._run is None:
            raise KeyboardInterrupt
        self._run.terminate()


@contextmanager
def forwarded_signals() -> Iterator[SignalForwarding]:
    """While inside: Ctrl-C asks the run to finish open responses, twice to end at once; SIGTERM and SIGHUP end it.

    It reaches from before the run is built until its spans are delivered: a signal in between costs no result.
    Only the main thread can receive signals; elsewhere this does nothing.
    """
    forwarding = SignalForwarding()
    if threading.current_thread() is not threading.main_thread():
        yield forwarding
        return
    handlers = {
        signal.SIGINT: forwarding.interrupt,
        signal.SIGTERM: forwarding.terminate,
        signal.SIGHUP: forwarding.terminate,
    }
    # What is ignored stays ignored: `nohup` and background jobs of a shell ask for that.
    before = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield forwarding
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
