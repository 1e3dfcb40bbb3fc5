"""Threads for what blocks: reading folders. The event loop waits for them, and whoever waits may go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from contract.errors import StorageError

T = TypeVar("T")

THREADS = 4
"""SQLite and numpy let go of Python's lock while they work: more would only take from the topics' processes."""


class Workers:
    """A few threads, and a turn for each thing that only one of them may use at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "reader")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self, work: Callable[[], T], turn: str | None = None) -> T:
        """Do something in a thread; returns or raises what it does.

        A caller that is cancelled goes at once. Work that has begun is done to its end, and keeps its turn until then.

        Args:
            work: What to do.
            turn: Work of the same turn is done one after the other; None: without waiting for any other.
        """
        if turn is None:
            return await asyncio.wrap_future(self._submit(work))
        lock = self._turns.get(turn)
        if lock is None:
            lock = self._turns[turn] = asyncio.Lock()
        await lock.acquire()
        loop = asyncio.get_running_loop()

        def done(future: Future[T]) -> None:
            # In the worker's thread, where the work was not cancelled before it began.
            if not loop.is_closed():
                loop.call_soon_threadsafe(lock.release)

        try:
            future = self._submit(work)
        except BaseException:
            lock.release()
            raise
        future.add_done_callback(done)
        return await asyncio.wrap_future(future)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        try:
            return self._threads.submit(work)
        except RuntimeError:
            raise StorageError("nothing is read any more: the web server ends") from None

    def close(self) -> None:
        """Let go of the threads; work that has not begun is not done any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
