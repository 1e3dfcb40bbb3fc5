"""Nobody takes the spans: refused, answered with errors, left hanging, gone in the middle."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tester.checks import check, check_consistent, check_equal, check_exit
from tester.command import EXPORT_TIMEOUT, Ended
from tester.scenario import TOPIC, UNDELIVERED, Context
from tester.trace import Trace
from tester.trace.completeness import completeness

if TYPE_CHECKING:
    from tester.collector import Collector

_ARGUMENTS = ("--topic", TOPIC, "--provider", "test", "--producers", "2", "--iterations", "4", "--json")
_QUICK = ("--provider-option", "test.speed=0")
_ITEMS_A_SECOND = ("--provider-option", "test.speed=60")
_COST_S = 5.0
"""Longest time that a dead collector may add, or twice the time of a run with a healthy one where that is more: on a
busy machine. On an idle one that run takes 1 s and a dead collector adds under 2 s; what the exporters would take by
themselves is 13.8 s and 20 s."""


class CollectorDown:
    """Runs whose collector is no use."""

    name = "collector-down"
    description = "a collector that refuses, fails, hangs or goes away costs no item, one log line, little time"

    def run(self, context: Context) -> None:
        """Play it."""
        healthy = self._healthy(context)
        faults: tuple[Literal["refuse", "error", "hang"], ...] = ("refuse", "error", "hang")
        for fault in faults:
            self._down(context, fault, healthy)
        context.together(partial(self._goes_away, context), partial(self._over_grpc, context))

    def _healthy(self, context: Context) -> Ended:
        place = context.place("healthy")
        ended = context.run(*_ARGUMENTS, *_QUICK, "--log-level", "debug", place=place)
        _check_run(context, ended, place)
        check_equal("complaints about a healthy collector", ended.stderr.count(UNDELIVERED), 0)
        return ended

    def _down(self, context: Context, fault: Literal["refuse", "error", "hang"], healthy: Ended) -> None:
        place = context.place(fault)
        with _collector(fault=fault) as down:
            ended = context.run(
                *(*_ARGUMENTS, *_QUICK, "--trace-ep", down.endpoint, "--log-level", "debug"),
                place=place,
                environment={EXPORT_TIMEOUT: None},
            )
        _check_run(context, ended, place)
        check_equal(f"log lines about a collector that does {fault}", ended.stderr.count(UNDELIVERED), 1)
        added_s = ended.duration_s - healthy.duration_s
        context.say(f"a collector that does {fault} added {added_s:.1f} s")
        most_s = max(_COST_S, 2 * healthy.duration_s)
        check(added_s < most_s, f"a collector that does {fault} added {added_s:.1f} s to the run")

    def _over_grpc(self, context: Context) -> None:
        """Over gRPC a run's trace is as complete as over HTTP."""
        place = context.place("grpc")
        with _collector(grpc=True) as taking:
            endpoint = taking.grpc_endpoint.replace("http:", "grpc:")
            ended = context.run(*_ARGUMENTS, *_QUICK, "--trace-ep", endpoint, place=place)
            received = Trace(taking.store.spans(ended.trace_id))
        _check_run(context, ended, place)
        check_equal("what is missing of a trace over gRPC", completeness(received).missing, [])

    def _goes_away(self, context: Context) -> None:
        """A collector that stops in the middle: the run goes on, and the trace itself shows that spans are missing."""
        place = context.place("goes-away")
        with _collector() as leaving:
            command = context.start(*_ARGUMENTS, *_ITEMS_A_SECOND, "--trace-ep", leaving.endpoint, place=place)
            arrived = leaving.store.wait_for(
                lambda spans: any(span.name == "process items" for span in spans), context.timeout_s, command.trace_id
            )
            check(arrived, "no items were processed before the collector left")
        ended = command.ended(context.timeout_s)
        _check_run(context, ended, place)
        received = Trace(leaving.store.spans(ended.trace_id))
        check(completeness(received).missing, "a trace whose last spans are missing should not be taken for complete")


def _collector(**options: Any) -> Collector:
    from tester.collector import Collector  # its HTTP server takes as long to import as all the rest

    return Collector(**options)


def _check_run(context: Context, ended: Ended, place: Path) -> None:
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_equal("states of the orders", [order.state for order in files.orders()], ["done"] * 8)
    check_equal("unique items in the result", json.loads(ended.stdout)["unique"], len(files.lines()))
