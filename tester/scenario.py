"""What a scenario is, and what it works with."""

from __future__ import annotations

import contextlib
import itertools
import random
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from tester.checks import CheckError
from tester.command import Command, Ended, clean_environment, command_line, traced_environment
from tester.holding import announce, hold
from tester.interruption import in_a_thread, interruptible
from tester.process_table import kill_marked, marked, poll_until
from tester.reaper import Reaper
from tester.run_files import RunFiles
from tester.served import Served
from tester.trace.completeness import assert_complete, is_complete
from tester.trace.span import Span
from tester.trace.trace import Trace

if TYPE_CHECKING:
    from tester.collector import Collector

TOPIC = "River towns"
TOPIC_FOLDER = Path("output") / "river-towns"
"""Where a run on `TOPIC` writes, seen from its working directory: "output/", the topic in lower case with hyphens."""
LEFT_S = 10.0
"""Seconds after a command's end in which all its processes must be gone. On an idle machine it takes a tenth of one."""
_TRACE_S = 10.0
"""Seconds in which the rest of a trace must arrive; a process hands its spans over before it ends."""
UNDELIVERED = "traces cannot be delivered"
"""How a command begins to tell that the collector does not take its spans."""
_REFUSALS_SHOWN = 5
SPANS_FILE = "spans.jsonl"
"""Where a kept scenario's spans stand in its folder, one JSON object a line."""


class Scenario(Protocol):
    """One way to use the product, and what must hold then.

    Attributes:
        name: One word for the command line.
        description: What is asserted, in a line.
    """

    name: str
    description: str

    def run(self, context: Context) -> None:
        """Use the product and assert. Raises `CheckError` for what does not hold."""
        ...


class Context:
    """A scenario's folder, its commands, providers and spans. A context manager: nothing outlives it.

    Args:
        folder: An empty folder for everything the scenario writes.
        seed: Makes its draws repeatable.
        timeout_s: Seconds that a command may take.
        say: Told what is being done.
        port: Where spans are received; 0 for any that is free.
        watch: Given spans as they arrive, in another thread.
        keep_running: Whether `hold` holds.

    Raises:
        CollectorError: On entering: the port is taken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        timeout_s: float,
        say: Callable[[str], None],
        port: int = 0,
        watch: Callable[[Sequence[Span]], object] | None = None,
        keep_running: bool = False,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.timeout_s = timeout_s
        self.marker = secrets.token_hex(8)
        self.say = say
        self.keep_running = keep_running
        self.collector = _collector(port)
        self._temporary = ""
        self._watch = watch
        self._stack = ExitStack()
        self._numbers = itertools.count(1)
        self._commands: list[Command] = []
        self._starting = threading.RLock()  # the handler of a signal may take it within itself
        self._closed = False
        self._held = False
        self._holding = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Not within the scenario's folder: the path of a socket may have a hundred characters only.
            self._temporary = stack.enter_context(TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True))
            stack.enter_context(self.collector)
            stack.callback(Reaper(self.marker).close)
            self._stack = stack.pop_all()
        if self._watch is not None:
            self.collector.store.subscribe(self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every command and provider; a process that a successful scenario leaves behind is a failure."""
        left = [] if error is not None else self.left(LEFT_S)
        self._end()
        self._stack.close()
        if left:
            raise CheckError(f"processes were left behind: {left}")

    def last_words(self, told: str) -> list[str]:
        """The last line on stderr of each command that ended with an error, unless it is told already."""
        words = []
        for number, command in enumerate(self._commands, 1):
            said = command.stderr.rstrip().splitlines()[-1:]
            if command.failed and said and said[0] not in told:
                words.append(f"command {number} had said: {said[0]}")
        return words

    def interrupt(self) -> None:
        """Kill every process, and start none any more; nothing while `hold` holds, which ends them itself."""
        if not self._holding:
            self._end()

    def _end(self) -> None:
        with self._starting:
            self._closed = True
        kill_marked(self.marker)

    def rng(self, what: str) -> random.Random:
        """A source of draws that depends on the seed and on `what` only."""
        return random.Random(f"{self.seed} {what}")

    def place(self, name: str) -> Path:
        """A working directory of this name; made if needed."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def temporary_place(self, name: str) -> Path:
        """A folder for a command's temporary files: its path is short enough for a socket within it."""
        path = Path(self._temporary) / name
        path.mkdir(exist_ok=True)
        return path

    def serve(self, universe: list[str], **options: Any) -> Served:
        """Start a fake provider; see `FakeProvider`."""
        served = Served(universe, **{"seed": self.seed, **options})
        self._stack.callback(served.stop)
        return served

    def start(
        self,
        *arguments: str,
        place: Path,
        environment: Mapping[str, str | None] | None = None,
        program: Sequence[str] | None = None,
    ) -> Command:
        """Start `orchestrator` with these arguments in a working directory.

        Args:
            *arguments: Its arguments.
            place: Its working directory.
            environment: Variables besides those of `clean_environment` and `traced_environment` and a TMPDIR, all of
                which it overrides; None removes one.
            program: What is started instead of `orchestrator`, with the arguments behind it.
        """
        number = next(self._numbers)
        self.say(f"{number}: orchestrator {' '.join(arguments)}")
        variables = {
            **traced_environment(self.collector.endpoint),
            "TMPDIR": self._temporary,  # what a killed command leaves there goes with the scenario
            **(environment or {}),
        }
        with self._starting:  # nothing may be started behind the back of the one who ends everything
            if self._closed:
                raise CheckError("the scenario has been ended: nothing is started any more")
            command = Command(
                [*(program or command_line()), *arguments],
                place,
                clean_environment(place, self.marker, variables),
                name=f"command-{number}",
                logs=self.folder,
            )
            self._commands.append(command)
            self._stack.callback(command.close)
        return command

    def run(self, *arguments: str, place: Path, environment: Mapping[str, str | None] | None = None) -> Ended:
        """As `start`, and wait for the end."""
        return self.start(*arguments, place=place, environment=environment).ended(self.timeout_s)

    def files(self, place: Path, folder: Path = TOPIC_FOLDER) -> RunFiles:
        """The run's files in a working directory."""
        return RunFiles(place / folder)

    def spans(self, of: Command | Ended) -> tuple[Span, ...]:
        """The spans of a command's trace that have been received so far."""
        if not of.trace_id:
            raise CheckError(f"the command has no trace of its own: it was started without a parent span: {of}")
        return self.collector.store.spans(of.trace_id)

    def trace(self, of: Command | Ended, killed: Collection[int] = ()) -> Trace:
        """A command's whole trace, as soon as it is complete.

        Args:
            of: The command; it may still run.
            killed: Ids of processes that the scenario itself killed: their last spans may be missing.

        Raises:
            CheckError: Something is still missing when no more can be expected; the message says what.
        """
        self.spans(of)
        self.collector.store.wait_for(lambda spans: is_complete(spans, killed), _TRACE_S, of.trace_id)
        trace = Trace(self.spans(of))
        try:
            assert_complete(trace, killed)
        except CheckError as error:
            raise CheckError("\n".join([str(error), *self._undelivered(of)])) from None
        return trace

    def _undelivered(self, of: Command | Ended) -> Iterator[str]:
        """What is known of spans that were not delivered: the command's word, and the collector's."""
        yield from (f"it said: {line}" for line in of.stderr.splitlines() if UNDELIVERED in line)
        for refusal in self.collector.refused[-_REFUSALS_SHOWN:]:
            yield f"the collector answered {refusal.path} with {refusal.status}: {refusal.reason}"

    def write_spans(self) -> Path:
        """Write all spans received so far to the scenario's folder, one JSON object a line; gives the file."""
        path = self.folder / SPANS_FILE
        path.write_bytes(b"".join(msgspec.json.encode(span) + b"\n" for span in self.collector.store.spans()))
        return path

    def hold(self, before: str = "") -> None:
        """Leave what runs up for a look, if `keep_running`: until it ends, or Ctrl-C or SIGTERM come, which stop it.

        A scenario may call it where the look is worthwhile; else it is called at its end.

        Args:
            before: Something to print first.
        """
        if not self.keep_running or self._held:
            return
        self._held = True
        if before:
            announce(before)
        running = [command for command in self._commands if command.running]
        if not running:
            announce(f"nothing is running any more; files and spans: {self.write_spans().parent}")
            return
        self._holding = True
        try:
            hold(running, self.folder, self.collector.endpoint)
        finally:
            self._holding = False

    def together(self, *parts: Callable[[], None]) -> None:
        """Play independent parts at the same time; the first failure is raised when all have ended."""
        played = [in_a_thread(part) for part in parts]
        wait(played)
        for one in played:
            one.result()

    def left(self, within_s: float) -> list[str]:
        """The scenario's processes that are still alive after so many seconds, as `pid command line`."""
        poll_until(lambda: not marked(self.marker), within_s)
        return [f"{process.pid} {process.arguments}" for process in marked(self.marker)]


