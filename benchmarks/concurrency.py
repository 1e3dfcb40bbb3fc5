"""How many requests in flight a producer should have: items and repeats in a fixed time, on the simulated model."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile

from benchmarks.report import Figure, Table

_CHOICES = (1, 2, 4, 8, 16)
_PRODUCERS = 5
_REQUESTS = 80


def concurrency(repeats: int) -> Table:
    """80 requests, 5 producers: more in flight is quicker, but each request knows less of what the others found."""
    table = Table(
        "concurrency", "5 producers, 80 requests of 60 items, simulated model (0.3 s to first token, 80 tokens/s)"
    )
    for choice in _CHOICES:
        runs = [_run(choice, seed) for seed in range(repeats)]
        table.add(
            f"{choice} in flight each",
            Figure("wall s", statistics.median(run["duration_s"] for run in runs)),
            Figure("unique items", statistics.median(run["unique"] for run in runs)),
            Figure("unique a call", statistics.median(run["unique"] / run["calls"] for run in runs)),
            Figure("unique a second", statistics.median(run["unique"] / run["duration_s"] for run in runs)),
        )
    return table


def _run(choice: int, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "orchestrator", "--topic", "benchmark", "--provider", "test", "--json"),
                *("--producers", str(_PRODUCERS), "--concurrency", str(choice), "--seed", str(seed)),
                *("--iterations", str(_REQUESTS // _PRODUCERS), "--output", folder),
            ],
            stdout=subprocess.PIPE,
            check=True,
        )
    result: dict[str, float] = json.loads(done.stdout)
    return result
