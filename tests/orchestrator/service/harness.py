"""A service with real topic processes and, in place of the web server, a thread that a test speaks through."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from contract.framing import FrameReader, frame
from contract.messages import Ready, Shutdown, encode
from contract.service import (
    Answer,
    Change,
    Continue,
    FoundItem,
    News,
    Pause,
    Relay,
    Serve,
    Start,
    Steer,
    Stop,
    TopicEvent,
    TopicView,
    Unpause,
    decode_from_child,
    decode_to_web_server,
)
from orchestrator.composition import TOPIC_PROCESS, hidden_variables
from orchestrator.processes.communicator import SocketCommunicator
from orchestrator.processes.process_manager import ProcessHandle
from orchestrator.processes.programs import ProgramProcessManager
from orchestrator.service.requests import TopicRequests
from orchestrator.service.service import Service
from orchestrator.service.web_server import ServiceChannels

WAIT_S = 60.0


class WebServer:
    """What stands in for the web server's process: it keeps what it is told, and asks."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection.dup()
        self._frames = FrameReader()
        self._changed = threading.Condition()
        self._reading = threading.Event()
        self._reading.set()
        self._number = 0
        self.serve: Serve | None = None
        self.answers: dict[int, Answer] = {}
        self.views: dict[str, list[TopicView]] = {}
        self.items: dict[str, list[FoundItem]] = {}
        self.events: dict[str, list[TopicEvent]] = {}
        self.gone = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            self._reading.wait()
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            with self._changed:
                if not data:
                    self.gone = True
                    self._changed.notify_all()
                    return
                for message in self._frames.feed(data):
                    self._take(decode_to_web_server(message))
                self._changed.notify_all()

    def _take(self, message: object) -> None:
        match message:
            case Serve():
                self.serve = message
                self._send(Ready(os.getpid(), 0.0))
            case Shutdown():
                self.die()
            case Answer():
                self.answers[message.request] = message
            case Relay(id, TopicView() as view):
                self.views.setdefault(id, []).append(view)
            case Relay(id, News() as news):
                self.items.setdefault(id, []).extend(news.items)
                self.events.setdefault(id, []).extend(news.events)

    def _send(self, message: msgspec.Struct) -> None:
        self._socket.sendall(frame(encode(message)))

    def stop_reading(self) -> None:
        """Take nothing more from now on, as a hanging process would."""
        self._reading.clear()

    def read_again(self) -> None:
        """Take what has come meanwhile."""
        self._reading.set()

    def die(self) -> None:
        """End as a killed process would, also when it takes nothing; a dead one stays dead."""
        with self._changed:
            self.gone = True
            self._changed.notify_all()
        with contextlib.suppress(OSError):  # the other side, or an earlier call, was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reading.set()

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until a condition holds; its value."""
        with self._changed:
            value: Any = None

            def holds() -> Any:
                nonlocal value
                value = condition()
                return value

            assert self._changed.wait_for(holds, WAIT_S), (self.answers, {i: v[-1] for i, v in self.views.items()})
            return value

    def ask(self, kind: type[Start | Continue], *given: Any, **named: Any) -> Answer:
        """Send `Start` or `Continue` and wait for the answer."""
        self._number += 1
        self._send(kind(self._number, *given, **named))
        return self._answer(self._number)

    def send_start(self, topic: str, options: dict[str, Any]) -> None:
        """Send `Start` and do not wait."""
        self._number += 1
        self._send(Start(self._number, topic, options))

    def steer(self, id: str, action: Pause | Unpause | Stop | Change) -> Answer:  # noqa: A002 - the message's word
        """Send `Steer` and wait for the answer."""
        self._number += 1
        self._send(Steer(self._number, id, action))
        return self._answer(self._number)

    def _answer(self, number: int) -> Answer:
        answer: Answer = self.until(lambda: self.answers.get(number))
        return answer

    def view(self, id: str, holds: Callable[[TopicView], bool]) -> TopicView:  # noqa: A002
        """Wait for a view of a topic with this property: the newest."""
        view: TopicView = self.until(lambda: self.views.get(id) and holds(self.views[id][-1]) and self.views[id][-1])
        return view


class _ThreadHandle:
    """The "process" of a stand-in: it has ended when its channel has."""

    pid = 1

    def __init__(self, server: WebServer) -> None:
        self._server = server

    def exit_code(self) -> int | None:
        return -9 if self._server.gone else None

    def terminate(self) -> None:
        self._server.die()

    kill = terminate

    def join(self, timeout_s: float) -> bool:
        return True


class StandIns:
    """`ProcessManager` of web servers that are threads of the test."""

    def __init__(self) -> None:
        self.started: queue.Queue[WebServer] = queue.Queue()

    def prepare(self) -> None:
        """Nothing is needed."""

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        assert isinstance(endpoint, socket.socket)
        server = WebServer(endpoint)
        self.started.put(server)
        return _ThreadHandle(server)

    def close(self) -> None:
        """Nothing is kept."""


class RunningService:
    """A service in a thread; a context manager that ends it."""

    def __init__(self, output: Path, **given: Any) -> None:
        self._stand_ins = StandIns()
        self._channels: ServiceChannels = SocketCommunicator(decode_from_child)
        hidden = hidden_variables()
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        environment = {**inherited, "OPENAI_API_KEY": "sk-secret-of-the-service"}
        self.service = Service(
            TopicRequests(
                output, {"provider": "test", "provider_options": ("test.speed=0",), **given}, environment, inherited
            ),
            Serve(str(output), ("localhost",), 1),
            self._channels,
            ProgramProcessManager(TOPIC_PROCESS, hidden),
            self._stand_ins,
        )
        self._thread = threading.Thread(target=self.service.run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def web_server(self) -> WebServer:
        """The next web server that is started."""
        return self._stand_ins.started.get(timeout=WAIT_S)

    def __exit__(self, *error: object) -> None:
        """End it at once."""
        self.service.terminate()
        self.joined()
        self._channels.close_all()

    def joined(self) -> None:
        """Wait for its end."""
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the service does not end"


def decoded(data: bytes) -> object:
    """What the service would understand."""
    return decode_from_child(data)
