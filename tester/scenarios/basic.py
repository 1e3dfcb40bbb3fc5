"""The main job on the simulated model: one run, its continuation, a fresh start, a limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_exit, check_prefix
from tester.command import Ended
from tester.run_files import RunFiles
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.trace import Trace
from tester.trace.causality import assert_max_concurrency, causes, happens_before
from tester.trace.lifecycle import exited, producers_ready, producers_started

_PRODUCERS, _ITERATIONS = 3, 10
_CONCURRENCY = 4
"""Of each producer, by default."""
_LIMIT = 50


class Basic:
    """A run on the simulated model from its start to its files."""

    name = "basic"
    description = "a run on the simulated model: every item once, files agree, it continues, starts anew, keeps limits"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("basic")
        first = _run(context, place)
        _check_run(first, context.files(place), runs=1)
        _check_trace(proven(context, first, context.files(place)))
        _continue(context, place)
        _start_anew(context, place)
        _stop_at_limit(context)
        if context.keep_running:
            _start_endless(context)


def _run(context: Context, place: Path, *more: str) -> Ended:
    arguments = ["--topic", TOPIC, "--provider", "test", "--provider-option", "test.speed=0", "--json"]
    if "--max-attributes" not in more:
        arguments += ["--iterations", str(_ITERATIONS)]
    seed = str(context.seed + len(list(place.rglob("run.db"))))
    return context.run(*arguments, "--producers", str(_PRODUCERS), "--seed", seed, *more, place=place)


def _check_run(ended: Ended, files: RunFiles, *, runs: int) -> None:
    check_exit(ended, 0)
    check_consistent(files)
    orders = files.orders()
    check_equal("orders in run.db", len(orders), runs * _PRODUCERS * _ITERATIONS)
    check_equal("states of the orders", {order.state for order in orders}, {"done"})
    result: dict[str, Any] = json.loads(ended.stdout)
    last = orders[-_PRODUCERS * _ITERATIONS :]
    check_equal("unique in the JSON result", result["unique"], len(files.lines()))
    check_equal("new in the JSON result", result["new"], sum(order.new for order in last))
    check_equal("duplicates in the JSON result", result["duplicates"], sum(order.duplicate for order in last))
    check_equal("calls in the JSON result", result["calls"], _PRODUCERS * _ITERATIONS)
    check_equal("exit code in the JSON result", result["exit_code"], 0)
    check_equal("stop reason in the JSON result", result["stop_reason"], "iterations")
    check_equal("input tokens", result["input_tokens"], sum(order.input_tokens for order in last))
    check_equal("output tokens", result["output_tokens"], sum(order.output_tokens for order in last))
    manifest = files.manifest()
    check_equal("topic in run.json", manifest["topic"], TOPIC)
    check_equal("stop reason in run.json", manifest["run"]["stop_reason"], "iterations")
    check_equal("unique in run.json", manifest["totals"]["unique"], len(files.lines()))
    check_equal("new in run.json", manifest["totals"]["new"], sum(order.new for order in orders))
    check_equal("duplicates in run.json", manifest["totals"]["duplicate"], sum(order.duplicate for order in orders))
    check_equal("lines of rejected.jsonl beside the total in run.json", files.refused(), manifest["totals"]["refused"])


def _start_endless(context: Context) -> None:
    """Something to look at: a run that goes on until it is stopped."""
    arguments = ["--topic", TOPIC, "--provider", "test", "--producers", str(_PRODUCERS)]
    context.start(*arguments, "--provider-option", "test.universe_size=50000", place=context.place("endless"))


def _check_trace(trace: Trace) -> None:
    """Three producers start, then the orders go out, each to one model call; all end by themselves."""
    spawned = producers_started(trace, _PRODUCERS)
    producers_ready(trace, _PRODUCERS)
    exited(trace, 0).count(_PRODUCERS).every({names.EXIT_EXPECTED: True})
    trace.select(status="error").none()
    sent, orders = trace.select(name=names.SEND_ORDERS), trace.select(name=names.ORDER, service=names.PRODUCER)
    sent.count(_PRODUCERS * _ITERATIONS)
    orders.count(_PRODUCERS * _ITERATIONS)
    orders.linked().count(_PRODUCERS * _ITERATIONS)
    trace.select(attributes={names.GEN_AI_PROVIDER: "simulated"}, parent=orders).count(_PRODUCERS * _ITERATIONS)
    happens_before(spawned, sent, by=names.PRODUCER_INDEX)
    causes(orders, trace.select(name=names.PROCESS_ITEMS))
    causes(trace.select(name=names.PROCESS_ITEMS), trace.select(name=names.WRITE))
    for place in orders.group_by(names.PRODUCER_INDEX).values():
        assert_max_concurrency(place, _CONCURRENCY)


def _continue(context: Context, place: Path) -> None:
    before = context.files(place).lines()
    ended = _run(context, place)
    files = context.files(place)
    check_prefix("attributes.txt after the second run", before, files.lines())
    _check_run(ended, files, runs=2)
    proven(context, ended, files, before=len(before))
    check(len(files.lines()) > len(before), "the second run found nothing new in a universe that is not exhausted")


def _start_anew(context: Context, place: Path) -> None:
    files = context.files(place)
    before = files.attributes.read_bytes()
    ended = _run(context, place, "--fresh")
    _check_run(ended, files, runs=1)
    proven(context, ended, files)
    aside = [path for path in place.rglob("attributes.txt") if path != files.attributes]
    check_equal("earlier runs that --fresh moved aside", len(aside), 1)
    check(aside[0].read_bytes() == before, "the run that --fresh moved aside has changed")
    check_consistent(RunFiles(aside[0].parent))


def _stop_at_limit(context: Context) -> None:
    place = context.place("limit")
    ended = _run(context, place, "--max-attributes", str(_LIMIT))
    check_exit(ended, 0)
    files = context.files(place)
    check_equal("lines with --max-attributes", len(files.lines()), _LIMIT)
    check_consistent(files)
    proven(context, ended, files)
    check_equal("stop reason", json.loads(ended.stdout)["stop_reason"], "max_attributes")
    before, held = files.lines(), files.held_texts()
    check(held, "items beyond the limit should be held: what was paid for is not thrown away")
    check_exit(_run(context, place, "--max-attributes", str(_LIMIT + 1)), 0)
    check_equal("the line that a higher limit lets in is the first held item", files.lines(), [*before, held[0]])
    check_consistent(files)
