"""Latency-bound and overhead-bound loads: the same streamed requests made by us and by bare clients."""

from __future__ import annotations

import math
import statistics

from benchmarks.report import Figure, Table
from benchmarks.servers import fake_provider
from benchmarks.targets import BARE_SDK, OURS, TARGETS

IN_FLIGHT = 16
LATENCY_REQUESTS = 200
LATENCY_S = 2.0
OVERHEAD_REQUESTS = 500
CHUNKS = ("--chunk-chars", "5")
"""About 195 chunks an answer of 60 names."""


def latency_bound(repeats: int) -> Table:
    """200 requests, 0.3 s to the first token and 2.0 s in all, 16 in flight: wall time ÷ ideal."""
    ideal = math.ceil(LATENCY_REQUESTS / IN_FLIGHT) * LATENCY_S
    table = Table("latency-bound", f"wall time of the whole command ÷ {ideal:g} s ideal; target ≤ 1.03")
    for target in TARGETS:
        walls = []
        for _ in range(repeats):
            with fake_provider("--ttfc", "0.3", "--duration", str(LATENCY_S), *CHUNKS) as server:
                walls.append(target.run(server.openai_url, LATENCY_REQUESTS, IN_FLIGHT).wall_s)
                served = [entry for entry in server.ledger() if entry["status"] == 200]
                if len(served) != LATENCY_REQUESTS:
                    raise RuntimeError(f"{target.name}: {len(served)} requests were served")
        table.add(target.name, Figure("wall ÷ ideal", statistics.median(walls) / ideal), Figure("wall s", min(walls)))
    return table


def overhead_bound(repeats: int) -> Table:
    """500 requests without latency, streamed, 16 in flight: CPU a request over all processes."""
    table = Table("overhead-bound", "CPU a request, all processes, start-up included; target ≤ 8 ms")
    cpu: dict[str, float] = {}
    for target in TARGETS:
        runs = []
        for _ in range(repeats):
            with fake_provider(*CHUNKS) as server:
                runs.append(target.run(server.openai_url, OVERHEAD_REQUESTS, IN_FLIGHT))
        cpu[target.name] = statistics.median(run.cpu_s for run in runs) / OVERHEAD_REQUESTS * 1000
        table.add(
            target.name,
            Figure("CPU ms a request", cpu[target.name]),
            Figure("wall s", statistics.median(run.wall_s for run in runs)),
            Figure("peak MiB of a process", max(run.peak_mib for run in runs)),
        )
    table.add("ours ÷ bare SDK", Figure("CPU ms a request", cpu[OURS.name] / cpu[BARE_SDK.name]))
    return table
