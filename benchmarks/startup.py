"""How quickly things start, and what a producer weighs."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time

from benchmarks.report import Figure, Table
from orchestrator.composition import PRODUCER
from orchestrator.processes.communicator import Closed, producer_channels
from orchestrator.processes.process_manager import ForkServerProcessManager

_VENDORS = ("openai", "anthropic", "google.genai", "pydantic")


def help_time(repeats: int) -> Table:
    """`orchestrator --help`: wall time, and which vendors' packages it imports (none)."""
    table = Table("help", "wall time of `orchestrator --help`; target ≤ 0.25 s, no vendor SDK imported")
    command = [sys.executable, "-m", "orchestrator", "--help"]
    walls = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - started)
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    modules = re.findall(r"\|\s*([\w.]+)$", traced.stderr, re.MULTILINE)
    vendors = [name for name in modules if name in _VENDORS]
    table.add("orchestrator --help", Figure("wall s", statistics.median(walls)), Figure("vendor SDKs", len(vendors)))
    return table


def producer_start(repeats: int) -> Table:
    """From the order to start a producer to its `Ready`, and its own memory (USS); the OpenAI adapter is preloaded."""
    import psutil

    from contract.messages import Configure, ProviderSetup, Ready

    table = Table("producer", "start of one more producer (fork server warm), and its own memory")
    manager = ForkServerProcessManager(
        PRODUCER, ["producer.preload", "producer.providers.openai", "producer.preloaded"]
    )
    communicator = producer_channels()
    setup = ProviderSetup("openai:x", "openai", "x", base_url="http://127.0.0.1:9/v1")
    started_first = time.perf_counter()
    manager.prepare()
    times, memory = [], []
    first = 0.0
    for number in range(repeats + 3):
        started = time.perf_counter()
        channel, endpoint = communicator.open()
        handle = manager.start(f"producer-{number}", endpoint)
        communicator.started(channel)
        communicator.send(channel, Configure(number, (setup,)))
        while not any(isinstance(news.message, Ready | Closed) for news in communicator.receive(10)):
            pass
        now = time.perf_counter()
        if number == 0:
            first = now - started_first
        else:
            times.append(now - started)
        memory.append(psutil.Process(handle.pid).memory_full_info().uss / 2**20)
        communicator.close(channel)
        handle.join(5)
    table.add("first (fork server imports the SDK)", Figure("start s", first))
    table.add("each further", Figure("start s", statistics.median(times)), Figure("USS MiB", statistics.median(memory)))
    manager.close()
    return table
