"""What scripts/start.sh and scripts/stop.sh do once everything is set up: `orchestrator.service.background`."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tester.checks import check_consistent
from tester.command import Ended
from tester.process_table import kill, marked, poll_until
from tester.run_files import RunFiles
from tester.scenario import Context
from tester.web_client import WebClient
from tests.e2e.conftest import TIMEOUT_S

PROGRAM = [sys.executable, "-P", "-m", "orchestrator.service.background"]
STARTED = re.compile(r"the page is at (http://localhost:\d+) \(process (\d+), log in (\S+)\)")
SCRIPTS = Path(__file__).parents[2] / "scripts"
STATED_S = 20.0
"""Within this time a service has ended, says scripts/stop.sh."""
GONE_S = 10.0


class Scripts:
    """Both scripts in a working directory of their own.

    Args:
        context: What ends everything.
        name: Of the directory.
    """

    def __init__(self, context: Context, name: str = "here") -> None:
        self._context = context
        self.place = context.place(name)
        self.file = self.place / "output" / ".service.json"

    def run(self, *arguments: str) -> Ended:
        """Run one; it ends by itself."""
        command = self._context.start(*arguments, place=self.place, program=PROGRAM)
        return command.ended(TIMEOUT_S)

    def start(self, *arguments: str) -> tuple[str, int]:
        """Start a service; its address and process id."""
        ended = self.run("start", "--port", "0", "--provider", "test", *arguments)
        assert ended.exit_code == 0, ended.stderr
        found = STARTED.search(ended.stdout)
        assert found, ended.stdout
        assert Path(found[3]).is_file()
        return found[1], int(found[2])

    def stop(self, *arguments: str) -> Ended:
        """Stop it."""
        ended = self.run("stop", *arguments)
        assert ended.exit_code == 0, ended.stderr
        assert ended.duration_s < STATED_S
        return ended


def alive(context: Context) -> Mapping[int, str]:
    """The processes of the test that live, by id."""
    return {process.pid: process.arguments for process in marked(context.marker)}


def healthy(address: str) -> bool:
    """Whether a service answers there."""

    async def asked() -> bool:
        async with WebClient(address) as client:
            return (await client.health())["status"] == "ok"

    try:
        return asyncio.run(asked())
    except OSError:
        return False


def test_a_service_is_started_once_and_stopped(context: Context) -> None:
    """The start returns when the service answers; a second one is refused; the stop ends it and leaves nothing."""
    scripts = Scripts(context)
    address, pid = scripts.start()
    assert healthy(address)
    assert msgspec.json.decode(scripts.file.read_bytes())["pid"] == pid
    assert (scripts.file.stat().st_mode & 0o077, "-P" in alive(context)[pid]) == (0, True)
    again = scripts.run("start", "--port", "0", "--provider", "test")
    assert again.exit_code == 3
    assert f"a service runs already for {scripts.file.parent} (process {pid}, {address})" in again.stderr
    assert healthy(address)
    assert re.search(r"stopping the service \(process \d+\)(.|\n)*stopped after \d+\.\d s\n$", scripts.stop().stdout)
    assert not alive(context)
    assert not scripts.file.exists()
    assert scripts.stop().stdout == f"no service runs for {scripts.file.parent}\n"


def test_after_a_crash_it_starts_again(context: Context) -> None:
    """The file that a killed service leaves hinders nobody, and its web server does not outlive it."""
    scripts = Scripts(context)
    _, pid = scripts.start()
    kill(pid)
    assert poll_until(lambda: not alive(context), GONE_S), alive(context)
    assert scripts.file.exists()
    assert scripts.stop().stdout == f"no service runs for {scripts.file.parent}\n"
    address, other = scripts.start()
    assert healthy(address)
    assert other != pid
    scripts.stop()


def test_of_two_services_the_right_one_is_stopped(context: Context) -> None:
    """A stop ends the service of its output folder; another one, and one of another working directory, go on."""
    scripts, others = Scripts(context), Scripts(context, "there")
    here, _ = scripts.start()
    named, named_pid = scripts.start("--output", "named")
    there, there_pid = others.start()
    scripts.stop()
    assert not healthy(here)
    assert healthy(named)
    assert healthy(there)
    scripts.stop("--output", "named")
    assert named_pid not in alive(context)
    assert there_pid in alive(context)
    others.stop()


def test_a_stop_keeps_what_was_found(context: Context) -> None:
    """A topic that runs is ended with everything that had come, and is listed as interrupted after the next start."""
    scripts = Scripts(context)
    address, _ = scripts.start("--provider-option", "test.speed=2", "--producers", "2")
    folder = scripts.place / "output" / "river-towns"

    async def work() -> list[str]:
        async with WebClient(address) as client, client.live() as live:
            await live.watch("river-towns")
            await client.start("River towns")
            await live.until("items", lambda: len(live.items) >= 30, TIMEOUT_S)
            return [item.text for item in live.items]

    seen = asyncio.run(work())
    scripts.stop()
    files = RunFiles(folder)
    check_consistent(files)
    assert files.lines()[: len(seen)] == seen
    again, _ = scripts.start()

    async def look() -> tuple[str, int]:
        async with WebClient(again) as client:
            view = await client.view("river-towns")
            return view.state, view.unique

    assert asyncio.run(look()) == ("interrupted", len(files.lines()))
    scripts.stop()


def test_a_service_that_cannot_start_says_why(context: Context) -> None:
    """A port that is taken is told with the end of the log and the service's exit code, and no process is left."""
    scripts = Scripts(context)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = scripts.run("start", "--port", str(taken.getsockname()[1]), "--provider", "test")
    assert (ended.exit_code, "is taken by another program" in ended.stderr) == (3, True)
    assert "Traceback" not in ended.stderr
    assert not alive(context)


