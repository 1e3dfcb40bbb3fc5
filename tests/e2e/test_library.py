from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import tester
import tester.checks
from tester import Collector, OrchestratorConfig, ServiceConstellation, Topic
from tester.process_table import kill, poll_until

ROOT = Path(__file__).parents[2]
_WITHIN_S = 60.0
_CONFIG = OrchestratorConfig.builder().topic("test_topic").producers(3)
_KILLED = """
import asyncio
from tester import OrchestratorConfig, ServiceConstellation

async def main():
    config = OrchestratorConfig.builder().topic("test_topic").producers(2).log_level("debug").build()
    async with ServiceConstellation("http://127.0.0.1:9") as constellation:
        service = await constellation.start_orchestrator(config)
        await service.wait_for_output("producer 1 is ready", 60.0)
        print(*constellation.pids(), flush=True)
        await service.ended(600.0)

asyncio.run(main())
"""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _killed_in(folder: str) -> list[int]:
    """Kill a program whose orchestrator runs; the ids of the orchestrator's processes."""
    program = subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": folder},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    pids = [int(word) for word in program.stdout.readline().split()]
    running = [pid for pid in pids if _runs(pid)]
    program.kill()
    program.communicate()
    assert len(pids) > 2
    assert running == pids
    return pids


def test_a_scenario_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of the documentation: a real orchestrator, its spans collected, its topic asserted of."""

    async def play() -> None:
        config = _CONFIG.iterations(10).build()
        async with Collector() as collector, ServiceConstellation(collector.endpoint) as constellation:
            service = await constellation.start_orchestrator(config)
            topic = await Topic.wait_for_topic("test_topic", collector, timeout=30)
            topic.assert_completed().assert_min_attributes(20).assert_no_errors().assert_unique().assert_producers(3)
            topic.assert_conserved(lines=len(topic.attributes)).print_summary()
            assert topic.trace.root.trace_id == service.trace_id
            assert (await service.ended(_WITHIN_S)).exit_code == 0

    asyncio.run(play())
    assert "test_topic" in capsys.readouterr().out


def test_a_service_ends_with_its_exit_code() -> None:
    """A real orchestrator that a constellation starts runs to its end; its outputs and files are there to be read."""

    async def play() -> None:
        config = _CONFIG.iterations(1).json().build()
        async with ServiceConstellation("http://127.0.0.1:9") as constellation:
            service = await constellation.start_orchestrator(config)
            ended = await service.ended(_WITHIN_S)
            assert ended.exit_code == 0
            assert '"topic": "test_topic"' in ended.stdout
            assert len(list(constellation.folder.rglob("attributes.txt"))) == 1

    asyncio.run(play())


def test_a_service_that_goes_on_is_ended() -> None:
    """An endless orchestrator gets SIGTERM at the end of its constellation: exit code 130, no process left."""

    async def play() -> tuple[ServiceConstellation, list[int]]:
        async with ServiceConstellation("http://127.0.0.1:9") as constellation:
            service = await constellation.start_orchestrator(_CONFIG.log_level("debug").build())
            await service.wait_for_output("producer 2 is ready", _WITHIN_S)
            return constellation, constellation.pids()

    constellation, pids = asyncio.run(play())
    assert len(pids) > 3
    assert constellation.services[0].command.outcome(0).exit_code == 130
    assert not [pid for pid in pids if _runs(pid)]


def test_a_killed_user_leaves_no_process() -> None:
    """SIGKILL for a program that has a constellation: its orchestrator, producers and fork server end all the same."""
    with TemporaryDirectory(prefix="n-", ignore_cleanup_errors=True) as folder:  # what it cannot remove any more
        pids = _killed_in(folder)
        ended = poll_until(lambda: not [pid for pid in pids if _runs(pid)], _WITHIN_S)
    for pid in pids:
        kill(pid, signal.SIGKILL)
    assert ended


def test_every_name_is_there_and_none_is_imported_early() -> None:
    """Each exported name can be imported; importing the package alone, or `--help`, brings no server and no decoder."""
    for name in tester.__all__:
        assert getattr(tester, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        tester.nothing  # noqa: B018 - the access is what is tested
    code = "import sys, tester, tester.cli; print({'aiohttp', 'google.protobuf', 'opentelemetry'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ}, capture_output=True, text=True)
    assert shown.stdout.strip() == "set()"


def test_a_service_that_could_not_begin_is_not_waited_for() -> None:
    """A run that ends before it has a trace fails the wait at once, with its exit code and what it said."""

    async def play() -> None:
        config = OrchestratorConfig.builder().topic("test_topic").provider("opnai:gpt").build()
        async with Collector() as collector, ServiceConstellation(collector.endpoint) as constellation:
            service = await constellation.start_orchestrator(config)
            await Topic.wait_for_topic("test_topic", collector, timeout=3600, service=service)

    with pytest.raises(tester.checks.CheckError, match=r"(?s)exit code 3.*unknown provider 'opnai'"):
        asyncio.run(play())
