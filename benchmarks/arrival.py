"""From the model's complete line to that item in `attributes.txt`, while 16 streams run.

The server of this benchmark writes the moment at which it sends a line's end into the line itself; the reader follows
the file and looks at the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web

from benchmarks.report import Figure, Table

IN_FLIGHT = 16
REQUESTS = 64
_LINES = 60
_FIRST_S = 0.3
_TOTAL_S = 2.0
_POLL_S = 0.001


def _event(text: str, finish: str = "null") -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n' % (
        text.encode(),
        finish.encode(),
    )


async def _answer(request: web.Request) -> web.StreamResponse:
    """60 lines, three chunks each, spread over the answer's time; each line ends with the moment of its sending."""
    await request.read()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    start = time.monotonic()
    for number in range(_LINES):
        due = start + _FIRST_S + (_TOTAL_S - _FIRST_S) * number / _LINES
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await response.write(_event(f"Line {os.urandom(4).hex()} "))
        await response.write(_event("sent at "))
        await response.write(_event(f"{time.monotonic_ns()}\\n"))
    await response.write(_event("", '"stop"') + b"data: [DONE]\n\n")
    return response


async def _follow(path: Path, seen: list[float], stop: asyncio.Event) -> None:
    """Append the age in seconds of each new line as it appears."""
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it; there is nothing to wait on
        await asyncio.sleep(_POLL_S)
    with path.open("rb") as stream:
        rest = b""
        while True:
            data = stream.read()
            if data:
                now = time.monotonic_ns()
                *lines, rest = (rest + data).split(b"\n")
                seen += [(now - int(line.rsplit(b" ", 1)[1])) / 1e9 for line in lines]
            elif stop.is_set():
                return
            else:
                await asyncio.sleep(_POLL_S)


async def _measure() -> list[float]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    ages: list[float] = []
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        following = asyncio.create_task(_follow(Path(folder) / "attributes.txt", ages, stop))
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator", "--topic", "benchmark", "--provider", "openai:bench", "--quiet"),
            *("--producers", "4", "--concurrency", str(IN_FLIGHT // 4), "--iterations", str(REQUESTS // 4)),
            *("--output", folder),
            env={**os.environ, "OPENAI_BASE_URL": f"http://127.0.0.1:{address[1]}/v1"},
        )
        code = await command.wait()
        stop.set()
        await following
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(runner.cleanup(), 5)
    if code != 0 or len(ages) != REQUESTS * _LINES:
        raise RuntimeError(f"exit code {code}, {len(ages)} lines")
    return ages


def time_to_file(repeats: int) -> Table:
    """Age of a line when it can be read from `attributes.txt`."""
    table = Table("arrival", "model's complete line to attributes.txt with 16 streams running; target: median ≤ 50 ms")
    ages = [age * 1000 for _ in range(repeats) for age in asyncio.run(_measure())]
    quantiles = statistics.quantiles(ages, n=100)
    table.add(
        f"{len(ages)} lines",
        Figure("median ms", statistics.median(ages)),
        Figure("p95 ms", quantiles[94]),
        Figure("p99 ms", quantiles[98]),
    )
    return table
