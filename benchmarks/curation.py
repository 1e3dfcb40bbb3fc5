"""What `--patience` saves and what `--validate` finds, through the real command on the simulated model.

The truth is known: which texts mean an item of the simulated world. Tokens of answers that were ended are estimated, as
in the program.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Figure, Table
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.world import universe_of

_TOPIC = "benchmark"
_UNIVERSE = 2000
_PRICE = "test:simulated=0.25,2"
"""US dollars a million tokens, as of a small model."""
_PATIENCE = (None, 30, 15, 10)
_REACHED = (0.8, 0.95)
_MOST_S = 150
_NOISE = 0.1
_JUDGEMENT = 0.9


class _Spent(NamedTuple):
    """What a run had spent when it had found so many items."""

    calls: float
    output_tokens: float
    cost_usd: float


def patience(repeats: int) -> Table:
    """What it takes to find so much of a world of 2,000 items, with answers that are ended early and without."""
    table = Table(
        "patience",
        f"2,000 items, 60 asked for, 2 producers x 4; calls, output tokens and cost to 80 % and 95 % of the items, by "
        f"--patience; medians of {repeats} seeds; 0 where it was not reached in {_MOST_S} s",
    )
    for popularity in ("lognormal", "zipf"):
        for length in _PATIENCE:
            runs = [_to_the_end(popularity, length, seed) for seed in range(repeats)]
            figures = []
            for share in _REACHED:
                reached = [run[share] for run in runs if share in run]
                middle = [statistics.median(values) for values in zip(*reached, strict=True)] or [0.0, 0.0, 0.0]
                spent = _Spent(*middle)
                figures += [
                    Figure(f"calls to {share:.0%}", spent.calls),
                    Figure(f"output tokens to {share:.0%}", spent.output_tokens),
                    Figure(f"cents to {share:.0%}", spent.cost_usd * 100),
                ]
            table.add(f"{popularity}, {'off' if length is None else length}", *figures)
    return table


def _to_the_end(popularity: str, length: int | None, seed: int) -> dict[float, _Spent]:
    most = int(max(_REACHED) * _UNIVERSE)
    given = ["--max-attributes", str(most), "--iterations", "5000", "--max-time", str(_MOST_S)]
    given += [] if length is None else ["--patience", str(length)]
    options = {"popularity": popularity, "universe_size": _UNIVERSE, "mess": 0, "speed": 50}
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), seed, options, given)
        with closing(sqlite3.connect(Path(folder) / "run.db")) as database:
            return {
                share: spent for share in _REACHED if (spent := _spent(database, int(share * _UNIVERSE))) is not None
            }


def _spent(database: sqlite3.Connection, items: int) -> _Spent | None:
    """What was spent on orders that had ended when the order that brought the last of so many items had."""
    row = database.execute(
        "SELECT ended_at FROM items JOIN orders ON orders.id = first_order WHERE items.id = ?", (items,)
    ).fetchone()
    if row is None:
        return None
    sums = "sum(attempts), sum(output_tokens), sum(cost_usd)"
    return _Spent(*database.execute(f"SELECT {sums} FROM orders WHERE ended_at <= ?", row).fetchone())  # noqa: S608 - names of columns only


def validation(repeats: int) -> Table:
    """How many of the noise's items a judging model finds, how many true ones it takes for noise, and what it costs."""
    table = Table(
        "validation",
        f"noise {_NOISE:.0%} an item, a model that recognises {_JUDGEMENT:.0%} of what is no item; 2 producers x 4; "
        f"medians of {repeats} seeds",
    )
    for name, iterations in (("60 calls", 30), ("200 calls", 100)):
        runs = [_judged(iterations, seed) for seed in range(repeats)]
        table.add(
            name,
            *(Figure(figure, statistics.median(run[figure] for run in runs)) for figure in runs[0]),
        )
    return table


def _judged(iterations: int, seed: int) -> Mapping[str, float]:
    options = {"noise_rate": _NOISE, "judgement": _JUDGEMENT, "universe_size": _UNIVERSE, "speed": 50}
    world = universe_of(_TOPIC, SimulationOptions(universe_size=_UNIVERSE))
    with tempfile.TemporaryDirectory() as folder:
        result = _run(Path(folder), seed, options, ["--iterations", str(iterations), "--validate", "on"])
        lines = (Path(folder) / "attributes.txt").read_text(encoding="utf-8").splitlines()
        kept = set((Path(folder) / "valid.txt").read_text(encoding="utf-8").splitlines())
        with closing(sqlite3.connect(Path(folder) / "run.db")) as database:
            query = "SELECT mode = 'validate', count(*), sum(input_tokens + output_tokens), sum(cost_usd) FROM orders"
            sums = {bool(judging): rest for judging, *rest in database.execute(f"{query} GROUP BY 1")}
    noise = {line for line in lines if world.canonical(line) is None}
    rejected = set(lines) - kept
    calls, tokens, cost = (100 * sums[True][place] / sums[False][place] for place in range(3))
    return {
        "items": len(lines),
        "noise %": 100 * len(noise) / len(lines),
        "noise left %": 100 * len(noise & kept) / len(kept),
        "precision %": 100 * len(noise & rejected) / max(1, len(rejected)),
        "recall %": 100 * len(noise & rejected) / max(1, len(noise)),
        "calls +%": calls,
        "tokens +%": tokens,
        "cost +%": cost,
        "not judged": float(result["unjudged"]),
    }


def _run(folder: Path, seed: int, options: Mapping[str, object], given: Iterable[str]) -> Mapping[str, float]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "orchestrator", "--topic", _TOPIC, "--provider", "test", "--price", _PRICE),
            *("--producers", "2", "--concurrency", "4", "--seed", str(seed), "--output", str(folder), "--json"),
            *(part for name, value in options.items() for part in ("--provider-option", f"test.{name}={value}")),
            *given,
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result
