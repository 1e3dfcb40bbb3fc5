"""Ctrl-C once and twice, SIGTERM, a closed terminal."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import Any

from contract import spans as names_of
from tester.checks import check, check_consistent, check_equal, check_exit, check_none_lost, check_same_items
from tester.command import Command
from tester.fake_provider import Fault, FaultKind
from tester.process_table import poll_until
from tester.scenario import LEFT_S, TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import NAME_CHARACTERS, Served, delivered, names, open_requests
from tester.trace.lifecycle import exited

_ITEMS = 20
_PRODUCERS, _CONCURRENCY = 2, 2
_IN_FLIGHT = _PRODUCERS * _CONCURRENCY
_STALL = Fault(FaultKind.STALL, after_items=2)
"""An answer that never ends by itself."""
_READ_TIMEOUT_S = 30
"""A run that waits for such answers ends as late, with orders that were not cancelled."""


class Interrupt:
    """What a person does to a run that should stop."""

    name = "interrupt"
    description = "Ctrl-C finishes open responses, twice ends at once, as do SIGTERM and SIGHUP; all is kept, exit 130"

    def run(self, context: Context) -> None:
        """Play it."""
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            context.say("SIGHUP is ignored here, as under nohup, and so by all that is started from here: left out")
            numbers.remove(signal.SIGHUP)
        at_once = [partial(self._at_once, context, number) for number in numbers]
        context.together(partial(self._once, context), partial(self._before_anything, context), *at_once)
        left = context.left(LEFT_S)
        check(not left, f"processes were left behind: {left}")

    def _once(self, context: Context) -> None:
        place = context.place("once")
        served, command = _busy_run(context, place, duration_s=1.5)
        before = len(served.entries())
        command.signal_group(signal.SIGINT)
        ended = command.ended(context.timeout_s)
        check_exit(ended, 130)
        check("Ctrl-C again" in ended.stderr, "the log should say what a second Ctrl-C does")
        check("continue" in ended.stdout, f"the summary is missing on stdout: {ended.stdout!r}")
        entries = served.entries()
        check_equal("requests made after Ctrl-C", len(entries) - before, 0)
        check_equal("responses that were broken off", sum(entry.disconnected for entry in entries), 0)
        files = context.files(place)
        check_consistent(files)
        check_equal("states of the orders", [order.state for order in files.orders()], ["done"] * len(entries))
        check_same_items("attributes.txt beside what was sent", files.lines(), delivered(entries))
        trace = proven(context, ended, files, served=entries)
        check_equal("stop reason", trace.root.attributes[names_of.STOP_REASON], "interrupted")
        trace.select(status="error").none()

    def _at_once(self, context: Context, number: signal.Signals) -> None:
        place = context.place(f"at-once-{number.name}")
        served, command = _busy_run(context, place, faults=[_STALL] * _IN_FLIGHT)
        files = context.files(place)
        sent: set[str] = set()

        def all_written() -> bool:
            sent.update(delivered(served.entries()))
            return len(sent) >= _IN_FLIGHT and sent <= set(files.lines(live=True))

        check(poll_until(all_written, context.timeout_s), f"items sent by the server are not written: {sent}")
        if number is signal.SIGINT:
            command.signal_group(number)
            command.wait_for("Ctrl-C again ends at once", context.timeout_s)
            command.signal_group(number)
        else:
            command.signal(number)
        ended = command.ended(context.timeout_s)
        check_exit(ended, 130)
        check_consistent(files)
        check_none_lost("items that were written before the end", files.lines(), sent)
        trace = proven(context, ended, files)
        trace.select(name=names_of.ORDER).count(_IN_FLIGHT).every({names_of.ERROR_TYPE: "cancelled"})
        exited(trace, 0).every({names_of.EXIT_EXPECTED: True})
        check_equal("errors of the orders", [order.error for order in files.orders()], ["cancelled"] * _IN_FLIGHT)

    def _before_anything(self, context: Context) -> None:
        """A signal while producers start."""
        place = context.place("early")
        command = context.start("--topic", TOPIC, "--provider", "test", "--producers", "2", place=place)
        command.wait_for("exploring", context.timeout_s)
        command.signal(signal.SIGTERM)
        ended = command.ended(context.timeout_s)
        check_exit(ended, 130)
        files = context.files(place)
        check_consistent(files)
        proven(context, ended, files)


def _busy_run(context: Context, place: Path, **options: Any) -> tuple[Served, Command]:
    """A run whose every slot waits for a slow response; `options`: those of the provider."""
    served = context.serve(
        names(300, context.seed),
        items_per_response=_ITEMS,
        chunk_chars=NAME_CHARACTERS + 1,
        time_to_first_chunk_s=0.05,
        **options,
    )
    command = context.start(
        *("--topic", TOPIC, "--producers", str(_PRODUCERS), "--concurrency", str(_CONCURRENCY)),
        *("--request-size", str(_ITEMS), "--provider", "openai:model", "--read-timeout", str(_READ_TIMEOUT_S)),
        place=place,
        environment=served.environment("openai"),
    )
    served.wait_for(
        f"{_IN_FLIGHT} requests in flight", lambda entries: open_requests(entries) == _IN_FLIGHT, context.timeout_s
    )
    return served, command
