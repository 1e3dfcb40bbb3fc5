"""From a request to start or continue a topic to what its process is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from archive.folder import folder_name
from archive.topic_view import topic_view
from archive.topics import folder_of
from contract.errors import ConfigurationError, UsageError
from contract.messages import Secret
from contract.service import Begin, Continue, Start
from orchestrator.settings import Settings, build_settings, checked, settings_as_json, settings_from_json

_CONTINUED = ("output", "fresh", "trace_endpoint", "log_level")
"""Settings that a continued run does not take over from the one before."""


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
        folder = folder_of(self._output, message.id)
        before = topic_view(folder)
        defaults = build_settings({**self._given, "topic": before.topic}, self._environment)
        kept = {name: value for name, value in before.settings.items() if name not in _CONTINUED}
        try:
            last = settings_from_json({**settings_as_json(defaults), **kept})
        except msgspec.ValidationError:
            last = defaults  # written by another version, or by hand: the service's own settings will do
        if "output" in message.options:
            raise UsageError("a topic is continued in its own folder: output cannot be given")
        return msgspec.structs.replace(last, **checked(message.options), topic=before.topic, output=folder)

    def _inside(self, name: str) -> Path:
        """A folder directly in the output root: nothing else may be written by request."""
        if not name or name != Path(name).name or "." in name or "\0" in name or len(name.encode()) > 200:
            raise ConfigurationError(
                "output is the name of a folder within the service's output folder, without separators and points"
            )
        return self._output / name
