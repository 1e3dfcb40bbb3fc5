"""What `orchestrator plan` says after its pilot, against the truth: the calls to a coverage, and the items by then.

Only fresh responses follow, as the figures suppose; `savings` tells how many the steered search needs.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.exhaustion.estimates import RUNS, SIZE, WORLDS, Cell, Floats, State, World, explore
from benchmarks.exhaustion.simulation import Outcome, simulate
from benchmarks.exhaustion.world import WorldOptions
from benchmarks.report import Figure, Table
from orchestrator.exploration.forecast import calls_to_coverage, items_to_coverage

CELLS = (
    *(Cell(*world, "fresh") for world in (*WORLDS, (500, "zipf"), (2000, "lognormal"), (50_000, "lognormal"))),
    *(Cell(*world, "fresh", models=3) for world in WORLDS[1:4]),
    *(Cell(*world, "fresh", noise=0.05) for world in WORLDS[1:4]),
)
PILOTS = (3, 5, 10)
"""Fresh responses of a pilot; 5 is the command's."""
TARGETS = (0.5, 0.8, 0.9, 0.95)
SAVED = (0.8, 0.9, 0.95)
_LOOKS = sorted({*range(2, 40), *range(40, 120, 3), *range(120, 400, 10), *range(400, 1500, 40)})
"""Calls after which the true coverage is looked at."""


def plans(repeats: int) -> Table:
    """Coverage of the intervals and bias of the calls and items; 10 runs of every cell for each repeat."""
    table = Table(
        "exhaustion-plans",
        f"after a pilot of T fresh responses of {SIZE}, {RUNS * repeats} runs a cell; aim: intervals hold the truth in "
        ">= 85 %",
    )
    rng = np.random.default_rng(2028)
    everything: dict[int, list[Floats]] = {count: [] for count in PILOTS}
    for cell in CELLS:
        rows: dict[tuple[int, float], list[tuple[float, ...]]] = {}
        for _ in range(RUNS * repeats):
            world = World(cell, rng)
            for state in explore(world, cell, max(PILOTS)):
                if len(state.audits) in PILOTS:
                    for target in TARGETS:
                        compared = _compared(world, cell, state, target)
                        if compared is not None:
                            rows.setdefault((len(state.audits), target), []).append(compared)
        for (count, target), measured in sorted(rows.items()):
            if len(measured) >= RUNS * repeats / 2:
                _add_row(table, f"{cell}, T={count}, {target:.0%}", np.array(measured))
                everything[count].append(np.array(measured))
    for count, parts in everything.items():
        _add_row(table, f"all, T={count}", np.concatenate(parts))
    return table


def savings(repeats: int) -> Table:
    """Calls and cost of the steered search to a true coverage, as shares of those of asking afresh."""
    table = Table(
        "exhaustion-savings",
        f"steered ÷ fresh, to a true coverage, {repeats} seeds: by how much the figures of a plan are an upper bound",
    )
    for size in (118, 500, 2000, 10_000):
        for law in ("zipf", "lognormal"):
            world = WorldOptions(size=size, law=law)
            figures: list[Figure] = []
            outcomes = {
                strategy: [
                    simulate(world, strategy, seed=seed, targets=(0.999,), max_calls=_LOOKS[-1], looks=_LOOKS)
                    for seed in range(1, repeats + 1)
                ]
                for strategy in ("plain", "auto")
            }
            for target in SAVED:
                fresh, steered = (_reached(outcomes[strategy], target) for strategy in ("plain", "auto"))
                calls, cost = fresh
                figures += [
                    Figure(f"fresh calls to {target:.0%}", calls),
                    Figure(f"calls to {target:.0%}", steered[0] / calls),
                    Figure(f"cost to {target:.0%}", steered[1] / cost),
                ]
            table.add(f"{size:,} {law}", *figures)
    return table


def _reached(outcomes: list[Outcome], target: float) -> tuple[float, float]:
    """Mean calls and cost to a true coverage; not a number where a search did not reach it."""
    first = [next((look for look in one.looks if look.truth >= target), None) for one in outcomes]
    reached = [look for look in first if look is not None]
    if len(reached) < len(first):
        return math.nan, math.nan
    return float(np.mean([look.calls for look in reached])), float(np.mean([look.cost for look in reached]))


def _compared(world: World, cell: Cell, state: State, target: float) -> tuple[float, ...] | None:
    """Truth and what is said; None where the target is reached already, or out of reach for noise."""
    unseen = np.minimum(world.inclusion[~state.known], 1 - 1e-12)
    total, logs = float(world.inclusion.sum()), np.log1p(-unseen)

    def covered(calls: float) -> float:
        return (1 - float((unseen * np.exp(calls * logs)).sum()) / total) * (1 - cell.noise)

    if covered(0) >= target or target >= 0.98 * (1 - cell.noise):
        return None
    low, high = 0.0, 1.0
    while covered(high) < target:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if covered(middle) < target else (low, middle)
    invented = cell.noise * high * min(SIZE, world.size)
    items = float(-np.expm1(high * logs).sum()) * (1 - cell.noise) + invented
    calls, came = calls_to_coverage(state.incidence, target), items_to_coverage(state.incidence, target)
    return (
        *(high, calls.estimate, calls.low, calls.high, float(calls.low <= high <= calls.high)),
        *(items, came.estimate, came.low, came.high, float(came.low <= items <= came.high)),
    )


def _add_row(table: Table, name: str, measured: Floats) -> None:
    figures: list[Figure] = []
    for place, what in enumerate(("calls", "items")):
        truth, estimate, low, high, covers = measured[:, 5 * place : 5 * place + 5].T
        figures += [
            Figure(f"{what}, true", float(np.median(truth))),
            Figure(f"{what}, said ÷ true", float(np.median(estimate / truth))),
            Figure(f"{what}, low ÷ true", float(np.median(low / truth))),
            Figure(f"{what}, high ÷ true", float(np.median(np.minimum(high, 1e9) / truth))),
            Figure(f"{what}, covers %", 100 * float(covers.mean())),
            Figure(f"{what}, hopeless %", 100 * float((~np.isfinite(high) | (high > 20 * estimate)).mean())),
        ]
    table.add(name, *figures)
