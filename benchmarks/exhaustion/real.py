"""A real model on closed worlds: what the program finds with the same tokens, asked as it decides and naively.

Runs are kept in the folder that `EXHAUSTION_FOLDER` names (default: one in the system's folder for temporary files, for
each model), so that a measurement which broke off goes on, and `exhaustion-habits` reads the same answers.
`EXHAUSTION_TOKENS` is what each run may use.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.exhaustion.closed_worlds import TOPICS, ClosedWorld, closed_world
from benchmarks.exhaustion.real_model import PROVIDER, RealModel, real_models
from benchmarks.exhaustion.real_runs import Job, run_all
from benchmarks.exhaustion.token_curve import Answer, Point, answers_of, at_tokens, curve_of
from benchmarks.report import Figure, Table
from contract.errors import ConfigurationError
from orchestrator.exploration.coverage import t_95
from orchestrator.settings import positive_int

FOLDER = "EXHAUSTION_FOLDER"
TOKENS = "EXHAUSTION_TOKENS"
NAIVE, OURS = "plain", "auto"
INPUT_WEIGHT = 0.25
"""What a token of a prompt costs where one of an answer costs 1: about the vendors' usual prices."""
_TOKENS = 2_000
_PARALLEL = 8
_STEPS = 6
"""Points of a run's curve that are written down."""


class Ratio(NamedTuple):
    """A ratio of means with its 90 % interval; nan where nothing can be said."""

    value: float
    low: float
    high: float


class Ran(NamedTuple):
    """One run's answers."""

    world: ClosedWorld
    job: Job
    answers: list[Answer]

    def curve(self, input_weight: float = 1.0) -> list[Point]:
        """What it had found for how many tokens."""
        return curve_of(self.answers, self.world.find, input_weight)


def ratio_of_means(ours: Sequence[float], naive: Sequence[float]) -> Ratio:
    """Ours ÷ naive, of pairs, with the 90 % interval by the ratio estimator's variance (Cochran 1977, 6.4) and t."""
    count, below = len(naive), math.fsum(naive)
    if count < 2 or not below:
        return Ratio(math.fsum(ours) / below if below else math.nan, math.nan, math.nan)
    ratio = math.fsum(ours) / below
    errors = [one - ratio * other for one, other in zip(ours, naive, strict=True)]
    deviation = math.sqrt(math.fsum(error * error for error in errors) / (count - 1))
    margin = t_95(count - 1) * deviation * math.sqrt(count) / below
    return Ratio(ratio, ratio - margin, ratio + margin)


def work_folder() -> Path:
    """Where runs and answers are kept."""
    if named := os.environ.get(FOLDER, "").strip():
        return Path(named).resolve()
    model = re.sub(r"\W+", "-", os.environ.get(PROVIDER, "local"))
    return Path(tempfile.gettempdir()) / f"exhaustion-real-{model}"


def token_budget() -> int:
    """Tokens of each run. Raises `ConfigurationError` where the environment names no number of them."""
    try:
        return positive_int(os.environ.get(TOKENS, "").strip() or str(_TOKENS))
    except ValueError as error:
        raise ConfigurationError(f"{TOKENS}: {error}") from None


def all_runs(seeds: int, models: Sequence[RealModel]) -> list[Ran]:
    """The runs of all worlds in both ways, made where they are not there yet."""
    jobs = {
        Job(topic, strategy, seed): name
        for seed in range(1, seeds + 1)
        for name, topic in TOPICS.items()
        for strategy in (NAIVE, OURS)
    }
    folder = work_folder() / "runs"
    run_all(list(jobs), models, folder, token_budget(), _PARALLEL)
    return [Ran(closed_world(name), job, answers_of(job.folder(folder))) for job, name in jobs.items()]


def search(repeats: int) -> Table:
    """Valid items for the same tokens, naive and ours; as many seeds as repeats. Two more tables show how it came."""
    with real_models() as models:
        runs = all_runs(repeats, models)
    ways_table(runs).show()
    runs_table(runs, token_budget()).save()
    return comparison(runs, token_budget(), os.environ.get(PROVIDER, "local"))


