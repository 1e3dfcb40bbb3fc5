"""`orchestrator export`, after a run and in the middle of one."""

from __future__ import annotations

import csv
import io
import json
import signal
from pathlib import Path
from typing import Any

from tester.checks import check, check_equal, check_exit, check_prefix
from tester.process_table import poll_until
from tester.scenario import TOPIC, Context

_ENOUGH = 30


class Exporting:
    """Exports of a run, also while it goes on."""

    name = "export"
    description = "export gives every item with its provenance, also while the run is going on"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("export")
        command = context.start(
            *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--seed", str(context.seed)),
            place=place,
        )
        files = context.files(place)
        check(
            poll_until(lambda: len(files.lines(live=True)) >= _ENOUGH, context.timeout_s),
            f"the run did not find {_ENOUGH} items within {context.timeout_s:g} s",
        )
        before = files.lines(live=True)
        during = _rows(context, place)
        check(command.running, "the run ended while it was exported; it has no reason to")
        check_prefix("export beside the attributes.txt that was there when it began", before, _texts(during))
        command.signal(signal.SIGTERM)
        check_exit(command.ended(context.timeout_s), 130)
        check_prefix("attributes.txt beside the export taken while it grew", _texts(during), files.lines())
        after = _rows(context, place)
        check_equal("exported items", _texts(after), files.lines())
        check_equal("exported counts", [row["count"] for row in after], [item.count for item in files.items()])
        _check_csv(context, place)


def _rows(context: Context, place: Path) -> list[dict[str, Any]]:
    ended = context.run("export", TOPIC, "--format", "jsonl", place=place)
    check_exit(ended, 0)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


def _check_csv(context: Context, place: Path) -> None:
    ended = context.run("export", TOPIC, "--format", "csv", "--out", "items.csv", place=place)
    check_exit(ended, 0)
    rows = list(csv.DictReader(io.StringIO((place / "items.csv").read_text(encoding="utf-8-sig"), newline="")))
    check_equal("items in the CSV export", [row["text"] for row in rows], context.files(place).lines())
