"""What a run can be given, as a form and an API description show it: made from the settings' one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from contract.service import OptionView
from orchestrator.providers import DEFAULT_MODELS, VENDORS
from orchestrator.settings import (
    LARGEST_SEED,
    OPTIONS,
    Choice,
    Settings,
    WholeNumber,
    build_settings,
    coverage_share,
    duration,
    positive_float,
    positive_int,
    seed_number,
    share,
    shown_settings,
)

_LARGEST_SHARE = 0.9


class _Form(NamedTuple):
    """How a value is written."""

    type: Literal["integer", "number", "text", "duration", "choice", "flag", "list"]
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


_FORMS: Mapping[Callable[[str], Any], _Form] = {
    positive_int: _Form("integer", 1),
    seed_number: _Form("integer", -LARGEST_SEED, LARGEST_SEED),
    positive_float: _Form("number", 0),
    share: _Form("number", 0, _LARGEST_SHARE),
    coverage_share: _Form("number", 0, 1),
    duration: _Form("duration"),
}
_LISTS = (
    ("provider_options", "--provider-option", "settings of one provider, PROVIDER.NAME=VALUE, e.g. test.speed=0"),
    ("prices", "--price", "PROVIDER:MODEL=IN,OUT in US dollars a million tokens, where the price is not known"),
)
_PROVIDERS = (
    ("env", "every provider with a key in the environment or .env"),
    ("local", "a small real model on this machine; no key needed"),
    ("test", "the simulated model; no key needed, items are invented"),
)


def option_views(given: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[OptionView, ...]:
    """All settings of a run, with the defaults of this service.

    Args:
        given: Settings of the service's command line.
        environment: Its variables.
    """
    defaults = shown_settings(build_settings({**given, "topic": "any"}, environment))
    views = [
        OptionView(
            option.field,
            option.flag,
            form.type,
            option.help if option.field != "output" else "name of the folder, within the service's output folder",
            None if option.field in ("output", "trace_endpoint") else defaults[option.field],
            form.choices,
            form.minimum,
            form.maximum,
        )
        for option in OPTIONS
        for form in [_form(option.convert)]
    ]
    views += [OptionView(name, flag, "list", words, list(defaults[name])) for name, flag, words in _LISTS]
    views.append(OptionView("fresh", "--fresh", "flag", "start anew; the earlier run is moved aside", False))
    missing = set(Settings.__struct_fields__) - {view.name for view in views} - {"topic"}
    assert not missing, missing  # noqa: S101 - a new setting must be offered here too
    return tuple(views)


def _form(convert: Callable[[str], Any]) -> _Form:
    if isinstance(convert, Choice):
        return _Form("choice", choices=convert.allowed)
    if isinstance(convert, WholeNumber):
        return _Form("integer", 1, convert.maximum)
    return _FORMS.get(convert, _Form("text"))


def provider_suggestions() -> tuple[tuple[str, str], ...]:
    """What `--provider` understands: value and description."""
    models = tuple((f"{vendor}:{DEFAULT_MODELS[vendor]}", f"{vendor}; its key must be set") for vendor in VENDORS)
    return (*_PROVIDERS, *models)
