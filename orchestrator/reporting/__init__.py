"""What a person (or a script) sees of a run: live display, log lines, JSON."""

from __future__ import annotations

import sys

from orchestrator.reporting.base import Reporter
from orchestrator.settings import Settings


def choose_reporter(settings: Settings, *, as_json: bool, quiet: bool, command: str) -> Reporter:
    """A live display on a terminal, log lines elsewhere, JSON or silence where asked for.

    Args:
        settings: For topic and log level.
        as_json: Print the result as JSON on stdout.
        quiet: Print nothing but errors.
        command: How to continue the run, for the summary.
    """
    if as_json or quiet:
        from orchestrator.reporting.plain import QuietReporter

        return QuietReporter(settings, as_json=as_json)
    if sys.stderr.isatty() and sys.stdout.isatty():
        from orchestrator.reporting.live import LiveReporter

        return LiveReporter(settings, command)
    from orchestrator.reporting.plain import LogReporter

    return LogReporter(settings, command)
