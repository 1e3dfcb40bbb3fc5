from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from tester.checks import check_consistent, check_exit
from tester.command import clean_environment, command_line
from tester.process_table import kill, marked, poll_until
from tester.scenario import TOPIC, Context
from tester.served import names

RUN = ("--topic", TOPIC, "--provider", "test", "--provider-option", "test.speed=0", "--iterations", "1")


def test_help_and_version_import_no_vendor(context: Context) -> None:
    """`--help` and `--version` answer at once: no vendor's SDK is imported for them."""
    code = (
        "import sys, runpy, contextlib\n"
        "with contextlib.suppress(SystemExit):\n"
        "    from orchestrator.cli import main; main(sys.argv[1:])\n"
        "vendors = {'openai', 'anthropic', 'google.genai', 'aiohttp', 'httpx', 'httpx2', 'rich', 'genai_prices'}\n"
        "sys.stderr.write(repr(sorted(vendors & set(sys.modules))))\n"
    )
    for option in ("--help", "--version"):
        place = context.place("here")
        ended = context.start(option, place=place, program=(sys.executable, "-c", code)).ended(context.timeout_s)
        assert ended.stderr == "[]"
        assert "orchestrator" in ended.stdout


def test_the_module_is_the_command(context: Context) -> None:
    """`python -m orchestrator` does what the console script does."""
    place = context.place("here")
    command = context.start(*RUN, place=place, program=(sys.executable, "-m", "orchestrator"))
    check_exit(command.ended(context.timeout_s), 0)
    check_consistent(context.files(place))


def test_providers_is_an_alias_of_producers(context: Context) -> None:
    """`--providers 2 --provider test` starts two producers."""
    place = context.place("here")
    ended = context.run(*RUN, "--providers", "2", place=place)
    check_exit(ended, 0)
    assert "2 producers" in ended.stderr
    assert len(context.files(place).orders()) == 2


def test_dotenv_and_environment_set_options(context: Context) -> None:
    """The command line wins over the environment, the environment over .env."""
    place = context.place("here")
    (place / ".env").write_text(
        "ORCHESTRATOR_PRODUCERS=3\nORCHESTRATOR_PROVIDER=openai\nORCHESTRATOR_REQUEST_SIZE=7\n", encoding="utf-8"
    )
    ended = context.run(*RUN, place=place, environment={"ORCHESTRATOR_PRODUCERS": "2"})
    check_exit(ended, 0)
    assert "2 producers" in ended.stderr
    assert "test:simulated" in ended.stderr


def test_quiet_prints_nothing(context: Context) -> None:
    """`--quiet` leaves both outputs empty when nothing is wrong."""
    ended = context.run(*RUN, "--quiet", place=context.place("here"))
    check_exit(ended, 0)
    assert (ended.stdout, ended.stderr) == ("", "")


def test_json_is_all_of_stdout(context: Context) -> None:
    """With `--json` stdout is one JSON document, whatever the log level puts on stderr."""
    ended = context.run(*RUN, "--json", "--log-level", "trace", place=context.place("here"))
    check_exit(ended, 0)
    assert json.loads(ended.stdout)["topic"] == TOPIC
    assert "producer" in ended.stderr


def test_a_reader_that_leaves_is_no_error(context: Context) -> None:
    """`orchestrator … | true` ends quietly: everything is written, no traceback."""
    place = context.place("here")
    words = " ".join(f"'{word}'" for word in [*command_line(), *RUN])
    ended = context.start(place=place, program=("sh", "-c", f"{words} --json | true")).ended(context.timeout_s)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr
    assert "Broken pipe" not in ended.stderr
    check_consistent(context.files(place))


def test_two_runs_on_different_topics_do_not_meet(context: Context) -> None:
    """Two runs in one working directory, each on its own topic, work side by side."""
    place = context.place("here")
    topics = ("River towns", "Mountain towns")
    commands = [context.start(*RUN, "--topic", topic, "--producers", "2", place=place) for topic in topics]
    for command in commands:
        check_exit(command.ended(context.timeout_s), 0)
    for name in ("river-towns", "mountain-towns"):
        check_consistent(context.files(place, Path("output") / name))


