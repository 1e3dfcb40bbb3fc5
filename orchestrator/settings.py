"""What can be set, declared once: name, environment variable, default, bounds. `cli` and `composition` build from it.

Order of precedence: command line (or keyword of the Python API), environment, `.env` in the working directory,
default.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from contract.errors import ConfigurationError, UsageError
from orchestrator.dedup.identity import Identity
from telemetry.configuration import trace_endpoint
from telemetry.logs import LEVELS

MAX_TOPIC_CHARS = 2000
FILTERS = ("rbloom", "pybloom")
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
    seed: int | None = None
    avoid_share: float = 0.25
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


def share(text: str) -> float:
    """A number from 0 to 0.9."""
    value = float(text) if re.fullmatch(r"\d*\.?\d+", text) else -1.0
    if not 0 <= value <= 0.9:
        raise ValueError(f"{text!r} is not a number from 0 to 0.9")
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


def choice(*allowed: str) -> Callable[[str], str]:
    """A converter that takes only the given words."""

    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
        return text

    return convert


def producers_count(text: str) -> int:
    """1 to 256 processes."""
    value = positive_int(text)
    if value > 256:
        raise ValueError(f"{value} processes are too many: at most 256")
    return value


def concurrency_count(text: str) -> int:
    """1 to 256 requests."""
    value = positive_int(text)
    if value > 256:
        raise ValueError(f"{value} requests in flight are too many for a producer: at most 256")
    return value


def request_size(text: str) -> int:
    """1 to 1000 items."""
    value = positive_int(text)
    if value > 1000:
        raise ValueError(f"{value} items are too many for one request: at most 1000")
    return value


OPTIONS: tuple[Option, ...] = (
    Option("producers", "--producers", "N", producers_count, "producer processes"),
    Option("concurrency", "--concurrency", "N", concurrency_count, "requests in flight for each producer"),
    Option(
        "iterations",
        "--iterations",
        "N",
        positive_int,
        "requests that each producer makes at most (default: until 20 responses in a row bring nothing new)",
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
    Option("output", "--output", "DIR", Path, "where the run's files go (default: ./output/<topic>)"),
    Option(
        "max_attributes",
        "--max-attributes",
        "N",
        positive_int,
        "stop at exactly this many items in the file, earlier runs included",
    ),
    Option("max_cost_usd", "--max-cost", "USD", positive_float, "never spend more than this in this run"),
    Option("max_time_s", "--max-time", "DURATION", duration, "stop after this long: 90s, 5m, 1h30m"),
    Option(
        "identity",
        "--identity",
        "HOW",
        choice(*Identity),
        "what counts as the same item: exact, normalized, aggressive",
    ),
    Option(
        "filter", "--filter", "NAME", choice(*FILTERS), "duplicate filter in front of the exact index: rbloom, pybloom"
    ),
    Option("seed", "--seed", "N", int, "makes the simulated model and the planner repeatable"),
    Option("avoid_share", "--avoid-share", "SHARE", share, "share of the model's context for the list of known items"),
    Option("max_attempts", "--max-attempts", "N", positive_int, "tries for one request before it is given up"),
    Option("connect_timeout_s", "--connect-timeout", "DURATION", duration, "time to connect to a provider"),
    Option("read_timeout_s", "--read-timeout", "DURATION", duration, "longest silence within an answer"),
    Option("log_level", "--log-level", "LEVEL", choice(*LEVELS), "trace, debug, info, warn or error"),
    Option(
        "trace_endpoint",
        "--trace-ep",
        "URL",
        trace_endpoint,
        "send traces and metrics to this OTLP collector, e.g. http://localhost:4318 (HTTP) or grpc://localhost:4317; "
        "the standard OTEL_* variables work too",
    ),
)


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
    known = [option.variable for option in OPTIONS] + list(_OTHER_VARIABLES)
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
    values: dict[str, Any] = {"topic": topic}
    for option in OPTIONS:
        text = environment.get(option.variable, "").strip()
        if text:
            try:
                values[option.field] = option.convert(text)
            except ValueError as error:
                raise ConfigurationError(f"{option.variable}: {error}") from error
    for variable, field in (("ORCHESTRATOR_PROVIDER_OPTIONS", "provider_options"), ("ORCHESTRATOR_PRICES", "prices")):
        if environment.get(variable, "").strip():
            values[field] = tuple(environment[variable].split())
    values.update({key: value for key, value in given.items() if value is not None and key != "topic"})
    values["identity"] = Identity(values.get("identity", Identity.NORMALIZED))
    return Settings(**values)
