"""Where API keys come from. They stay inside `Secret` until a vendor's client is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from contract.messages import Secret

KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}


class ApiKeySource(Protocol):
    """Gives the key of a vendor."""

    def get(self, vendor: str) -> Secret | None:
        """The vendor's key, or None where there is none. `vendor`: `openai`, `anthropic` or `gemini`."""
        ...


class EnvironmentKeys:
    """Keys from the environment (and the `.env` file merged into it by the settings).

    Args:
        environment: Variable names and values.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, vendor: str) -> Secret | None:
        """See `ApiKeySource`. Blank values count as not set."""
        for variable in KEY_VARIABLES[vendor]:
            value = self._environment.get(variable, "").strip()
            if value:
                return Secret(value)
        return None


class MemoryKeys:
    """Keys given by the caller: for tests and for programs that have a vault of their own."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    def get(self, vendor: str) -> Secret | None:
        """See `ApiKeySource`."""
        value = self._keys.get(vendor)
        return Secret(value) if value else None


class AssumedKeys:
    """Keys of another source, and a stand-in for each one that is not there: for looking at what would be asked.

    Attributes:
        missing: Vendors whose key was asked for and is not there, each once.
    """

    def __init__(self, keys: ApiKeySource) -> None:
        self.missing: list[str] = []
        self._keys = keys

    def get(self, vendor: str) -> Secret | None:
        """See `ApiKeySource`; never None."""
        key = self._keys.get(vendor)
        if key is None and vendor not in self.missing:
            self.missing.append(vendor)
        return key or Secret("not set")