def test_a_stopped_producer_holds_up_nobody(context: Context) -> None:
    """While one producer is stopped (SIGSTOP) the others go on; Ctrl-C twice ends the run all the same."""
    place = context.place("here")
    command = context.start(
        *("--topic", TOPIC, "--provider", "test", "--producers", "3", "--log-level", "debug"),
        *("--provider-option", "test.universe_size=20000"),  # the run must not come to its own end
        place=place,
    )
    pid = int(command.wait_for(r"producer 0 is ready \(pid (\d+)", context.timeout_s).group(1))
    assert kill(pid, signal.SIGSTOP)
    files = context.files(place)
    before = len(files.lines(live=True))
    assert poll_until(lambda: len(files.lines(live=True)) > before + 20, context.timeout_s)
    command.signal_group(signal.SIGINT)
    command.wait_for("Ctrl-C again ends at once", context.timeout_s)
    command.signal_group(signal.SIGINT)
    check_exit(command.ended(context.timeout_s), 130)
    check_consistent(files)


def test_a_hung_orchestrator_takes_its_producers_with_it(context: Context) -> None:
    """SIGKILL for an orchestrator whose producers are stopped as well: they are gone once they continue."""
    place = context.place("here")
    command = context.start(
        *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--log-level", "debug"), place=place
    )
    pids = [int(command.wait_for(rf"producer {n} is ready \(pid (\d+)", context.timeout_s).group(1)) for n in range(2)]
    for pid in pids:
        assert kill(pid, signal.SIGSTOP)
    command.signal(signal.SIGKILL)
    assert command.has_ended(context.timeout_s)
    for pid in pids:
        kill(pid, signal.SIGCONT)
    assert poll_until(lambda: not marked(context.marker), context.timeout_s)


def test_items_are_in_the_file_while_their_response_is_open(context: Context) -> None:
    """An item stands in attributes.txt while the response that brought it is still going on."""
    place = context.place("here")
    served = context.serve(names(50, 1), items_per_response=20, chunk_chars=14, duration_s=20.0)
    command = context.start(
        *("--topic", TOPIC, "--provider", "openai:model", "--producers", "1", "--concurrency", "1"),
        *("--iterations", "1", "--request-size", "20"),
        place=place,
        environment=served.environment("openai"),
    )
    files = context.files(place)
    assert poll_until(lambda: len(files.lines(live=True)) >= 2, context.timeout_s)
    assert not served.entries()[0].ended_at
    command.signal(signal.SIGTERM)
    check_exit(command.ended(context.timeout_s), 130)


def test_an_item_counts_once_an_order(context: Context) -> None:
    """A model that says each item twice within an answer does not raise its count by two."""
    place = context.place("here")
    served = context.serve(names(20, 1) * 2, items_per_response=40)
    ended = context.run(
        *("--topic", TOPIC, "--provider", "openai:model", "--producers", "1", "--iterations", "3"),
        *("--request-size", "40"),
        place=place,
        environment=served.environment("openai"),
    )
    check_exit(ended, 0)
    assert {item.count for item in context.files(place).items()} == {3}


@pytest.mark.parametrize("identity", ["exact", "aggressive"])
def test_a_folder_keeps_its_identity(context: Context, identity: str) -> None:
    """A run cannot be continued with another --identity: its counts would mean something else."""
    place = context.place("here")
    check_exit(context.run(*RUN, place=place), 0)
    before = context.files(place).attributes.read_bytes()
    ended = context.run(*RUN, "--identity", identity, place=place)
    check_exit(ended, 3)
    assert "--identity" in ended.stderr
    assert context.files(place).attributes.read_bytes() == before


def test_the_live_display_gives_the_terminal_back(context: Context) -> None:
    """On a terminal a live display is drawn; the summary stays and the cursor is shown again at the end."""
    place = context.place("here")
    environment = clean_environment(place, context.marker, {"TERM": "xterm-256color", "COLUMNS": "100"})
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(place)
        words = [*command_line(), *RUN, "--producers", "2"]
        os.execvpe(words[0], words, environment)  # noqa: S606
    shown = _read_all(terminal, time.monotonic() + context.timeout_s)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "unique items" in shown
    assert "continue" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0
    check_consistent(context.files(place))


def _read_all(terminal: int, deadline: float) -> str:
    shown = bytearray()
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return shown.decode(errors="replace")
