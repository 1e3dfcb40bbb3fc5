"""What steering saves, which part of it pays, and whether it stops in time: all in simulated worlds.

The explorer's numbers were chosen on worlds of 150 to 8,000 items that are not among these.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import msgspec

from benchmarks.exhaustion.simulation import ITEMS, Outcome, naive_calls, naive_cost, simulate
from benchmarks.exhaustion.world import WorldOptions
from benchmarks.report import Figure, Table
from contract.messages import WHOLE
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.explorer import Explorer
from orchestrator.exploration.tuning import Tuning

TARGETS = (0.8, 0.95)
FIRST_SEED = 101
_SIMULATED = 2000
"""Up to so many items, naive sampling is simulated as well; beyond, its calls are computed from its law."""
_MAX_CALLS = 20_000
_GOOD_UCB = 0.3
"""Factor of Good-UCB's bonus: the fewest calls of 0.03, 0.1, 0.3 and 1 on worlds of 1,000 and 3,000 items."""
_LOOKS = (10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000)

_UNFRIENDLY = {"facet_obedience": 0.1, "letter_obedience": 0.1}
_SELECTED: tuple[dict[str, Any], ...] = (
    *({"size": size, "law": law} for size in (118, 500, 2000, 10_000, 50_000) for law in ("zipf", "lognormal")),
    {"compliance": (0.99, 0.99)},
    {"compliance": (0.6, 0.6)},
    {"noise": 0.05},
    {"noise": 0.1},
    {"models": 3},
    {"models": 3, "noise": 0.1, "compliance": (0.6, 0.6)},
    {"facets": 6},
    {"facet_misses": 0.4},
    {"facet_obedience": 0.1},
    {"letter_obedience": 0.1},
    _UNFRIENDLY,
    {**_UNFRIENDLY, "law": "lognormal"},
    {**_UNFRIENDLY, "compliance": (0.6, 0.6)},
    {**_UNFRIENDLY, "compliance": (0.6, 0.6), "size": 118},
    {**_UNFRIENDLY, "compliance": (0.6, 0.6), "size": 500, "law": "lognormal"},
)
_PRODUCT: tuple[dict[str, Any], ...] = tuple(
    {"size": size, "law": law, "compliance": compliance, "noise": noise, "models": models}
    for size in (118, 500, 2000, 10_000, 50_000)
    for law in ("zipf", "lognormal")
    for compliance in ((0.6, 0.6), (0.99, 0.99), (0.97, 0.6))
    for noise in (0.0, 0.05, 0.1)
    for models in (1, 3)
)
_ABLATED: tuple[dict[str, Any], ...] = (
    {"size": 500, "law": "lognormal"},
    {},
    {"law": "lognormal"},
    {"models": 3, "noise": 0.05},
    {"facets": 6, "law": "lognormal"},
    {"facet_obedience": 0.1},
    _UNFRIENDLY,
    {"size": 10_000},
)
_STOPPED: tuple[dict[str, Any], ...] = (
    *({"size": size, "law": law} for size in (118, 500, 2000, 10_000) for law in ("zipf", "lognormal")),
    *({"size": size, "noise": noise} for size in (118, 500, 2000) for noise in (0.05, 0.1)),
    {"compliance": (0.6, 0.6)},
    {"models": 3},
    {"models": 3, "noise": 0.05},
    {"facet_misses": 0.4},
    _UNFRIENDLY,
    {**_UNFRIENDLY, "law": "lognormal"},
    {**_UNFRIENDLY, "size": 500, "law": "lognormal"},
)


class _Greedy(random.Random):
    """Draws the mean: the arm that looks best is asked, whatever is uncertain."""

    def gammavariate(self, alpha: float, beta: float) -> float:
        return alpha * beta


class _GoodUcb(random.Random):
    """Draws the upper confidence bound of Bubeck, Ernst & Garivier 2013 for the mass an arm has not shown.

    The bound's first term is the yield lately: with avoid-lists, singletons tell nothing.
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)
        self._draws = 1

    def gammavariate(self, alpha: float, beta: float) -> float:
        self._draws += 1
        return alpha * beta + _GOOD_UCB * math.sqrt(ITEMS * beta * math.log(4 * self._draws))


class GreedyExplorer(Explorer):
    """Asks the arm that looks best, always."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._rng = _Greedy()


