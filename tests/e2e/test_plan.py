"""`orchestrator plan` and `--dry-run` as a user calls them, with the simulated model."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
from pathlib import Path

from tester.checks import check_consistent, check_exit
from tester.command import Ended
from tester.scenario import Context

TOPIC = "Paris attractions"
FOLDER = Path("output") / "paris-attractions"
MODEL = ("--provider", "test", "--provider-option", "test.speed=0", "--seed", "1")
SCRIPTS = Path(__file__).parents[2] / "scripts"


def plan(context: Context, place: Path, *options: str) -> Ended:
    """The command on our topic."""
    return context.run("plan", "--topic", TOPIC, *MODEL, *options, place=place)


def state(place: Path) -> dict[str, tuple[int, bytes]]:
    """All that stands in the place, with times."""
    files = (path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_pilot_then_the_run_that_was_planned(context: Context) -> None:
    """Five calls; a table; the command that is named goes on from them and buys nothing twice."""
    place = context.place("here")
    ended = plan(context, place, "--target-coverage", "0.6", "--price", "test:simulated=1,10")
    check_exit(ended, 0)
    assert "pilot: 5 fresh requests to test:simulated; at most $0.06" in ended.stderr
    for words in ("coverage  calls", "60 %", "95 %", "next call", "90 % intervals", "upper bound"):
        assert words in ended.stdout
    files = context.files(place, FOLDER)
    check_consistent(files)
    assert [order.state for order in files.orders()] == ["done"] * 5
    words = shlex.split(ended.stdout.strip().splitlines()[-1].strip())
    assert words[0] == "continue"
    again = context.run(*words[words.index("--topic") :], place=place)
    check_exit(again, 0)
    assert "the wanted coverage is reached" in again.stdout
    check_consistent(files)
    assert [order.id for order in files.orders()][:5] == [1, 2, 3, 4, 5]


def test_a_second_plan_costs_nothing(context: Context) -> None:
    """No call, no change of any file, the same figures."""
    place = context.place("here")
    first = json.loads(plan(context, place, "--json").stdout)
    before = state(place)
    ended = plan(context, place, "--json", "--target-coverage", "0.8")
    check_exit(ended, 0)
    second = json.loads(ended.stdout)
    assert state(place) == before
    assert second["pilot"]["calls"] == 0
    assert second["outlook"]["targets"] == first["outlook"]["targets"]


def test_a_dry_run_touches_nothing(context: Context) -> None:
    """Neither in an empty place nor beside an earlier run; no process but the command's own is started."""
    place = context.place("here")
    before = state(place)
    ended = context.run("--topic", TOPIC, "--dry-run", *MODEL, place=place)
    check_exit(ended, 0)
    assert "next order: fresh" in ended.stdout
    assert state(place) == before
    check_exit(plan(context, place, "--quiet"), 0)
    few = ("--strategy", "listed", "--producers", "1", "--iterations", "4", "--quiet")
    check_exit(context.run("--topic", TOPIC, *few, *MODEL, place=place), 0)
    before = state(place)
    ended = context.run("--topic", TOPIC, "--dry-run", "--strategy", "listed", *MODEL, place=place)
    check_exit(ended, 0)
    assert state(place) == before
    assert "next order: listed" in ended.stdout
    assert "These are known already" in ended.stdout


def test_a_dry_run_says_that_no_key_is_set(context: Context) -> None:
    """And shows the prompts and their most cost all the same."""
    ended = context.run("--topic", TOPIC, "--dry-run", place=context.place("here"))
    check_exit(ended, 0)
    assert "no API key is set for openai, anthropic, gemini" in ended.stdout
    assert "openai:gpt-5-mini: about" in ended.stdout


def test_without_a_key_there_is_no_plan(context: Context) -> None:
    """In one line, with the exit code of a run without a provider; nothing is made."""
    place = context.place("here")
    before = state(place)
    ended = context.run("plan", "--topic", TOPIC, place=place)
    check_exit(ended, 4)
    assert len(ended.stderr.splitlines()) == 1
    assert state(place) == before


def test_an_interrupted_pilot_keeps_what_came(context: Context) -> None:
    """Ctrl-C twice: exit code 130, the folder in order; the next plan asks for the rest."""
    place = context.place("here")
    slow = ("--provider-option", "test.speed=0.2")
    command = context.start(
        *("plan", "--topic", TOPIC, "--provider", "test", *slow, "--log-level", "debug"), place=place
    )
    command.wait_for("producer 0 is ready", context.timeout_s)
    command.signal_group(signal.SIGINT)
    command.wait_for("Ctrl-C again ends at once", context.timeout_s)
    command.signal_group(signal.SIGINT)
    check_exit(command.ended(context.timeout_s), 130)
    check_consistent(context.files(place, FOLDER))
    ended = plan(context, place, "--json")
    check_exit(ended, 0)
    assert json.loads(ended.stdout)["outlook"]["fresh_responses"] >= 5


def test_the_script_passes_plan_and_merges_on(context: Context) -> None:
    """With the local model where no key is set, which a dry run does not install."""
    place, here = context.place("here"), context.place("installed")
    (here / "scripts").mkdir()
    shutil.copy(SCRIPTS / "run.sh", here / "scripts")
    (here / "scripts" / "build.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (here / "scripts" / "build.sh").chmod(0o755)
    (here / ".venv").symlink_to(sys.prefix)
    program = [str(here / "scripts" / "run.sh")]
    ended = context.start("plan", "--dry-run", place=place, program=program).ended(context.timeout_s)
    check_exit(ended, 0)
    assert "local:smollm2: about" in ended.stdout
    assert ended.stdout.startswith("Paris attractions: dry run")
    ended = context.start("merges", TOPIC, place=place, program=program).ended(context.timeout_s)
    check_exit(ended, 3)
    assert "there is no run" in ended.stderr
