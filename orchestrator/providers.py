"""Which providers a run uses: from `--provider`, keys and base URLs to a list of `ProviderSpec`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

from contract.errors import ConfigurationError, NoProviderError
from contract.messages import ProviderSetup
from orchestrator.api_keys import KEY_VARIABLES, ApiKeySource
from orchestrator.settings import Settings

VENDORS = ("openai", "anthropic", "gemini")
DEFAULT_MODELS: Mapping[str, str] = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "test": "simulated",
    "local": "smollm2",
}
DEFAULT_CONTEXT_TOKENS = 8192
"""Context that the avoid-list's share is taken of, unless `context_tokens` says otherwise. Smaller than what large
models have on purpose: a list of more than some hundred items costs more than it saves."""

LOCAL_OPTIONS: Mapping[str, Any] = {
    "prompt_style": "numbered",
    "temperature": 0.8,
    "extra_body": {"presence_penalty": 1.5, "repeat_last_n": 512},
}
"""Chosen by reading 210 answers of the small model: without a presence penalty it soon repeats itself."""
LOCAL_REQUEST_SIZE = 40
"""The small model stops or loops when it is asked for more."""
_ADAPTER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "openai": ("temperature", "reasoning_effort", "extra_body", "prompt_style"),
    "local": ("temperature", "extra_body", "prompt_style"),
    "anthropic": ("temperature", "extra_body", "prompt_style"),
    "gemini": ("temperature", "thinking_budget", "api_version", "extra_body", "prompt_style"),
}
"""Options that each adapter knows; the simulated model checks its own."""
_ORCHESTRATOR_OPTIONS = ("context_tokens", "max_in_flight", "max_request_size", "takes_avoid_list", "takes_parts")
_SWITCHES = ("takes_avoid_list", "takes_parts")


class ProviderSpec(msgspec.Struct, frozen=True):
    """One provider and model of a run.

    Attributes:
        vendor: `openai`, `anthropic`, `gemini`, `test` or `local`.
        weight: Its share of the orders relative to the others.
        context_tokens: Length of its context, as far as the avoid-list may count on it.
        max_in_flight: Most requests it gets at a time, over all producers; None for no limit of its own.
        setup: What producers are told.
        max_request_size: Most items it is asked for at a time; None for no limit of its own.
        takes_avoid_list: Whether it gets one. A very small model only parrots it.
        takes_parts: Whether the strategy `auto` asks it for the parts of a topic, and about them. A very small model
            names items instead, and keeps to no part (measured: docs/exhaustion.md).
    """

    vendor: str
    weight: float
    context_tokens: int
    max_in_flight: int | None
    setup: ProviderSetup
    max_request_size: int | None = None
    takes_avoid_list: bool = True
    takes_parts: bool = True

    @property
    def name(self) -> str:
        """Unique name, `vendor:model`."""
        return self.setup.name

    @property
    def is_remote(self) -> bool:
        """Whether calls leave this machine."""
        host = urlsplit(self.setup.base_url).hostname if self.setup.base_url else None
        return self.vendor in VENDORS and host not in ("localhost", "127.0.0.1", "::1")


class Wanted(NamedTuple):
    """One entry of a provider list."""

    vendor: str
    model: str
    weight: float


def parse_provider_list(text: str) -> list[Wanted]:
    """`provider[:model[:weight]],…`. A last part that is a number is the weight; the model's own name may hold colons.

    Raises:
        ConfigurationError: An unknown provider, a weight that is none, or no weight above 0.
    """
    wanted: list[Wanted] = []
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        vendor, _, rest = entry.partition(":")
        if vendor not in DEFAULT_MODELS:
            known = ", ".join(DEFAULT_MODELS)
            raise ConfigurationError(
                f"unknown provider {vendor[:40]!r}: use env, or a list of {known} with :model[:weight]"
            )
        model, _, last = rest.rpartition(":")
        weight = _weight(last) if model else None
        if weight is None:
            model, weight = rest, 1.0
        if rest.startswith(":"):
            raise ConfigurationError(f"{entry[:60]!r} names no model: provider[:model[:weight]]")
        if weight < 0 or not math.isfinite(weight):
            raise ConfigurationError(f"the weight in {entry!r} must be 0 or more")
        wanted.append(Wanted(vendor, model or "", weight))
    if not wanted:
        raise ConfigurationError("the provider list is empty: use env, test, local or provider:model[:weight],…")
    if not any(entry.weight > 0 for entry in wanted):
        raise ConfigurationError(f"in {text[:60]!r} a weight must be above 0")
    return wanted


def provider_list(weights: Mapping[str, float]) -> str:
    """What `parse_provider_list` takes for providers of these names (`vendor:model`) with these weights."""
    return ",".join(f"{name}:{str(weight).removesuffix('.0')}" for name, weight in weights.items())


def _weight(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def parse_provider_options(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`PROVIDER.NAME=VALUE` entries as `{provider: {name: value}}`; values are JSON where they parse as such.

    Raises:
        ConfigurationError: An entry of another form.
    """
    options: dict[str, dict[str, Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        provider, dot, name = key.strip().partition(".")
        if not (equals and dot and name) or provider not in DEFAULT_MODELS:
            raise ConfigurationError(
                f"{text[:80]!r} is not PROVIDER.NAME=VALUE (providers: {', '.join(DEFAULT_MODELS)})"
            )
        try:
            options.setdefault(provider, {})[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options.setdefault(provider, {})[name] = value
    return options


def wanted_providers(settings: Settings, keys: ApiKeySource, environment: Mapping[str, str]) -> list[Wanted]:
    """What `--provider` asks for.

    Raises:
        NoProviderError: `env`, and nothing is configured there.
        ConfigurationError: See `parse_provider_list`.
    """
    if settings.provider != "env":
        return parse_provider_list(settings.provider)
    wanted = [
        Wanted(vendor, "", 1.0)
        for vendor in VENDORS
        if keys.get(vendor) is not None or environment.get(f"{vendor.upper()}_BASE_URL", "").strip()
    ]
    if not wanted:
        variables = ", ".join(names[0] for names in KEY_VARIABLES.values())
        raise NoProviderError(
            f"no API key is set: set one of {variables} (or OPENAI_BASE_URL for your own endpoint), "
            "or use --provider local (a small real model on this machine) or --provider test (a simulated one)"
        )
    return wanted


def build_specs(
    wanted: Sequence[Wanted],
    settings: Settings,
    keys: ApiKeySource,
    environment: Mapping[str, str],
    local_endpoint: Callable[[], tuple[str, str, int, int]],
) -> list[ProviderSpec]:
    """Turn a provider list into specs.

    Args:
        wanted: See `wanted_providers`.
        settings: Time-outs and provider options.
        keys: Where keys come from.
        environment: Base URLs and default models.
        local_endpoint: Starts the local model where it is wanted; gives base URL, model, context tokens, slots.

    Raises:
        ConfigurationError: A key is missing, a URL is none, or an option is unknown.
    """
    options = parse_provider_options(settings.provider_options)
    for vendor, known in _ADAPTER_OPTIONS.items():
        for name in options.get(vendor, {}):
            if name not in known and name not in _ORCHESTRATOR_OPTIONS:
                named = ", ".join((*known, *_ORCHESTRATOR_OPTIONS))
                raise ConfigurationError(f"{vendor} has no option {name[:40]!r}; it has {named}")
    specs: list[ProviderSpec] = []
    for entry in wanted:
        given = dict(options.get(entry.vendor, {}))
        if entry.vendor == "local":
            spec = _local(entry, settings, given, local_endpoint)
        elif entry.vendor == "test":
            spec = _simulated(entry, settings, given)
        else:
            spec = _remote(entry, settings, given, keys, environment)
        if any(spec.name == other.name for other in specs):
            raise ConfigurationError(f"{spec.name} is named twice in --provider: give it once, with a weight")
        specs.append(spec)
    return specs


def wanted_judge(settings: Settings, wanted: Sequence[Wanted]) -> Wanted | None:
    """The provider that `--validate` names, with weight 0: it is asked for no items; None where none is named.

    `local` is one server with one model, however often it is named.

    Raises:
        ConfigurationError: An unknown provider.
    """
    if settings.validate in ("off", "on"):
        return None
    vendor, _, model = settings.validate.partition(":")
    if vendor not in DEFAULT_MODELS:
        known = ", ".join(DEFAULT_MODELS)
        raise ConfigurationError(f"--validate: unknown provider {vendor[:40]!r}; use off, on, or one of {known}")
    if vendor == "local" and any(entry.vendor == "local" for entry in wanted):
        return next(entry for entry in wanted if entry.vendor == "local")
    return Wanted(vendor, model, 0.0)


def with_judge(specs: Sequence[ProviderSpec], judge: ProviderSpec) -> list[ProviderSpec]:
    """The specs with the judge's, unless it is among them."""
    return [*specs, *([] if any(spec.name == judge.name for spec in specs) else [judge])]


def _spec(
    entry: Wanted,
    settings: Settings,
    given: dict[str, Any],
    context: int,
    limit: int | None,
    able: bool = True,
    **setup: Any,
) -> ProviderSpec:
    taken = {name: given.pop(name) for name in _ORCHESTRATOR_OPTIONS if name in given}
    switches = {name: taken.pop(name, able) for name in _SWITCHES}
    for name, on in switches.items():
        if not isinstance(on, bool):
            raise ConfigurationError(f"{entry.vendor}.{name} must be true or false")
    for name, value in taken.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigurationError(f"{entry.vendor}.{name} must be a whole number of at least 1")
    return ProviderSpec(
        vendor=entry.vendor,
        weight=entry.weight,
        context_tokens=taken.get("context_tokens", context),
        max_in_flight=taken.get("max_in_flight", limit),
        max_request_size=taken.get("max_request_size"),
        **switches,
        setup=ProviderSetup(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            **setup,
        ),
    )


def _simulated(entry: Wanted, settings: Settings, given: dict[str, Any]) -> ProviderSpec:
    model = entry.model or DEFAULT_MODELS["test"]
    spec = _spec(
        entry, settings, given, DEFAULT_CONTEXT_TOKENS, None, name=f"test:{model}", api="simulated", model=model
    )
    return msgspec.structs.replace(spec, setup=msgspec.structs.replace(spec.setup, options=given))


def _local(
    entry: Wanted,
    settings: Settings,
    given: dict[str, Any],
    local_endpoint: Callable[[], tuple[str, str, int, int]],
) -> ProviderSpec:
    if entry.model not in ("", DEFAULT_MODELS["local"]):
        raise ConfigurationError(f"the local model is {DEFAULT_MODELS['local']}; {entry.model[:40]!r} is not available")
    url, model, context, slots = local_endpoint()
    name = f"local:{model}"
    spec = _spec(entry, settings, given, context, slots, False, name=name, api="openai", model=model, base_url=url)
    return msgspec.structs.replace(
        spec,
        setup=msgspec.structs.replace(spec.setup, options={**LOCAL_OPTIONS, **given}),
        max_request_size=spec.max_request_size or LOCAL_REQUEST_SIZE,
    )


def _remote(
    entry: Wanted, settings: Settings, given: dict[str, Any], keys: ApiKeySource, environment: Mapping[str, str]
) -> ProviderSpec:
    vendor = cast(Literal["openai", "anthropic", "gemini"], entry.vendor)
    base_url = environment.get(f"{vendor.upper()}_BASE_URL", "").strip() or None
    if base_url is not None:
        _check_url(f"{vendor.upper()}_BASE_URL", base_url)
    key = keys.get(vendor)
    if key is None and base_url is None:
        raise NoProviderError(f"no key for {vendor}: set {KEY_VARIABLES[vendor][0]} in the environment or in .env")
    model = entry.model or environment.get(f"{vendor.upper()}_MODEL", "").strip() or DEFAULT_MODELS[vendor]
    spec = _spec(
        entry,
        settings,
        given,
        DEFAULT_CONTEXT_TOKENS,
        None,
        name=f"{vendor}:{model}",
        api=vendor,
        model=model,
        base_url=base_url,
        api_key=key,
    )
    return msgspec.structs.replace(spec, setup=msgspec.structs.replace(spec.setup, options=given))


def _check_url(variable: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"{variable} is not an http or https address")
    # The vendors' clients would put the path behind the query, and refuse to send a user beside a key.
    if parts.query or parts.username is not None:
        raise ConfigurationError(
            f"{variable} holds a user name, a password or a query, which the vendors' clients cannot send: leave it out"
        )
