"""`orchestrator plan` buys its pilot and nothing else, a run goes on from there; `--dry-run` does nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_exit, check_prefix, check_same_items
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import Served, delivered
from tester.served import names as item_names

_PILOT = 5
_ITERATIONS = 6
"""Of each of two producers: enough for a plan of the topic's parts to be worth its price."""
_COMMAND = ("--topic", TOPIC, "--provider", "openai:model", "--producers", "2", "--request-size", "20")


def pilot(context: Context) -> None:
    """A dry run in an empty folder, a plan, a dry run and another plan after it, then the run."""
    served = context.serve(item_names(400, context.seed), items_per_response=20)
    place = context.place("planned")
    _dry(context, place, served)
    check_equal("requests before anything was asked for", served.entries(), [])

    plan = ("plan", *_COMMAND, "--price", "openai:model=1,1", "--json")
    planned = context.run(*plan, place=place, environment=served.environment("openai"))
    check_exit(planned, 0)
    files = context.files(place)
    check_consistent(files)
    entries = served.entries()
    check_equal("requests of the pilot", len(entries), _PILOT)
    check_equal("different prompts of the pilot", len({entry.prompt for entry in entries}), 1)
    check(not any(entry.earlier for entry in entries), "a fresh answer has no conversation before it")
    check_same_items("attributes.txt beside what the pilot brought", files.lines(), delivered(entries))
    trace = proven(context, planned, files, served=entries)
    orders = trace.select(name=names.ORDER).count(_PILOT)
    orders.every({names.ORDER_MODE: "audit", names.ORDER_AVOID: 0, names.ORDER_SAID: 0, names.ORDER_SCOPE: "whole"})
    told: dict[str, Any] = json.loads(planned.stdout)
    check_equal("calls in the plan", told["pilot"]["calls"], _PILOT)
    check_equal("fresh answers in the plan", told["outlook"]["fresh_responses"], _PILOT)

    _dry(context, place, served)
    again = context.run(*plan, place=place, environment=served.environment("openai"))
    check_exit(again, 0)
    check_equal("requests after a dry run and a second plan", len(served.entries()), _PILOT)
    _go_on(context, place, served)


def _go_on(context: Context, place: Path, served: Served) -> None:
    """The run counts the pilot's answers for its own: it begins with what comes after the first fresh answers."""
    files = context.files(place)
    lines, before = files.lines(), len(served.entries())
    more = ("--iterations", str(_ITERATIONS), "--json")
    ended = context.run(*_COMMAND, *more, place=place, environment=served.environment("openai"))
    check_exit(ended, 0)
    check_consistent(files)
    check_prefix("attributes.txt after the plan", lines, files.lines())
    check_equal("orders of plan and run", len(files.orders()), _PILOT + 2 * _ITERATIONS)
    modes = [order.mode for order in files.orders()]
    check_equal("mode of the run's first order, which knows the pilot's answers", modes[_PILOT], "plan")
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("fresh answers of plan and run", result["exploration"]["fresh_responses"], modes.count("audit"))
    proven(context, ended, files, before=len(lines), served=served.entries()[before:])


def _dry(context: Context, place: Path, served: Served) -> None:
    """Dry runs print the prompts of what would be asked, make no request, and leave every file as it is."""
    asked, there = len(served.entries()), _files(place)
    missing = asked < _PILOT
    for command, asks in ((_COMMAND, True), (("plan", *_COMMAND), missing)):
        ended = context.run(*command, "--dry-run", "--json", place=place, environment=served.environment("openai"))
        check_exit(ended, 0)
        prompts = json.loads(ended.stdout)["prompts"]
        check(
            bool(prompts) is asks, f"{len(prompts)} prompts, though {'something' if asks else 'nothing'} would be asked"
        )
        check_equal("requests of a dry run", len(served.entries()) - asked, 0)
        check_equal("files after a dry run", _files(place), there)


def _files(place: Path) -> dict[str, tuple[int, int, bytes]]:
    """Inode, time of the last change in nanoseconds, and content of each file; a folder's content is empty."""
    found = {}
    for path in sorted(place.rglob("*")):
        status = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(place))] = (status.st_ino, status.st_mtime_ns, content)
    return found
