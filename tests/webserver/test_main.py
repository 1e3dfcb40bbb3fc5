"""The web server's process, started as the service starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.framing import FrameReader, frame
from contract.messages import LogLine, Ready, Shutdown, encode
from contract.service import FromTopic, FromWebServer, Serve, decode_from_child

WAIT_S = 30.0


def _hear_signals() -> None:
    """As in a terminal; a shell's background jobs do not hear Ctrl-C."""
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


class Process:
    """`python -m webserver`, with the other ends of what it inherits."""

    def __init__(self, root: Path, **fields: Any) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(WAIT_S)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._frames = FrameReader()
        self.heard: list[FromTopic | FromWebServer] = []
        self._serve = Serve(str(root), ("127.0.0.1",), self.port, **fields)
        inherited = [theirs.fileno(), listener.fileno()]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "webserver", *map(str, inherited)],
            pass_fds=inherited,
            stderr=subprocess.PIPE,
            preexec_fn=_hear_signals,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        theirs.close()
        listener.close()

    def begin(self) -> Ready:
        """Tell it what to serve; it is ready."""
        self.tell(self._serve)
        message = self.hear(Ready)
        assert isinstance(message, Ready)
        return message

    def tell(self, message: Serve | Shutdown) -> None:
        """Send it a message."""
        self.channel.sendall(frame(encode(message)))

    def hear(self, kind: type[Ready] | type[LogLine]) -> FromTopic | FromWebServer:
        """Wait for a message of a kind."""
        while True:
            for message in self.heard:
                if isinstance(message, kind):
                    return message
            data = self.channel.recv(1 << 16)
            assert data, self.process.communicate()
            self.heard += [decode_from_child(part) for part in self._frames.feed(data)]

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=WAIT_S) as response:
            return json.load(response)

    def end(self) -> tuple[int, str]:
        """Wait for its end; exit code and what it wrote to stderr."""
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors.decode()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Process]:
    """A web server's process; it is ended whatever happens."""
    process = Process(tmp_path, log_level="debug")
    yield process
    process.channel.close()
    if process.process.poll() is None:
        process.process.kill()
        process.process.communicate(timeout=WAIT_S)


def test_from_the_first_message_to_the_last(web: Process) -> None:
    """It serves when it says so, its log lines travel over the channel, and it ends when it is told to."""
    ready = web.begin()
    assert ready.pid == web.process.pid
    assert ready.start_s > 0
    assert web.get("/health")["status"] == "ok"
    line = web.hear(LogLine)
    assert isinstance(line, LogLine)
    assert (line.logger, line.text) == ("webserver.observe", "GET /health 200")
    web.tell(Shutdown())
    assert web.end() == (0, "")


def test_signals(web: Process) -> None:
    """Ctrl-C is the service's to hear; SIGTERM ends it, also in the middle of an open connection."""
    web.begin()
    for ignored in (signal.SIGINT, signal.SIGHUP):
        web.process.send_signal(ignored)
    assert web.get("/health")["status"] == "ok"
    with socket.create_connection(("127.0.0.1", web.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\n")
        web.process.send_signal(signal.SIGTERM)
        assert web.end() == (0, "")


def test_no_orphan(web: Process) -> None:
    """When the service is gone, so is the web server."""
    web.begin()
    web.channel.close()
    code, errors = web.end()
    assert code in (0, 1)
    assert errors == ""


def test_an_end_before_the_beginning(web: Process) -> None:
    """A service that is gone before it has said anything leaves no web server behind."""
    web.channel.close()
    assert web.end()[0] in (0, 1)


def test_garbage_from_the_service(web: Process) -> None:
    """It ends with one line and no traceback."""
    web.begin()
    web.channel.sendall(b"\0\0\0\1\0")
    code, errors = web.end()
    assert code == 1
    assert errors.startswith(f"web server {web.process.pid}: not a message")
    assert "Traceback" not in errors


def test_started_by_hand() -> None:
    """People are told how it is started."""
    for arguments in ([], ["x", "y"], ["97", "98"]):
        done = subprocess.run(
            [sys.executable, "-m", "webserver", *arguments], capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        assert done.returncode == 1
        assert done.stderr == "the web server is started by: orchestrator (without --topic)\n"
