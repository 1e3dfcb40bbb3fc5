from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tester.checks import CheckError
from tester.config import ConfigError, OrchestratorConfig
from tester.constellation import Service, ServiceConstellation
from tester.process_table import poll_until

ENDPOINT = "http://127.0.0.1:9"
WITHIN_S = 20.0
CONFIG = OrchestratorConfig.builder().topic("test_topic").producers(3).build()

POLITE = """
import os, signal, sys
def end(number, frame):
    os.write(2, b"ending")
    sys.exit(130)
signal.signal(signal.SIGTERM, end)
print("up", sys.argv[1:], "in", os.getcwd(), file=sys.stderr, flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1:] != ["child"]:
    subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True)
else:
    print("up", file=sys.stderr, flush=True)
while True:
    signal.pause()
"""
BRIEF = """
import json, os, sys
print(json.dumps(dict(os.environ)))
print("done", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that is started in place of the orchestrator; it is to be written by the test."""
    script = tmp_path / "program.py"
    monkeypatch.setattr("tester.constellation.command_line", lambda: [sys.executable, str(script)])
    return script


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def _up(constellation: ServiceConstellation) -> Service:
    service = await constellation.start_orchestrator(CONFIG)
    await service.wait_for_output("up", WITHIN_S)
    return service


def test_services_are_asked_to_end(program: Path) -> None:
    """At the end every service gets SIGTERM and may end by itself; its processes and the temporary folder are gone."""
    program.write_text(POLITE)

    async def play() -> tuple[ServiceConstellation, list[int]]:
        async with ServiceConstellation(ENDPOINT) as constellation:
            await _up(constellation)
            await _up(constellation)
            assert (constellation.folder / "orchestrator-2.stderr").is_file()
            return constellation, constellation.pids()

    constellation, pids = asyncio.run(play())
    assert [service.command.outcome(0).exit_code for service in constellation.services] == [130, 130]
    assert all("ending" in service.command.stderr for service in constellation.services)
    assert len(pids) == 2
    assert _alive(pids) == []
    assert not constellation.folder.exists()


def test_services_that_do_not_end_are_killed(program: Path, tmp_path: Path) -> None:
    """What takes no notice of SIGTERM is killed, and so is a child of it in a session of its own; the folder stays."""
    program.write_text(STUBBORN)

    async def play() -> list[int]:
        async with ServiceConstellation(ENDPOINT, tmp_path / "kept", stop_s=0.1) as constellation:
            await _up(constellation)
            return constellation.pids()

    pids = asyncio.run(play())
    assert len(pids) == 2
    assert poll_until(lambda: not _alive(pids), WITHIN_S)
    assert (tmp_path / "kept" / "orchestrator-1.stderr").read_text() == "up\n"


def test_a_failure_leaves_nothing_but_its_files(program: Path) -> None:
    """An exception ends the services; it goes on with a note that says where the files are, and they are there."""
    program.write_text(STUBBORN)
    pids: list[int] = []

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT, stop_s=0.1) as constellation:
            await _up(constellation)
            pids.extend(constellation.pids())
            raise CheckError("the sum should be 3")

    with pytest.raises(CheckError) as failed:
        asyncio.run(play())
    assert poll_until(lambda: not _alive(pids), WITHIN_S)
    (note,) = failed.value.__notes__
    folder = Path(note.partition(": ")[2])
    assert (folder / "orchestrator-1.stderr").read_text() == "up\n"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize("times", [1, 2])
def test_cancellation_leaves_nothing(program: Path, tmp_path: Path, times: int) -> None:
    """A cancelled task leaves no process; not even if it is cancelled again while its services are asked to end."""
    program.write_text(STUBBORN)
    pids: list[int] = []

    async def play(up: asyncio.Event) -> None:
        async with ServiceConstellation(ENDPOINT, tmp_path / "kept", stop_s=0.5 if times == 1 else 60.0) as one:
            service = await _up(one)
            pids.extend(one.pids())
            up.set()
            await service.ended(60.0)

    async def cancel() -> None:
        up = asyncio.Event()
        task = asyncio.create_task(play(up))
        await up.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.wait([task], timeout=0.05)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert len(pids) == 2
    assert poll_until(lambda: not _alive(pids), WITHIN_S)


