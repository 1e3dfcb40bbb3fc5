"""`rejected.jsonl`: what the item parser refused, one JSON object a line, for people who want to judge the parser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from archive.filesystem import FileSystem
from contract.messages import Refusal
from contract.text import without_surrogates

REFUSED_NAME = "rejected.jsonl"

_TAIL_BYTES = 1 << 16


def refused_lines(order_id: int, refused: Iterable[Refusal]) -> bytes:
    """The lines of one batch."""
    return b"".join(
        msgspec.json.encode(
            {
                "order": order_id,
                "reason": refusal.reason,
                "count": refusal.count,
                "text": without_surrogates(refusal.text),
            }
        )
        + b"\n"
        for refusal in refused
    )


def cut_torn_line(path: Path, filesystem: FileSystem) -> None:
    """Remove a last line that a dying process left unfinished. Raises `OSError`."""
    if not filesystem.exists(path):
        return
    size = filesystem.size(path)
    with filesystem.open_read(path) as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        filesystem.truncate(path, size - torn)
