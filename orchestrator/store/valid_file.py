"""`valid.txt`: the items but those that were judged not to belong. It follows from `run.db`, and is written anew."""

from __future__ import annotations

from pathlib import Path

from archive.filesystem import FileSystem
from orchestrator.store.attributes_file import blocks_of_lines
from orchestrator.store.judgements import Judgements

VALID_NAME = "valid.txt"


def write_valid(folder: Path, judgements: Judgements, filesystem: FileSystem) -> None:
    """Write the file as the judgements are now. Raises `OSError`; what was there before stays then."""
    lines = blocks_of_lines(judgements.valid_texts())
    filesystem.replace(folder / VALID_NAME, (block for block, _ in lines))
