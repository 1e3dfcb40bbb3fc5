"""Web mode under measurement: the real service, what its processes take, and its API called plainly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.report import Figure, Table

_START_S = 30.0
_STOP_S = 20.0
_POLL_S = 0.05
_LIVE = ("starting", "running", "paused", "stopping")


class Use(NamedTuple):
    """What a process took.

    Attributes:
        cpu: Seconds of CPU time a second.
        uss_mib: Memory that is its alone.
        pss_mib: Memory, what is shared divided among those who share it.
    """

    cpu: float
    uss_mib: float
    pss_mib: float


class WebService(NamedTuple):
    """A running service.

    Attributes:
        url: Its address.
        output: The folder of its topics.
        process: The service itself.
    """

    url: str
    output: Path
    process: psutil.Process

    def web_server(self) -> psutil.Process:
        """Its web server's process."""
        return next(child for child in self.process.children() if "webserver" in child.cmdline())

    def topics_cpu_s(self) -> float:
        """CPU seconds so far of the topics' processes and their producers; those that have ended are left out."""
        web = self.web_server().pid
        return sum(cpu_s(child) for child in self.process.children(recursive=True) if child.pid != web)

    def get(self, path: str) -> Any:
        """The answer to a GET, decoded."""
        return self._asked(urllib.request.Request(self.url + path))  # noqa: S310 - loopback

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a POST, decoded."""
        data, headers = json.dumps(body).encode(), {"content-type": "application/json"}
        return self._asked(urllib.request.Request(self.url + path, data, headers))  # noqa: S310 - loopback

    @staticmethod
    def _asked(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def start(self, topic: str, options: Mapping[str, Any]) -> str:
        """Start a run; the topic's id."""
        return str(self.post("/api/v1/topics", {"topic": topic, "options": options})["id"])

    def ended(self, id: str, timeout_s: float) -> dict[str, Any]:  # noqa: A002 - the API's word
        """Wait for a run's end without asking the service; its last view."""
        manifest = self.output / id / "run.json"
        deadline = time.monotonic() + timeout_s
        while not (manifest.exists() and json.loads(manifest.read_bytes())["run"]["ended_at"]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{id} does not end: {self.get(f'/api/v1/topics/{id}')}")
            time.sleep(_POLL_S)
        while True:
            view: dict[str, Any] = self.get(f"/api/v1/topics/{id}")
            if view["state"] not in _LIVE:
                return view
            time.sleep(_POLL_S)


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds so far; 0 for one that has gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def use(process: psutil.Process, cpu_before_s: float, seconds: float) -> Use:
    """What a process took since it had taken `cpu_before_s`, `seconds` ago."""
    memory = process.memory_full_info()
    return Use((cpu_s(process) - cpu_before_s) / seconds, memory.uss / 2**20, memory.pss / 2**20)


def add_machine(table: Table) -> None:
    """Add a row that says how busy the machine was with other things before a measurement began."""
    cores = os.cpu_count() or 1
    busy = psutil.cpu_percent(interval=2.0) / 100 * cores
    table.add(
        "the machine before", Figure("cores", cores), Figure("busy cores", busy), Figure("load", os.getloadavg()[0])
    )


@contextmanager
def web_service(model_url: str = "", output: Path | None = None) -> Iterator[WebService]:
    """Start the service; it is ended with the block.

    Args:
        model_url: Base URL of the provider `openai:bench`; empty: the simulated model is the default.
        output: The folder of the topics; None: one that goes with the block.
    """
    with tempfile.TemporaryDirectory(prefix="web-benchmark-", ignore_cleanup_errors=True) as scratch:
        folder = output or Path(scratch) / "output"
        folder.mkdir(exist_ok=True)
        model = {"OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "bench"} if model_url else {}
        with (Path(scratch) / "service.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "orchestrator", "--port", "0", "--output", str(folder)),
                    *("--provider", "openai:bench" if model_url else "test", "--log-level", "warn"),
                ],
                env={**os.environ, **model},
                stdout=log,
                stderr=log,
            )
        try:
            yield WebService(_address(folder, process), folder, psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    told = folder / ".service.json"
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if told.exists() and (data := told.read_bytes()) and (local := json.loads(data)["local"]):
            return str(local).rstrip("/")
        time.sleep(_POLL_S)
    raise RuntimeError(f"the service does not answer (exit code {process.poll()})")