class GoodUcbExplorer(Explorer):
    """Good-UCB in the place of Thompson sampling."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._rng = _GoodUcb()


class UnauditedExplorer(Explorer):
    """Asks afresh only at the beginning, and where that pays."""

    def _audit_is_due(self) -> bool:
        return self.known == 0 or self.plain.calls + self.plain.in_flight < 2


class ImpatientExplorer(Explorer):
    """Fills every place from the beginning."""

    @property
    def waits(self) -> bool:
        """See `Explorer`."""
        return False


class TalkingExplorer(Explorer):
    """Continues conversations, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._talk = Arm(Way.CONTINUED, WHOLE)

    def _candidates(self) -> list[Arm]:
        return [*super()._candidates(), self._talk]


class Variant(NamedTuple):
    """A way to search: a strategy, or the explorer without one of its parts."""

    name: str
    strategy: str = "auto"
    explorer: type[Explorer] = Explorer
    tuning: Tuning | None = None


VARIANTS = (
    Variant("auto"),
    Variant("plain alone (naive)", "plain"),
    Variant("listed alone", "listed"),
    Variant("facets alone", "facets"),
    Variant("letters alone", "letters"),
    Variant("languages alone", "languages"),
    Variant("continued alone", "continued"),
    Variant("auto without audits", explorer=UnauditedExplorer),
    Variant("auto without splitting", tuning=Tuning(split_items=math.inf)),
    Variant("auto without lists", tuning=Tuning(longest_list=0)),
    Variant("auto without letters", tuning=Tuning(letters_above=1.0)),
    Variant("auto without languages", tuning=Tuning(languages_below=0.0)),
    Variant("auto with conversations", explorer=TalkingExplorer),
    Variant("auto without waiting", explorer=ImpatientExplorer),
    Variant(
        "auto, yields do not fall", tuning=Tuning(trend_whole=1.0, trend_full=1.0, trend_short=1.0, trend_weight=1e9)
    ),
    Variant("auto, greedy", explorer=GreedyExplorer),
    Variant("auto, Good-UCB", explorer=GoodUcbExplorer),
)


def recall(repeats: int) -> Table:
    """Calls and cost to 80 % and 95 % of the items, naive ÷ ours, per cell."""
    return _compared_in(_SELECTED, "exhaustion-recall", repeats)


def cells(repeats: int) -> Table:
    """The same for the full product of sizes, laws, obedience to lists, noise and models: no cell was picked."""
    return _compared_in(_PRODUCT, "exhaustion-cells", repeats)


def _compared_in(cells: Iterable[Mapping[str, Any]], name: str, repeats: int) -> Table:
    table = Table(
        name,
        "naive ÷ ours to a true recall, geometric mean and worst of the repeats; targets at 2,000 items and 95 %: "
        "calls ≥ 5, cost ≥ 4, never below 1",
    )
    worlds = [_options(cell) for cell in cells]
    for options, runs in zip(worlds, _over_seeds(_compared, worlds, repeats), strict=True):
        figures = [
            Figure("naive calls, 95 %", statistics.median(run[0] for run in runs)),
            Figure("our calls, 95 %", statistics.median(run[1] for run in runs)),
            Figure("reached, share", statistics.fmean(run[1] < _MAX_CALLS for run in runs)),
        ]
        for place, name in enumerate(("calls, 80 %", "calls, 95 %", "cost, 80 %", "cost, 95 %"), start=2):
            figures += [
                Figure(f"× {name}", statistics.geometric_mean(run[place] for run in runs)),
                Figure(f"worst × {name}", min(run[place] for run in runs)),
            ]
        table.add(_label(options), *figures)
    return table


def ablation(repeats: int) -> Table:
    """The whole explorer beside each strategy alone and beside itself without one part."""
    table = Table(
        "exhaustion-ablation",
        "auto ÷ variant, geometric mean over the cells: below 1, the variant needs more than auto does",
    )
    worlds = [_options(cell) for cell in _ABLATED]
    needed = {variant.name: _over_seeds(partial(_variant_run, variant), worlds, repeats) for variant in VARIANTS}
    for name, cells in needed.items():
        figures = []
        for place, column in enumerate(("calls, 80 %", "calls, 95 %", "cost, 95 %")):
            ratios = [
                statistics.geometric_mean(run[place] for run in auto)
                / statistics.geometric_mean(run[place] for run in own)
                for auto, own in zip(needed["auto"], cells, strict=True)
            ]
            figures.append(Figure(column, statistics.geometric_mean(ratios)))
            figures.append(Figure(f"best cell, {column}", max(ratios)))
        table.add(name, *figures)
    return table


