"""What a configuration may say. Each check raises `ConfigError` with one line that names the field."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from telemetry.logs import LEVELS

_MAX_TOPIC_CHARACTERS = 2000
_MOST_PRODUCERS = _MOST_CONCURRENT = 256
_MOST_ITEMS = 1000
_LEAST_S = 0.001
_OPTION_NAME = re.compile(r"[a-z]+\.[A-Za-z_][A-Za-z0-9_.]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTITIES = ("exact", "normalized", "aggressive")
_FILTERS = ("rbloom", "pybloom")
_STRATEGIES = ("auto", "plain", "listed", "facets", "letters")
_SWITCH = ("on", "off")
_OF_A_SERVICE = ("host", "port", "allowed_hosts")
_OF_A_RUN = ("topic", "fresh", "json", "quiet")


class ConfigError(ValueError):
    """A configuration that the orchestrator would refuse; the message is one line."""


def check_run(values: dict[str, Any]) -> None:
    """Fields of a run by name, those only that were said: topic, texts, numbers, words, switches."""
    if "topic" not in values:
        raise ConfigError('there is no topic: say .topic("Paris attractions")')
    text("topic", values["topic"])
    if len(values["topic"]) > _MAX_TOPIC_CHARACTERS:
        raise ConfigError(f"topic is too long: {len(values['topic'])} characters, at most {_MAX_TOPIC_CHARACTERS}")
    for name in _OF_A_SERVICE:
        if name in values:
            raise ConfigError(f"{name} is a service's: say .build_service() without a topic")
    _check(values)


def check_service(values: dict[str, Any]) -> None:
    """The same of web mode, which has no topic of its own."""
    for name in _OF_A_RUN:
        if values.get(name):
            raise ConfigError(f"{name} is a run's: a service is told so when a topic is started")
    for name in ("host", "allowed_hosts"):
        if name in values:
            text(name, values[name])
    _whole(values, "port", 0, 65535)
    _check(values)


def _check(values: dict[str, Any]) -> None:
    for name in ("provider", "output"):
        if name in values:
            text(name, os.fspath(values[name]) if isinstance(values[name], Path) else values[name])
    _whole(values, "producers", 1, _MOST_PRODUCERS)
    _whole(values, "concurrency", 1, _MOST_CONCURRENT)
    _whole(values, "request_size", 1, _MOST_ITEMS)
    for name in ("iterations", "max_attributes", "max_attempts"):
        _whole(values, name, 1, 2**63 - 1)
    _whole(values, "seed", -(2**63), 2**63 - 1)
    for name in ("max_time_s", "connect_timeout_s", "read_timeout_s"):
        _number(values, name, _LEAST_S, 1e9 - 1)
    _number(values, "max_cost_usd", 1e-9, math.inf)
    _number(values, "avoid_share", 0.0, 0.9)
    _number(values, "until_coverage", 1e-9, 1 - 1e-9)
    _number(values, "min_yield", 1e-9, math.inf)
    _number(values, "max_price_per_item_usd", 1e-9, math.inf)
    for name, allowed in (
        ("identity", _IDENTITIES),
        ("filter", _FILTERS),
        ("strategy", _STRATEGIES),
        ("checks", _SWITCH),
        ("log_level", tuple(LEVELS)),
    ):
        if name in values and values[name] not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {_shown(values[name])}")
    for name in ("fresh", "json", "quiet"):
        if not isinstance(values.get(name, False), bool):
            raise ConfigError(f"{name} must be True or False, not {_shown(values[name])}")


def _whole(values: dict[str, Any], name: str, least: int, most: int) -> None:
    value = values.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {_shown(value)}")


def _number(values: dict[str, Any], name: str, least: float, most: float) -> None:
    value = values.get(name, least)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        raise ConfigError(f"{name} must be a number from {least:g} to {most:g}, not {_shown(value)}")


def text(name: str, value: Any) -> str:
    """Text that a command can be given, and not blank."""
    if not isinstance(value, str) or not value.strip() or not _can_be_given(value):
        raise ConfigError(f"{name} must be text that is not blank and holds no NUL character, not {_shown(value)}")
    return value


def _can_be_given(value: str) -> bool:
    """Whether the system lets a command have this as an argument or variable."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def usd(prices: tuple[Any, Any]) -> tuple[float, float]:
    """A price of a million input tokens and one of a million output tokens."""
    for name, value in zip(("input price", "output price"), prices, strict=True):
        _number({name: value}, name, 0.0, math.inf)
    return prices


def option_name(name: Any) -> str:
    """The name of a provider's option: `provider.name`."""
    if not isinstance(name, str) or not _OPTION_NAME.fullmatch(name):
        raise ConfigError(f"provider_option needs a name such as test.universe_size, not {_shown(name)}")
    return name


def json_or_text(value: Any) -> str:
    """The value of a provider's option: text as it is, all else as JSON."""
    if not isinstance(value, str):
        try:
            return msgspec.json.encode(value).decode()
        except (TypeError, ValueError) as error:
            raise ConfigError(f"provider_option cannot take {_shown(value)}: {error}") from error
    if not _can_be_given(value):
        raise ConfigError(f"provider_option cannot take {_shown(value)}")
    return value


def variable(name: Any, value: Any) -> tuple[str, str | None]:
    """A variable of the environment and its value; None removes it."""
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        raise ConfigError(f"environment needs names of letters, digits and underscores, not {_shown(name)}")
    if value is not None and (not isinstance(value, str) or not _can_be_given(value)):
        # The value itself is not shown: it may be a key.
        raise ConfigError(f"environment variable {name} must be text without a NUL character, or None")
    return name, value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
