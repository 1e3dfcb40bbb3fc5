from __future__ import annotations

import json
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from tester.checks import check_consistent, check_equal, check_exit, check_none_lost, check_prefix, check_unique
from tester.collector import Collector
from tester.command import command_line
from tester.process_table import kill, marked, poll_until
from tester.scenario import TOPIC, Context

ENDLESS = ("--topic", TOPIC, "--provider", "test", "--producers", "2", "--log-level", "debug")
RUN = ("--topic", TOPIC, "--provider", "test", "--producers", "1", "--provider-option", "test.speed=0")


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&-", "2>/dev/full", ">&- 2>&-", "<&-"])
def test_an_output_that_takes_nothing_costs_no_item(context: Context, redirection: str) -> None:
    """A closed or full stdout or stderr brings no traceback, and the run's files are complete."""
    place = context.place("here")
    words = " ".join(f"'{word}'" for word in [*command_line(), *RUN, "--iterations", "2"])
    ended = context.start(place=place, program=("sh", "-c", f"{words} {redirection}")).ended(context.timeout_s)
    files = context.files(place)
    check_consistent(files)
    check_equal("states of the orders", [order.state for order in files.orders()], ["done", "done"])
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
def test_without_log_or_input_a_run_succeeds(context: Context, redirection: str) -> None:
    """A run whose log goes nowhere is a success all the same: its result stands on stdout."""
    words = " ".join(f"'{word}'" for word in [*command_line(), *RUN, "--iterations", "1"])
    program = ("sh", "-c", f"{words} {redirection}")
    ended = context.start(place=context.place("here"), program=program).ended(context.timeout_s)
    check_exit(ended, 0)
    assert "continue" in ended.stdout


def test_nohup_lets_a_run_outlive_its_terminal(context: Context) -> None:
    """A run under `nohup` goes on when the terminal closes (SIGHUP), as every program under it does."""
    place = context.place("here")
    command = context.start(*ENDLESS, place=place, program=("nohup", sys.executable, "-m", "orchestrator"))
    command.wait_for("producer 1 is ready", context.timeout_s)
    command.signal_group(signal.SIGHUP)
    files = context.files(place)
    before = len(files.lines(live=True))
    assert poll_until(lambda: len(files.lines(live=True)) > before + 60 or not command.running, context.timeout_s)
    assert command.running
    command.signal(signal.SIGTERM)
    check_exit(command.ended(context.timeout_s), 130)


def test_a_killed_fork_server_is_replaced(context: Context) -> None:
    """SIGKILL for the process that producers are forked from: later producers start from a new one, the run goes on."""
    place = context.place("here")
    command = context.start(*ENDLESS, place=place)
    producer = int(command.wait_for(r"producer 1 is ready \(pid (\d+)", context.timeout_s).group(1))
    servers = [one for one in marked(context.marker) if one.parent == command.pid and "forkserver" in one.arguments]
    assert len(servers) == 1
    assert kill(servers[0].pid)
    assert poll_until(lambda: servers[0].pid not in {one.pid for one in marked(context.marker)}, context.timeout_s)
    kill(producer)
    command.wait_for(r"(?s)died.*producer \d is ready", context.timeout_s)
    files = context.files(place)
    before = len(files.lines(live=True))
    assert poll_until(lambda: len(files.lines(live=True)) > before or not command.running, context.timeout_s)
    command.signal(signal.SIGTERM)
    check_exit(command.ended(context.timeout_s), 130)
    check_consistent(files)


def test_a_time_limit_ends_a_run_well(context: Context) -> None:
    """--max-time ends a run without other limits with exit code 0; everything found is written."""
    place = context.place("here")
    ended = context.run(*ENDLESS, "--max-time", "1s", place=place)
    check_exit(ended, 0)
    assert "--max-time" in ended.stdout
    check_consistent(context.files(place))
    assert ended.duration_s < 10


def test_a_budget_is_never_exceeded(context: Context) -> None:
    """--max-cost ends the run before the call that could exceed it; run.db holds what was spent."""
    place = context.place("here")
    price = ("--price", "test:simulated=1000,1000", "--max-cost", "10")
    ended = context.run(*RUN, *price, place=place)
    check_exit(ended, 0)
    assert "--max-cost" in ended.stdout
    database = sqlite3.connect(f"{context.files(place).database.as_uri()}?mode=ro", uri=True)
    spent = database.execute("SELECT sum(cost_usd) FROM orders").fetchone()[0]
    database.close()
    assert 0 < spent <= 10
    check_consistent(context.files(place))


def _tear(attributes: Path) -> None:
    attributes.write_bytes(attributes.read_bytes()[:-3])


def _shorten(attributes: Path) -> None:
    lines = attributes.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    attributes.write_bytes(b"".join(lines[:half]) + lines[half][:3])


def _remove(attributes: Path) -> None:
    attributes.unlink()


