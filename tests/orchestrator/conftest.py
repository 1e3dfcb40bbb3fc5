"""Fixtures for the orchestrator's tests: a stand-in for llama.cpp's server, as a package and as a program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.local_model import Installation
from orchestrator.local_model.serving import Origin

FakeServer = Callable[..., Installation]

_FAKE_SERVER = r"""#!{python} -IS
# Both what xllamacpp's wheel holds (CommonParams, Server) and, run as a program, what a build makes (llama-server).
import http.server, json, os, signal, sys, threading, types

MODE = {mode!r}

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
            self.reply(200, {{"data": [{{"id": "another" if MODE == "foreign" else self.server.alias}}]}})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, {{"choices": [], "usage": {{"completion_tokens": 0 if MODE == "mute" else 2}}}})

    def log_message(self, *arguments):
        pass

def begin(alias, host, port):
    print("environment", json.dumps(sorted(os.environ)), flush=True)
    if MODE == "dies":
        print("error: \x1b[31mcannot load the model\x1b[0m", flush=True)
        raise RuntimeError("please check the parameters")
    if MODE == "old_processor":
        os.kill(os.getpid(), signal.SIGILL)
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server = http.server.ThreadingHTTPServer((host, port), Answer)
    except OSError:
        print("E srv start: couldn't bind HTTP server socket", flush=True)
        raise RuntimeError("please check the parameters")
    server.alias = alias
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listening", flush=True)

class CommonParams:
    def __init__(self):
        self.model, self.cpuparams, self.cpuparams_batch = [types.SimpleNamespace() for _ in range(3)]

class Server:
    def __init__(self, given):
        plain = json.dumps(vars(given), default=lambda part: getattr(part, "__dict__", str(part)))
        print("parameters", plain, flush=True)
        begin(*given.model_alias, *given.hostnames, given.port)
        self.listening_address = "http://%s:%d" % (*given.hostnames, given.port)

if __name__ == "__main__":
    def argument(flag):
        return sys.argv[sys.argv.index(flag) + 1]
    try:
        begin(argument("--alias"), argument("--host"), int(argument("--port")))
    except RuntimeError:
        sys.exit(1)
    while True:
        signal.pause()
"""


def fake_llama_server(mode: str = "ok") -> str:
    """A package, and a program, that serves what the product asks; `mode` says what is wrong with it."""
    return _FAKE_SERVER.format(python=sys.executable, mode=mode)


@pytest.fixture
def fake_server_text() -> Callable[[str], str]:
    """The text of the stand-in, for packages made by a test."""
    return fake_llama_server


@pytest.fixture
def fake_server(tmp_path: Path) -> FakeServer:
    """Makes an `Installation` whose server is the stand-in."""

    def make(mode: str = "ok", origin: Origin = "wheel") -> Installation:
        folder = tmp_path / f"installation-{mode}-{origin}"
        code = folder / ("xllamacpp/__init__.py" if origin == "wheel" else "llama-server")
        code.parent.mkdir(parents=True)
        code.write_text(fake_llama_server(mode), encoding="utf-8")
        code.chmod(0o755)
        (folder / "model.gguf").write_bytes(b"GGUF")
        return Installation(folder if origin == "wheel" else code, folder / "model.gguf", "smollm2", origin)

    return make
