"""How a tester that is interrupted ends at once: signals kill what it waits for, and no thread holds it up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(end: Callable[[], None]) -> Iterator[None]:
    """Within it SIGINT and SIGTERM first call a function, then raise `KeyboardInterrupt` in the main thread.

    The exception alone would wait for threads that wait for processes. Outside of the main thread, which alone
    receives signals in Python, nothing changes.

    Args:
        end: Ends what is waited for, in a moment.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        end()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_a_thread(part: Callable[[], None]) -> Future[None]:
    """Call a function in a daemon thread: those of a pool would keep an interrupted tester from ending."""
    future: Future[None] = Future()

    def call() -> None:
        try:
            part()
            future.set_result(None)
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, name=f"part {part}", daemon=True).start()
    return future
