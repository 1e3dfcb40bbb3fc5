"""The habits of a real model, measured, and those of the simulated one beside them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.exhaustion import habits
from benchmarks.exhaustion.asking import Question, Response, ask_all
from benchmarks.exhaustion.closed_worlds import TOPICS, closed_world
from benchmarks.exhaustion.habit_questions import (
    LIST_LENGTHS,
    Part,
    about,
    letter_parts,
    named_parts,
    plans,
    simulated_parts,
    with_list,
)
from benchmarks.exhaustion.real import NAIVE, Ran, all_runs, work_folder
from benchmarks.exhaustion.real_model import PROVIDER, RealModel, real_models
from benchmarks.report import Figure, Table
from orchestrator.exploration.partitions import usable_facets
from orchestrator.providers import LOCAL_REQUEST_SIZE
from producer.providers.simulated import parse_options

CURVE_AT = (1, 2, 5, 10, 20, 40)
"""Fresh answers after which the repeat curve is shown."""
LISTED_FROM = 3
"""So many fresh answers make the avoid-lists; the others tell how often the listed items come without a list."""
SIMULATED: Mapping[str, tuple[str, ...]] = {"simulated": (), "simulated, small": ("test.profile=small",)}
"""The simulated models that are shown beside the real one, with their options."""
_FRESH_SEED = 9_000
_PARALLEL = 6


class Sample(NamedTuple):
    """How often each question of a kind is asked."""

    lists: int
    letters: int
    parts: int
    plans: int


FEW = Sample(lists=3, letters=1, parts=2, plans=2)
"""Of a real model: some 60 answers beside the runs."""
MANY = Sample(lists=100, letters=10, parts=10, plans=10)
"""Of the simulated model, whose answers cost nothing."""


class Fresh(NamedTuple):
    """One answer to a question without a list and without a part; see `asking.Response`."""

    items: tuple[str, ...]
    repeats: int
    refused: int
    output_tokens: int


class Subject(NamedTuple):
    """A model that is measured.

    Attributes:
        label: In the table.
        models: Ways to it.
        record: Where its answers are kept.
        fresh: Its fresh answers, by world, in the order in which they came.
        parts: Parts of the worlds that it is asked for.
    """

    label: str
    models: Sequence[RealModel]
    record: Path
    fresh: Mapping[str, Sequence[Fresh]]
    parts: Sequence[Part]


def habits_table(repeats: int) -> Table:
    """Compliance, obedience, repeats, noise, lengths; uses the runs of `exhaustion-real`, a seed for each repeat."""
    name = os.environ.get(PROVIDER, "local")
    with real_models() as models:
        runs = all_runs(repeats, models)
        fresh = {world: fresh_of(runs, world) for world in TOPICS}
        measured = [measure(Subject(name, models, work_folder() / "asked.jsonl", fresh, named_parts()), FEW)]
    counts = {world: len(answers) for world, answers in fresh.items()}
    for label, options in SIMULATED.items():
        measured.append(measure(simulated(label, options, counts), MANY))
    return table_of(name, measured)


def table_of(name: str, measured: Sequence[Mapping[str, float]]) -> Table:
    """The real model's figures, those of the simulated ones beside them; what could not be told is left out."""
    table = Table(
        "exhaustion-habits",
        f"{name} beside the simulated model, {LOCAL_REQUEST_SIZE} items asked for; kept: 1 always obeys, 0 makes no "
        "difference, below 0 does the contrary",
    )
    for row in measured[0]:
        figures = [Figure(label, of.get(row, math.nan)) for label, of in zip((name, *SIMULATED), measured, strict=True)]
        table.add(row, *(figure for figure in figures if not math.isnan(figure.value)))
    return table


def fresh_of(runs: Sequence[Ran], world: str) -> list[Fresh]:
    """The complete fresh answers of naive runs, as the parser read them, before the checks."""
    return [
        Fresh((*answer.items, *answer.rejected), answer.repeats, answer.refused, answer.output_tokens)
        for run in runs
        if run.world.name == world and run.job.strategy == NAIVE
        for answer in run.answers
        if answer.complete
    ]


def simulated(label: str, options: tuple[str, ...], counts: Mapping[str, int]) -> Subject:
    """The simulated model, with as many fresh answers of each world as the real one has given."""
    record = work_folder() / f"{label.replace(', ', '-')}.jsonl"
    record.unlink(missing_ok=True)  # it costs nothing, and may have changed
    model = RealModel("test", ("test.speed=0", f"test.max_request_size={LOCAL_REQUEST_SIZE}", *options), {})
    fresh = {}
    for world, count in counts.items():
        questions = [Question(TOPICS[world], _FRESH_SEED + number) for number in range(count)]
        fresh[world] = [
            Fresh(one.items, one.repeats, one.refused, one.output_tokens)
            for one in ask_all(questions, [model], record, _PARALLEL)
        ]
    given = dict(option.removeprefix("test.").split("=") for option in options)
    return Subject(label, [model], record, fresh, simulated_parts(parse_options(given)))