def stopping(repeats: int) -> Table:
    """Recall at the moment the topic is called exhausted, and how true the estimates are from ten calls on."""
    table = Table(
        "exhaustion-stopping",
        "recall when the tool says exhausted (target ≥ 90 % where facets fit); errors in points, targets ≤ 3, ≥ 85 %",
    )
    worlds = [_options(cell) for cell in _STOPPED]
    for options, runs in zip(worlds, _over_seeds(_stopped, worlds, repeats), strict=True):
        stops = [run.stop for run in runs if run.stop is not None]
        looks = [look for run in runs for look in run.looks if look.coverage is not None]
        shown = [(look, look.coverage) for look in looks if look.coverage is not None]
        errors = [100 * abs(estimate.estimate - look.truth_named) for look, estimate in shown]
        without_noise = [100 * abs(estimate.without_noise - look.truth) for look, estimate in shown]
        covered = [estimate.low <= look.truth_named <= estimate.high for look, estimate in shown]
        figures = [Figure("stopped, share", len(stops) / len(runs))]
        if stops:
            figures += [
                Figure("calls at stop", statistics.median(stop.calls for stop in stops)),
                Figure("recall at stop", statistics.fmean(stop.recall for stop in stops)),
                Figure("worst recall", min(stop.recall for stop in stops)),
                Figure("true coverage at stop", statistics.fmean(stop.truth for stop in stops)),
            ]
        if looks:
            figures += [
                Figure("coverage error", statistics.fmean(errors)),
                Figure("p90", _p90(errors)),
                Figure("interval covers", statistics.fmean(covered)),
                Figure("error without noise", statistics.fmean(without_noise)),
                Figure("next yield expected", statistics.fmean(look.next_yield for look in looks)),
                Figure("next yield true", statistics.fmean(look.next_yield_truth for look in looks)),
                Figure(
                    "next yield error", statistics.fmean(abs(look.next_yield - look.next_yield_truth) for look in looks)
                ),
            ]
        table.add(_label(options), *figures)
    return table


def _compared(options: WorldOptions, seed: int) -> tuple[float, ...]:
    """Naive calls and ours to the last target, then naive ÷ ours: calls to each target, cost to each target."""
    our_calls, our_cost = _needed(Variant("auto"), options, seed)
    if options.size <= _SIMULATED:
        calls, cost = _needed(Variant("naive", "plain"), options, seed)
    else:
        calls = [naive_calls(options, target) for target in TARGETS]
        cost = [naive_cost(number) for number in calls]
    return (
        calls[-1],
        our_calls[-1],
        *(naive / ours for naive, ours in zip(calls, our_calls, strict=True)),
        *(naive / ours for naive, ours in zip(cost, our_cost, strict=True)),
    )


def _variant_run(variant: Variant, options: WorldOptions, seed: int) -> tuple[float, ...]:
    """Calls to each target, and the cost to the last."""
    calls, cost = _needed(variant, options, seed)
    return (*calls, cost[-1])


def _needed(variant: Variant, options: WorldOptions, seed: int) -> tuple[list[int], list[float]]:
    """Calls and cost to each target; where it was not reached, those of the whole search, so less than are needed."""
    run = simulate(
        options,
        variant.strategy,
        tuning=variant.tuning,
        explorer=variant.explorer,
        seed=seed,
        targets=TARGETS,
        max_calls=_MAX_CALLS,
    )
    calls = [run.calls.get(target, run.all_calls) for target in TARGETS]
    return calls, [run.cost.get(target, run.all_cost) for target in TARGETS]


def _stopped(options: WorldOptions, seed: int) -> Outcome:
    return simulate(options, "auto", seed=seed, targets=(), max_calls=3000, until_exhausted=True, looks=_LOOKS)


def _over_seeds(function: Any, worlds: Sequence[WorldOptions], repeats: int) -> Iterable[list[Any]]:
    """`function(options, seed)` for each world with each seed, on all processors; a list for each world."""
    jobs = [
        (msgspec.structs.replace(options, seed=FIRST_SEED + repeat), FIRST_SEED + repeat)
        for options in worlds
        for repeat in range(repeats)
    ]
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(function, *zip(*jobs, strict=True)))
    return [results[start : start + repeats] for start in range(0, len(results), repeats)]


def _options(cell: Mapping[str, Any]) -> WorldOptions:
    return WorldOptions(**{"size": 2000, "law": "zipf", **cell})


def _label(options: WorldOptions) -> str:
    """The size and the law, and what else is not as usual."""
    usual = WorldOptions(size=options.size, law=options.law, seed=options.seed)
    others = [
        f"{name.replace('_', ' ')} {value if not isinstance(value, tuple) else value[0]}"
        for name, value in msgspec.structs.asdict(options).items()
        if value != getattr(usual, name)
    ]
    return ", ".join([f"{options.size:,} {options.law}", *others])


def _p90(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.9 * len(values)))]
