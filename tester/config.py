"""What an orchestrator is started with, for scenarios: built step by step, checked once, never changed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from tester import config_checks as checks
from tester.config_checks import ConfigError

__all__ = ["ConfigBuilder", "ConfigError", "OrchestratorConfig"]

_FREE_PROVIDER = "test"
_SPEED = "test.speed"


class OrchestratorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an `orchestrator` is started. Made by `OrchestratorConfig.builder()`; see `ConfigBuilder` for the fields.

    None means "not given": the orchestrator's own default holds, except for the provider, which is the simulated
    model at full speed, so that nothing costs money by accident. Without a topic it is the service of web mode.
    """

    topic: str | None
    producers: int | None = None
    concurrency: int | None = None
    iterations: int | None = None
    provider: str = _FREE_PROVIDER
    provider_options: tuple[tuple[str, str], ...] = ()
    prices: tuple[tuple[str, float, float], ...] = ()
    request_size: int | None = None
    output: Path | None = None
    max_attributes: int | None = None
    max_cost_usd: float | None = None
    max_time_s: float | None = None
    identity: str | None = None
    filter: str | None = None
    seed: int | None = None
    avoid_share: float | None = None
    strategy: str | None = None
    until_coverage: float | None = None
    min_yield: float | None = None
    max_price_per_item_usd: float | None = None
    checks: str | None = None
    max_attempts: int | None = None
    connect_timeout_s: float | None = None
    read_timeout_s: float | None = None
    log_level: str | None = None
    host: str | None = None
    port: int | None = None
    allowed_hosts: str | None = None
    fresh: bool = False
    json: bool = False
    quiet: bool = False
    environment: tuple[tuple[str, str | None], ...] = ()

    @staticmethod
    def builder() -> ConfigBuilder:
        """A builder to which nothing has been said yet."""
        return ConfigBuilder()

    def arguments(self) -> list[str]:
        """The command's arguments, without the program."""
        values: dict[str, object] = {
            "--topic": self.topic,
            "--provider": self.provider,
            "--producers": self.producers,
            "--concurrency": self.concurrency,
            "--iterations": self.iterations,
            "--request-size": self.request_size,
            "--output": self.output,
            "--max-attributes": self.max_attributes,
            "--max-cost": self.max_cost_usd,
            "--max-time": _decimal(self.max_time_s),
            "--identity": self.identity,
            "--filter": self.filter,
            "--seed": self.seed,
            "--avoid-share": _decimal(self.avoid_share),
            "--strategy": self.strategy,
            "--until-coverage": _decimal(self.until_coverage),
            "--min-yield": _decimal(self.min_yield),
            "--max-price-per-item": _decimal(self.max_price_per_item_usd),
            "--checks": self.checks,
            "--max-attempts": self.max_attempts,
            "--connect-timeout": _decimal(self.connect_timeout_s),
            "--read-timeout": _decimal(self.read_timeout_s),
            "--log-level": self.log_level,
            "--host": self.host,
            "--port": self.port,
            "--allowed-hosts": self.allowed_hosts,
        }
        pairs = [(flag, str(value)) for flag, value in values.items() if value is not None]
        pairs += [("--provider-option", f"{name}={value}") for name, value in self.provider_options]
        pairs += [("--price", f"{model}={input_usd},{output_usd}") for model, input_usd, output_usd in self.prices]
        # A value that begins with a hyphen would be taken for a flag.
        words = [[f"{flag}={value}"] if value.startswith("-") else [flag, value] for flag, value in pairs]
        switches = [f"--{name}" for name in ("fresh", "json", "quiet") if getattr(self, name)]
        return [*itertools.chain.from_iterable(words), *switches]


