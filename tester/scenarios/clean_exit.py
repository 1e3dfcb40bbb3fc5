"""However a run ends, it leaves nothing behind but its files."""

from __future__ import annotations

import signal
from pathlib import Path

from tester.checks import check, check_equal, check_exit
from tester.command import Ended
from tester.process_table import unix_sockets
from tester.scenario import LEFT_S, TOPIC, Context
from tester.served import names, open_requests

_RUN = ("--topic", TOPIC, "--producers", "2")
_SIMULATED = (*_RUN, "--provider", "test", "--iterations", "2", "--provider-option", "test.speed=0")
_FILES = {"attributes.txt", "events.jsonl", "rejected.jsonl", "run.db", "run.json"}
"""All that a run's folder holds afterwards; the lock and the database's log are gone with the run."""
_LOCK = {".lock", "run.lock"}


class CleanExit:
    """A run that succeeds, one that fails, one that is interrupted, one that is terminated."""

    name = "clean-exit"
    description = "after success, failure, Ctrl-C and SIGTERM no process, socket or temporary file is left"

    def run(self, context: Context) -> None:
        """Play it."""
        self._succeeds(context)
        self._fails(context)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._is_signalled(context, number)

    def _succeeds(self, context: Context) -> None:
        place, temporary = _places(context, "succeeds")
        ended = context.run(*_SIMULATED, place=place, environment={"TMPDIR": str(temporary)})
        self._check(context, ended, place, temporary, exit_code=0)

    def _fails(self, context: Context) -> None:
        place, temporary = _places(context, "fails")
        served = context.serve(["never sent"], valid_keys=["another"])
        ended = context.run(
            *(*_RUN, "--iterations", "2", "--provider", "openai:model"),
            place=place,
            environment={"TMPDIR": str(temporary), **served.environment("openai")},
        )
        self._check(context, ended, place, temporary, exit_code=4)

    def _is_signalled(self, context: Context, number: signal.Signals) -> None:
        place, temporary = _places(context, number.name)
        served = context.serve(names(300, context.seed), items_per_response=20, duration_s=1.0)
        command = context.start(
            *(*_RUN, "--concurrency", "1", "--provider", "openai:model"),
            place=place,
            environment={"TMPDIR": str(temporary), **served.environment("openai")},
        )
        served.wait_for("2 requests in flight", lambda entries: open_requests(entries) == 2, context.timeout_s)
        command.signal_group(number)
        self._check(context, command.ended(context.timeout_s), place, temporary, exit_code=130)
        served.wait_for("no connection left open", lambda entries: not open_requests(entries), context.timeout_s)

    def _check(self, context: Context, ended: Ended, place: Path, temporary: Path, *, exit_code: int) -> None:
        check_exit(ended, exit_code)
        left = context.left(LEFT_S)
        check(not left, f"processes were left behind: {left}")
        context.trace(ended)
        found = sorted(path.relative_to(temporary) for path in temporary.rglob("*"))
        check(not found, f"temporary files were left behind: {found}")
        sockets = [name for name in unix_sockets() if str(place) in name or str(temporary) in name]
        check(not sockets, f"sockets were left behind: {sockets}")
        own = {path.name for path in place.iterdir()}
        check_equal("what the run made in its working directory", own, {"output"})
        files = {path.name for path in context.files(place).folder.iterdir()}
        check_equal("what is in the run's folder", files - _LOCK, _FILES)


def _places(context: Context, name: str) -> tuple[Path, Path]:
    return context.place(name), context.temporary_place(name)
