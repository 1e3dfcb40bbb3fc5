"""What tracing costs: the same loads as in `load`, by our own command with and without `--trace-ep`, in turn."""

from __future__ import annotations

import statistics

from benchmarks.load import CHUNKS, IN_FLIGHT, LATENCY_REQUESTS, LATENCY_S, OVERHEAD_REQUESTS
from benchmarks.measure import Measured
from benchmarks.report import Figure, Table
from benchmarks.servers import fake_provider
from benchmarks.targets import OURS, BenchTarget
from tester.collector import Collector

_LATENCY = ("--ttfc", "0.3", "--duration", str(LATENCY_S), *CHUNKS)


def tracing(repeats: int) -> Table:
    """Latency-bound: wall time with tracing ÷ without; overhead-bound: CPU a request with and without."""
    table = Table("tracing", "our command with --trace-ep beside itself without; target ≤ 1.02 × wall, latency-bound")
    with Collector() as collector:
        traced = OURS._replace(name="traced", trace_endpoint=collector.endpoint)
        plain = OURS._replace(name="not traced")
        for load, options, requests in (
            ("latency-bound", _LATENCY, LATENCY_REQUESTS),
            ("overhead-bound", CHUNKS, OVERHEAD_REQUESTS),
        ):
            before = len(collector.store.spans())
            # One after the other in turn, so that the machine's mood falls on both.
            runs = [(_run(plain, options, requests), _run(traced, options, requests)) for _ in range(repeats)]
            spans = (len(collector.store.spans()) - before) / repeats
            walls = [with_spans.wall_s / without.wall_s for without, with_spans in runs]
            table.add(
                load,
                Figure("wall, traced ÷ not", statistics.median(walls)),
                Figure("CPU ms a request, not traced", _cpu_ms([run for run, _ in runs], requests)),
                Figure("traced", _cpu_ms([run for _, run in runs], requests)),
                Figure("spans a request", spans / requests),
            )
    return table


def _run(target: BenchTarget, options: tuple[str, ...], requests: int) -> Measured:
    with fake_provider(*options) as server:
        return target.run(server.openai_url, requests, IN_FLIGHT)


def _cpu_ms(runs: list[Measured], requests: int) -> float:
    return statistics.median(run.cpu_s for run in runs) / requests * 1000
