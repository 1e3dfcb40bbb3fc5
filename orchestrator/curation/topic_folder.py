"""A finished topic's folder, for the commands that look at its items again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from archive.export import find_run
from archive.failures import DATABASE_NAME, translated
from archive.filesystem import RealFileSystem
from orchestrator.composition import OUTPUT_ROOT
from orchestrator.store.opening import LOCK_NAME
from orchestrator.store.schema import open_checked


def topic_folder(topic: str, output: Path | None) -> Path:
    """The folder of a topic that was explored before.

    Args:
        topic: Its words, or its folder.
        output: The folder itself, or one that holds it; None: the usual one.

    Raises:
        ConfigurationError: There is no run of this topic.
    """
    if output is None:
        return find_run(topic, OUTPUT_ROOT)
    return output if (output / DATABASE_NAME).is_file() else find_run(topic, output)


@contextmanager
def opened_folder(folder: Path) -> Iterator[sqlite3.Connection]:
    """The folder's database for writing, under the folder's lock.

    Raises:
        FolderBusyError: A run works in the folder.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: The disk does not let us.
    """
    files = RealFileSystem()
    with translated(folder):
        lock = files.lock(folder / LOCK_NAME)
        try:
            with closing(open_checked(folder, files)) as database:
                yield database
        finally:
            lock.release()
