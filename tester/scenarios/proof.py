"""What every run must prove with its trace, whatever the scenario: nothing is missing, and everything adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from contract import spans as names
from tester.checks import check_equal
from tester.command import Ended
from tester.fake_provider import Entry
from tester.process_table import marked
from tester.run_files import RunFiles
from tester.scenario import Context
from tester.trace import Trace
from tester.trace.conservation import assert_conserved
from tester.trace.lifecycle import no_leaked_pids
from tester.trace.requests import Asked, assert_requests


def proven(
    context: Context,
    ended: Ended,
    files: RunFiles,
    *,
    before: int | None = 0,
    served: Sequence[Entry] | None = None,
    killed: Collection[int] = (),
) -> Trace:
    """The trace of a command that has ended, complete, in itself and beside its files.

    Args:
        context: The scenario's.
        ended: The command.
        files: Its run's.
        before: Lines that were there before it; None where its beginning may have repaired the file.
        served: The fake providers' ledgers of this command's requests; None if it had none.
        killed: Processes that the scenario killed.

    Raises:
        CheckError: Spans are missing, the sums differ, or a process is left.
    """
    trace = context.trace(ended, killed)
    check_run(context, trace, files, before=before, served=served, killed=killed)
    check_equal("exit code in the trace", trace.root.attributes.get(names.PROCESS_EXIT_CODE), ended.exit_code)
    no_leaked_pids(trace, {process.pid for process in marked(context.marker)})
    return trace


def proven_service(context: Context, ended: Ended, asked: Iterable[Asked]) -> Trace:
    """The trace of a service that has ended, complete and conserved, with a span for each request and one web server.

    Args:
        context: The scenario's.
        ended: The service.
        asked: The requests that its clients made.

    Raises:
        CheckError: As `proven`, or a request has no span, or another.
    """
    trace = context.trace(ended)
    assert_conserved(trace, lines=None, rows=None, served=None)
    assert_requests(trace, asked)
    trace.select(name=names.WEB_SERVER_EXITED).count(1).every({names.EXIT_EXPECTED: True, names.PROCESS_EXIT_CODE: 0})
    no_leaked_pids(trace, {process.pid for process in marked(context.marker)})
    return trace


def check_run(
    context: Context,
    trace: Trace,
    files: RunFiles,
    *,
    before: int | None = 0,
    served: Sequence[Entry] | None = None,
    killed: Collection[int] = (),
) -> None:
    """Hold the trace of the last run in a folder against its files, the provider's ledger and the run's own metrics.

    Args:
        context: The scenario's.
        trace: Of a command, or a `TopicRun.trace`.
        files: The run's.
        before: See `proven`.
        served: See `proven`.
        killed: See `proven`.
    """
    lines = None if before is None else len(files.lines()) - before
    rows = None if before is None else len(files.items()) - before
    assert_conserved(trace, lines=lines, rows=rows, served=served, killed=killed)
    _check_metrics(context, trace)


def _check_metrics(context: Context, trace: Trace) -> None:
    """The counters that the orchestrator exported at its end are what it says on its span."""
    counted: Counter[str] = Counter()
    for metric in context.collector.store.metrics():
        if metric.instance == trace.root.instance:
            counted[metric.name] += sum(int(point.value or 0) for point in metric.points)
    for metric_name, attribute in (
        (names.METRIC_ITEMS_NEW, names.ITEMS_NEW),
        (names.METRIC_ITEMS_DUPLICATE, names.ITEMS_DUPLICATE),
        (names.METRIC_ITEMS_REFUSED, names.ITEMS_REFUSED),
        (names.METRIC_INPUT_TOKENS, names.INPUT_TOKENS),
        (names.METRIC_OUTPUT_TOKENS, names.OUTPUT_TOKENS),
    ):
        check_equal(f"metric {metric_name}", counted[metric_name], trace.root.number(attribute))
