"""The local model's server: start, health, stop, death, and that it never outlives its owner."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract.errors import ConfigurationError, ConnectionFailed
from orchestrator.local_model import Installation, LocalModelServer, Progress, embedded_server, endpoint, guard, serving
from orchestrator.local_model.serving import Origin

REPOSITORY = Path(__file__).parents[2]
PROMISE_S = 2.0
"""Seconds within which the server must be gone after its owner's death."""
BUSY_S = 20.0
"""The same after `stop`, which waits for it: only a machine that stood still meanwhile needs more than nothing."""

FakeServer = Callable[..., Installation]


@pytest.fixture
def start(tmp_path: Path, fake_server: FakeServer) -> Iterator[Callable[..., LocalModelServer]]:
    """Makes a server over the stand-in, by mode and origin; every one is stopped after the test."""
    made: list[LocalModelServer] = []

    def make(mode: str = "ok", origin: Origin = "wheel", **options: object) -> LocalModelServer:
        made_of = fake_server(mode, origin)
        server = LocalModelServer(cache_dir=tmp_path / "cache", installation=made_of, **options)  # type: ignore[arg-type]
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


def port_of(base_url: str) -> int:
    """The port in a base URL."""
    return int(base_url.removesuffix("/v1").rpartition(":")[2])


def served(server: LocalModelServer) -> psutil.Process:
    """The server behind the guard."""
    assert server.guard_pid is not None
    (child,) = psutil.Process(server.guard_pid).children()
    return child


def ends_within(pid: int, timeout_s: float) -> bool:
    """Whether the process ends in time, whoever its parent is (a zombie has ended)."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


def logged(cache: Path, what: str) -> Any:
    """What the stand-in wrote into its log under this name."""
    lines = (cache / "server.log").read_text(encoding="utf-8").splitlines()
    return json.loads(next(line for line in lines if line.startswith(what)).partition(" ")[2])


def refuses(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("origin", ["wheel", "source"])
def test_a_started_server_answers_under_its_base_url(start: Callable[..., LocalModelServer], origin: Origin) -> None:
    """`start` returns once the server is healthy, with an address that answers, and says which model to ask for."""
    server = start(origin=origin, slots=3, context_per_slot=512)
    url = server.start()
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/v1")
    assert endpoint.is_healthy(port_of(url))
    assert (server.model, server.context_tokens, server.slots) == ("smollm2", 512, 3)
    server.check()


def test_start_again_keeps_the_running_server(start: Callable[..., LocalModelServer]) -> None:
    """A second `start` starts nothing."""
    server = start()
    url, guard = server.start(), server.guard_pid
    assert (server.start(), server.guard_pid) == (url, guard)


def test_progress_is_told(start: Callable[..., LocalModelServer]) -> None:
    """Whoever waits hears that the model is being loaded and that it is ready."""
    heard: list[Progress] = []
    start(progress=heard.append).start()
    assert [str(progress) for progress in heard] == [
        "start local model: loading the model",
        "start local model: ready",
    ]


def test_the_capacity_reaches_llama_server(start: Callable[..., LocalModelServer]) -> None:
    """Slots, the context of all slots together and the threads are options; it may not go online or serve pages."""
    server = start(origin="source", slots=3, context_per_slot=512, threads=2)
    server.start()
    command = served(server).cmdline()
    expected = {
        "--parallel": "3",
        "--ctx-size": "1536",
        "--threads": "2",
        "--host": "127.0.0.1",
        "--cache-ram": "0",
        "--cors-origins": "",
    }
    assert {flag: command[command.index(flag) + 1] for flag in expected} == expected
    assert {"--offline", "--no-webui"} <= set(command)


def test_the_capacity_reaches_the_embedded_server(start: Callable[..., LocalModelServer], tmp_path: Path) -> None:
    """The same, as llama.cpp's parameters, for the server that is embedded in the wheel."""
    start(slots=3, context_per_slot=512, threads=2).start()
    given = logged(tmp_path / "cache", "parameters")
    expected = {
        "n_parallel": 3,
        "n_ctx": 1536,
        "cpuparams": {"n_threads": 2},
        "cpuparams_batch": {"n_threads": 2},
        "hostnames": ["127.0.0.1"],
        "cache_ram_mib": 0,
        "offline": True,
        "ui": False,
        "cors_origins": "",
    }
    assert {name: given[name] for name in expected} == expected
    assert given["model"]["path"].endswith("model.gguf")


