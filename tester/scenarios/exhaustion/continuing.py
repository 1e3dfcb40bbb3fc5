"""A run that was killed goes on from what it had learnt: no plan is bought twice, coverage starts from where it was."""

from __future__ import annotations

import json
import signal
from typing import Any

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_exit, check_prefix
from tester.process_table import poll_until
from tester.run_files import OrderRow, RunFiles
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven

_PARTS_ASKED = 6
"""Answers about parts of the topic after which the run is killed."""
_MORE = 12
"""Requests of each producer after the kill: enough for a plan to be worth its price, were there none."""
_COMMAND = (
    *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--concurrency", "2"),
    *("--request-size", "30", "--provider-option", "test.speed=30", "--provider-option", "test.mess=0"),
)


def killed(context: Context) -> None:
    """SIGKILL once parts of the topic have been asked about, then two commands that go on."""
    place = context.place("killed")
    files = context.files(place)
    command = context.start(*_COMMAND, "--seed", str(context.seed), place=place)
    poll_until(lambda: _parts_asked(files) >= _PARTS_ASKED or not command.running, context.timeout_s)
    check(command.running, f"the run had ended by itself: {command.stderr[-800:]!r}")
    command.signal(signal.SIGKILL)
    command.ended(context.timeout_s)
    lines, before = files.lines(live=True), files.orders()

    planned = context.run("plan", *_COMMAND, "--pilot", "2", "--json", place=place)
    check_exit(planned, 0)
    outlook: dict[str, Any] = json.loads(planned.stdout)["outlook"]
    check_equal("calls of a pilot that was there already", json.loads(planned.stdout)["pilot"]["calls"], 0)
    check_equal("fresh answers that the plan stands on", outlook["fresh_responses"], _fresh(before))
    check_equal("items that the plan knows", outlook["known"], len(files.items()))
    check_equal("orders after a plan that had nothing to ask", files.orders(), before)

    more = ("--seed", str(context.seed + 1), "--iterations", str(_MORE), "--json")
    ended = context.run(*_COMMAND, *more, place=place)
    check_exit(ended, 0)
    check_consistent(files)
    check_prefix("attributes.txt after the kill", lines, files.lines())
    orders = files.orders()
    done = [order for order in before if order.state == "done"]
    check_equal("orders that the killed run had done", [one for one in orders if one in done], done)
    _check_plans(orders)
    late = orders[len(before) :]
    check(sum(order.new for order in late), "the next run found nothing though much was left")
    asked = {order.scope for order in before if order.scope} & {order.scope for order in late}
    check(asked, "no part that the killed run had asked about was asked about again")
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("fresh answers of both runs", result["exploration"]["fresh_responses"], _fresh(orders))
    low = outlook["coverage"]["low"]
    check(result["coverage"] >= low, f"coverage was {low:.1%} at least; after more answers it is {result['coverage']}")
    trace = proven(context, ended, files, before=None)
    check_equal("fresh answers in the trace", trace.root.attributes[names.COVERAGE_RESPONSES], _fresh(orders))


def _check_plans(orders: list[OrderRow]) -> None:
    """Each part of the topic, the whole of it included, was divided once at most."""
    scopes = [order.scope for order in orders if order.mode == "plan" and order.state == "done"]
    check(scopes.count("") == 1, f"the plan of the topic should be bought once; it was bought {scopes.count('')} times")
    check_equal("parts that were divided", sorted(scopes), sorted(set(scopes)))


def _parts_asked(files: RunFiles) -> int:
    orders = files.orders(live=True)
    return sum(order.mode == "explore" and order.state == "done" and bool(order.scope) for order in orders)


def _fresh(orders: list[OrderRow]) -> int:
    """Complete fresh answers."""
    return sum(order.mode == "audit" and order.state == "done" and not order.listed for order in orders)
