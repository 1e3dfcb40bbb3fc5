from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tester.checks import CheckError, check
from tester.cli import main
from tester.process_table import marked
from tester.scenario import Context, Outcome, play
from tester.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]


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
    assert lines == {name: scenario.description for name, scenario in SCENARIOS.items()}


def test_an_unknown_scenario_is_a_usage_error() -> None:
    """An unknown scenario ends the tester with exit code 2 and one line that names those there are."""
    done = _tester("--scenario", "dance")
    assert done.returncode == 2
    assert "'dance'" in done.stderr
    assert "basic" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--timeout", "0"], ["--timeout", "soon"], ["--seed", "x"], ["--loud"], ["basic"]]
)
def test_bad_options_are_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A bad option ends the tester with exit code 2 and one line on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_last_line_counts_what_passed_and_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tester shows a failed assertion and where its files are, ends with "N passed, N failed", and exits with 1."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"passes": _Passes(), "fails": _Fails()})
    with pytest.raises(SystemExit) as ended:
        main(["--scenario", "all"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert lines[-1] == "1 passed, 1 failed"
    assert any("the sum should be 3, it is 2" in line for line in lines)
    kept = Path(next(line for line in lines if "files and logs:" in line).split(": ", 1)[1])
    assert (kept / "work" / "trace.txt").read_text(encoding="utf-8") == "seen"


def test_json_holds_the_outcomes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout is one JSON document with an outcome a scenario."""
    monkeypatch.setattr("tester.cli.SCENARIOS", {"passes": _Passes()})
    with pytest.raises(SystemExit) as ended:
        main(["--json", "--verbose"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "passes", "passed": True, "failure": "", "folder": None}]


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
