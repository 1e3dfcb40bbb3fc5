"""`orchestrator export TOPIC --format txt|jsonl|csv|parquet [--valid] [--out FILE]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from archive.export import FORMATS, TEXT, export, find_run
from contract.errors import ExitCode, StorageError, UsageError
from orchestrator.command_parser import CommandParser
from orchestrator.composition import OUTPUT_ROOT


def run_export(arguments: Sequence[str]) -> int:
    """Write a topic's items with their provenance; also while a run is going on. Returns the exit code."""
    parser = CommandParser(
        "orchestrator export",
        "Writes the items of a topic with their provenance: first seen when, by which provider and model, how often, "
        "description.",
    )
    parser.add_argument("topic", metavar="TOPIC", help="a topic explored before, or its folder")
    parser.add_argument("--format", choices=(TEXT, *FORMATS), default="jsonl", help="default: jsonl")
    parser.add_argument("--valid", action="store_true", help="without the items that were judged not to belong")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    parsed = parser.parse_args(arguments)
    folder = find_run(parsed.topic, OUTPUT_ROOT)
    if parsed.out is not None:
        if parsed.out.is_dir() or not parsed.out.parent.is_dir():
            raise StorageError(f"cannot write {parsed.out}: it is a folder, or its folder does not exist")
        export(folder, parsed.format, parsed.out, valid=parsed.valid)
        return ExitCode.DONE
    if parsed.format == "parquet" and sys.stdout.isatty():
        raise UsageError("parquet is binary: name a file with --out, or redirect the output")
    export(folder, parsed.format, sys.stdout.buffer, valid=parsed.valid)
    return ExitCode.DONE
