"""What a scenario is, and what it works with."""

from __future__ import annotations

import itertools
import random
import secrets
import shutil
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from tester.checks import CheckError
from tester.command import Command, Ended, clean_environment, command_line
from tester.process_table import kill_marked, marked, poll_until
from tester.run_files import RunFiles
from tester.served import Served

TOPIC = "River towns"
TOPIC_FOLDER = Path("output") / "river-towns"
"""Where a run on `TOPIC` writes, seen from its working directory: "output/", the topic in lower case with hyphens."""
LEFT_S = 2.0
"""Seconds after a command's end in which all its processes must be gone."""


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
    """A scenario's folder, its commands and providers. A context manager: nothing outlives it.

    Args:
        folder: An empty folder for everything the scenario writes.
        seed: Makes its draws repeatable.
        timeout_s: Seconds that a command may take.
        say: Told what is being done.
    """

    def __init__(self, folder: Path, *, seed: int, timeout_s: float, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.seed = seed
        self.timeout_s = timeout_s
        self.marker = secrets.token_hex(8)
        self.say = say
        self._stack = ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every command and provider; a process that a successful scenario leaves behind is a failure."""
        left = [] if error is not None else self.left(LEFT_S)
        self._stack.close()
        kill_marked(self.marker)
        if left:
            raise CheckError(f"processes were left behind: {left}")

    def rng(self, what: str) -> random.Random:
        """A source of draws that depends on the seed and on `what` only."""
        return random.Random(f"{self.seed} {what}")

    def place(self, name: str) -> Path:
        """A working directory of this name; made if needed."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
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
            environment: Variables besides those of `clean_environment`.
            program: What is started instead of `orchestrator`, with the arguments behind it.
        """
        number = next(self._numbers)
        self.say(f"{number}: orchestrator {' '.join(arguments)}")
        command = Command(
            [*(program or command_line()), *arguments],
            place,
            clean_environment(place, self.marker, environment),
            name=f"command-{number}",
            logs=self.folder,
        )
        self._stack.callback(command.close)
        return command

    def run(self, *arguments: str, place: Path, environment: Mapping[str, str | None] | None = None) -> Ended:
        """As `start`, and wait for the end."""
        return self.start(*arguments, place=place, environment=environment).ended(self.timeout_s)

    def files(self, place: Path, folder: Path = TOPIC_FOLDER) -> RunFiles:
        """The run's files in a working directory."""
        return RunFiles(place / folder)

    def together(self, *parts: Callable[[], None]) -> None:
        """Play independent parts at the same time; the first failure is raised when all have ended."""
        with ThreadPoolExecutor(len(parts)) as pool:
            played = [pool.submit(part) for part in parts]
        for one in played:
            one.result()

    def left(self, within_s: float) -> list[str]:
        """The scenario's processes that are still alive after so many seconds, as `pid command line`."""
        poll_until(lambda: not marked(self.marker), within_s)
        return [f"{process.pid} {process.arguments}" for process in marked(self.marker)]


class Outcome(msgspec.Struct, frozen=True):
    """How a scenario went.

    Attributes:
        name: The scenario's.
        passed: Whether all its assertions held.
        failure: The assertion that did not hold, and what was seen; or the error.
        folder: Where files and logs are kept; None where they are not.
    """

    name: str
    passed: bool
    failure: str = ""
    folder: str | None = None


def play(
    scenario: Scenario, *, seed: int, timeout_s: float, keep: bool, say: Callable[[str], None], root: Path | None = None
) -> Outcome:
    """Run one scenario in a fresh folder.

    Args:
        scenario: Which.
        seed: See `Context`.
        timeout_s: See `Context`.
        keep: Keep the folder also of a success.
        say: See `Context`.
        root: Where the folder is made; the system's place for temporary files if None.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"tester-{scenario.name}-", dir=root))
    failure = ""
    try:
        with Context(folder, seed=seed, timeout_s=timeout_s, say=say) as context:
            scenario.run(context)
    except CheckError as error:
        failure = str(error)
    except Exception:
        failure = traceback.format_exc()
    if failure or keep:
        return Outcome(scenario.name, not failure, failure, str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(scenario.name, passed=True)
