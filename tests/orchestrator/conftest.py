"""Fixtures for the orchestrator's tests: a stand-in for llama-server, and the marker of tests with the real one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.local_model import Installation

FakeServer = Callable[..., Installation]

_FAKE_LLAMA_SERVER = r"""#!{python} -IS
import http.server, json, os, signal, sys

MODE = {mode!r}

def argument(flag):
    return sys.argv[sys.argv.index(flag) + 1]

class Answer(http.server.BaseHTTPRequestHandler):
    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.reply(503 if MODE == "never_healthy" else 200, {{"status": "ok"}})
        else:
            self.reply(200, {{"data": [{{"id": "another" if MODE == "foreign" else argument("-a")}}]}})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, {{"choices": [], "usage": {{"completion_tokens": 0 if MODE == "mute" else 2}}}})

    def log_message(self, *arguments):
        pass

print("arguments", json.dumps(sys.argv[1:]), flush=True)
print("environment", json.dumps(sorted(os.environ)), flush=True)
if MODE == "dies":
    print("error: \x1b[31mcannot load the model\x1b[0m", flush=True)
    sys.exit(3)
if MODE == "old_processor":
    os.kill(os.getpid(), signal.SIGILL)
if MODE == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = http.server.ThreadingHTTPServer((argument("--host"), int(argument("--port"))), Answer)
print("listening", flush=True)
server.serve_forever()
"""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that install and start the real local model."""
    config.addinivalue_line("markers", "local_model: installs (about 160 MB, once) and runs the real local model")


def fake_llama_server(mode: str = "ok") -> str:
    """A program that takes llama-server's options and answers what the product asks; `mode` says what is wrong."""
    return _FAKE_LLAMA_SERVER.format(python=sys.executable, mode=mode)


@pytest.fixture
def fake_server_text() -> Callable[[str], str]:
    """The text of the stand-in, for packages made by a test."""
    return fake_llama_server


@pytest.fixture
def fake_server(tmp_path: Path) -> FakeServer:
    """Makes an `Installation` whose server is the stand-in."""

    def make(mode: str = "ok") -> Installation:
        folder = tmp_path / f"installation-{mode}"
        folder.mkdir()
        binary, model = folder / "llama-server", folder / "model.gguf"
        binary.write_text(fake_llama_server(mode), encoding="utf-8")
        binary.chmod(0o755)
        model.write_bytes(b"GGUF")
        return Installation(binary, model, "smollm2", "wheel")

    return make
