"""A model server that writes into each line when it sends its end: `python -m benchmarks.web_model` prints its URL.

A process of its own, so that nothing else that a benchmark does delays it. Every line is another one.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

LINES = 60
FIRST_S = 0.3
TOTAL_S = 4.0
"""15 lines a second and stream: as quick as a vendor's quick model."""
RATE_A_STREAM = LINES / TOTAL_S


def sent_at(line: str) -> float:
    """When the line's end was sent, in seconds since 1970."""
    return int(line.rsplit(" ", 1)[1]) / 1e9


def _event(text: str, finish: str = "null") -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n' % (
        text.encode(),
        finish.encode(),
    )


async def _answer(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    start = time.monotonic()
    with suppress(ConnectionError):  # the run ends
        await response.prepare(request)
        for number in range(LINES):
            due = start + FIRST_S + (TOTAL_S - FIRST_S) * number / LINES
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await response.write(_event(f"Line {os.urandom(4).hex()} sent at "))
            await response.write(_event(f"{time.time_ns()}\\n"))
        await response.write(_event("", '"stop"') + b"data: [DONE]\n\n")
    return response


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _answer)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}/v1\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def model_server() -> Iterator[str]:
    """Start it; gives its base URL. It ends with the block, or with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.web_model"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(_serve())
