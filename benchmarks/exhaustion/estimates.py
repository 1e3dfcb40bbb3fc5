"""How far the estimates of coverage and next yield are from the truth, on worlds drawn with numpy.

A response is 60 items drawn without replacement with the world's weights (Gumbel top-k). Nothing was chosen on them but
the numbers of `forecast`, on other worlds of the same kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.report import Figure, Table
from orchestrator.exploration.coverage import coverage
from orchestrator.exploration.incidence import Incidence

SIZE = 60
RUNS = 10
"""Runs of each cell for one repeat."""
PILOT = 5
AUDIT_EVERY = 8
COMPLIANCE = 0.9
CORRELATION = 0.8

Way = Literal["fresh", "steered", "nothing held"]
"""`fresh`: all responses are. `steered`: after a pilot every eighth is, the others avoid what is known, except items
held back for the estimate. `nothing held`: the same, and lists hold nothing back."""
Floats = npt.NDArray[np.float64]
Items = npt.NDArray[np.int64]


class Cell(NamedTuple):
    """A world and a way of exploring it."""

    size: int
    law: str
    way: Way
    noise: float = 0.0
    models: int = 1

    def __str__(self) -> str:
        noise = f", noise {self.noise:.0%}" if self.noise else ""
        models = f", {self.models} models" if self.models > 1 else ""
        return f"{self.size:,} {self.law}, {self.way}{noise}{models}"


WORLDS = ((118, "zipf"), (500, "lognormal"), (2000, "zipf"), (5000, "lognormal"), (50_000, "zipf"))
CELLS = (
    *(Cell(*world, "fresh") for world in WORLDS),
    *(Cell(*world, "steered") for world in WORLDS),
    *(Cell(*world, "steered", models=3) for world in WORLDS[1:4]),
    *(Cell(*world, way, noise=noise) for world in WORLDS[1:4] for way in ("fresh", "steered") for noise in (0.05, 0.1)),
    Cell(2000, "zipf", "nothing held"),
    Cell(5000, "lognormal", "nothing held"),
)
AT = (5, 10, 20, 40)
"""Fresh responses after which the estimate is compared."""


class World:
    """Models that answer with items of one universe; noise is numbered from its size on, and never repeats."""

    def __init__(self, cell: Cell, rng: np.random.Generator) -> None:
        self.size = cell.size
        self._rng = rng
        self._noise = cell.noise
        self._invented = cell.size
        ranks = np.arange(1, cell.size + 1)
        weights = 1.0 / ranks if cell.law == "zipf" else np.sort(rng.lognormal(0, 1.5, cell.size))[::-1]
        self._logs = [np.log(weights)]
        for _ in range(cell.models - 1):
            spread = math.sqrt(1 - CORRELATION**2)
            order = np.argsort(CORRELATION * np.log(ranks) + spread * rng.normal(size=cell.size))
            log_weights = np.empty(cell.size)
            log_weights[order] = self._logs[0]
            self._logs.append(log_weights)
        self.inclusion = np.mean([inclusion(np.exp(logs), SIZE) for logs in self._logs], axis=0)
        """For each item, the probability that a fresh response (of a model in turn) holds it, noise aside."""

    def response(self, model: int, avoided: npt.NDArray[np.bool_] | None = None) -> Items:
        """Item numbers of one response of the model; a mask of avoided items is obeyed with `COMPLIANCE`."""
        keys = self._logs[model] + self._rng.gumbel(size=self.size)
        if avoided is not None:
            keys[avoided & (self._rng.random(self.size) < COMPLIANCE)] = -np.inf
        drawn = np.argpartition(-keys, min(SIZE, self.size - 1))[:SIZE]
        drawn = drawn[np.isfinite(keys[drawn])]
        bad = np.flatnonzero(self._rng.random(len(drawn)) < self._noise)
        drawn[bad] = self._invented + np.arange(len(bad))
        self._invented += len(bad)
        return drawn


def inclusion(weights: Floats, size: int) -> Floats:
    """The items' probabilities to be among `size` drawn without replacement.

    The draw is a race of exponential clocks; where it ends hardly varies, so 1 - exp(-weight·end) with the end that
    makes the sum right.
    """
    if len(weights) <= size:
        return np.ones(len(weights))
    low, high = 0.0, size / float(weights.min())
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if -np.expm1(-weights * middle).sum() < size else (low, middle)
    return -np.expm1(-weights * high)


class State(NamedTuple):
    """A run after some fresh response.

    Attributes:
        known: For each of the universe's items, whether it was found.
        distinct: Distinct items found, with noise.
        audits: (known at issue, distinct) of each fresh response.
    """

    incidence: Incidence
    known: npt.NDArray[np.bool_]
    distinct: int
    audits: Sequence[tuple[int, int]]


def explore(world: World, cell: Cell, until: int) -> Iterator[State]:
    """A run until so many fresh responses; yields after each of them."""
    incidence = Incidence()
    known = np.zeros(world.size, np.bool_)
    found_by = np.zeros(world.size, np.int64)
    elsewhere = np.zeros(world.size, np.bool_)
    audits: list[tuple[int, int]] = []
    distinct = calls = 0
    while len(audits) < until:
        model = calls % cell.models
        calls += 1
        fresh = cell.way == "fresh" or calls <= PILOT or calls % AUDIT_EVERY == 0
        held = (found_by >= 1) & ~elsewhere if cell.way == "steered" else np.zeros(world.size, np.bool_)
        items = world.response(model, None if fresh else known & ~held)
        real = items[items < world.size]
        before = int(known[real].sum())
        distinct += len(items) - before
        known[real] = True
        if fresh:
            audits.append((before, len(items)))
            incidence.add(str(model), items)
            found_by[real] += 1
            yield State(incidence, known, distinct, audits)
        else:
            incidence.found_elsewhere(items)
            elsewhere[real] = True


def estimates(repeats: int) -> Table:
    """Errors of coverage (in points) and next yield; 10 runs of every cell for each repeat."""
    table = Table(
        "exhaustion-estimates",
        f"coverage against the truth, {RUNS * repeats} runs a cell; T fresh responses of {SIZE}, every {AUDIT_EVERY}th "
        "call where steered; aim from T = 10: mean error <= 3 points, interval covers >= 85 %",
    )
    rng = np.random.default_rng(2026)
    for cell in CELLS:
        rows: dict[int, list[tuple[float, ...]]] = {count: [] for count in AT}
        for _ in range(RUNS * repeats):
            world = World(cell, rng)
            for state in explore(world, cell, max(AT)):
                if len(state.audits) in rows:
                    rows[len(state.audits)].append(_compared(world, cell, state))
        for count, measured in rows.items():
            _add_row(table, f"{cell}, T={count}", np.array(measured))
    return table


def _compared(world: World, cell: Cell, state: State) -> tuple[float, ...]:
    """Truth, estimate and the rest of one moment."""
    shown = coverage(state.incidence, state.distinct)
    assert shown is not None, "there were two responses"  # noqa: S101 - for the type checker
    real = float(world.inclusion[state.known].sum() / world.inclusion.sum())
    truth = real * (1 - cell.noise)
    mean_size = min(SIZE, world.size)
    share = np.mean([known / size for known, size in state.audits[-3:]])
    in_band = shown.estimate - 0.02 <= real <= shown.without_noise + 0.02
    return (
        truth,
        shown.estimate - truth,
        float(shown.low <= truth <= shown.high),
        shown.high - shown.low,
        float(share) - truth,
        state.incidence.next_yield() / mean_size - (1 - truth),
        state.audits[-1][1] / mean_size - state.audits[-1][0] / mean_size - (1 - truth),
        real,
        float(in_band),
        shown.without_noise - real,
        float(state.known.mean()),
        shown.share_of_distinct_at_most,
    )


def _add_row(table: Table, name: str, measured: Floats) -> None:
    truth, error, covers, width, last3, next_error, last_error, _, in_band, noiseless, recall, at_most = measured.T
    left = max(1e-9, float((1 - truth).mean()))
    table.add(
        name,
        Figure("coverage %", 100 * float(truth.mean())),
        Figure("error points", 100 * float(np.abs(error).mean())),
        Figure("bias points", 100 * float(error.mean())),
        Figure("p90 points", 100 * float(np.quantile(np.abs(error), 0.9))),
        Figure("interval covers %", 100 * float(covers.mean())),
        Figure("width points", 100 * float(width.mean())),
        Figure("last 3 audits, points", 100 * float(np.abs(last3).mean())),
        Figure("next yield RMSE %", 100 * math.sqrt(float(np.square(next_error).mean())) / left),
        Figure("last call's RMSE %", 100 * math.sqrt(float(np.square(last_error).mean())) / left),
        Figure("noise band covers %", 100 * float(in_band.mean())),
        Figure("without noise, points", 100 * float(np.abs(noiseless).mean())),
        Figure("items seen %", 100 * float(recall.mean())),
        Figure("said at most %", 100 * float(at_most.mean())),
    )
