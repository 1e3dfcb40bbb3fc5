"""The API and its description agree, whatever is asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webserver import serving as web
from webserver import security

EXAMPLES = 4
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
# A body, valid or not, may be longer than 64 KiB.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "413"]
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "413", "415"]
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server in a thread, with two topics: one in its folder, one that runs. Nobody asks too often."""
    web.make_topic(tmp_path, "Louvre", "Eiffel tower", "Notre-Dame")
    serving, ended = threading.Event(), threading.Event()
    found: list[str] = []

    async def serve() -> None:
        async with web.serving(tmp_path) as server:
            await server.shown(web.view("chemical_elements"))
            found.append(server.url)
            serving.set()
            await asyncio.to_thread(ended.wait)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONTROL_BURST", "READS_BURST"):
            patch.setattr(security, name, 1_000_000)
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            assert serving.wait(web.WAIT_S)
            yield found[0]
        finally:
            ended.set()
            thread.join(web.WAIT_S)


def test_answers_are_as_described(address: str, tmp_path: Path) -> None:
    """No request, valid or not, makes a server error, and every answer is one that the description allows."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/api/v1/openapi.json"]
    options = ["--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--mode", "all"]
    bounds = ["--max-examples", str(EXAMPLES), "--seed", "1", "--generation-deterministic", "--no-color"]
    folder = tmp_path / "schemathesis"
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [*command, *options, *bounds], capture_output=True, text=True, cwd=folder, check=False, timeout=280
    )
    assert done.returncode == 0, "\n".join(line[:500] for line in done.stdout.splitlines()) + done.stderr