class ConfigBuilder:
    """Says one thing after the other about an `OrchestratorConfig`; each method returns the builder itself.

    Nothing is checked before `build`. A method called again replaces what was said, except for `provider_option`,
    `price` and `environment`, which add.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._options: dict[str, Any] = {}
        self._prices: dict[str, tuple[Any, Any]] = {}
        self._environment: dict[str, str | None] = {}

    def _set(self, name: str, value: Any) -> Self:
        self._values[name] = value
        return self

    def topic(self, text: str) -> Self:
        """What to explore; the only thing that must be said of a run, and may not be said of a service."""
        return self._set("topic", text)

    def producers(self, count: int) -> Self:
        """Producer processes, 1 to 256."""
        return self._set("producers", count)

    def concurrency(self, count: int) -> Self:
        """Requests in flight for each producer, 1 to 256."""
        return self._set("concurrency", count)

    def iterations(self, count: int) -> Self:
        """Requests that each producer makes at most."""
        return self._set("iterations", count)

    def provider(self, which: str) -> Self:
        """As `--provider`: `test` (the default here), `env`, `local`, or `provider:model[:weight],…`."""
        return self._set("provider", which)

    def provider_option(self, name: str, value: object) -> Self:
        """A setting of one provider, such as `test.universe_size` and 500; a value is written as JSON would be."""
        self._options[name] = value
        return self

    def price(self, model: str, input_usd: float, output_usd: float) -> Self:
        """US dollars a million input and output tokens of `provider:model`."""
        self._prices[model] = (input_usd, output_usd)
        return self

    def request_size(self, items: int) -> Self:
        """Items asked for in a request, 1 to 1000."""
        return self._set("request_size", items)

    def output(self, folder: Path | str) -> Self:
        """Where the run's files go; `output/…` in the working directory if it is not said."""
        return self._set("output", folder)

    def max_attributes(self, count: int) -> Self:
        """Stop at exactly this many items in the file."""
        return self._set("max_attributes", count)

    def max_cost(self, usd: float) -> Self:
        """Never spend more US dollars than this."""
        return self._set("max_cost_usd", usd)

    def max_time(self, seconds: float) -> Self:
        """Stop after so many seconds."""
        return self._set("max_time_s", seconds)

    def identity(self, how: str) -> Self:
        """What counts as the same item: `exact`, `normalized` or `aggressive`."""
        return self._set("identity", how)

    def filter(self, name: str) -> Self:
        """Duplicate filter in front of the exact index: `rbloom` or `pybloom`."""
        return self._set("filter", name)

    def seed(self, number: int) -> Self:
        """Makes the simulated model and the planner repeatable."""
        return self._set("seed", number)

    def strategy(self, name: str) -> Self:
        """How to ask: `auto`, `plain`, `listed`, `facets`, `letters`, `languages` or `continued`."""
        return self._set("strategy", name)

    def until_coverage(self, share: float) -> Self:
        """Stop once so much of what the models can say is known; above 0, below 1."""
        return self._set("until_coverage", share)

    def min_yield(self, items: float) -> Self:
        """Stop once the next request is expected to bring fewer new items."""
        return self._set("min_yield", items)

    def max_price_per_item(self, usd: float) -> Self:
        """Stop once the next new item is expected to cost more US dollars."""
        return self._set("max_price_per_item_usd", usd)

    def checks(self, switch: str) -> Self:
        """Whether items are checked for being of the topic's kind: `on` or `off`."""
        return self._set("checks", switch)

    def validate(self, who: str) -> Self:
        """Whether a model judges items: `off`, `on`, or a provider that judges alone."""
        return self._set("validate", who)

    def patience(self, items: int) -> Self:
        """End an answer once so many items in a row were known."""
        return self._set("patience", items)

    def avoid_share(self, share: float) -> Self:
        """Share of the model's context for the list of known items, 0 to 0.9."""
        return self._set("avoid_share", share)

    def max_attempts(self, count: int) -> Self:
        """Tries for one request before it is given up."""
        return self._set("max_attempts", count)

    def connect_timeout(self, seconds: float) -> Self:
        """Longest time to connect to a provider."""
        return self._set("connect_timeout_s", seconds)

    def read_timeout(self, seconds: float) -> Self:
        """Longest silence within an answer."""
        return self._set("read_timeout_s", seconds)

    def log_level(self, level: str) -> Self:
        """`trace`, `debug`, `info`, `warn` or `error`."""
        return self._set("log_level", level)

    def host(self, address: str) -> Self:
        """Where a service listens; this machine only if it is not said."""
        return self._set("host", address)

    def port(self, number: int) -> Self:
        """Where a service listens; any port that is free if it is not said."""
        return self._set("port", number)

    def allowed_hosts(self, names: str) -> Self:
        """Further names under which a service may be called, separated by commas."""
        return self._set("allowed_hosts", names)

    def fresh(self, wanted: bool = True) -> Self:
        """Start anew; an earlier run in the folder is moved aside."""
        return self._set("fresh", wanted)

    def json(self, wanted: bool = True) -> Self:
        """Print the result as JSON on stdout."""
        return self._set("json", wanted)

    def quiet(self, wanted: bool = True) -> Self:
        """Print nothing but errors."""
        return self._set("quiet", wanted)

    def environment(self, variables: Mapping[str, str | None] | None = None, **more: str | None) -> Self:
        """Variables of the started process; None removes one that it would have."""
        self._environment |= {**(variables or {}), **more}
        return self

    def build(self) -> OrchestratorConfig:
        """The configuration of a run; the builder may go on being used.

        Raises:
            ConfigError: Something that was said cannot be.
        """
        values = self._given()
        checks.check_run(values)
        return self._built(values)

    def build_service(self) -> OrchestratorConfig:
        """The configuration of web mode, where what is said of runs holds for every topic that is started without it.

        Raises:
            ConfigError: Something that was said cannot be, or is for a run only.
        """
        values = {"port": 0, **self._given()}
        checks.check_service(values)
        return self._built({"topic": None, **values})

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in self._values.items() if value is not None}

    def _built(self, values: dict[str, Any]) -> OrchestratorConfig:
        options = {checks.option_name(name): checks.json_or_text(value) for name, value in self._options.items()}
        if _FREE_PROVIDER in _vendors(values.get("provider", _FREE_PROVIDER)):
            options.setdefault(_SPEED, "0")
        if "output" in values:
            values["output"] = Path(values["output"])
        return OrchestratorConfig(
            **values,
            provider_options=tuple(options.items()),
            prices=tuple((checks.text("price", model), *checks.usd(usd)) for model, usd in self._prices.items()),
            environment=tuple(checks.variable(name, value) for name, value in self._environment.items()),
        )


def _vendors(provider: str) -> set[str]:
    return {entry.partition(":")[0].strip() for entry in provider.split(",")}


def _decimal(value: float | None) -> str | None:
    """Without an exponent, which a duration may not have."""
    return None if value is None else f"{value:.6f}".rstrip("0").rstrip(".")