def measure(subject: Subject, sample: Sample) -> dict[str, float]:
    """All figures by their names; one that cannot be told is nan."""
    found: dict[str, float] = {}
    for world, answers in subject.fresh.items():
        if answers:
            found |= {f"{world}: {name}": value for name, value in fresh_habits(world, answers).items()}
    found |= _lists(subject, sample.lists)
    found |= _parts(subject, "letters", letter_parts(), sample.letters)
    found |= _parts(subject, "parts", subject.parts, sample.parts)
    return found | _plans(subject, sample.plans)


def fresh_habits(world: str, answers: Sequence[Fresh]) -> dict[str, float]:
    """What fresh answers alone tell."""
    find = closed_world(world).find
    valid = [closed_world(world).valid(list(answer.items)) for answer in answers]
    counts = habits.counts_of(valid)
    items = sum(len(answer.items) for answer in answers)
    repeats = sum(answer.repeats for answer in answers)
    refused = sum(answer.refused for answer in answers)
    named = max(1, items + repeats + refused)
    found = {
        "fresh answers": float(len(answers)),
        "items an answer": items / len(answers),
        "fewest, of ten": float(sorted(len(answer.items) for answer in answers)[len(answers) // 10]),
        "tokens an item": sum(answer.output_tokens for answer in answers) / max(1, items),
        "repeats within, %": 100 * repeats / named,
        "refused otherwise, %": 100 * refused / named,
        "noise, %": 100 * habits.noise_share([answer.items for answer in answers], find),
        "noise that comes again, %": 100 * habits.noise_again([answer.items for answer in answers], find),
    }
    for chosen in CURVE_AT:
        if chosen <= len(answers):
            name = f"valid distinct in {chosen} answer{'s' if chosen > 1 else ''}"
            found[name] = habits.expected_distinct(counts.values(), len(answers), chosen)
    found["popularity exponent"] = habits.rank_slope(counts.values())
    return found


def list_questions(world: str, answers: Sequence[Fresh], repeats: int) -> dict[int, list[Question]]:
    """Questions with lists by their length; the lists are made from the first fresh answers."""
    named = habits.counts_of(closed_world(world).valid(list(answer.items)) for answer in answers[:LISTED_FROM])
    popular = sorted(named, key=lambda item: (-named[item], item))  # a set's order is another one in each process
    return {length: with_list(closed_world(world), length, popular, repeats) for length in LIST_LENGTHS[world]}


def _lists(subject: Subject, repeats: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for world in LIST_LENGTHS:
        others = [closed_world(world).valid(list(answer.items)) for answer in subject.fresh[world][LISTED_FROM:]]
        if not others:
            continue
        for length, questions in list_questions(world, subject.fresh[world], repeats).items():
            responses = ask_all(questions, subject.models, subject.record, _PARALLEL)
            named = [closed_world(world).valid(list(response.items)) for response in responses]
            kept = habits.avoided([question.avoid for question in questions], named, others)
            found |= {
                f"{world}, list of {length}: of it, %": 100 * kept.share,
                f"{world}, list of {length}: without it, %": 100 * kept.without,
                f"{world}, list of {length}: kept": kept.kept,
                f"{world}, list of {length}: valid an answer": habits.mean(map(len, named)),
                f"{world}, list of {length}: answers with none, %": 100
                * habits.mean(float(not items) for items in named),
                f"{world}, list of {length}: noise, %": 100
                * habits.noise_share([one.items for one in responses], closed_world(world).find),
            }
    return found


def _parts(subject: Subject, label: str, parts: Sequence[Part], repeats: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in dict.fromkeys(part.world for part in parts):
        world, kept, responses = closed_world(name), [], list[Response]()
        free = [world.valid(list(answer.items)) for answer in subject.fresh[name]]
        for part in parts:
            if part.world == name:
                answers = ask_all(list(about([part], repeats)), subject.models, subject.record, _PARALLEL)
                kept.append(habits.obeyed([world.valid(list(one.items)) for one in answers], free, part.holds))
                responses += answers
        found |= {
            f"{name}, {label}: as asked, %": 100 * habits.mean(one.share for one in kept),
            f"{name}, {label}: unasked, %": 100 * habits.mean(one.without for one in kept),
            f"{name}, {label}: kept": habits.mean(one.kept for one in kept),
            f"{name}, {label}: valid an answer": habits.mean(len(world.valid(list(one.items))) for one in responses),
            f"{name}, {label}: noise, %": 100 * habits.noise_share([one.items for one in responses], world.find),
        }
    return found


def _plans(subject: Subject, repeats: int) -> dict[str, float]:
    questions = plans(repeats)
    responses = ask_all(questions, subject.models, subject.record, _PARALLEL)
    usable = [
        len(usable_facets(response.items, question.topic, ()))
        for question, response in zip(questions, responses, strict=True)
    ]
    items = [
        sum(closed_world(world).find(name) is not None for name in response.items) / len(response.items)
        for world, topic in TOPICS.items()
        for question, response in zip(questions, responses, strict=True)
        if question.topic == topic and response.items
    ]
    return {
        "plans: usable parts": habits.mean(usable),
        "plans: with none, %": 100 * usable.count(0) / len(usable),
        "plans: parts that are items of the world, %": 100 * habits.mean(items),
        "plans: tokens": habits.mean(response.output_tokens for response in responses),
    }
