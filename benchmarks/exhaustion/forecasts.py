"""How far forecasts of new items and calls are from the truth, and how often their intervals hold it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.exhaustion.estimates import AT, RUNS, SIZE, WORLDS, Cell, Floats, State, World, explore
from benchmarks.report import Figure, Table
from orchestrator.exploration.forecast import calls_to_coverage, new_items
from orchestrator.exploration.incidence import Incidence

CELLS = (
    *(Cell(*world, "fresh") for world in WORLDS),
    *(Cell(*world, "steered") for world in WORLDS[1:4]),
    *(Cell(*world, "fresh", models=3) for world in WORLDS[2:4]),
)
AHEAD = (1.0, 3.0)
"""Calls ahead, in multiples of T."""
TARGETS = (2.0, 4.0)
"""Coverages at which the missing share is so many times smaller."""


def forecasts(repeats: int) -> Table:
    """Relative errors of new items and calls; 10 runs of every cell for each repeat.

    Chao: Chao et al. 2014's extrapolation; SGT: smoothed Good-Toulmin (Orlitsky, Suresh & Wu 2016), as comparison.
    """
    table = Table(
        "exhaustion-forecasts",
        f"against the truth, {RUNS * repeats} runs a cell, only fresh responses of {SIZE} following T of them; aim: "
        "intervals hold the truth in >= 85 %",
    )
    rng = np.random.default_rng(2027)
    for cell in CELLS:
        rows: dict[int, list[tuple[float, ...]]] = {count: [] for count in AT}
        for _ in range(RUNS * repeats):
            world = World(cell, rng)
            for state in explore(world, cell, max(AT)):
                if len(state.audits) in rows and not state.known.all():
                    rows[len(state.audits)].append(_compared(world, state, rng))
        for count, measured in rows.items():
            if len(measured) >= RUNS * repeats / 2:
                _add_row(table, f"{cell}, T={count}", np.array(measured))
    return table


def chao_new_items(incidence: Incidence, calls: float) -> float:
    """Chao et al. 2014 (Ecol. Monogr. 84:45): Q̂0·[1 - (1 - Q1/(T·Q̂0 + Q1))^m]."""
    unseen, once = incidence.unseen_at_least(), incidence.q(1)
    if unseen == 0:
        return 0.0
    return unseen * -math.expm1(calls * math.log1p(-once / (incidence.responses * unseen + once)))


def good_toulmin_new_items(incidence: Incidence, calls: float) -> float:
    """-Σ_j (-t)^j · P(L >= j) · Q_j, t = m/T > 1, L binomial of ⌈½·log3(U·t²/(t - 1))⌉ trials with 2/(t + 2)."""
    ahead = calls / incidence.responses
    trials = max(1, math.ceil(0.5 * math.log(max(3.0, incidence.sightings * ahead**2 / (ahead - 1)), 3)))
    chance = 2 / (ahead + 2)
    weights = [math.comb(trials, n) * chance**n * (1 - chance) ** (trials - n) for n in range(trials + 1)]
    frequencies = incidence.frequencies()[:trials]
    return -sum((-ahead) ** j * sum(weights[j:]) * int(items) for j, items in enumerate(frequencies, 1))


def _compared(world: World, state: State, rng: np.random.Generator) -> tuple[float, ...]:
    total = world.inclusion.sum()
    unseen = np.minimum(world.inclusion[~state.known], 1 - 1e-12)
    logs = np.log1p(-unseen)

    def missing(calls: float) -> float:
        return float((unseen * np.exp(calls * logs)).sum() / total)

    count = len(state.audits)
    figures: list[float] = []
    for times in AHEAD:
        calls = times * count
        chances = -np.expm1(calls * logs)
        expected, came = float(chances.sum()), int((rng.random(len(chances)) < chances).sum())
        said = new_items(state.incidence, calls)
        good_toulmin = good_toulmin_new_items(state.incidence, calls) if times > 1 else math.nan
        figures += [
            expected,
            said.estimate - expected,
            chao_new_items(state.incidence, calls) - expected,
            good_toulmin - expected,
            float(said.low <= came <= said.high),
        ]
    now = missing(0)
    for times in TARGETS:
        needed = _first(missing, now / times)
        asked = calls_to_coverage(state.incidence, 1 - now / times)
        figures += [needed, asked.estimate, asked.low, asked.high]
    return tuple(figures)


def _first(missing: Callable[[float], float], target: float) -> float:
    """Calls after which the missing share is the target."""
    high = 1.0
    while missing(high) > target:
        high *= 2
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if missing(middle) > target else (low, middle)
    return high


def _add_row(table: Table, name: str, measured: Floats) -> None:
    figures: list[Figure] = []
    for place, times in enumerate(AHEAD):
        expected, ours, chao, good_toulmin, covers = measured[:, 5 * place : 5 * place + 5].T
        for label, error in (("", ours), (", Chao", chao), (", SGT", good_toulmin)):
            if not np.isnan(error).any():
                rmse = math.sqrt(float(np.square(error).mean())) / float(expected.mean())
                figures.append(Figure(f"new in {times:g}T RMSE %{label}", 100 * rmse))
        figures.append(Figure(f"new in {times:g}T, covers %", 100 * float(covers.mean())))
    for place, times in enumerate(TARGETS):
        start = 5 * len(AHEAD) + 4 * place
        needed, estimate, low, high = measured[:, start : start + 4].T
        figures += [
            Figure(f"calls to 1/{times:g}", float(np.median(needed))),
            Figure(f"said / true to 1/{times:g}", float(np.median(estimate / needed))),
            Figure(f"low to 1/{times:g}", float(np.median(low))),
            Figure(f"high to 1/{times:g}", float(np.median(high))),
            Figure(f"covers % to 1/{times:g}", 100 * float(((low <= needed) & (needed <= high)).mean())),
        ]
    table.add(name, *figures)
