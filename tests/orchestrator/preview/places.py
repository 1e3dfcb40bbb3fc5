"""What the tests of looking ahead share: commands over files in memory, whose producers answer as a test says."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from archive.filesystem import MemoryFileSystem
from contract.messages import Order, OrderDone, Usage
from orchestrator.composition import OUTPUT_ROOT, Seams
from orchestrator.preview.plan_command import run_plan
from orchestrator.processes.communicator import MemoryCommunicator
from orchestrator.processes.process_manager import ThreadProcessManager
from orchestrator.store import folder_name
from tests.orchestrator.test_run import Answers, batch

TOPIC = "Fruit"
FOLDER = OUTPUT_ROOT / folder_name(TOPIC)
USAGE = Usage(input_tokens=100, output_tokens=400)


def drawn(universe: int = 200, size: int = 30) -> Callable[[Order], list[Any]]:
    """Each order gets so many items of a universe, all as likely."""
    rng = random.Random(1)

    def answer(order: Order) -> list[Any]:
        names = [f"Fruit {chr(65 + item % 26)}{item}" for item in rng.sample(range(universe), size)]
        return [batch(order, *names), OrderDone(order.id, order.attempt, USAGE, "stop", size, 0, 0.1, 2.0)]

    return answer


class Place:
    """A machine of the test's own.

    Attributes:
        files: What stands on its disk.
        answers: What its producers got, over all commands.
    """

    def __init__(self, answer: Callable[[Order], Any] | None = None, environment: dict[str, str] | None = None) -> None:
        self.files = MemoryFileSystem()
        self.answers = Answers(answer or drawn())
        self.environment = environment or {}

    def seams(self) -> Seams:
        """For one command."""
        return Seams(
            communicator=MemoryCommunicator(),
            processes=ThreadProcessManager(self.answers),
            filesystem=self.files,
            environment=self.environment,
        )

    def plan(self, capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> dict[str, Any]:
        """`orchestrator plan` with these options; what it printed as JSON."""
        assert run_plan(["--topic", TOPIC, "--provider", "test", "--json", *options], self.seams()) == code
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result


def contents(files: MemoryFileSystem) -> dict[Path, bytes]:
    """All files' bytes and all databases' rows, to see whether anything was changed."""
    found = {path: bytes(data) for path, data in files.files.items()}
    for path in files._databases:
        rows = files.connect_database(path).iterdump()
        found[path] = "\n".join(rows).encode()
    return found


def same(order: Order) -> Sequence[Any]:
    """The same three items for each order."""
    return [batch(order, "Apple", "Pear", "Plum"), OrderDone(order.id, order.attempt, USAGE, "stop", 3, 0, 0.1, 2.0)]