def test_the_server_gets_neither_keys_nor_options_from_the_environment(
    start: Callable[..., LocalModelServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """API keys and llama.cpp's own environment variables do not reach the server."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-children")
    monkeypatch.setenv("LLAMA_ARG_HOST", "0.0.0.0")  # noqa: S104 - what must not get through
    start().start()
    names = logged(tmp_path / "cache", "environment")
    assert "PATH" in names
    assert not {"OPENAI_API_KEY", "LLAMA_ARG_HOST"} & set(names)


def test_stop_ends_it_and_may_be_repeated(start: Callable[..., LocalModelServer]) -> None:
    """After `stop` the process is gone and the port closed; stopping again, or never having started, is fine."""
    server = start()
    server.stop()
    port = port_of(server.start())
    pid = served(server).pid
    server.stop()
    server.stop()
    assert ends_within(pid, BUSY_S)
    assert refuses(port)


def test_stop_ends_a_server_that_ignores_sigterm(start: Callable[..., LocalModelServer]) -> None:
    """SIGTERM is followed by SIGKILL."""
    server = start("stubborn")
    server.start()
    pid = served(server).pid
    server.stop()
    assert ends_within(pid, BUSY_S)


def test_the_context_manager_stops_it(start: Callable[..., LocalModelServer]) -> None:
    """Leaving the `with` block ends the server."""
    with start() as server:
        server.start()
        pid = served(server).pid
    assert ends_within(pid, BUSY_S)


def test_ctrl_c_in_the_terminal_does_not_reach_it(start: Callable[..., LocalModelServer]) -> None:
    """Guard and server are in a session of their own, so a terminal's SIGINT goes to the orchestrator alone."""
    server = start()
    server.start()
    assert server.guard_pid is not None
    ours = os.getsid(0)
    assert os.getsid(server.guard_pid) != ours
    assert os.getsid(served(server).pid) != ours


def test_a_server_that_dies_at_start_is_explained_in_one_line(start: Callable[..., LocalModelServer]) -> None:
    """The error holds the last line of the server's log, without escape sequences, and its exit code."""
    with pytest.raises(ConfigurationError, match=r"exit code 1: error: .*cannot load the model") as caught:
        start("dies").start()
    assert str(caught.value).isprintable()


def test_an_old_processor_is_named(start: Callable[..., LocalModelServer]) -> None:
    """A server that ends by SIGILL is explained by the processor."""
    with pytest.raises(ConfigurationError, match="processor lacks instructions"):
        start("old_processor").start()


def test_a_server_that_never_becomes_healthy_is_given_up_and_ended(
    start: Callable[..., LocalModelServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time-out the error says so, and nothing is left running."""
    pids: list[int] = []
    real = serving.ServerProcess.wait_healthy

    def noting(self: serving.ServerProcess, *arguments: object) -> bool:
        pids.append(self.guard_pid)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(serving.ServerProcess, "wait_healthy", noting)
    with pytest.raises(ConfigurationError, match="did not answer within"):
        start("never_healthy", start_timeout_s=0.3).start()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_another_program_on_the_port_is_not_taken_for_ours(start: Callable[..., LocalModelServer]) -> None:
    """A server that answers but does not offer our model is refused."""
    with pytest.raises(ConfigurationError, match="does not offer smollm2"):
        start("foreign", start_timeout_s=10).start()


@pytest.mark.parametrize("taken", [1, 2])
def test_a_taken_port_is_replaced(
    start: Callable[..., LocalModelServer], monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """If somebody takes the port between choosing and binding it, another one is tried."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ports = [*[port] * taken, endpoint.free_port()]
        monkeypatch.setattr(serving, "free_port", lambda: ports.pop(0))
        assert port_of(start().start()) != port


def test_ports_are_not_tried_for_ever(start: Callable[..., LocalModelServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """After three taken ports the start fails with the reason."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [other.getsockname()[1]] * (serving.PORT_ATTEMPTS + 1)
        monkeypatch.setattr(serving, "free_port", ports.pop)
        with pytest.raises(ConfigurationError, match="couldn't bind"):
            start().start()
    assert len(ports) == 1


@pytest.mark.parametrize(("origin", "named"), [("wheel", "No module named 'xllamacpp'"), ("source", "No such file")])
def test_a_missing_server_is_one_clear_line(
    tmp_path: Path, fake_server: FakeServer, origin: Origin, named: str
) -> None:
    """A server that vanished after the installation is a configuration error, not a traceback."""
    installation = fake_server("ok", origin)
    installation.server.rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match=named):
        LocalModelServer(cache_dir=tmp_path, installation=installation).start()


def test_check_tells_of_a_server_that_died(start: Callable[..., LocalModelServer]) -> None:
    """`check` raises a connection error with the cause and the last log line; `start` then starts a new one."""
    server = start()
    server.start()
    guard = server.guard_pid
    assert guard is not None
    served(server).kill()
    assert ends_within(guard, PROMISE_S)
    with pytest.raises(ConnectionFailed, match="ended by SIGKILL: listening"):
        server.check()
    server.start()
    server.check()
    assert server.guard_pid != guard


def test_the_earlier_log_is_kept_once(start: Callable[..., LocalModelServer], tmp_path: Path) -> None:
    """Each start has a fresh log; the one before stands beside it."""
    server = start(slots=1)
    for _ in range(3):
        server.start()
        server.stop()
    logs = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert logs == ["server.log", "server.log.1"]
    assert (tmp_path / "cache" / "server.log").read_text(encoding="utf-8").count("listening") == 1


@pytest.mark.parametrize("options", [{"slots": 0}, {"context_per_slot": 0}, {"threads": -1}])
def test_impossible_capacities_are_refused(options: dict[str, int]) -> None:
    """No slot, no context or a negative number of threads is a configuration error."""
    with pytest.raises(ConfigurationError):
        LocalModelServer(**options)  # type: ignore[arg-type]


_OWNER = """
import subprocess, sys
from pathlib import Path
from orchestrator.local_model import Installation, LocalModelServer
folder, model, cache = map(Path, sys.argv[1:4])
server = LocalModelServer(cache_dir=cache, installation=Installation(folder, model, "smollm2", "wheel"))
url = server.start()
sibling = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
print(server.guard_pid, sibling.pid, url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(
    tmp_path: Path, fake_server: FakeServer
) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], list[str]]]]:
    """Starts a process that owns a server and a sibling; gives it and `[guard pid, sibling pid, base URL]`."""
    started: list[subprocess.Popen[str]] = []

    def make(mode: str) -> tuple[subprocess.Popen[str], list[str]]:
        installation = fake_server(mode)
        command = [
            sys.executable,
            "-c",
            _OWNER,
            *map(str, (installation.server, installation.model, tmp_path / "cache")),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().split()

    yield make
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("mode", ["ok", "stubborn"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_when_its_owner_is_killed(
    owner: Callable[[str], tuple[subprocess.Popen[str], list[str]]], mode: str, number: signal.Signals
) -> None:
    """Within 2 s of the owner's death, without its help, server and guard are gone and the port is closed.

    A sibling process, which inherits what can be inherited, does not keep them alive.
    """
    process, (guard, _, url) = owner(mode)
    (server,) = psutil.Process(int(guard)).children()
    process.send_signal(number)
    assert ends_within(server.pid, PROMISE_S)
    assert ends_within(int(guard), PROMISE_S)
    assert refuses(port_of(url))


def test_the_sibling_outlives_the_server(owner: Callable[[str], tuple[subprocess.Popen[str], list[str]]]) -> None:
    """A sibling that was started with inheritable descriptors and lives on holds no end of the life line."""
    process, (guard, sibling, _) = owner("ok")
    (server,) = psutil.Process(int(guard)).children()
    holder = psutil.Process(int(sibling))
    holder.suspend()  # it cannot end by itself while the server must
    process.kill()
    try:
        assert ends_within(server.pid, PROMISE_S)
        assert holder.is_running()
    finally:
        holder.kill()


def test_the_server_ends_when_its_guard_is_killed(start: Callable[..., LocalModelServer]) -> None:
    """SIGKILL to the guard takes the server with it; `check` notices."""
    server = start()
    port = port_of(server.start())
    pid = served(server).pid
    assert server.guard_pid is not None
    os.kill(server.guard_pid, signal.SIGKILL)
    assert ends_within(pid, PROMISE_S)
    assert refuses(port)
    with pytest.raises(ConnectionFailed):
        server.check()


def test_sigterm_to_the_guard_ends_both(start: Callable[..., LocalModelServer]) -> None:
    """A polite end of the guard ends the server too."""
    server = start("stubborn")
    server.start()
    pid, guard = served(server).pid, server.guard_pid
    assert guard is not None
    os.kill(guard, signal.SIGTERM)
    assert ends_within(pid, PROMISE_S)
    assert ends_within(guard, PROMISE_S)


_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
for line in child.stdout:
    if line == "listening\\n":
        print(child.pid, flush=True)
"""


def test_the_embedded_server_notices_itself_that_its_parent_is_gone(fake_server: FakeServer) -> None:
    """Where no kernel ends it with its parent (macOS), it ends by itself."""
    installation = fake_server()
    options = serving.server_command(installation, serving.Capacity(1, 64, 1), endpoint.free_port())[1:]
    command = [sys.executable, "-c", _PARENT, *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        child = psutil.Process(pid)
        assert child.cmdline()[4] == embedded_server.__file__
        parent.kill()
    try:
        assert ends_within(pid, PROMISE_S)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


class Running:
    """A child that never ends."""


@pytest.mark.timeout(20)
@pytest.mark.parametrize("ended", ["life line", "wake-up"])
def test_the_guard_has_nothing_to_spin_on(monkeypatch: pytest.MonkeyPatch, ended: str) -> None:
    """Input that is at its end is readable for ever: it ends the guard's wait, also when no signal ever comes."""
    wakeup, signalled = socket.socketpair()
    line, owner_end = os.pipe()
    monkeypatch.setattr(guard, "_LIFE_LINE", line)
    monkeypatch.setattr(guard, "_has_ended", lambda _child: False)
    if ended == "life line":
        os.write(owner_end, b"words that nobody should send, longer than what is read at once" * 3)
        os.close(owner_end)
    else:
        signalled.close()
    guard._wait(Running(), wakeup, [])  # type: ignore[arg-type]
    for descriptor in [line] if ended == "life line" else [line, owner_end]:
        os.close(descriptor)
    wakeup.close()
    signalled.close()


def test_a_life_line_that_cannot_be_read_is_cut(tmp_path: Path) -> None:
    """A guard without a usable standard input ends its command, and itself, instead of trying again and again."""
    command = [sys.executable, "-I", "-S", str(guard.__file__), sys.executable, "-c", "import signal; signal.pause()"]
    with (tmp_path / "write-only").open("wb") as unreadable:
        done = subprocess.run(command, stdin=unreadable, capture_output=True, timeout=20)
    assert b"Bad file descriptor" in done.stderr
    assert done.returncode != 0
