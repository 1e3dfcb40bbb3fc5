"""What can be set, declared once: name, environment variable, default, bounds. `cli` and `composition` build from it.

Order of precedence: command line (or keyword of the Python API), environment, `.env` in the working directory,
default.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from contract.errors import ConfigurationError, UsageError
from contract.identity import Identity
from orchestrator.masking import masked
from telemetry.configuration import trace_endpoint, without_secrets
from telemetry.logs import LEVELS

MAX_TOPIC_CHARS = 2000
LARGEST_SEED = 2**53
FILTERS = ("rbloom", "pybloom")
STRATEGIES = ("auto", "plain", "listed", "facets", "letters", "languages", "continued")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.IGNORECASE)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run can be told. Times in seconds, money in US dollars."""

    topic: str
    producers: int = 5
    concurrency: int = 4
    iterations: int | None = None
    provider: str = "env"
    provider_options: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    request_size: int = 60
    output: Path | None = None
    fresh: bool = False
    max_attributes: int | None = None
    max_cost_usd: float | None = None
    max_time_s: float | None = None
    identity: Identity = Identity.NORMALIZED
    filter: str = "rbloom"
    checks: str = "on"
    seed: int | None = None
    avoid_share: float = 0.25
    strategy: str = "auto"
    until_coverage: float | None = None
    min_yield: float | None = None
    max_price_per_item_usd: float | None = None
    patience: int | None = None
    validate: str = "off"
    max_attempts: int = 5
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    log_level: str = "info"
    trace_endpoint: str | None = None


class Option(NamedTuple):
    """One setting as environment and command line know it."""

    field: str
    flag: str
    metavar: str
    convert: Callable[[str], Any]
    help: str

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "ORCHESTRATOR_" + self.flag.removeprefix("--").replace("-", "_").upper()


def positive_int(text: str) -> int:
    """A whole number of at least 1. Raises `ValueError` with the reason."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise ValueError(f"{value} is too small: at least 1 is needed")
    if value > 2**63 - 1:
        raise ValueError("that number is too large")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0. Raises `ValueError` with the reason."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{text} is not a number above 0")
    return value


def seed_number(text: str) -> int:
    """A whole number that every program can hold exactly. Raises `ValueError` with the reason."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a whole number") from None
    if abs(value) > LARGEST_SEED:
        raise ValueError(f"that number is too large: at most {LARGEST_SEED}")
    return value


def share(text: str) -> float:
    """A number from 0 to 0.9."""
    value = float(text) if re.fullmatch(r"\d*\.?\d+", text) else -1.0
    if not 0 <= value <= 0.9:
        raise ValueError(f"{text!r} is not a number from 0 to 0.9")
    return value


def coverage_share(text: str) -> float:
    """A number above 0 and below 1. Raises `ValueError` with the reason."""
    value = float(text) if re.fullmatch(r"\d*\.?\d+", text) else -1.0
    if not 0 < value < 1:
        hint = f": {value:g} % is {value / 100:g}" if 1 < value < 100 else ""
        raise ValueError(f"{text!r} is not a number above 0 and below 1{hint}")
    return value


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `5m`, `1h30m`. Raises `ValueError` with the reason."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration such as 90s, 5m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not 0 < total < 10**9:
        raise ValueError(f"{text!r} must be longer than nothing")
    return total


