"""The orchestrator killed at random moments, and its run continued each time."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from contract import spans as names
from tester.checks import check, check_consistent, check_exit, check_prefix
from tester.command import Command
from tester.process_table import poll_until
from tester.run_files import RunFiles
from tester.scenario import LEFT_S, TOPIC, Context
from tester.scenarios.proof import proven
from tester.trace import Trace
from tester.trace.completeness import assert_complete
from tester.trace.conservation import assert_conserved

_KILLS = 20
_ARGUMENTS = (
    *("--topic", TOPIC, "--provider", "test", "--producers", "3", "--concurrency", "3", "--request-size", "30"),
    *("--provider-option", "test.universe_size=4000", "--provider-option", "test.speed=10"),
)


class KillOrchestrator:
    """SIGKILL for the orchestrator, at its start, while it works, and while it repairs what the last kill left."""

    name = "kill-orchestrator"
    description = (
        f"{_KILLS} SIGKILLs to the orchestrator: producers end within 2 s, every line remains, none twice or torn"
    )

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("run")
        files, rng = context.files(place), context.rng("moments")
        kept: list[str] = []
        for number in range(_KILLS):
            command = context.start(*_ARGUMENTS, "--seed", str(context.seed + number), place=place)
            _wait_for_a_moment(command, files, rng, context.timeout_s)
            check(command.running, f"kill {number + 1}: the run had ended by itself: {command.stderr[-800:]!r}")
            command.signal(signal.SIGKILL)
            left = context.left(LEFT_S)
            check(not left, f"kill {number + 1}: {LEFT_S:g} s later these are still alive: {left}")
            _check_rest(Trace(context.spans(command.ended(context.timeout_s))), command.pid)
            after = files.lines(live=True)
            check_prefix(f"attributes.txt after kill {number + 1}", kept, after)
            kept = after
        self._finish(context, place, kept)

    def _finish(self, context: Context, place: Path, kept: list[str]) -> None:
        check(kept, "no run found anything before it was killed: the moments have to be later")
        ended = context.run(*_ARGUMENTS, "--seed", str(context.seed), "--iterations", "1", place=place)
        check_exit(ended, 0)
        files = context.files(place)
        check_prefix("attributes.txt after the last run", kept, files.lines())
        check_consistent(files)
        proven(context, ended, files, before=None)


def _check_rest(trace: Trace, killed: int) -> None:
    """The producers outlived the orchestrator and have handed over all of their spans; what is there adds up."""
    if trace.select(service=names.PRODUCER, name=names.PRODUCER_RUN):
        assert_complete(trace, killed=[killed])
        assert_conserved(trace, lines=None, rows=None, served=None, killed=[killed])


def _wait_for_a_moment(command: Command, files: RunFiles, rng: random.Random, timeout_s: float) -> None:
    """Until some time after the start, or until some lines have come; both drawn."""
    if rng.random() < 0.4:
        command.has_ended(within_s=rng.uniform(0.0, 1.0))
        return
    goal = len(files.lines(live=True)) + rng.randint(1, 150)
    poll_until(lambda: len(files.lines(live=True)) >= goal or not command.running, timeout_s)
