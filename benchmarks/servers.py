"""The model server of the benchmarks: the tester's fake provider as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from producer.providers.simulated import universe_of


class Server(NamedTuple):
    """A running fake provider."""

    openai_url: str
    url: str

    def ledger(self) -> list[dict[str, Any]]:
        """What it served."""
        with urllib.request.urlopen(f"{self.url}/ledger", timeout=30) as response:  # noqa: S310 - loopback
            loaded = json.load(response)
        entries: list[dict[str, Any]] = loaded["entries"] if isinstance(loaded, dict) else loaded
        return entries


@contextmanager
def fake_provider(*options: str) -> Iterator[Server]:
    """Start a fake provider over 2,000 names with the given options; it ends with the block, or with this process."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as universe:
        universe.write("\n".join(universe_of("benchmark").items))
        universe.flush()
        with _started("--universe-file", universe.name, *options) as server:
            yield server


@contextmanager
def _started(*options: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tester.fake_provider", "--exit-with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        urls = json.loads(process.stdout.readline())
        yield Server(urls["openai"], urls["url"])
    finally:
        process.terminate()
        process.wait(10)