def comparison(runs: Sequence[Ran], budget: int, model: str) -> Table:
    """Each world at the whole budget, at two thirds and at one third of it.

    Args:
        runs: Of both ways, with the same seeds.
        budget: Tokens.
        model: For the headline.
    """
    seeds = len({run.job.seed for run in runs})
    table = Table(
        "exhaustion-real",
        f"{model}: valid unique items, ours (--strategy auto) against naive (plain), {seeds} seeds, one request after "
        f"the other; tokens are those of prompts and answers as the server reports them; at 1/4: a prompt's token "
        "counts a quarter; 90 % intervals over seeds",
    )
    for tokens in (budget // 3, 2 * budget // 3, budget):
        for name in TOPICS:
            own = [run for run in runs if run.world.name == name]
            if own:
                table.add(f"{name}, {tokens:,} tokens", *_compared(own, tokens, own[0].world.size))
        table.add(f"all, {tokens:,} tokens", *_compared(runs, tokens, 0))
    return table


def _compared(runs: Sequence[Ran], tokens: int, size: int) -> list[Figure]:
    naive = [at_tokens(run.curve(), tokens) for run in runs if run.job.strategy == NAIVE]
    ours = [at_tokens(run.curve(), tokens) for run in runs if run.job.strategy == OURS]
    found = [sum(point.valid for point in points) / len(points) for points in (naive, ours)]
    figures = [Figure("naive valid", found[0]), Figure("ours valid", found[1])]
    if size:
        figures += [Figure("naive recall %", 100 * found[0] / size), Figure("ours recall %", 100 * found[1] / size)]
    for label, points, count in (("naive", naive, found[0]), ("ours", ours, found[1])):
        distinct = sum(point.distinct for point in points) / len(points)
        figures.append(Figure(f"{label} valid %", 100 * count / distinct if distinct else math.nan))
        figures.append(Figure(f"{label} / 1,000 tokens", 1000 * count / tokens))
    figures += _ratio_figures("ours ÷ naive", runs, tokens, 1.0)
    return figures + _ratio_figures("at 1/4", runs, tokens, INPUT_WEIGHT)


def _ratio_figures(label: str, runs: Sequence[Ran], tokens: int, weight: float) -> list[Figure]:
    found = {
        strategy: [at_tokens(run.curve(weight), tokens).valid for run in runs if run.job.strategy == strategy]
        for strategy in (NAIVE, OURS)
    }
    ratio = ratio_of_means(found[OURS], found[NAIVE])
    return [Figure(label, ratio.value), Figure(f"{label}, low", ratio.low), Figure(f"{label}, high", ratio.high)]


def ways_table(runs: Sequence[Ran]) -> Table:
    """What each way of asking brought in the runs: answers, their length, their validity, and new items a token."""
    headline = "what each way of asking brought in these runs; new: to the run that it is in"
    table = Table("exhaustion-real-ways", headline, "exhaustion-real")
    for name in TOPICS:
        for strategy in (NAIVE, OURS):
            own = [run for run in runs if run.world.name == name and run.job.strategy == strategy]
            for way, gains in _gains(own).items():
                tokens = sum(gain.tokens for gain in gains)
                items = sum(gain.items for gain in gains)
                table.add(
                    f"{name}, {strategy}: {way}",
                    Figure("answers", len(gains)),
                    Figure("tokens an answer", tokens / len(gains)),
                    Figure("items an answer", items / len(gains)),
                    Figure("valid %", 100 * sum(gain.valid for gain in gains) / items if items else math.nan),
                    Figure("new valid / 1,000", 1000 * sum(gain.new for gain in gains) / tokens),
                )
    return table


class _Gain(NamedTuple):
    tokens: int
    items: int
    valid: int
    new: int


def _gains(runs: Sequence[Ran]) -> dict[str, list[_Gain]]:
    gains: dict[str, list[_Gain]] = {}
    for run in runs:
        seen: set[str] = set()
        for answer in run.answers:
            named = [] if answer.way == "plan" else list(answer.items)
            valid = run.world.valid(named)
            kept = sum(run.world.find(text) is not None for text in named)
            tokens = answer.input_tokens + answer.output_tokens
            gains.setdefault(answer.way, []).append(_Gain(tokens, len(named), kept, len(valid - seen)))
            seen |= valid
    return gains


def runs_table(runs: Sequence[Ran], budget: int) -> Table:
    """Every run's curve."""
    table = Table(
        "exhaustion-real-runs", "valid unique items of each run after so many tokens; all it named at its end"
    )
    for run in runs:
        curve = run.curve()
        steps = [budget * step // _STEPS for step in range(1, _STEPS + 1)]
        table.add(
            f"{run.world.name} {run.job.strategy} {run.job.seed}",
            *(Figure(f"{tokens:,}", at_tokens(curve, tokens).valid) for tokens in steps),
            Figure("distinct", curve[-1].distinct),
            Figure("calls", curve[-1].calls),
            Figure("tokens", curve[-1].tokens),
        )
    return table