def test_a_new_token_is_told_though_the_start_failed(context: Context) -> None:
    """It is printed once, when it is made: a first start that comes to nothing tells it, the next one does not."""
    scripts = Scripts(context)
    everywhere = ("start", "--host", "0.0.0.0", "--provider", "test", "--port")  # noqa: S104 - what needs a token
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = scripts.run(*everywhere, str(taken.getsockname()[1]))
    assert failed.exit_code == 3
    link = re.search(r"/#token=(\S+)", failed.stdout)
    assert link, failed.stdout
    kept = scripts.place / ".local" / "state" / "topic-orchestrator" / "token"
    assert kept.read_text(encoding="ascii").strip() == link[1]
    again = scripts.run(*everywhere, "0")
    assert (again.exit_code, link[1] in again.stdout) == (0, False)
    scripts.stop()


def test_modules_of_the_working_directory_are_not_ours(context: Context) -> None:
    """A file that is named as a module that we use is no part of us: not in the scripts, nor in their processes."""
    scripts = Scripts(context)
    here = context.place("installed")  # the scripts as they are, but for the set-up
    (here / "scripts").mkdir()
    for name in ("start.sh", "stop.sh", "run.sh"):
        shutil.copy(SCRIPTS / name, here / "scripts")
    (here / "scripts" / "build.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (here / "scripts" / "build.sh").chmod(0o755)
    (here / ".venv").symlink_to(sys.prefix)
    for stranger in ("msgspec", "orchestrator", "contract", "producer", "webserver", "uvicorn", "logging"):
        (scripts.place / f"{stranger}.py").write_text(f"raise SystemExit('{stranger} is not ours')", encoding="utf-8")

    def run(name: str, *arguments: str) -> Ended:
        environment = {"ORCHESTRATOR_PROVIDER": "test"}
        program = [str(here / "scripts" / name)]
        ended = context.start(*arguments, place=scripts.place, environment=environment, program=program)
        return ended.ended(TIMEOUT_S)

    started = run("start.sh", "--port", "0")
    assert (started.exit_code, "no API key" in started.stderr) == (0, False), started.stderr
    address = STARTED.search(started.stdout)
    assert address, started.stdout

    async def work() -> str:
        async with WebClient(address[1]) as client, client.live() as live:
            await live.watch("river-towns")
            await client.start("River towns", {"iterations": 1, "producers": 1})
            await live.until("its end", lambda: live.view is not None and live.view.ended_at is not None, TIMEOUT_S)
            assert live.view
            return live.view.state

    assert asyncio.run(work()) == "finished"
    assert run("stop.sh").exit_code == 0
    alone = run("run.sh", "--topic", "Lakes", "--iterations", "1", "--producers", "1")
    assert (alone.exit_code, "no API key" in alone.stderr) == (0, False), alone.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start", "--topic", "Paris"], "starts without --topic"),
        (["start", "--nonsense"], "--nonsense"),
        (["stop", "--nonsense"], "usage"),
        ([], "usage"),
    ],
)
def test_a_slip_is_told_in_one_line(context: Context, arguments: list[str], words: str) -> None:
    """What is typed wrongly is refused as usage, and nothing is started."""
    ended = Scripts(context).run(*arguments)
    assert ended.exit_code == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not alive(context)


def test_a_service_that_does_not_react_is_killed(context: Context) -> None:
    """After the stated time, which is shorter here, it is killed; what is said tells so, and nothing is left."""
    scripts = Scripts(context)
    _, pid = scripts.start()
    kill(pid, signal.SIGSTOP)
    hasty = "import sys, orchestrator.service.background as b; b.STOP_S = 0.5; b.main(['stop'])"
    ended = context.start(place=scripts.place, program=[sys.executable, "-c", hasty]).ended(TIMEOUT_S)
    assert ended.exit_code == 0
    assert "it had to be killed" in ended.stdout
    assert poll_until(lambda: not alive(context), GONE_S), alive(context)
