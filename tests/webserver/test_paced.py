from __future__ import annotations

import asyncio

from tests.webserver.serving import WAIT_S, in_loop
from webserver.paced import Paced


@in_loop
async def test_at_once_and_then_not_too_often() -> None:
    """The first time at once; many times within the interval become one, at its end; then at once again."""
    done: list[float] = []
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def act() -> None:
        done.append(loop.time())
        if len(done) == 2:
            again.set()

    paced = Paced(0.05, act)
    for _ in range(100):
        paced.touch()
    assert len(done) == 1
    async with asyncio.timeout(WAIT_S):
        await again.wait()
    assert done[1] - done[0] >= 0.05 - 1e-3


@in_loop
async def test_what_is_cancelled_is_not_done() -> None:
    """Nothing happens afterwards."""
    done: list[int] = []
    paced = Paced(0.0, lambda: done.append(1))
    paced.touch()
    waiting = Paced(1e9, lambda: done.append(2))
    waiting.touch()
    waiting.touch()
    waiting.cancel()
    waiting.cancel()
    assert done == [1, 2]
