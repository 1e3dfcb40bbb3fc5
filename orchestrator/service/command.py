"""`orchestrator` without a topic: builds the service and runs it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from contract.errors import ExitCode
from contract.messages import Secret, TelemetrySetup
from contract.service import Serve, decode_from_child
from contract.text import printable
from orchestrator.composition import OUTPUT_ROOT, TOPIC_PROCESS, WEB_SERVER, hidden_variables, observed
from orchestrator.processes.communicator import SocketCommunicator
from orchestrator.processes.programs import ProgramProcessManager
from orchestrator.reporting.base import SafeFormatter
from orchestrator.service.listening import called_names, is_loopback, listen, local_url, url
from orchestrator.service.observer import ServiceObserver
from orchestrator.service.options import option_views, provider_suggestions
from orchestrator.service.pid_file import NAME as PID_FILE
from orchestrator.service.pid_file import PidFile
from orchestrator.service.requests import TopicRequests
from orchestrator.service.service import Service
from orchestrator.service.token import read_or_make_token, token_path
from orchestrator.service.web_server import ServiceChannels
from orchestrator.settings import build_service_settings, build_settings
from orchestrator.signals import forwarded_signals
from telemetry.configuration import telemetry_setup
from telemetry.logs import ErrorStreamHandler, let_go, set_up_logging

if TYPE_CHECKING:
    from orchestrator.service.otel_observer import OtelServiceObserver

log = logging.getLogger("orchestrator")


def run_service(given: Mapping[str, Any], service: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Run web mode until it is asked to end; the exit code.

    Args:
        given: Settings for all topics, of the command line.
        service: Settings of web mode itself, of the command line.
        environment: Variables and `.env`.

    Raises:
        OrchestratorError: It cannot begin or go on.
    """
    wanted = build_service_settings(service, environment)
    defaults = build_settings({**given, "topic": "any"}, environment)
    output = (defaults.output or OUTPUT_ROOT).resolve()
    _log_to_stderr(defaults.log_level)
    with ExitStack() as stack:
        signals = stack.enter_context(forwarded_signals())
        pid_file = stack.enter_context(PidFile(output))
        listener = stack.enter_context(listen(wanted.host, wanted.port))
        port = int(listener.getsockname()[1])
        address = url(wanted.host, port)
        token = _token(wanted.host, address, environment)
        observer, telemetry = ServiceObserver(), telemetry_setup(defaults.trace_endpoint, environment)
        if telemetry is not None:
            setup = telemetry
            observer = stack.enter_context(observed(lambda: _otel_observer(setup)))
        channels: ServiceChannels = SocketCommunicator(decode_from_child)
        stack.callback(channels.close_all)
        hidden = hidden_variables()

        def ready() -> None:
            try:
                pid_file.tell(address, local_url(listener))
            except OSError as error:
                log.warning("cannot write %s: %s; scripts/stop.sh will not find this service", PID_FILE, error.strerror)
            _say(f"the page is at {address} (topics in {output}; Ctrl-C ends)")

        built = Service(
            TopicRequests(output, given, environment, _inherited(hidden)),
            Serve(
                str(output),
                called_names(wanted.host, wanted.allowed_hosts),
                port,
                token,
                option_views(given, environment),
                provider_suggestions(),
                defaults.log_level,
            ),
            channels,
            ProgramProcessManager(TOPIC_PROCESS, hidden),
            ProgramProcessManager(WEB_SERVER, hidden, [listener]),
            observer,
            ready,
        )
        signals.to(built)
        built.run()
        _say("ended; everything found is kept")
    return ExitCode.DONE


def _inherited(hidden: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _token(host: str, address: str, environment: Mapping[str, str]) -> Secret | None:
    if is_loopback(host):
        return None
    token = read_or_make_token(token_path(environment))
    if token.is_new:
        # Printed once, and not logged: the log may go to a file that others read.
        _say(f"others need this address to log in: {address}/#token={token.secret.reveal()}")
    _say(f"the token is kept in {token.path}")
    return token.secret


def _otel_observer(telemetry: TelemetrySetup) -> OtelServiceObserver:
    from orchestrator.service.otel_observer import OtelServiceObserver  # a quarter of a second, only where wanted

    return OtelServiceObserver(telemetry)


def _log_to_stderr(level: str) -> None:
    handler = ErrorStreamHandler()
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)-5s %(message)s", "%H:%M:%S"))
    set_up_logging(level, [handler])


def _say(text: str) -> None:
    try:
        sys.stdout.write(f"{printable(text)}\n")
        sys.stdout.flush()
    except OSError:
        let_go(sys.stdout)  # nobody hears it; the service goes on
