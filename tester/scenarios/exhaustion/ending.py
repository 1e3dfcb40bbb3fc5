"""A run ends by itself when its topic is used up, or by a rule that was set; the estimates stand on fresh answers."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_exit
from tester.command import Ended
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.trace import Trace
from tester.trace.conservation import inferences

_SIZE = 30
"""Items asked for in a request."""
_KNOWN = 300
"""Items of the topic that is to be used up …"""
_LARGE = 1000
"""… and of one that is not."""
_RECALL = 0.9
_FRESH = 5
"""Fresh answers below which no run ends by an estimate."""
_SHARE = r"(\d+(?:\.\d+)?)%"
_EXHAUSTED = re.compile(
    rf"every way of asking brings next to nothing new: {_SHARE} of what these models say when asked afresh is known "
    rf"\({_SHARE} to {_SHARE}\), at most {_SHARE} of the distinct items"
)


class Rule(msgspec.Struct, frozen=True):
    """An option that ends a run.

    Attributes:
        option: Its name.
        limit: Its value.
        reason: The stop reason.
        said: What the explanation must say; its group is the figure …
        over: … which must be at least the limit, or else below it.
        unit: What the figure is divided by to be compared with the limit.
    """

    option: str
    limit: float
    reason: str
    said: str
    over: bool
    unit: float = 1.0


RULES = (
    Rule("--until-coverage", 0.7, "coverage", rf"the wanted coverage is reached: {_SHARE}", over=True, unit=100.0),
    Rule("--min-yield", 8, "min_yield", r"expected to bring (\S+) new items \(--min-yield 8\)", over=False),
    Rule(
        "--max-price-per-item",
        0.00005,
        "max_price_per_item",
        r"expected to cost \$(\S+) \(--max-price-per-item 5e-05\)",
        over=True,
    ),
)


def used_up(context: Context) -> None:
    """Without any limit the run ends by itself, with nearly all items, and says how it knows."""
    place = context.place("used-up")
    ended = _run(context, "used-up", universe=_KNOWN)
    files = context.files(place)
    check_consistent(files)
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("stop reason", result["stop_reason"], "exhausted")
    figures = _EXHAUSTED.match(result["explanation"])
    check(figures, f"the explanation should name both figures; it is {result['explanation']!r}")
    lines = len(files.lines())
    check(lines <= _KNOWN, f"a model that invents nothing knows {_KNOWN} items, and {lines} were found")
    check(lines >= _RECALL * _KNOWN, f"of {_KNOWN} items {lines} were found when the run ended by itself")
    check_equal("stop reason in run.json", files.manifest()["run"]["stop_reason"], "exhausted")
    trace = proven(context, ended, files)
    check_equal("stop reason in the trace", trace.root.attributes[names.STOP_REASON], "exhausted")
    _check_coverage(trace, result)
    audits = _check_audits(trace)
    check_equal("fresh answers that the coverage stands on", result["exploration"]["fresh_responses"], audits)
    sent = trace.select(name=names.SEND_ORDERS)
    check({"whole", "facet"} <= set(sent.values(names.ORDER_SCOPE)), "the topic has parts, and none was asked about")
    plans = [order for order in files.orders() if order.mode == "plan"]
    check(plans, "a topic of some size should be divided into parts")
    check_equal("plans for each part of the topic", len({order.scope for order in plans}), len(plans))


def by_rule(context: Context, rule: Rule) -> None:
    """A rule that was set ends the run with its own reason and figures, before the topic is used up."""
    name = f"rule{rule.option}"
    ended = _run(context, name, rule.option, str(rule.limit), "--price", "test:simulated=1,1", universe=_LARGE)
    files = context.files(context.place(name))
    check_consistent(files)
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal(f"stop reason with {rule.option}", result["stop_reason"], rule.reason)
    said = re.search(rule.said, result["explanation"])
    check(said, f"the explanation of {rule.option} should name its figures; it is {result['explanation']!r}")
    assert said is not None  # noqa: S101 - was just checked
    figure = float(said[1]) / rule.unit
    holds = figure >= rule.limit if rule.over else figure < rule.limit
    check(holds, f"{rule.option} {rule.limit} ended a run that says {result['explanation']!r}")
    lines = len(files.lines())
    check(lines < _LARGE, f"{rule.option} {rule.limit} ended nothing: all {lines} items were found")
    trace = proven(context, ended, files)
    check_equal("stop reason in the trace", trace.root.attributes[names.STOP_REASON], rule.reason)
    _check_coverage(trace, result)
    _check_audits(trace)


def _run(context: Context, name: str, *more: str, universe: int) -> Ended:
    ended = context.run(
        *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--concurrency", "2", "--json"),
        *("--request-size", str(_SIZE), "--seed", str(context.seed), "--provider-option", "test.speed=0"),
        *("--provider-option", "test.mess=0", "--provider-option", f"test.universe_size={universe}", *more),
        place=context.place(name),
    )
    check_exit(ended, 0)
    return ended


def _check_coverage(trace: Trace, result: dict[str, Any]) -> None:
    """The run's span tells what its result does."""
    explored = result["exploration"]
    wanted = {
        names.COVERAGE: result["coverage"],
        names.COVERAGE_LOW: explored["coverage_low"],
        names.COVERAGE_HIGH: explored["coverage_high"],
        names.COVERAGE_RESPONSES: explored["fresh_responses"],
        names.COVERAGE_DISTINCT_AT_MOST: explored["distinct_at_most"],
        names.NEXT_YIELD: explored["next_yield"],
    }
    check_equal("coverage in the trace", {name: trace.root.attributes.get(name) for name in wanted}, wanted)


def _check_audits(trace: Trace) -> int:
    """Audits are shown nothing and ask about everything, and their answers are read to the end; how many came back."""
    audits = trace.select(name=names.ORDER, attributes={names.ORDER_MODE: "audit"})
    audits.every({names.ORDER_AVOID: 0, names.ORDER_SAID: 0, names.ORDER_SCOPE: "whole"})
    whole = audits - audits.failed()  # the end of the run cancels what is open
    for cut in audits.failed():
        check_equal("why an audit was cut short", cut.attributes[names.ERROR_TYPE], "cancelled")
    whole.at_least(_FRESH)
    called = inferences(trace).select(parent=whole).count(len(whole))
    called.every({names.GEN_AI_FINISH_REASONS: ["stop"]})
    return len(whole)
