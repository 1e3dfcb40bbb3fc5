"""What open pages cost a run: the loads of `load` through web mode, with and without clients, in turn."""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import NamedTuple

from benchmarks.load import CHUNKS, IN_FLIGHT, LATENCY_REQUESTS, LATENCY_S, OVERHEAD_REQUESTS
from benchmarks.report import Figure, Table
from benchmarks.servers import Server, fake_provider
from benchmarks.web_clients import Heard, live_clients
from benchmarks.web_model import model_server
from benchmarks.web_service import WebService, add_machine, cpu_s, web_service
from tester.fake_provider.__main__ import universe

PAGES = 20
SILENT = 1
_PRODUCERS = 2
_ITEMS = 20_000
"""So many items there are to be found: most of what comes is new, to the end."""
_LATENCY = ("--ttfc", "0.3", "--duration", str(LATENCY_S), *CHUNKS)
_TIMEOUT_S = 300.0


class _Run(NamedTuple):
    """One run.

    Attributes:
        wall_s: From the run's start to its end, as the run itself says.
        new: Items that it found.
        web_cpu_s: CPU seconds of the web server meanwhile.
        service_cpu_s: CPU seconds of the service's own process meanwhile.
        heard: What the clients heard.
    """

    wall_s: float
    new: int
    web_cpu_s: float
    service_cpu_s: float
    heard: Heard | None


def _run(options: tuple[str, ...], requests: int, *, clients: bool, lowest_priority: bool = False) -> _Run:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as items:
        items.write("\n".join(universe(_ITEMS)))
        items.flush()
        with (
            fake_provider(*options, "--universe-file", items.name) as server,
            web_service(server.openai_url) as service,
        ):
            if not clients:
                return _measured(service, server, requests)
            with live_clients(service, ["benchmark-run"], PAGES, SILENT, lowest_priority=lowest_priority) as pages:
                return _measured(service, server, requests)._replace(heard=pages.leave())


def _measured(service: WebService, server: Server, requests: int) -> _Run:
    web = service.web_server()
    web_cpu, service_cpu = cpu_s(web), cpu_s(service.process)
    topic = service.start(
        "Benchmark run",
        {
            "producers": _PRODUCERS,
            "concurrency": IN_FLIGHT // _PRODUCERS,
            "iterations": requests // _PRODUCERS,
        },
    )
    view = service.ended(topic, _TIMEOUT_S)
    served = sum(entry["status"] == 200 for entry in server.ledger())
    if served != requests:
        raise RuntimeError(f"{served} requests were served of {requests}: {view['explanation']}")
    wall = view["ended_at"] - view["started_at"]
    return _Run(wall, view["unique"], cpu_s(web) - web_cpu, cpu_s(service.process) - service_cpu, None)