class Choice:
    """A converter that takes only the given words."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed

    def __call__(self, text: str) -> str:
        """The word itself. Raises `ValueError` for any other."""
        if text not in self.allowed:
            raise ValueError(f"{text!r} is not one of {', '.join(self.allowed)}")
        return text


class WholeNumber:
    """A converter that takes whole numbers from 1 on.

    Args:
        maximum: The largest.
        things: What there would be too many of.
    """

    def __init__(self, maximum: int, things: str) -> None:
        self.maximum = maximum
        self._things = things

    def __call__(self, text: str) -> int:
        """The number. Raises `ValueError` with the reason."""
        value = positive_int(text)
        if value > self.maximum:
            raise ValueError(f"{value} {self._things}: at most {self.maximum}")
        return value


def judge_name(text: str) -> str:
    """`off`, `on`, or one provider, `provider[:model]`. Raises `ValueError` with the reason."""
    name = text.strip()
    if not re.fullmatch(r"[a-z]+(?::[^\s,]+)?", name):
        raise ValueError(f"{text[:60]!r} is not off, on, or one provider such as openai:gpt-5-mini")
    return name


producers_count = WholeNumber(256, "processes are too many")
concurrency_count = WholeNumber(256, "requests in flight are too many for a producer")
request_size = WholeNumber(1000, "items are too many for one request")
patience_count = WholeNumber(1000, "known items in a row are too many")


OPTIONS: tuple[Option, ...] = (
    Option("producers", "--producers", "N", producers_count, "producer processes"),
    Option("concurrency", "--concurrency", "N", concurrency_count, "requests in flight for each producer"),
    Option(
        "iterations",
        "--iterations",
        "N",
        positive_int,
        "requests that each producer makes at most (default: until nothing more is to be had; see docs/exhaustion.md)",
    ),
    Option(
        "provider",
        "--provider",
        "WHICH",
        str,
        "env: every provider with a key in the environment or .env; test: the simulated model; local: a small real "
        "model on this machine; or a list provider:model[:weight],… such as "
        "openai:gpt-5-mini,anthropic:claude-haiku-4-5:2",
    ),
    Option("request_size", "--request-size", "N", request_size, "items asked for in a request"),
    Option(
        "output",
        "--output",
        "DIR",
        Path,
        "where the run's files go (default: ./output/<topic>); in web mode the folder of all topics (default: "
        "./output)",
    ),
    Option(
        "max_attributes",
        "--max-attributes",
        "N",
        positive_int,
        "stop at exactly this many items in the file, earlier runs included",
    ),
    Option("max_cost_usd", "--max-cost", "USD", positive_float, "never spend more than this in this run"),
    Option(
        "until_coverage",
        "--until-coverage",
        "SHARE",
        coverage_share,
        "stop once so much of what the models can say is known, e.g. 0.95 (estimated; see docs/exhaustion.md)",
    ),
    Option(
        "min_yield",
        "--min-yield",
        "N",
        positive_float,
        "stop once the next request is expected to bring fewer new items",
    ),
    Option(
        "max_price_per_item_usd",
        "--max-price-per-item",
        "USD",
        positive_float,
        "stop once the next new item is expected to cost more",
    ),
    Option("max_time_s", "--max-time", "DURATION", duration, "stop after this long: 90s, 5m, 1h30m"),
    Option(
        "identity",
        "--identity",
        "HOW",
        Choice(*Identity),
        "what counts as the same item: exact, normalized, aggressive",
    ),
    Option(
        "filter", "--filter", "NAME", Choice(*FILTERS), "duplicate filter in front of the exact index: rbloom, pybloom"
    ),
    Option(
        "checks",
        "--checks",
        "on|off",
        Choice("on", "off"),
        "set new items aside in rejected.jsonl that are not of the list's kind: sentences, remarks, another script",
    ),
    Option("seed", "--seed", "N", seed_number, "makes the simulated model and the planner repeatable"),
    Option("avoid_share", "--avoid-share", "SHARE", share, "share of the model's context for the list of known items"),
    Option(
        "strategy",
        "--strategy",
        "NAME",
        Choice(*STRATEGIES),
        "how to ask: auto (what brings most for its price), or one way alone: plain (afresh), listed (known items "
        "named), facets (sub-topics), letters (first letters), languages (other languages' views), continued (one "
        "conversation that goes on)",
    ),
    Option(
        "patience",
        "--patience",
        "N",
        patience_count,
        "end an answer once so many items in a row were known already (default: never; it rarely pays, see "
        "docs/exhaustion.md)",
    ),
    Option(
        "validate",
        "--validate",
        "off|on|WHO",
        judge_name,
        "ask a model, in batches, which items are not of the topic's kind, and leave those out of valid.txt; on: the "
        "run's own models; or one that judges alone, such as anthropic:claude-haiku-4-5",
    ),
    Option("max_attempts", "--max-attempts", "N", positive_int, "tries for one request before it is given up"),
    Option("connect_timeout_s", "--connect-timeout", "DURATION", duration, "time to connect to a provider"),
    Option("read_timeout_s", "--read-timeout", "DURATION", duration, "longest silence within an answer"),
    Option("log_level", "--log-level", "LEVEL", Choice(*LEVELS), "trace, debug, info, warn or error"),
    Option(
        "trace_endpoint",
        "--trace-ep",
        "URL",
        trace_endpoint,
        "send traces and metrics to this OTLP collector, e.g. http://localhost:4318 (HTTP) or grpc://localhost:4317; "
        "the standard OTEL_* variables work too",
    ),
)


def port_number(text: str) -> int:
    """0 to 65535. Raises `ValueError` with the reason."""
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        raise ValueError(f"{text!r} is not a port: a number from 0 (any that is free) to 65535")
    return int(text)


def host_names(text: str) -> tuple[str, ...]:
    """Names separated by commas. Raises `ValueError` with the reason."""
    names = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not names or not all(re.fullmatch(r"[a-z0-9._:-]+", name) for name in names):
        raise ValueError(f"{text!r} is not a list of host names such as box.example,10.0.0.7")
    return names


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What web mode can be told beside the settings of its topics' runs."""

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()


SERVICE_OPTIONS: tuple[Option, ...] = (
    Option("host", "--host", "HOST", str, "address of the web page; others than this machine's own need a token"),
    Option("port", "--port", "N", port_number, "port of the web page"),
    Option(
        "allowed_hosts",
        "--allowed-hosts",
        "NAMES",
        host_names,
        "further names under which browsers may call the page, e.g. of a proxy before it, separated by commas",
    ),
)


