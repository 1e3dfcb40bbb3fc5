"""Memory and speed of the store as a topic grows: `python -m benchmarks memory` fills one with ten million items."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archive.filesystem import RealFileSystem
from benchmarks.report import Figure, Table
from contract.identity import Identity
from contract.messages import Item
from orchestrator.store import IncomingBatch, Store

_STEPS = (1_000_000, 10_000_000)
_BATCH = 600


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _fill() -> None:
    """Fill a store in this process; print a JSON line at each step."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "run", "benchmark", identity=Identity.NORMALIZED, filesystem=RealFileSystem())
        store.begin_run({})
        before = _rss_bytes()
        number, started, last = 0, time.perf_counter(), 0
        for step in _STEPS:
            while number < step:
                order = store.issue_order(provider="p", model="m", mode="explore", size=_BATCH, producer=0)
                # Half of each batch is known already, as in a run that has gone on for a while.
                fresh = range(number, number + _BATCH // 2)
                items = [Item(f"distinct item nr {n:08d}") for n in fresh]
                items += [Item(f"distinct item nr {n * 7919 % max(1, number):08d}") for n in fresh]
                store.ingest([IncomingBatch(order, items)])
                store.end_order(
                    order, state="done", attempts=1, usage=None, cost_usd=None, error=None,
                    time_to_first_chunk_s=None, duration_s=None,
                )  # fmt: skip
                number += _BATCH // 2
            seconds = time.perf_counter() - started
            figures = {
                "items": number,
                "bytes_per_item": (_rss_bytes() - before) / number,
                "items_per_s": 2 * (number - last) / seconds,
                "rss_mib": _rss_bytes() / 2**20,
            }
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
            last, started = number, time.perf_counter()
        store.close()


def store_memory(repeats: int) -> Table:
    """Resident memory for each item at 1 and 10 million (runs once, whatever `repeats` says; minutes)."""
    table = Table(
        "memory", "store with run.db and attributes.txt, half of what comes is known; target ≤ 32 bytes an item"
    )
    done = subprocess.run([sys.executable, "-m", "benchmarks.memory"], stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        figures = json.loads(line)
        table.add(
            f"{figures['items']:,} items",
            Figure("bytes an item", figures["bytes_per_item"]),
            Figure("whole process MiB", figures["rss_mib"]),
            Figure("items a second", figures["items_per_s"]),
        )
    return table


if __name__ == "__main__":
    _fill()
