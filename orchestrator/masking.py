"""Secrets in provider options: hidden where options are shown and kept, given back where a run is continued."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from contract.errors import UsageError

MASK = "***"
_SECRET = re.compile(r"key|token|secret|passw|credential|cookie|authorization", re.IGNORECASE)


def masked(option: str) -> str:
    """`PROVIDER.NAME=VALUE` with a mask for each text below a name that tells of a secret, at any depth.

    Numbers stay: `context_tokens` and the like count something, and open nothing.
    """
    name, _, text = option.partition("=")
    secret = bool(_SECRET.search(name))
    try:
        value: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = text
        secret = secret or bool(_SECRET.search(text))  # it may be JSON with a slip
    except RecursionError:
        return f"{name}={MASK}"
    hidden = _hidden(value, secret)
    if hidden == value:
        return option
    return f"{name}={hidden if isinstance(hidden, str) else msgspec.json.encode(hidden).decode()}"


def _hidden(value: Any, secret: bool) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(one, secret or bool(_SECRET.search(name))) for name, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one, secret) for one in value]
    return MASK if secret and isinstance(value, str) else value


def unmasked(options: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Options that were kept, with their secrets.

    Args:
        options: As `masked` left them.
        known: Options that may stand in the place of masked ones: those that look the same when they are masked.

    Raises:
        UsageError: There is none for one of them.
    """
    whole = {masked(option): option for option in known}
    found = tuple(whole.get(option, option) for option in options)
    for option in found:
        if MASK in option:
            name = option.partition("=")[0]
            raise UsageError(
                f"the last run's {name[:60]} holds a secret, which is not kept: give provider_options again"
            )
    return found
