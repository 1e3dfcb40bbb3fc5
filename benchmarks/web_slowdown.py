"""What open pages cost a run: the loads of `load` through web mode, with and without clients, in turn."""

from __future__ import annotations

import statistics
import tempfile
from typing import NamedTuple

from benchmarks.load import CHUNKS, IN_FLIGHT, LATENCY_REQUESTS, LATENCY_S, OVERHEAD_REQUESTS
from benchmarks.report import Figure, Table
from benchmarks.servers import Server, fake_provider
from benchmarks.web_clients import Heard, live_clients
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


def slowdown(repeats: int) -> Table:
    """Wall time of a run with open pages ÷ without, latency-bound and CPU-bound."""
    table = Table(
        "web-slowdown",
        f"a run in web mode with {PAGES} light clients on its page and {SILENT} that reads nothing ÷ without; the "
        "clients' own CPU time is taken from the same cores; target: latency-bound ≤ 1.02",
    )
    add_machine(table)
    for row, options, requests, lowest in (
        ("latency-bound", _LATENCY, LATENCY_REQUESTS, False),
        ("CPU-bound", CHUNKS, OVERHEAD_REQUESTS, False),
        ("CPU-bound, clients' priority lowest", CHUNKS, OVERHEAD_REQUESTS, True),
    ):
        # One after the other in turn, so that the machine's mood falls on both.
        pairs = [
            (
                _run(options, requests, clients=False),
                _run(options, requests, clients=True, lowest_priority=lowest),
            )
            for _ in range(repeats)
        ]
        _add(table, row, pairs)
    return table


def _add(table: Table, row: str, pairs: list[tuple[_Run, _Run]]) -> None:
    ratios = [watched.wall_s / alone.wall_s for alone, watched in pairs]
    heard = [watched.heard for _, watched in pairs if watched.heard is not None]
    table.add(
        row,
        Figure("wall, with ÷ without", statistics.median(ratios)),
        Figure("least", min(ratios)),
        Figure("most", max(ratios)),
        Figure("wall s without", statistics.median(alone.wall_s for alone, _ in pairs)),
        Figure("new items/s", statistics.median(watched.new / watched.wall_s for _, watched in pairs)),
        Figure("web CPU s, without", statistics.median(alone.web_cpu_s for alone, _ in pairs)),
        Figure("web CPU s, with", statistics.median(watched.web_cpu_s for _, watched in pairs)),
        Figure("clients' CPU s", statistics.median(one.cpu_s for one in heard)),
        Figure("messages", statistics.median(one.messages for one in heard)),
        Figure("lists", statistics.median(one.requests for one in heard)),
        Figure("cut off", max(one.lost for one in heard)),
        Figure("silent cut off", max(one.silent_cut for one in heard)),
    )
