"""`python -m benchmarks [NAME …] [--repeats N]`: run benchmarks, print their tables, save them as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    archive,
    arrival,
    collector,
    concurrency,
    curation,
    load,
    memory,
    startup,
    tracing,
    web,
    web_million,
    web_slowdown,
)
from benchmarks.exhaustion import discoveries, estimates, forecasts, model_habits, plans, real, steering
from benchmarks.report import Table
from contract.errors import ConfigurationError

BENCHMARKS: dict[str, Callable[[int], Table]] = {
    "help": startup.help_time,
    "producer": startup.producer_start,
    "arrival": arrival.time_to_file,
    "overhead": load.overhead_bound,
    "latency": load.latency_bound,
    "concurrency": concurrency.concurrency,
    "memory": memory.store_memory,
    "collector": collector.spans_per_second,
    "tracing": tracing.tracing,
    "archive": archive.archive_reading,
    "exhaustion-estimates": estimates.estimates,
    "exhaustion-forecasts": forecasts.forecasts,
    "exhaustion-plans": plans.plans,
    "exhaustion-savings": plans.savings,
    "exhaustion-discovery": discoveries.discoveries,
    "exhaustion-recall": steering.recall,
    "exhaustion-cells": steering.cells,
    "exhaustion-ablation": steering.ablation,
    "exhaustion-stopping": steering.stopping,
    "patience": curation.patience,
    "validation": curation.validation,
    "exhaustion-real": real.search,
    "exhaustion-habits": model_habits.habits_table,
    "web-arrival": web.arrival,
    "web-load": web.first_load,
    "web-pages": web.open_pages,
    "web-million": web_million.million,
    "web-slowdown": web_slowdown.slowdown,
}
GROUPS = {group: [name for name in BENCHMARKS if name.startswith(f"{group}-")] for group in ("exhaustion", "web")}
"""Names for several at once."""


def run_all_benchmarks(names: list[str], repeats: int) -> None:
    """Run the named benchmarks one after the other, never two at a time."""
    for name in names:
        BENCHMARKS[name](repeats).show()


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"any of {', '.join(BENCHMARKS)}; {' or '.join(GROUPS)} for all that begin so; default all",
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each target; the median counts (default 3)")
    arguments = parser.parse_args()
    names = [one for name in arguments.names for one in GROUPS.get(name, [name])]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown or arguments.repeats < 1:
        parser.error(f"unknown benchmark {unknown[0]!r}" if unknown else "--repeats must be at least 1")
    try:
        run_all_benchmarks(names or list(BENCHMARKS), arguments.repeats)
    except ConfigurationError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
