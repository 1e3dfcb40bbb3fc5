from __future__ import annotations

import asyncio
import threading

import pytest

from contract.errors import StorageError
from tests.webserver.serving import WAIT_S, in_loop
from webserver.workers import THREADS, Workers


@in_loop
async def test_work_of_one_turn_is_done_one_after_the_other() -> None:
    """What only one thread may use is used by one at a time; other work goes on beside it."""
    workers = Workers()
    inside, most, lock = 0, 0, threading.Lock()
    other = threading.Event()

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        assert other.wait(WAIT_S)
        with lock:
            inside -= 1

    tasks = [asyncio.create_task(workers.run(work, "same")) for _ in range(THREADS + 1)]
    await workers.run(other.set)
    await asyncio.gather(*tasks)
    assert most == 1
    workers.close()


@in_loop
async def test_who_waits_may_go() -> None:
    """A caller that is cancelled goes at once; the work that it had begun keeps its turn to its end."""
    workers = Workers()
    begun, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        begun.set()
        assert may_end.wait(WAIT_S)
        order.append("first")

    running = asyncio.create_task(workers.run(first, "same"))
    await asyncio.to_thread(begun.wait)
    waiting = asyncio.create_task(workers.run(lambda: order.append("never"), "same"))
    second = asyncio.create_task(workers.run(lambda: order.append("second"), "same"))
    await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not second.done()
    may_end.set()
    async with asyncio.timeout(WAIT_S):
        await second
    assert order == ["first", "second"]
    workers.close()


@in_loop
async def test_errors_come_back() -> None:
    """What is raised in the thread is raised to the caller, and the turn goes on."""
    workers = Workers()

    def fail() -> None:
        raise StorageError("the disk failed")

    for _ in range(2):
        with pytest.raises(StorageError, match="the disk failed"):
            await workers.run(fail, "same")
    assert await workers.run(lambda: 7, "same") == 7
    workers.close()
    for turn in ("same", None):
        with pytest.raises(StorageError, match="ends"):
            await workers.run(lambda: 7, turn)