@pytest.mark.parametrize("harm", [_tear, _shorten, _remove])
def test_a_harmed_attributes_file_is_repaired(context: Context, harm: object) -> None:
    """A torn, shortened or deleted attributes.txt has every line again after the next run, none twice."""
    place = context.place("here")
    check_exit(context.run(*RUN, "--iterations", "2", place=place), 0)
    files = context.files(place)
    before = files.lines()
    assert callable(harm)
    harm(files.attributes)
    check_exit(context.run(*RUN, "--iterations", "1", "--seed", "2", place=place), 0)
    check_prefix("attributes.txt", before, files.lines())
    check_consistent(files)


def test_a_lost_database_is_rebuilt_from_the_lines(context: Context) -> None:
    """With run.db deleted, the lines of attributes.txt stay, in their order, and are not found a second time."""
    place = context.place("here")
    check_exit(context.run(*RUN, "--iterations", "2", "--seed", "1", place=place), 0)
    files = context.files(place)
    before = files.lines()
    for path in files.folder.glob("run.db*"):
        path.unlink()
    check_exit(context.run(*RUN, "--iterations", "2", "--seed", "1", place=place), 0)
    check_prefix("attributes.txt", before, files.lines())
    check_unique("attributes.txt", files.lines())
    check_none_lost("items of run.db", [item.text for item in files.items()], before)


_LEFT_EARLY = """
import sys
from orchestrator import stream

found = []
{statement}
print(len(found))
"""


@pytest.mark.parametrize(
    "statement",
    [
        "for item in stream('Fruit', provider='test', producers=2):\n    found.append(item)\n    break",
        "items = stream('Fruit', provider='test', producers=2)\nfound.append(next(items))",
    ],
)
def test_a_program_that_leaves_a_stream_early_ends(context: Context, statement: str) -> None:
    """`break`, or the program's end with the stream still there, ends the run: traced and complete, without a word."""
    place = context.place("here")
    program = (sys.executable, "-c", _LEFT_EARLY.format(statement=statement))
    ended = context.start(place=place, program=program).ended(context.timeout_s)
    check_exit(ended, 0)
    assert ended.stdout == "1\n"
    assert ended.stderr == ""
    assert context.trace(ended).root.attributes["app.stop.reason"] == "closed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_spans_are_delivered_costs_no_result(context: Context, number: signal.Signals) -> None:
    """A run that has ended prints its result whatever signal comes while a hanging collector holds it up."""
    place = context.place("here")
    with Collector(fault="hang") as hanging:
        command = context.start(*(*RUN, "--iterations", "1", "--json", "--trace-ep", hanging.endpoint), place=place)
        manifest = context.files(place).folder / "run.json"
        assert poll_until(lambda: manifest.is_file() and '"stop_reason": "iterations"' in manifest.read_text(), 30.0)
        command.signal(number)
        ended = command.ended(context.timeout_s)
    check_exit(ended, 0)
    assert json.loads(ended.stdout)["stop_reason"] == "iterations"


def test_a_password_in_the_collectors_address_stays_secret(context: Context) -> None:
    """User, password and query of --trace-ep stand in no file, no log line and not in the line that continues a run."""
    place = context.place("here")
    address = context.collector.endpoint.replace("//", "//user:geheim@") + "?key=geheim"
    command = (*RUN, "--iterations", "1", "--trace-ep", address, "--log-level", "trace")
    ended = context.run(*command, place=place)
    check_exit(ended, 0)
    assert "geheim" not in ended.stdout + ended.stderr
    assert "--trace-ep" in ended.stdout
    files = [path for path in place.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"geheim" in path.read_bytes()] == []


def test_a_variable_that_opentelemetry_cannot_use_is_one_line(context: Context) -> None:
    """A garbage OTEL_* value ends the command with exit code 3 and one line that does not repeat it."""
    environment = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "geheim"}
    ended = context.run(*RUN, "--iterations", "1", place=context.place("here"), environment=environment)
    check_exit(ended, 3)
    assert "OTEL_" in ended.stderr
    assert "geheim" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_path_for_temporary_files_that_is_too_long_is_named(context: Context) -> None:
    """Where the fork server's socket cannot be made, one line says that TMPDIR is too long."""
    place = context.place("here")
    long = context.place("t" * 100)
    ended = context.run(*RUN, "--iterations", "1", place=place, environment={"TMPDIR": str(long)})
    check_exit(ended, 5)
    assert "TMPDIR" in ended.stderr


def test_a_folder_whose_name_is_no_text_can_be_written(context: Context) -> None:
    """A run writes into a folder whose name is not UTF-8."""
    place = context.place("here")
    ended = context.run(*RUN, "--iterations", "1", "--output", "out-\udcff", place=place)
    check_exit(ended, 0)
    assert [path.name for path in place.glob("out-*/attributes.txt")] == ["attributes.txt"]
