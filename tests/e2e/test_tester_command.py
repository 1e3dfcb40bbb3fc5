from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest

from contract import spans as names
from tester.checks import CheckError, check
from tester.cli import main
from tester.collector import CollectorError
from tester.command import Command, NotInstalledError, command_line
from tester.process_table import marked, poll_until
from tester.scenario import TOPIC, Context, Outcome, play
from tester.scenarios import GROUPS, SCENARIOS
from tester.trace import Span
from tests.tester.trace.build import Run

ROOT = Path(__file__).parents[2]
_WITHIN_S = 120.0
_PLAYED = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from tester import cli
from tester.process_table import poll_until

class Endless:
    def __init__(self, name, run):
        self.name, self.description, self._run = name, "never ends", run
    def run(self, context):
        self._run(context)

def start(context):
    command = context.start("--topic", "t", "--provider", "test", "--log-level", "debug", place=context.place("here"))
    command.wait_for("is ready", 120.0)
    print("up", command.pid, flush=True)
    return command

def alone(context):
    start(context).ended(600.0)

def together(context):
    context.together(lambda: start(context).ended(600.0), lambda: poll_until(lambda: False, 600.0))

def pool(context):
    with ThreadPoolExecutor(2) as executor:
        list(executor.map(lambda number: start(context).ended(600.0), range(50)))

def stays(context):
    start(context)

def fails_and_stays(context):
    start(context)
    assert False, "the sum should be 3"

cli.SCENARIOS = {run.__name__: Endless(run.__name__, run) for run in (alone, together, pool, stays, fails_and_stays)}
cli.main(sys.argv[1:])
"""


def _tester(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tester", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


class _Fails:
    name = "fails"
    description = "fails after it has written a file"

    def run(self, context: Context) -> None:
        (context.place("work") / "trace.txt").write_text("seen", encoding="utf-8")
        check(1 + 1 == 3, "the sum should be 3, it is 2")


class _Leaves:
    name = "leaves"
    description = "leaves a process behind"

    def __init__(self) -> None:
        self.marker = ""

    def run(self, context: Context) -> None:
        self.marker = context.marker
        environment = {**os.environ, "TOPIC_TESTER_MARKER": context.marker}
        subprocess.Popen(
            [sys.executable, "-c", "import signal; signal.pause()"], env=environment, start_new_session=True
        )


class _Passes:
    name = "passes"
    description = "asserts nothing"

    def run(self, context: Context) -> None:
        (context.place("work") / "trace.txt").write_text("seen", encoding="utf-8")


def _play(scenario: Any, folder: Path, *, keep: bool = False) -> Outcome:
    return play(scenario, seed=1, timeout_s=20.0, keep=keep, say=lambda text: None, root=folder)


def test_every_scenario_is_listed_with_its_description() -> None:
    """`tester --list` names each scenario, says what it asserts, and exits with 0."""
    done = _tester("--list")
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    groups = {name: " and ".join(members) for name, members in GROUPS.items()}
    assert lines == {name: scenario.description for name, scenario in SCENARIOS.items()} | groups


def test_an_unknown_scenario_is_a_usage_error() -> None:
    """An unknown scenario ends the tester with exit code 2 and one line that names those there are."""
    done = _tester("--scenario", "dance")
    assert done.returncode == 2
    assert "'dance'" in done.stderr
    assert "basic" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--timeout", "0"], ["--timeout", "soon"], ["--seed", "x"], ["--loud"], ["basic"]),
        *(["--port", "65536"], ["--port", "-1"], ["--port", "http"], ["--junit", "/proc/none/x.xml"]),
    ],
)
def test_bad_options_are_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A bad option ends the tester with exit code 2 and one line on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.usefixtures("folders_here")
def test_the_last_line_counts_what_passed_and_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tester shows a failed assertion and where its files are, ends with "N passed, N failed", and exits with 1."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"passes": _Passes(), "fails": _Fails()})
    with pytest.raises(SystemExit) as ended:
        main(["--scenario", "all"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert re.fullmatch(r"1 passed, 1 failed in \d+\.\d s", lines[-1])
    assert re.fullmatch(r"passed  passes  \d+\.\d s", lines[0])
    assert any("the sum should be 3, it is 2" in line for line in lines)
    kept = Path(next(line for line in lines if "files and logs:" in line).split(": ", 1)[1])
    assert f"        spans: {kept / 'spans.jsonl'}" in lines
    assert (kept / "spans.jsonl").is_file()
    assert (kept / "work" / "trace.txt").read_text(encoding="utf-8") == "seen"


def test_json_holds_the_outcomes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout is one JSON document with an outcome a scenario."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"passes": _Passes()})
    with pytest.raises(SystemExit) as ended:
        main(["--scenario", "passes", "--json", "--verbose"])
    assert ended.value.code == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert outcome.pop("duration_s") > 0
    assert outcome == {"name": "passes", "passed": True, "failure": "", "folder": None}


def test_files_of_a_success_are_kept_only_where_asked_for(tmp_path: Path) -> None:
    """A passed scenario's folder is removed, with --keep it stays."""
    assert _play(_Passes(), tmp_path).folder is None
    assert list(tmp_path.iterdir()) == []
    kept = _play(_Passes(), tmp_path, keep=True).folder
    assert kept is not None
    assert (Path(kept) / "work" / "trace.txt").is_file()