def _collector(port: int) -> Collector:
    from tester.collector import Collector  # its HTTP server takes as long to import as all the rest

    return Collector(port=port)


class Outcome(msgspec.Struct, frozen=True):
    """How a scenario went.

    Attributes:
        name: The scenario's.
        passed: Whether all its assertions held.
        failure: The assertion that did not hold, and what was seen; or the error.
        folder: Where files, logs and spans are kept; None where they are not.
        duration_s: Wall time.
    """

    name: str
    passed: bool
    failure: str = ""
    folder: str | None = None
    duration_s: float = 0.0


def play(
    scenario: Scenario,
    *,
    seed: int,
    timeout_s: float,
    keep: bool,
    say: Callable[[str], None],
    root: Path | None = None,
    port: int = 0,
    watch: Callable[[Sequence[Span]], object] | None = None,
    keep_running: bool = False,
) -> Outcome:
    """Run one scenario in a fresh folder.

    Args:
        scenario: Which.
        seed: See `Context`.
        timeout_s: See `Context`.
        keep: Keep the folder also of a success.
        say: See `Context`.
        root: Where the folder is made; the system's place for temporary files if None.
        port: See `Context`.
        watch: See `Context`.
        keep_running: See `Context`; the folder is kept then, too.

    Raises:
        CollectorError: The port is taken.
    """
    started = time.monotonic()
    folder = Path(mkdtemp(prefix=f"tester-{scenario.name}-", dir=root))
    context = Context(
        folder, seed=seed, timeout_s=timeout_s, say=say, port=port, watch=watch, keep_running=keep_running
    )
    kept = False
    try:
        failure = _failure(scenario, context)
        kept = bool(failure) or keep or keep_running
        if kept:
            with contextlib.suppress(OSError):  # the disk may be full, which the failure itself will say
                context.write_spans()
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    return Outcome(scenario.name, not failure, failure, str(folder) if kept else None, time.monotonic() - started)


def _failure(scenario: Scenario, context: Context) -> str:
    """Run a scenario; what does not hold, empty if all does."""
    entered = False
    try:
        with interruptible(context.interrupt), context:
            entered = True
            try:
                scenario.run(context)
            except Exception as error:
                context.hold(f"{scenario.name} FAILED: {error}")
                raise
            context.hold()
    except CheckError as error:
        return "\n".join([str(error), *context.last_words(str(error))])
    except Exception:
        if not entered:
            raise
        return traceback.format_exc()
    return ""
