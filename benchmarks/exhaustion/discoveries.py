"""How far the forecast of a steered search is from what it then brings, in worlds that its numbers were not chosen on.

Chosen on worlds of 150 to 8,000 items, of each kind below, that are none of these; other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.exhaustion.simulation import _Search
from benchmarks.exhaustion.world import WorldOptions
from benchmarks.report import Figure, Table
from orchestrator.exploration import Explorer
from orchestrator.exploration.discovery import pace_of, steered_items
from orchestrator.exploration.forecast import new_items

AT = (10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500)
"""Responses at which a forecast is made, as long as the run would not have stopped before."""
AHEAD = (0.25, 0.5, 1.0)
"""How far, in multiples of the responses made."""
RUNS = 4
_IN_FLIGHT = 8
_FIRST_SEED = 501
_MOST_CALLS = 1000
_FEW = 3.0
"""Added to both before their logarithms are compared: an item more or less of few is no error."""
_UNFRIENDLY = {"facet_obedience": 0.1, "letter_obedience": 0.1}
WORLDS: tuple[dict[str, Any], ...] = (
    *({"size": size, "law": law} for size in (118, 500, 2000, 10_000) for law in ("zipf", "lognormal")),
    {"models": 3},
    {"noise": 0.05},
    {"noise": 0.1},
    {"compliance": (0.6, 0.6)},
    {"facet_misses": 0.4},
    {"facets": 6},
    _UNFRIENDLY,
    {**_UNFRIENDLY, "law": "lognormal"},
)


def discoveries(repeats: int) -> Table:
    """Forecasts of new items against what came; `RUNS` runs of every world for each repeat."""
    table = Table(
        "exhaustion-discovery",
        f"new items of the next 0.25, 0.5 and 1 times the responses made, {RUNS * repeats} searches a world; errors "
        "are of logarithms, in %; aim: bands hold the truth in >= 85 %",
    )
    everything: list[tuple[float, ...]] = []
    for options in WORLDS:
        compared = [
            one for seed in range(RUNS * repeats) for one in _compared(WorldOptions(**options), _FIRST_SEED + seed)
        ]
        everything += compared
        table.add(", ".join(f"{name} {value}" for name, value in options.items()), *_figures(compared))
    for ahead in AHEAD:
        table.add(f"all worlds, {ahead:g} times", *_figures([one for one in everything if one[0] == ahead]))
    table.add("all worlds", *_figures(everything))
    return table


def _compared(options: WorldOptions, seed: int) -> Iterator[tuple[float, ...]]:
    """(Ahead, truth, steered, as lately, afresh, steered's band holds, afresh's band holds) for each forecast."""
    search = _Search(options, "auto", None, seed, Explorer)
    brought: list[int] = []
    said: list[tuple[int, float, tuple[float, ...]]] = []
    last = _MOST_CALLS
    while len(brought) < last:
        search.fill(_IN_FLIGHT)
        before = search.explorer.known
        search.receive()
        brought.append(search.explorer.known - before)
        if last == _MOST_CALLS and search.explorer.exhausted:
            last = 2 * len(brought)
        if len(brought) in AT and last == _MOST_CALLS:
            said += [(len(brought), ahead, _forecasts(search.explorer, ahead)) for ahead in AHEAD]
    for made, ahead, (steered, low, high, lately, afresh, fresh_low, fresh_high) in said:
        more = max(1, int(made * ahead))
        if made + more <= len(brought):
            truth = sum(brought[made : made + more])
            holds = float(low <= truth <= high), float(fresh_low <= truth <= fresh_high)
            yield (ahead, truth, steered, lately, afresh, *holds)


def _forecasts(explorer: Explorer, ahead: float) -> tuple[float, ...]:
    more = max(1, int(explorer.course.responses * ahead))
    pace = pace_of(explorer.course)
    fresh = new_items(explorer.incidence, float(more))
    answer = explorer.incidence.sightings / explorer.incidence.responses
    steered = steered_items(pace, fresh.estimate, more, answer)
    lately = pace.items(more)
    return (steered.estimate, steered.low, steered.high, lately, fresh.estimate, fresh.low, fresh.high)


def _figures(compared: list[tuple[float, ...]]) -> list[Figure]:
    _, truth, *said, holds, fresh_holds = np.array(compared).T
    figures = [Figure("forecasts", float(len(compared)))]
    for name, forecast in zip(("", ", as lately", ", afresh"), said, strict=True):
        error = np.log((forecast + _FEW) / (truth + _FEW))
        figures += [
            Figure(f"RMSE %{name}", 100 * math.sqrt(float(np.square(error).mean()))),
            Figure(f"median error %{name}", 100 * float(np.median(error))),
        ]
    return [
        *figures,
        Figure("covers %", 100 * float(holds.mean())),
        Figure("covers %, afresh", 100 * float(fresh_holds.mean())),
    ]