def test_a_process_left_behind_fails_the_scenario_and_is_killed(tmp_path: Path) -> None:
    """The tester finds a process that a scenario leaves behind, says so, and kills it."""
    scenario = _Leaves()
    outcome = _play(scenario, tmp_path)
    assert not outcome.passed
    assert "left behind" in outcome.failure
    assert [process for process in marked(scenario.marker) if "signal.pause" in process.arguments] == []


def test_a_crash_of_a_scenario_is_a_failure_too(tmp_path: Path) -> None:
    """An unexpected error in a scenario is reported with its traceback and does not end the tester."""

    class Crashes:
        name = "crashes"
        description = "has a fault of its own"

        def run(self, context: Context) -> None:
            raise RuntimeError("a fault of the scenario")

    outcome = _play(Crashes(), tmp_path)
    assert not outcome.passed
    assert "RuntimeError: a fault of the scenario" in outcome.failure


def test_waiting_for_output_says_what_came_instead(context: Context) -> None:
    """A wait for output that never comes fails as soon as the command has ended, with what it said."""
    command = context.start("--version", place=context.place("here"))
    with pytest.raises(CheckError, match="it ended after"):
        command.wait_for("something else", 60.0, stream="stdout")


def test_no_key_of_the_user_reaches_a_started_command(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and addresses in the tester's own environment are not passed on: nothing leaves this machine."""
    monkeypatch.setenv("OPENAI_API_KEY", "a-real-key")
    monkeypatch.setenv("ORCHESTRATOR_PROVIDER", "openai")
    ended = context.run("--topic", "Anything", place=context.place("here"))
    assert ended.exit_code == 4
    assert "no API key is set" in ended.stderr


def _post(context: Context, spans: list[Span]) -> None:
    context.collector.store.add(spans)


@pytest.fixture
def folders_here(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    """What a tester keeps that is played within the test goes to a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A place for a tester's own temporary files; its path is short, as that of a socket must be."""
    with TemporaryDirectory(prefix="n-") as folder:
        yield Path(folder)


def _endless(context: Context, temporary: Path, *arguments: str) -> tuple[Command, int]:
    """A tester that plays scenarios without an end, and the id of the orchestrator that it has started."""
    command = context.start(
        *arguments,
        place=context.place("tester"),
        program=(sys.executable, "-c", _PLAYED),
        environment={"TMPDIR": str(temporary)},
    )
    return command, int(command.wait_for(r"up (\d+)", _WITHIN_S, stream="stdout").group(1))


def _within(place: Path) -> list[int]:
    """Processes whose working directory is there; those that a tester has started for its scenario."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            here = entry.name.isdigit() and str((entry / "cwd").readlink()).startswith(f"{place}/")
        except OSError:
            continue
        found += [int(entry.name)] if here else []
    return found


def test_basic_is_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --scenario `basic` is played, and nothing else."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"basic": _Passes(), "fails": _Fails()})
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 passed, 0 failed")


def test_a_taken_port_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that somebody else has ends the tester with exit code 2 and one line that names it."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"basic": _Passes()})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["--port", str(port)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(port) in line


def test_a_taken_port_leaves_no_folder(tmp_path: Path) -> None:
    """A scenario that cannot receive spans is not played, and leaves nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CollectorError):
        play(
            _Fails(),
            seed=1,
            timeout_s=20.0,
            keep=True,
            say=lambda text: None,
            root=tmp_path,
            port=taken.getsockname()[1],
        )
    assert list(tmp_path.iterdir()) == []


def test_an_orchestrator_that_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where neither script nor module is, the tester ends with exit code 2 and one line, before any scenario."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"basic": _Fails()})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("tester.command._SOURCES", tmp_path)
    monkeypatch.setattr("tester.command.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "orchestrator is not installed" in line
    with pytest.raises(NotInstalledError):
        command_line()


def test_a_program_that_is_gone_is_told(context: Context) -> None:
    """A program that cannot be started is a `NotInstalledError`; a missing working directory is not."""
    with pytest.raises(NotInstalledError, match="/no/orchestrator cannot be started"):
        context.start(place=context.place("here"), program=("/no/orchestrator",))
    with pytest.raises(FileNotFoundError):
        context.start("--help", place=context.folder / "missing")


@pytest.mark.usefixtures("folders_here")
def test_junit_holds_the_outcomes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--junit writes a test case for each scenario, with what failed."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"passes": _Passes(), "fails": _Fails()})
    file = tmp_path / "report.xml"
    with pytest.raises(SystemExit):
        main(["--scenario", "all", "--junit", str(file)])
    root = ElementTree.parse(file).getroot()  # noqa: S314 - a document of our own
    assert [case.get("name") for case in root.iter("testcase")] == ["passes", "fails"]
    assert "the sum should be 3" in (root.findtext(".//failure") or "")


def test_spans_are_shown_as_they_arrive(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--verbose prints a line on stderr for each span that is received: service, name, duration, what it tells."""

    class Sends(_Passes):
        def run(self, context: Context) -> None:
            _post(context, Run(producers=1, orders=1).spans)

    monkeypatch.setattr("tester.cli.SCENARIOS", {"basic": Sends()})
    with pytest.raises(SystemExit):
        main(["--verbose"])
    lines = [line for line in capsys.readouterr().err.splitlines() if " ms " in line]
    assert len(lines) == len(Run(producers=1, orders=1).spans)
    assert any("orchestrator run" in line and "2000.0 ms" in line and "river towns" in line for line in lines)


def test_a_failure_keeps_the_spans(tmp_path: Path) -> None:
    """The spans that a failed scenario received stand in its folder, one JSON object a line."""
    spans = Run(producers=1, orders=1).spans

    class Sends(_Fails):
        def run(self, context: Context) -> None:
            _post(context, spans)
            super().run(context)

    folder = _play(Sends(), tmp_path).folder
    assert folder is not None
    lines = (Path(folder) / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["span_id"] for line in lines] == [span.span_id for span in spans]


def test_each_command_has_a_trace_of_its_own(context: Context) -> None:
    """Each started command is told the collector's address and a new trace id, which both can be overridden."""
    place = context.place("here")
    show = (sys.executable, "-c", "import os; print(dict(os.environ))")
    first = context.start(place=place, program=show).ended(_WITHIN_S)
    second = context.start(place=place, program=show).ended(_WITHIN_S)
    assert first.trace_id != second.trace_id
    assert f"'TRACEPARENT': '00-{first.trace_id}-" in first.stdout
    assert f"'ORCHESTRATOR_TRACE_EP': '{context.collector.endpoint}'" in first.stdout
    without = {"TRACEPARENT": None, "ORCHESTRATOR_TRACE_EP": "http://127.0.0.1:9"}
    third = context.start(place=place, program=show, environment=without).ended(_WITHIN_S)
    assert third.trace_id == ""
    assert "TRACEPARENT" not in third.stdout
    assert "'ORCHESTRATOR_TRACE_EP': 'http://127.0.0.1:9'" in third.stdout
    with pytest.raises(CheckError, match="no trace of its own"):
        context.trace(third)


def test_a_trace_is_waited_for(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """`trace` returns once the last span has come, and fails with what is missing if it does not."""
    first, *others = Run(producers=1, orders=1).spans
    parent = f"00-{first.trace_id}-{'0' * 15}1-01"
    show = (sys.executable, "-c", "")
    command = context.start(place=context.place("here"), program=show, environment={"TRACEPARENT": parent})
    ended = command.ended(_WITHIN_S)
    context.collector.store.add(others)
    assert len(context.spans(ended)) == len(others)
    monkeypatch.setattr("tester.scenario._TRACE_S", 0.01)
    with pytest.raises(CheckError, match="the trace is complete"):
        context.trace(ended)
    monkeypatch.setattr("tester.scenario._TRACE_S", _WITHIN_S)
    threading.Timer(0.05, context.collector.store.add, args=[[first]]).start()
    assert len(context.trace(ended)) == len(others) + 1


@pytest.mark.parametrize("name", ["alone", "together", "pool"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_scenario_leaves_nothing(
    context: Context, temporary: Path, name: str, number: signal.Signals
) -> None:
    """Ctrl-C or SIGTERM end the tester at once, with exit code 130, whatever its scenario waits for; nothing stays."""
    command, _ = _endless(context, temporary, "--scenario", name)
    command.signal(number)
    ended = command.ended(_WITHIN_S)
    assert ended.exit_code == 130
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("tester: interrupted")
    assert poll_until(lambda: not _within(temporary), _WITHIN_S)
    assert list(temporary.iterdir()) == []


def test_a_killed_tester_leaves_no_process(context: Context, temporary: Path) -> None:
    """SIGKILL for a tester whose orchestrator runs: orchestrator, producers and fork server are gone soon after."""
    command, _ = _endless(context, temporary, "--scenario", "alone")
    assert len(_within(temporary)) > 2
    command.signal(signal.SIGKILL)
    assert command.ended(_WITHIN_S).exit_code == -signal.SIGKILL
    assert poll_until(lambda: not _within(temporary), _WITHIN_S)


def test_keep_running_leaves_services_up(context: Context, temporary: Path) -> None:
    """With --keep-running the services stay up after the scenario, how to reach and stop them is said; Ctrl-C does."""
    command, pid = _endless(context, temporary, "--scenario", "stays", "--keep-running")
    shown = command.wait_for(r"(?s)running until Ctrl-C.*spans are received at (\S+)\n.*kill \d+\n", _WITHIN_S)
    assert shown.group(1).startswith("http://127.0.0.1:")
    assert f"pid {pid}" in shown.group()
    assert f"kill {pid}\n" in shown.group()
    assert pid in _within(temporary)
    command.signal(signal.SIGINT)
    ended = command.ended(_WITHIN_S)
    assert ended.exit_code == 0
    assert "passed  stays" in ended.stdout
    assert "files and logs:" in ended.stdout
    assert _within(temporary) == []


def test_keep_running_ends_with_the_services(context: Context, temporary: Path) -> None:
    """A service that is stopped from elsewhere ends the holding; the failure of the scenario is told before it."""
    command, pid = _endless(context, temporary, "--scenario", "fails_and_stays", "--keep-running")
    command.wait_for(r"(?s)the sum should be 3.*running until Ctrl-C", _WITHIN_S)
    os.kill(pid, signal.SIGTERM)
    ended = command.ended(_WITHIN_S)
    assert ended.exit_code == 1
    assert "the sum should be 3" in ended.stdout


@pytest.mark.usefixtures("folders_here")
def test_keep_running_says_where_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where all has ended by itself --keep-running says so, with the folder, and does not wait."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"basic": _Passes()})
    with pytest.raises(SystemExit) as ended:
        main(["--keep-running"])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    kept = next(line for line in shown.out.splitlines() if "files and logs:" in line).split(": ", 1)[1]
    assert f"nothing is running any more; files and spans: {kept}" in shown.err


def test_a_real_run_has_a_whole_trace(context: Context) -> None:
    """The trace of a real run is complete soon after its end, and is that of the command that was started."""
    place = context.place("here")
    arguments = ("--topic", TOPIC, "--provider", "test", "--provider-option", "test.speed=0", "--iterations", "2")
    ended = context.run(*arguments, place=place)
    other = context.run(*arguments, place=place)
    first, second = context.trace(ended).root, context.trace(other).root
    assert (first.trace_id, second.trace_id) == (ended.trace_id, other.trace_id)
    assert first.trace_id != second.trace_id
    new = first.number(names.ITEMS_NEW) + second.number(names.ITEMS_NEW)
    assert new == len(context.files(place).lines())
