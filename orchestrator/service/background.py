"""`python -m orchestrator.service.background start|stop …`: what scripts/start.sh and scripts/stop.sh do."""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from contract.errors import ConfigurationError, ExitCode, OrchestratorError, ServiceError, UsageError
from contract.text import printable
from orchestrator.cli import build_parser
from orchestrator.composition import OUTPUT_ROOT
from orchestrator.service.listening import is_loopback
from orchestrator.service.pid_file import NAME, Running, already_running, running
from orchestrator.service.token import read_or_make_token, token_path
from orchestrator.settings import build_service_settings, build_settings, read_environment

LOG_NAME = ".service.log"
_LARGEST_LOG_BYTES = 10 * 1024 * 1024
_START_S = 60.0
STOP_S = 20.0
"""Within this time the service has ended, or is killed."""
_KILL_S = 3.0
_ASK_EVERY_S = 0.05
_HEALTH_S = 2.0
_LINES_SHOWN = 8


class StartError(ServiceError):
    """The service ended before it answered.

    Args:
        message: Why, in words.
        ended_with: Its exit code; below 0: the signal that ended it.
    """

    def __init__(self, message: str, ended_with: int) -> None:
        super().__init__(message)
        self.passed_on = ended_with if ended_with > 0 else ExitCode.INTERNAL


def start(arguments: Sequence[str]) -> None:
    """Start the service in the background and wait until it answers.

    Raises:
        OrchestratorError: One runs already, or it does not begin; the message says why.
    """
    parsed = vars(build_parser().parse_args(arguments))
    if parsed["topic"] is not None:
        raise UsageError("the service starts without --topic: topics are started in its page")
    environment = read_environment(Path.cwd())
    output = _output(parsed["output"])
    other = running(output)
    if other is not None:
        raise ConfigurationError(already_running(other, output))
    service = build_service_settings({name: parsed[name] for name in ("host", "port", "allowed_hosts")}, environment)
    log = _log_file(output)
    token = None if is_loopback(service.host) else read_or_make_token(token_path(environment))
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of ours
            [sys.executable, "-P", "-m", "orchestrator", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        address = _wait_until_it_answers(process, output, log)
    finally:
        if token is not None and token.is_new:
            _say(f"others log in with this behind the page's address, once: /#token={token.secret.reveal()}")
    _say(f"the page is at {address.url} (process {address.pid}, log in {log}); stop it with scripts/stop.sh")
    if token is not None:
        _say(f"the token is kept in {token.path}")


def stop(arguments: Sequence[str]) -> None:
    """Stop the service of this output folder, and only that.

    Raises:
        OrchestratorError: It does not end.
    """
    if arguments and (len(arguments) != 2 or arguments[0] != "--output"):
        raise UsageError("usage: scripts/stop.sh [--output DIR]")
    output = _output(Path(arguments[1]) if arguments else None)
    service = running(output)
    if service is None:
        _say(f"no service runs for {output}")
        return
    if not service.pid:
        raise ServiceError(f"a service runs for {output}, but its file {NAME} does not say which: it was not stopped")
    _say(f"stopping the service (process {service.pid}): open responses are cancelled, everything found is kept …")
    began = time.monotonic()
    for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, _KILL_S)):
        try:
            os.kill(service.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise ServiceError(f"process {service.pid} belongs to another user: it was not stopped") from error
        if _gone(output, service, patience_s):
            how = (
                ""
                if number == signal.SIGTERM
                else f"; it had to be killed after {STOP_S:.0f} s, everything found is kept"
            )
            _say(f"stopped after {time.monotonic() - began:.1f} s{how}")
            return
    raise ServiceError(f"process {service.pid} does not end: look at it with ps -p {service.pid}")


def _output(given: Path | None) -> Path:
    settings = build_settings({"topic": "any", "output": given}, read_environment(Path.cwd()))
    return (settings.output or OUTPUT_ROOT).resolve()


def _log_file(output: Path) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    path = output / LOG_NAME
    if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
        path.replace(path.with_name(f"{LOG_NAME}.1"))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600))
    return path


def _wait_until_it_answers(process: subprocess.Popen[bytes], output: Path, log: Path) -> Running:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            words = f"the service ended at once (exit code {process.returncode}):\n{_tail(log)}"
            raise StartError(words, process.returncode)
        service = running(output)
        if service is not None and service.url and service.pid == process.pid and _healthy(service.local):
            return service
        time.sleep(_ASK_EVERY_S)
    process.terminate()
    raise ServiceError(f"the service does not answer within {_START_S:.0f} s and was stopped:\n{_tail(log)}")


def _healthy(address: str) -> bool:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_HEALTH_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
    return "\n".join(f"  {printable(line)}" for line in lines)


def _gone(output: Path, service: Running, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while (now := running(output)) is not None and now.pid in (service.pid, 0):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_ASK_EVERY_S)
    return _has_exited(service.pid, deadline)


def _has_exited(pid: int, deadline: float) -> bool:
    """Wait for a process's end, which comes a moment after it gave its lock back; whether it came in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # it is gone, or this system (macOS) has no such thing
        return True
    try:
        return bool(select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0])
    finally:
        os.close(descriptor)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> NoReturn:
    """Start or stop; the exit code says whether it went well, and is the service's own where that did not begin."""
    try:
        if arguments[:1] == ["start"]:
            start(arguments[1:])
        elif arguments[:1] == ["stop"]:
            stop(arguments[1:])
        else:
            raise UsageError("usage: background start [options of orchestrator] | stop [--output DIR]")
    except OrchestratorError as error:
        sys.stderr.write(f"orchestrator: {error}\n")
        sys.exit(error.passed_on if isinstance(error, StartError) else error.exit_code)
    except OSError as error:
        sys.stderr.write(f"orchestrator: {error.strerror or error}\n")
        sys.exit(ExitCode.STORAGE)
    sys.exit(ExitCode.DONE)


if __name__ == "__main__":
    main(sys.argv[1:])