def build_service_settings(given: Mapping[str, Any], environment: Mapping[str, str]) -> ServiceSettings:
    """As `build_settings`. Raises `ConfigurationError`."""
    values = _from_environment(SERVICE_OPTIONS, environment)
    values.update({key: value for key, value in given.items() if value is not None})
    return ServiceSettings(**values)


def read_environment(directory: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's environment with the `.env` of `directory` beneath it.

    Raises:
        ConfigurationError: `.env` cannot be read or has a line that is no assignment.
    """
    merged: dict[str, str] = {}
    path = directory / ".env"
    if path.is_file():
        merged.update(_read_dotenv(path))
    merged.update(os.environ if environment is None else environment)
    return merged


def _read_dotenv(path: Path) -> dict[str, str]:
    from dotenv.parser import parse_stream  # only where there is a .env

    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read .env: {error}; mend or remove it") from error
    values: dict[str, str] = {}
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            # The line itself is not shown: it may hold a key.
            raise ConfigurationError(f".env line {binding.original.line} is not NAME=value; mend or remove it")
        if binding.key is not None and binding.value is not None:
            _check_name(binding.key, binding.original.line)
            values[binding.key] = binding.value
    return values


_OTHER_VARIABLES = ("ORCHESTRATOR_PROVIDER_OPTIONS", "ORCHESTRATOR_PRICES", "ORCHESTRATOR_CACHE")


def _check_name(name: str, line: int) -> None:
    """Refuse a setting of ours that does not exist: it would be ignored in silence."""
    known = [option.variable for option in (*OPTIONS, *SERVICE_OPTIONS)] + list(_OTHER_VARIABLES)
    if name.startswith("ORCHESTRATOR_") and name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]}?" if close else "; example.env has all settings"
        raise ConfigurationError(f".env line {line}: {name} is not a setting{hint}")


def build_settings(given: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from what was given (converted values; None and absent mean "not given") and the environment.

    Raises:
        UsageError: The topic is blank.
        ConfigurationError: An environment variable's value cannot be used.
    """
    # Bytes on the command line that are no UTF-8 come as lone surrogates, which nothing else takes.
    topic = " ".join(str(given.get("topic") or "").encode("utf-8", "replace").decode().split())
    if not topic:
        raise UsageError('the topic is empty: give one, e.g. --topic "Paris attractions"')
    if len(topic) > MAX_TOPIC_CHARS:
        raise UsageError(f"the topic is too long: {len(topic)} characters, at most {MAX_TOPIC_CHARS}")
    values: dict[str, Any] = {"topic": topic, **_from_environment(OPTIONS, environment)}
    for variable, field in (("ORCHESTRATOR_PROVIDER_OPTIONS", "provider_options"), ("ORCHESTRATOR_PRICES", "prices")):
        if environment.get(variable, "").strip():
            values[field] = tuple(environment[variable].split())
    values.update({key: value for key, value in given.items() if value is not None and key != "topic"})
    values["identity"] = Identity(values.get("identity", Identity.NORMALIZED))
    return Settings(**values)


def _from_environment(options: Sequence[Option], environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for option in options:
        text = environment.get(option.variable, "").strip()
        if text:
            try:
                values[option.field] = option.convert(text)
            except ValueError as error:
                raise ConfigurationError(f"{option.variable}: {error}") from error
    return values


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a program or a request, by name, with the same bounds as on the command line; None: not given.

    Raises:
        UsageError: An unknown setting, or a value out of its bounds.
    """
    result = dict(settings)
    for name in settings:
        if name not in Settings.__struct_fields__:
            close = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
            hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(Settings.__struct_fields__)}"
            raise UsageError(f"unknown setting {name[:60]!r}{hint}")
    for name in ("provider_options", "prices"):
        value = settings.get(name)
        if value is not None:
            if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
                raise UsageError(f"{name} is a list of texts, not one text")
            result[name] = tuple(value)
    if not isinstance(settings.get("fresh") or False, bool):
        raise UsageError("fresh is True or False")
    for option in OPTIONS:
        value = settings.get(option.field)
        if value is None:
            continue
        try:
            result[option.field] = option.convert(value if isinstance(value, Path) else str(value))  # type: ignore[arg-type]
        except ValueError as error:
            raise UsageError(f"{option.field}: {error}") from error
    return {name: value for name, value in result.items() if value is not None}


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values, only text that can be written. Secrets are in it."""
    built: dict[str, Any] = msgspec.to_builtins(
        settings, enc_hook=lambda value: str(value).encode(errors="replace").decode()
    )
    return built


def shown_settings(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values, as they may be shown and kept.

    A trace endpoint's password is left out, secrets in provider options are masked.
    """
    endpoint = settings.trace_endpoint
    return settings_as_json(
        msgspec.structs.replace(
            settings,
            trace_endpoint=endpoint and without_secrets(endpoint),
            provider_options=tuple(masked(option) for option in settings.provider_options),
        )
    )


def settings_from_json(values: Mapping[str, Any]) -> Settings:
    """What `settings_as_json` made. Raises `msgspec.ValidationError`."""
    return msgspec.convert(dict(values), Settings, dec_hook=lambda kind, value: kind(value))
