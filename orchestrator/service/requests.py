"""From a request to start or continue a topic to what its process is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from archive.folder import folder_name
from archive.last_settings import last_settings
from archive.topics import folder_of
from contract.errors import ConfigurationError, OrchestratorError, UsageError
from contract.messages import Secret
from contract.service import Begin, Continue, Start
from orchestrator.masking import unmasked
from orchestrator.settings import Settings, build_settings, checked, settings_as_json

_CONTINUED = frozenset(Settings.__struct_fields__) - {"topic", "output", "fresh", "trace_endpoint", "log_level"}
"""Settings that a continued run takes over from the one before."""
_LIMITS = {
    "iterations",
    "max_attributes",
    "max_cost_usd",
    "max_time_s",
    "until_coverage",
    "min_yield",
    "max_price_per_item_usd",
    "patience",
}
"""Settings whose None in a request to continue takes away what the run before had."""
_FOLDER = re.compile(r"[\w-]{1,100}")


class RequestError(OrchestratorError):
    """A request that cannot be carried out as things are.

    Args:
        message: Why, in words.
        status: The HTTP status that says the same.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TopicRequests:
    """Knows where topics live and what a run is given that a request does not say.

    Args:
        output: The folder that holds the topics' folders.
        given: Settings of the service's own command line, by name.
        environment: Its variables and `.env`; they may hold keys.
        inherited: Names of variables that a topic process has anyway.
    """

    def __init__(
        self, output: Path, given: Mapping[str, Any], environment: Mapping[str, str], inherited: Mapping[str, str]
    ) -> None:
        self._output = output
        self._given = {name: value for name, value in given.items() if value is not None and name != "output"}
        self._environment = dict(environment)
        self._passed = {name: Secret(value) for name, value in environment.items() if inherited.get(name) != value}

    def begin(self, message: Start | Continue) -> Begin:
        """What the topic's process is told.

        Raises:
            OrchestratorError: A setting is unknown or out of its bounds, or there is no such topic.
        """
        settings = self._started(message) if isinstance(message, Start) else self._continued(message)
        assert settings.output is not None  # noqa: S101 - both ways set it
        return Begin(
            settings.output.name, settings_as_json(settings), self._passed, message.carrier, settings.log_level
        )

    def _started(self, message: Start) -> Settings:
        options = dict(message.options)
        name = options.pop("output", None)
        settings = build_settings({**self._given, **checked(options), "topic": message.topic}, self._environment)
        folder = self._output / folder_name(settings.topic) if name is None else self._inside(str(name))
        return msgspec.structs.replace(settings, output=folder)

    def _continued(self, message: Continue) -> Settings:
        try:
            folder = folder_of(self._output, message.id)
            last = last_settings(folder)
        except ConfigurationError as error:
            raise RequestError(str(error), 404) from error
        if "output" in message.options:
            raise UsageError("a topic is continued in its own folder: output cannot be given")
        given = checked(message.options)
        # What a person, or another version, has written there is held to the same bounds as what a request says.
        kept = {name: value for name, value in last.settings.items() if name in _CONTINUED and name not in given}
        try:
            kept = checked(kept)
        except UsageError as error:
            raise UsageError(f"the last run's settings cannot be used, {error}; give another value") from error
        if "provider_options" in kept:
            ours = build_settings({**self._given, "topic": "any"}, self._environment).provider_options
            kept["provider_options"] = unmasked(kept["provider_options"], ours)
        settings = build_settings({**self._given, **kept, **given, "topic": last.topic}, self._environment)
        lifted = dict.fromkeys(_LIMITS & {name for name, value in message.options.items() if value is None})
        return msgspec.structs.replace(settings, **lifted, topic=last.topic, output=folder)

    def _inside(self, name: str) -> Path:
        """A folder directly in the output root: nothing else may be written by request."""
        if not _FOLDER.fullmatch(name):
            raise ConfigurationError(
                "output is the name of a folder within the service's output folder: letters, digits, - and _"
            )
        return self._output / name
