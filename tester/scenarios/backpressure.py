"""A disk that stands still while the models go on talking."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tester.checks import check, check_consistent, check_exit, check_same_items
from tester.command import Command
from tester.process_table import marked, poll_until, resident_bytes
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import NAME_CHARACTERS, Served, names

_ITEMS, _PADDING = 80_000, 600
"""In each of two answers, one an event, and characters behind each: more than all buffers on the way hold together.
Between the processes those are good for 30,000 items; of a connection's incoming data Linux buffers up to 32 MB."""
_STANDING_LOOKS = 100
"""Looks in a row, a hundredth of a second apart, in which nothing more is sent."""
_GROWTH_BYTES = 8 * 1024 * 1024
"""By how much a producer may grow while the disk stands still."""

_PROGRAM = """
import sys
from orchestrator import Seams, explore
from archive.filesystem import RealFileSystem

class Slow:
    def __init__(self, file):
        self.file = file

    def write(self, data):
        with open("gate") as gate:
            gate.read()
        self.file.write(data)

    def close(self):
        self.file.close()

class SlowDisk(RealFileSystem):
    def append(self, path):
        file = super().append(path)
        return Slow(file) if path.name == "attributes.txt" else file

result = explore(
    sys.argv[1], producers=2, concurrency=1, iterations=1, request_size=1000, provider="openai:model",
    provider_options=['openai.extra_body={"max_tokens":100000000}'], seams=Seams(filesystem=SlowDisk()),
)
sys.exit(result.exit_code)
"""
"""The Python API with a disk where attributes.txt waits for the gate: a pipe that is at its end once it opens."""


class Backpressure:
    """Two endless answers onto a disk that takes nothing, then everything."""

    name = "backpressure"
    description = "a disk that stands still stops the streams instead of filling memory; afterwards nothing is missing"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("slow")
        served = context.serve(
            [f"{first} {second}" for first, second in zip(*[iter(names(2 * _ITEMS, context.seed))] * 2, strict=True)],
            items_per_response=_ITEMS,
            chunk_chars=2 * NAME_CHARACTERS + 2,
            padding_chars=_PADDING,
            duration_s=1.0,
        )
        with _shut_gate(place) as gate:
            command = context.start(
                TOPIC, place=place, environment=served.environment("openai"), program=(sys.executable, "-c", _PROGRAM)
            )
            self._stand_still(context, command, served)
            gate.open()
        ended = command.ended(context.timeout_s)
        check_exit(ended, 0)
        files = context.files(place)
        check_consistent(files)
        check_same_items("attributes.txt beside what was sent", files.lines(), served.provider.universe)
        proven(context, ended, files, served=served.entries())

    def _stand_still(self, context: Context, command: Command, served: Served) -> None:
        """Wait until nothing more is sent; then the producers do not grow, though their answers are not at an end."""
        check(
            poll_until(_Standing(served, command), context.timeout_s),
            "the streams did not come to a stop though the disk takes nothing",
        )
        check(command.running, f"the run ended although its disk takes nothing: {command.stderr[-800:]!r}")
        check(
            all(not entry.ended_at for entry in served.entries()),
            "an answer came to its end though nothing of it could be written: it waits in memory",
        )
        before = _sizes(context, command)
        poll_until(_Standing(served, command), context.timeout_s)
        grown = {pid: size - before.get(pid, size) for pid, size in _sizes(context, command).items()}
        context.say(f"producers have {before} bytes in memory and grew by {grown}")
        check(all(size < _GROWTH_BYTES for size in grown.values()), f"producers grew while the disk stood: {grown}")


class _Standing:
    """Whether answers have begun and nothing more of them was sent for a while."""

    def __init__(self, served: Served, command: Command) -> None:
        self._served = served
        self._command = command
        self._sent = -1
        self._looks = 0

    def __call__(self) -> bool:
        entries = self._served.entries()
        sent = sum(entry.sent_bytes for entry in entries)
        self._looks = self._looks + 1 if sent == self._sent else 0
        self._sent = sent
        return (len(entries) == 2 and sent > 0 and self._looks >= _STANDING_LOOKS) or not self._command.running


def _sizes(context: Context, command: Command) -> dict[int, int]:
    """Resident bytes of the command's children by process id."""
    return {one.pid: resident_bytes(one.pid) for one in marked(context.marker) if one.pid != command.pid}


class _Gate:
    def __init__(self, path: Path) -> None:
        self._path = path
        os.mkfifo(path)
        # For reading and writing, so that opening it waits for nobody.
        self._held = os.open(path, os.O_RDWR)
        self._is_open = False

    def open(self) -> None:
        """Let the write that waits go on, and all later ones."""
        if not self._is_open:
            self._is_open = True
            plain = self._path.with_name("gate.open")
            plain.touch()
            plain.replace(self._path)
            os.close(self._held)


@contextmanager
def _shut_gate(place: Path) -> Iterator[_Gate]:
    gate = _Gate(place / "gate")
    try:
        yield gate
    finally:
        gate.open()
