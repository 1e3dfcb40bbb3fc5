"""The topics' folders below one root: from an id to its folder, and the list of all topics."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Container
from pathlib import Path

import msgspec

from archive.run_reader import stamp
from archive.topic_view import topic_view
from contract.errors import ConfigurationError, OrchestratorError
from contract.service import TopicView
from contract.text import printable

log = logging.getLogger(__name__)

_ID = re.compile(r"[^/\\.\x00]{1,200}")
"""A name with a point is a run that was set aside, or no topic."""

_SETTLED_S = 2.0
"""Two writes within one tick of the file system's clock look like one: what was written so lately is read again."""


def folder_of(root: Path, topic_id: str) -> Path:
    """The folder of a topic, a direct child of `root`, never outside of it.

    Args:
        root: The folder that holds the topics' folders.
        topic_id: Any text, from anybody.

    Raises:
        ConfigurationError: This cannot be a topic's id, or there is no such folder.
    """
    if _ID.fullmatch(topic_id):
        folder = root / topic_id
        try:
            if folder.is_dir() and (not folder.is_symlink() or folder.resolve().parent == root.resolve()):
                return folder
        except (OSError, ValueError):  # a name that is too long, or that no file can have
            pass
    raise ConfigurationError(f"there is no topic {topic_id[:200]!r}")


class _Seen:
    """A folder as it was read; `view` is None for one that cannot be shown."""

    __slots__ = ("settled", "stamp", "view")

    def __init__(self, seen_stamp: tuple[object, ...], settled: bool, view: TopicView | None) -> None:
        self.stamp = seen_stamp
        self.settled = settled
        self.view = view


class Topics:
    """The topics of a root; a folder is read again when its database has changed. One thread at a time.

    Args:
        root: The folder that holds the topics' folders; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, _Seen] = {}

    def views(self, without: Container[str] = ()) -> list[TopicView]:
        """All topics as `topic_view` shows them, the one with the latest activity first; `discovery` is left out.

        Left out, with the reason in the log at debug: folders that were set aside, that hold no run, or whose database
        cannot be read.

        Args:
            without: Ids of topics that need not be read, because they run now and are known better.
        """
        try:
            names = [path.name for path in self._root.iterdir()]
        except OSError as error:
            log.debug("there are no topics: %s", error)
            names = []
        # Folders that have gone are forgotten.
        self._seen = {name: self._look(name) for name in names if name not in without}
        views = [seen.view for seen in self._seen.values() if seen.view is not None]
        return sorted(views, key=lambda view: (-view.at, view.id))

    def _look(self, name: str) -> _Seen:
        found: tuple[object, ...] = ()
        try:
            folder = folder_of(self._root, name)
            now = time.time()
            found, changed_at = stamp(folder)
            earlier = self._seen.get(name)
            if earlier is not None and earlier.settled and earlier.stamp == found:
                return earlier
            view = msgspec.structs.replace(topic_view(folder), discovery=None)
            return _Seen(found, changed_at < now - _SETTLED_S, view)
        except (OrchestratorError, OSError) as error:
            log.debug("%s is left out: %s", printable(name), printable(str(error)))
            return _Seen(found, settled=False, view=None)


def topics(root: Path) -> list[TopicView]:
    """`Topics.views` for once."""
    return Topics(root).views()
