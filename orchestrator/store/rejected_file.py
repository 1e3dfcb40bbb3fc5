"""`rejected.jsonl`: output that did not become an item, one JSON object a line, for people who want to judge that.

Fields: `order` that brought it; `by`: `parser` (the producer's item parser), `check` (`curation/validity.py`) or
`model` (`--validate`; `order` is the one that judged, and the item stays in `attributes.txt`); `reason`, a fixed word;
`count` of texts in a row that the line stands for; `text`; `at` (ISO 8601, UTC). Lines of earlier versions have neither
`by`, which was the parser then, nor `at`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from archive.filesystem import FileSystem
from archive.format import iso_time
from contract.messages import Refusal
from contract.text import without_surrogates

REJECTED_NAME = "rejected.jsonl"

_TAIL_BYTES = 1 << 16

Judge = Literal["parser", "check", "model"]
"""Who decided that a text is no item."""


class ItemCheck(Protocol):
    """Judges new items before they are taken in."""

    def reason(self, text: str, *, abroad: bool = False) -> str | None:
        """Why the text is no item, in a fixed word; None: it is one.

        Args:
            text: What came.
            abroad: It answers an order that asked for the view of another language's speakers.
        """
        ...

    def learn(self, text: str) -> None:
        """Take note of an item of the list."""
        ...


def rejected_lines(order_id: int, rejected: Iterable[Refusal], by: Judge, at_s: float) -> bytes:
    """The lines of one batch.

    Args:
        order_id: The order that brought it.
        rejected: Texts with their reasons.
        by: Who rejected them.
        at_s: Unix seconds.
    """
    at = iso_time(at_s)
    return b"".join(
        msgspec.json.encode(
            {
                "order": order_id,
                "by": by,
                "reason": without_surrogates(refusal.reason),
                "count": refusal.count,
                "text": without_surrogates(refusal.text),
                "at": at,
            }
        )
        + b"\n"
        for refusal in rejected
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
