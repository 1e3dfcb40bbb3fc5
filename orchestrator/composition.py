"""The composition root: builds a run from settings. The only module that names other packages, as spawn targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from contract.errors import ConfigurationError, NoProviderError
from contract.messages import Order, ProviderSetup, TelemetrySetup
from orchestrator.api_keys import KEY_VARIABLES, ApiKeySource, AssumedKeys, EnvironmentKeys
from orchestrator.observer import RunObserver
from orchestrator.processes.process_manager import (
    ForkServerProcessManager,
    ProcessManager,
    SpawnTarget,
    without_variables,
)
from orchestrator.providers import (
    VENDORS,
    ProviderSpec,
    Wanted,
    build_specs,
    wanted_judge,
    wanted_providers,
    with_judge,
)
from orchestrator.settings import Settings, read_environment
from telemetry.configuration import SECRET_VARIABLES, telemetry_setup

if TYPE_CHECKING:
    from archive.filesystem import FileSystem
    from orchestrator.local_model import LocalModelServer
    from orchestrator.otel_observer import OtelObserver
    from orchestrator.pricing import Price
    from orchestrator.processes.communicator import ProducerChannels
    from orchestrator.run import Run

OUTPUT_ROOT = Path("output")
PRODUCER = SpawnTarget("producer.main", "run")
WEB_SERVER = "webserver"
TOPIC_PROCESS = "orchestrator.service.topic_process"
_SECRET_VARIABLES = frozenset(
    (*(name for names in KEY_VARIABLES.values() for name in names), *SECRET_VARIABLES, "ORCHESTRATOR_TRACE_EP")
)

_ADAPTERS = {
    "openai": "producer.providers.openai",
    "local": "producer.providers.openai",
    "anthropic": "producer.providers.anthropic",
    "gemini": "producer.providers.gemini",
    "test": "producer.providers.simulated",
}


# gRPC must not be loaded before a fork: each producer imports it by itself.
_EXPORTERS = {"http/protobuf": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "requests"), "grpc": ()}


class Seams:
    """What can be replaced: the four seams of the design, each with its real implementation as default.

    Args:
        keys: Source of API keys; None: environment and `.env`.
        communicator: Channels to the producers; None: socket pairs.
        processes: Starts the producers; None: the fork server.
        filesystem: Where files go; None: the real one.
        environment: Variables; None: those of this process and `.env`.
    """

    def __init__(
        self,
        keys: ApiKeySource | None = None,
        communicator: ProducerChannels | None = None,
        processes: ProcessManager | None = None,
        filesystem: FileSystem | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.keys = keys
        self.communicator = communicator
        self.processes = processes
        self.filesystem = filesystem
        self.environment = environment


@contextmanager
def built_run(settings: Settings, seams: Seams, progress: Callable[[str], None]) -> Iterator[Run]:
    """Everything that a run needs, freed again at the end.

    Args:
        settings: What was asked for.
        seams: Replacements.
        progress: Told, in words, what takes long (the local model's installation).

    Raises:
        OrchestratorError: See its tree.
    """
    environment = read_environment(Path.cwd()) if seams.environment is None else seams.environment
    keys = seams.keys or EnvironmentKeys(environment)
    wanted = wanted_providers(settings, keys, environment)
    judge = wanted_judge(settings, wanted)
    telemetry = telemetry_setup(settings.trace_endpoint, environment)
    with ExitStack() as stack:
        processes = seams.processes or ForkServerProcessManager(
            PRODUCER, _preload([*wanted, *([judge] if judge else [])], telemetry), hidden_variables()
        )
        stack.callback(processes.close)
        processes.prepare()
        # From here on the fork server imports the vendors' SDKs, which takes longest: the rest is imported beside it.
        from archive.filesystem import RealFileSystem
        from orchestrator.curation.validity import Validity
        from orchestrator.event_log import EventLog
        from orchestrator.processes.communicator import producer_channels
        from orchestrator.run import Run
        from orchestrator.store import Store, folder_name
        from orchestrator.supervisor import Supervisor

        observer = RunObserver()
        if telemetry is not None:
            setup = telemetry
            observer = stack.enter_context(observed(lambda: _otel_observer(setup, settings)))
        communicator = seams.communicator or producer_channels()
        stack.callback(communicator.close_all)
        local = _LocalModel(stack, progress)
        specs, judges = _specs(wanted, judge, settings, keys, environment, local.endpoint)
        _check_simulation(specs)
        prices = _prices(settings, specs, judges or ())
        filesystem = seams.filesystem or RealFileSystem()
        store = Store.open(
            settings.output or OUTPUT_ROOT / folder_name(settings.topic),
            settings.topic,
            identity=settings.identity,
            filesystem=filesystem,
            filter_name=settings.filter,
            fresh=settings.fresh,
            max_items=settings.max_attributes,
            validity=Validity(settings.topic) if settings.checks == "on" else None,
        )
        stack.callback(store.close)
        event_log = EventLog(store.folder, filesystem)
        stack.callback(event_log.close)
        setups = [spec.setup for spec in specs]
        supervisor = Supervisor(
            settings.producers,
            setups,
            settings.log_level,
            communicator,
            processes,
            observer,
            identity=settings.identity,
        )
        wake, check = communicator.wake, local.check
        run = Run(settings, specs, prices, store, supervisor, wake, observer, check, event_log=event_log, judges=judges)
        observer.built(run)
        yield run


class Unstarted(NamedTuple):
    """A run that is only looked at.

    Attributes:
        run: Over a copy of its folder in memory; nothing may be started with it.
        without_key: Vendors that would be asked and have no key.
    """

    run: Run
    without_key: tuple[str, ...]


@contextmanager
def unstarted_run(settings: Settings, seams: Seams, *, keyless: bool = False) -> Iterator[Unstarted]:
    """A run as it would begin: nothing is started, installed or called, and no file is made or changed.

    Args:
        settings: What was asked for.
        seams: Replacements of keys, files, environment.
        keyless: Go on where keys are missing; where nothing at all is configured, as if all vendors' keys were there.

    Raises:
        OrchestratorError: As `built_run` does.
    """
    from archive.filesystem import MemoryFileSystem, RealFileSystem
    from orchestrator.local_model import LocalModelServer
    from orchestrator.processes.communicator import MemoryCommunicator
    from orchestrator.processes.process_manager import ThreadProcessManager
    from orchestrator.run import Run
    from orchestrator.store import Store, folder_name
    from orchestrator.store.snapshot import snapshot
    from orchestrator.supervisor import Supervisor

    environment = read_environment(Path.cwd()) if seams.environment is None else seams.environment
    keys = seams.keys or EnvironmentKeys(environment)
    assumed = AssumedKeys(keys)
    try:
        wanted = wanted_providers(settings, keys, environment)
    except NoProviderError:
        if not keyless:
            raise
        wanted = [Wanted(vendor, "", 1.0) for vendor in VENDORS]

    def local() -> tuple[str, str, int, int]:
        server = LocalModelServer()
        return "http://127.0.0.1/v1", server.model, server.context_tokens, server.slots

    judge = wanted_judge(settings, wanted)
    specs, judges = _specs(wanted, judge, settings, assumed if keyless else keys, environment, local)
    _check_simulation(specs)
    prices = _prices(settings, specs, judges or ())
    folder = settings.output or OUTPUT_ROOT / folder_name(settings.topic)
    memory = MemoryFileSystem() if settings.fresh else snapshot(folder, seams.filesystem or RealFileSystem())
    store = Store.open(
        folder,
        settings.topic,
        identity=settings.identity,
        filesystem=memory,
        filter_name=settings.filter,
        max_items=settings.max_attributes,
    )
    try:
        communicator, setups = MemoryCommunicator(), [spec.setup for spec in specs]
        nobody = ThreadProcessManager(lambda endpoint: None)
        supervisor = Supervisor(settings.producers, setups, settings.log_level, communicator, nobody)
        run = Run(settings, specs, prices, store, supervisor, communicator.wake, judges=judges)
        missing = [spec.vendor for spec in specs if spec.vendor in assumed.missing and spec.setup.base_url is None]
        yield Unstarted(run, tuple(dict.fromkeys(missing)))
    finally:
        store.close()


def _specs(
    wanted: Sequence[Wanted],
    judge: Wanted | None,
    settings: Settings,
    keys: ApiKeySource,
    environment: Mapping[str, str],
    local: Callable[[], tuple[str, str, int, int]],
) -> tuple[list[ProviderSpec], tuple[str, ...] | None]:
    """The providers of a run, and the names of those that judge: none where nothing is judged, None: whoever lists."""
    specs = build_specs(wanted, settings, keys, environment, local)
    if judge is None:
        return specs, () if settings.validate == "off" else None
    (judging,) = build_specs([judge], settings, keys, environment, local)
    return with_judge(specs, judging), (judging.name,)


def prompt_of(order: Order, setup: ProviderSetup) -> tuple[str, str]:
    """The system instruction and the messages that a producer would make of an order; several with their roles."""
    from producer.prompt import build_prompt  # pure; no vendor's SDK behind it

    prompt = build_prompt(order, str(setup.options.get("prompt_style", "standard")))
    if len(prompt.turns) == 1:
        return prompt.system, prompt.turns[0].text
    return prompt.system, "\n\n".join(f"[{turn.role}]\n{turn.text}" for turn in prompt.turns)


class _Closable(Protocol):
    """An observer that delivers what it has when it is closed."""

    def close(self, error: BaseException | None) -> None:
        """Its end, and what brought it."""
        ...


Observer = TypeVar("Observer", bound=_Closable)


@contextmanager
def observed(make: Callable[[], Observer]) -> Iterator[Observer]:
    """An observer; what is left inside is told to it, and its spans are delivered. Raises `ConfigurationError`."""
    try:
        with without_variables(hidden_variables()):
            observer = make()
    except Exception as error:
        # The SDK reads dozens of variables, each in its own way; their values may hold keys.
        raise ConfigurationError(
            f"an OTEL_* variable has a value that OpenTelemetry cannot use ({type(error).__name__}): mend or unset it"
        ) from error
    try:
        yield observer
    except BaseException as error:
        observer.close(error)
        raise
    observer.close(None)


def _otel_observer(telemetry: TelemetrySetup, settings: Settings) -> OtelObserver:
    from orchestrator.otel_observer import OtelObserver  # a quarter of a second, only where it is wanted

    return OtelObserver(telemetry, settings)


def hidden_variables() -> frozenset[str]:
    """Variables that no child inherits: keys, and those that the SDK would read, and stumble over, when it is imported.

    Producers are told of them in their first message.
    """
    return _SECRET_VARIABLES | {name for name in os.environ if name.startswith("OTEL_")}


def _preload(wanted: list[Wanted], telemetry: TelemetrySetup | None) -> list[str]:
    adapters = sorted({_ADAPTERS[entry.vendor] for entry in wanted})
    tracing = [] if telemetry is None else ["producer.otel_tracing", *_EXPORTERS[telemetry.protocol]]
    return ["producer.preload", *adapters, *tracing, "producer.preloaded"]


def _check_simulation(specs: list[ProviderSpec]) -> None:
    """Refuse wrong options of the simulated model before anything is written. Raises `ConfigurationError`."""
    for spec in specs:
        if spec.setup.api == "simulated":
            from producer.providers.simulated import parse_options  # light: no vendor's SDK behind it

            parse_options(spec.setup.options)


def _prices(settings: Settings, specs: list[ProviderSpec], judges: Sequence[str]) -> dict[str, Price | None]:
    from orchestrator.limits import unknown_price
    from orchestrator.pricing import parse_prices, price_of

    given = parse_prices(settings.prices)
    unknown = set(given) - {spec.name for spec in specs}
    if unknown:
        known = ", ".join(spec.name for spec in specs)
        raise ConfigurationError(f"--price for {', '.join(sorted(unknown))}, which is not used; this run has {known}")
    prices = {spec.name: price_of(spec, given) for spec in specs}
    if settings.max_cost_usd is not None:
        for spec in specs:
            if prices[spec.name] is None and (spec.weight > 0 or spec.name in judges):
                raise ConfigurationError(unknown_price(spec.name))
    return prices


class _LocalModel:
    """The local model's server, made where it is wanted and stopped with the stack."""

    def __init__(self, stack: ExitStack, progress: Callable[[str], None]) -> None:
        self._stack = stack
        self._progress = progress
        self._server: LocalModelServer | None = None
        self._started: tuple[str, str, int, int] | None = None

    def endpoint(self) -> tuple[str, str, int, int]:
        """Install and start it, once; its base URL, model, context in tokens, and slots."""
        from orchestrator.local_model import LocalModelServer  # only where it is wanted

        if self._started is not None:
            return self._started
        server = self._server = LocalModelServer(progress=lambda step: self._progress(str(step)))
        server.ensure_installed()
        url = server.start()
        self._stack.callback(server.stop)
        self._started = (url, server.model, server.context_tokens, server.slots)
        return self._started

    def check(self) -> None:
        """Raise if it has ended."""
        if self._server is not None:
            self._server.check()
