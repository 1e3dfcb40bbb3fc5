"""What a topic's last run was given: all that continuing it needs, read without looking at its orders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from archive.run_reader import reading
from contract.errors import ConfigurationError

_MAX_CHARS = 100_000
_STATEMENT = """
SELECT (SELECT substr(value, 1, 10000) FROM meta WHERE name = 'topic'),
    (SELECT substr(settings, 1, ?) FROM runs ORDER BY id DESC LIMIT 1)
"""


class LastSettings(NamedTuple):
    """The folder's topic, and its last run's settings by name; untrusted, a person may have edited them."""

    topic: str
    settings: Mapping[str, Any]


def last_settings(folder: Path) -> LastSettings:
    """Read them.

    Raises:
        ConfigurationError: There is no run in the folder.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: It cannot be read.
    """
    with reading(folder) as reader:
        topic, settings = reader.row(_STATEMENT, (_MAX_CHARS,))
        if not isinstance(topic, str):
            raise reader.damaged("it names no topic")
    if settings is None:
        return LastSettings(topic, {})
    try:
        return LastSettings(topic, msgspec.json.decode(str(settings), type=dict[str, Any]))
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"the settings of the last run in {folder} cannot be read ({error}); continue it from the command line"
        ) from error
