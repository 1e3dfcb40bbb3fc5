"""`BenchTarget`: a client that makes a number of streamed requests, as a command to be measured from outside."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Measured, measured_apart

_ADAPTERS = Path(__file__).parent / "adapters"


class BenchTarget(NamedTuple):
    """One client.

    Attributes:
        name: As it stands in the tables.
        script: A script called with base URL, requests and requests in flight; None for this project's own command.
        producers: Processes of our own command.
        trace_endpoint: Where our own command sends its spans, or None.
    """

    name: str
    script: str | None = None
    producers: int = 2
    trace_endpoint: str | None = None

    def run(self, base_url: str, requests: int, in_flight: int) -> Measured:
        """Make the requests; the whole command is measured with all its processes."""
        if self.script is not None:
            command = [sys.executable, str(_ADAPTERS / self.script), base_url, str(requests), str(in_flight)]
            return _checked(self.name, measured_apart(command))
        with tempfile.TemporaryDirectory() as folder:
            command = [
                *(
                    sys.executable,
                    "-m",
                    "orchestrator",
                    "--topic",
                    "benchmark",
                    "--provider",
                    "openai:bench",
                    "--quiet",
                ),
                *("--producers", str(self.producers), "--concurrency", str(in_flight // self.producers)),
                *("--iterations", str(requests // self.producers), "--output", folder),
                # As the bare clients do: a steered search would wait for the first answers before it asks more.
                *("--strategy", "plain"),
                *(() if self.trace_endpoint is None else ("--trace-ep", self.trace_endpoint)),
            ]
            environment = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "bench"}
            return _checked(self.name, measured_apart(command, environment))


def _checked(name: str, measured: Measured) -> Measured:
    if measured.exit_code != 0:
        raise RuntimeError(f"{name} ended with exit code {measured.exit_code}")
    return measured


OURS = BenchTarget("orchestrator")
BARE_AIOHTTP = BenchTarget("bare aiohttp", "bare_aiohttp.py")
BARE_SDK = BenchTarget("bare openai SDK", "bare_sdk.py")
TARGETS = (BARE_AIOHTTP, OURS, BARE_SDK)
