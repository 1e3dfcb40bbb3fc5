"""Reporters without a live display."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from contract.text import printable
from orchestrator.events import Result, RunEvent
from orchestrator.reporting.base import (
    SafeFormatter,
    coverage_words,
    items_found,
    log,
    log_event,
    next_words,
    summary_lines,
)
from orchestrator.settings import Settings
from orchestrator.words import count, money, plural, recovery_lines
from telemetry.logs import ErrorStreamHandler, set_up_logging

if TYPE_CHECKING:
    from orchestrator.run import Run

_EVERY_S = 10.0


class QuietReporter:
    """Errors on stderr; with `as_json` the result on stdout."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self._settings = settings
        self._as_json = as_json

    def __enter__(self) -> Self:
        level = "error" if self._settings.log_level in ("info", "warn", "error") else self._settings.log_level
        set_up_logging(level, [_stderr_handler()])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def progress(self, text: str) -> None:
        """Said at level debug only."""
        log.debug("%s", text)

    def started(self, run: Run) -> None:
        """Nothing is printed."""

    def round(self, run: Run, events: Sequence[RunEvent]) -> None:
        """Errors reach the log."""
        for event in events:
            log_event(event)

    def ended(self, result: Result) -> None:
        """Print the JSON result where asked for."""
        if self._as_json:
            encoded = msgspec.json.encode(result, enc_hook=_path_as_text)
            sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


class LogReporter:
    """Log lines on stderr, a line of figures with coverage and price every ten seconds, the summary on stdout."""

    def __init__(self, settings: Settings, command: str) -> None:
        self._settings = settings
        self._command = command
        self._next = 0.0
        self._last_progress = ""

    def __enter__(self) -> Self:
        set_up_logging(self._settings.log_level, [_stderr_handler()])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def progress(self, text: str) -> None:
        """One log line for each new text."""
        if text != self._last_progress:
            self._last_progress = text
            log.info("%s", text)

    def started(self, run: Run) -> None:
        """Say what will be done."""
        for line in recovery_lines(run.store.recovered):
            log.info("%s", line)
        log.info("%s", start_line(run))
        self._next = run.stats.elapsed_s + _EVERY_S

    def round(self, run: Run, events: Sequence[RunEvent]) -> None:
        """Events, and the figures now and then."""
        for event in events:
            log_event(event)
        if run.stats.elapsed_s >= self._next:
            self._next = run.stats.elapsed_s + _EVERY_S
            log.info("%s", figures_line(run))

    def ended(self, result: Result) -> None:
        """Print the summary."""
        lines = [
            f"\n{printable(result.topic)}",
            *(f"  {name:<9} {text}" for name, text in summary_lines(result, self._command)),
        ]
        sys.stdout.write("\n".join(lines) + "\n")


def start_line(run: Run) -> str:
    """What a run is about to do."""
    settings = run.settings
    providers = ", ".join(run.router.states)
    simulated = any(state.spec.vendor == "test" for state in run.router.states.values())
    invented = " (a simulated model: its items are invented)" if simulated else ""
    known = run.store.totals().unique
    continued = f"; continuing with {count(known)} items" if known else ""
    return (
        f"exploring {settings.topic[:80]!r} with {plural(settings.producers, 'producer')} × "
        f"{plural(settings.concurrency, 'request')} at {providers}{invented} into {run.store.folder}{continued}"
    )


def figures_line(run: Run) -> str:
    """The figures of the moment in one line."""
    stats = run.stats
    share = "–" if stats.share_new is None else f"{stats.share_new:.0%}"
    coverage, explored = run.explored.exploration()
    far = "" if explored is None else f"; coverage {coverage_words(coverage, explored)}, {next_words(explored)}"
    return (
        f"{items_found(run)} items, {stats.items_per_minute:.0f} new a minute, {share} new lately; "
        f"{count(stats.calls)} calls ({count(stats.failures)} failed), "
        f"{count(stats.input_tokens + stats.output_tokens)} tokens, {money(stats.cost_usd)}{far}"
    )


def _stderr_handler() -> logging.Handler:
    handler = ErrorStreamHandler()
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)-5s %(message)s", "%H:%M:%S"))
    return handler


def _path_as_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)