def test_a_service_has_a_trace_of_its_own(program: Path) -> None:
    """Each service is told the collector's address and a trace id that nobody else has, and ends as it does."""
    program.write_text(BRIEF)
    config = OrchestratorConfig.builder().topic("t").environment(A="mine", LANG=None).build()

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT, environment={"A": "all", "B": "all"}) as constellation:
            one, two = [await constellation.start_orchestrator(config) for _ in range(2)]
            ended = await one.ended(WITHIN_S)
            variables = ended.stdout
            assert (ended.exit_code, ended.stderr, ended.trace_id) == (3, "done\n", one.trace_id)
            assert len(one.trace_id) == 32
            assert one.trace_id != two.trace_id
            assert f'"TRACEPARENT": "00-{one.trace_id}-' in variables
            assert f'"ORCHESTRATOR_TRACE_EP": "{ENDPOINT}"' in variables
            assert '"A": "mine"' in variables
            assert '"B": "all"' in variables
            assert '"LANG"' not in variables

    asyncio.run(play())


def test_tracing_can_be_taken_away(program: Path) -> None:
    """A variable that is None is removed: then there is no trace."""
    program.write_text(BRIEF)
    config = OrchestratorConfig.builder().topic("t").environment(TRACEPARENT=None).build()

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT) as constellation:
            service = await constellation.start_orchestrator(config)
            assert service.trace_id == ""
            assert "TRACEPARENT" not in (await service.ended(WITHIN_S)).stdout

    asyncio.run(play())


def test_the_arguments_are_the_configurations(program: Path) -> None:
    """What is started has the configuration's arguments, in the constellation's folder."""
    program.write_text(POLITE)

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT) as constellation:
            service = await _up(constellation)
            assert repr(CONFIG.arguments()) in service.command.stderr
            assert f"in {constellation.folder}\n" in service.command.stderr
            assert os.getsid(service.pid) == service.pid

    asyncio.run(play())


def test_waiting_says_what_came_instead(program: Path) -> None:
    """A wait for output that never comes fails with the output: at the end of the service, or when time is over."""
    program.write_text(POLITE)

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT) as constellation:
            service = await _up(constellation)
            with pytest.raises(CheckError, match=r"0\.01 s were over.*up"):
                await service.wait_for_output("never", 0.01)
            with pytest.raises(CheckError, match=r"did not end within 0\.01 s"):
                await service.ended(0.01)
            waiting = asyncio.create_task(service.wait_for_output("never", WITHIN_S))
            await asyncio.sleep(0)
            assert (await service.stop(WITHIN_S)).exit_code == 130
            with pytest.raises(CheckError, match="it ended"):
                await waiting
            service.signal(signal.SIGTERM)
            assert not service.running

    asyncio.run(play())


SERVICE = """
import http.server, os, signal, sys
def end(number, frame):
    os.write(1, b"ended; everything found is kept\\n")  # print may be within the line before
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("a warning that comes before")
print("the page is at http://localhost:8123 (topics in somewhere; Ctrl-C ends)", flush=True)
while True:
    signal.pause()
"""


def test_a_service_of_web_mode_is_there_when_it_takes_requests(program: Path) -> None:
    """It is started without a topic, on any port; its address is known at once, and it ends in order."""
    program.write_text(SERVICE)

    async def play() -> None:
        async with ServiceConstellation(ENDPOINT) as constellation:
            web = await constellation.start_service(OrchestratorConfig.builder().producers(2).build_service())
            assert web.address == "http://localhost:8123"
            arguments = " ".join(web.command.arguments)
            assert "--producers 2" in arguments
            assert "--port 0" in arguments
            assert "--topic" not in arguments
            client = web.client(token="t")  # noqa: S106 - nobody's
            assert client.address == web.address
            ended = await web.stop()
            assert (ended.exit_code, ended.stdout.splitlines()[-1]) == (0, "ended; everything found is kept")

    asyncio.run(play())


def test_a_service_that_does_not_begin_is_told(program: Path) -> None:
    """One that ends instead, or says nothing, fails the start with what was said; nothing of it is left."""
    program.write_text(BRIEF)

    async def play(timeout_s: float) -> None:
        async with ServiceConstellation(ENDPOINT, stop_s=0.1) as constellation:
            with pytest.raises(CheckError, match="the page is at"):
                await constellation.start_service(timeout_s=timeout_s)

    asyncio.run(play(WITHIN_S))
    program.write_text(POLITE)
    asyncio.run(play(0.2))


def test_a_service_has_no_topic() -> None:
    """The configuration of a run is refused where a service is started."""
    with pytest.raises(ConfigError, match="build_service"):
        asyncio.run(ServiceConstellation(ENDPOINT).start_service(CONFIG))


def test_it_is_used_as_a_context_manager() -> None:
    """Outside of `async with` nothing can be started: nobody would end it."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(ServiceConstellation(ENDPOINT).start_orchestrator(CONFIG))
