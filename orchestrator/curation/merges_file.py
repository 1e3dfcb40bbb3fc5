"""`merges.jsonl`: pairs of items that are perhaps, or by a person's word, the same; one JSON object a line, best first.

Fields: `item` and `into`, each with `id`, `text` and `count`; `method` and `score` (see `merges`); `applied`. A person
may take lines out of a copy, or exchange `item` and `into` to keep the other spelling, and apply that copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from archive.filesystem import FileSystem
from contract.errors import ConfigurationError
from contract.text import printable
from orchestrator.curation.merges import MAX_SUGGESTIONS, MergeItem, Method, Suggestion

MERGES_NAME = "merges.jsonl"

_MAX_LINE_BYTES = 1 << 16
_MAX_LINES = 4 * MAX_SUGGESTIONS


class _ItemField(msgspec.Struct, frozen=True):
    id: int
    text: str
    count: int = 1


class _Line(msgspec.Struct, frozen=True):
    item: _ItemField
    into: _ItemField
    method: Method
    score: float
    applied: bool = False


_decode = msgspec.json.Decoder(_Line).decode


def write_merges(path: Path, lines: Iterable[tuple[Suggestion, bool]], filesystem: FileSystem) -> None:
    """Write the file anew, in whole or not at all.

    Args:
        path: The file.
        lines: Suggestions, and whether each is applied.
        filesystem: Where it lives.

    Raises:
        OSError: It cannot be written.
    """
    ordered = sorted(lines, key=lambda line: (-line[0].score, line[0].into.id, line[0].item.id))
    filesystem.replace(path, (_encoded(suggestion, applied) for suggestion, applied in ordered))


def _encoded(suggestion: Suggestion, applied: bool) -> bytes:
    item, into = (_ItemField(one.id, one.text, one.count) for one in (suggestion.item, suggestion.into))
    return msgspec.json.encode(_Line(item, into, suggestion.method, suggestion.score, applied)) + b"\n"


def read_merges(path: Path, filesystem: FileSystem) -> list[Suggestion]:
    """The suggestions of such a file; it may be a person's work.

    Raises:
        ConfigurationError: A line is no suggestion, or there are too many.
        OSError: It cannot be read.
    """
    suggestions: list[Suggestion] = []
    with filesystem.open_read(path) as file:
        number = 0
        while line := file.readline(_MAX_LINE_BYTES + 1):
            number += 1
            if number > _MAX_LINES:
                raise ConfigurationError(f"{path} has more than {_MAX_LINES} lines; nothing was changed; divide it")
            if line.strip():
                suggestions.append(_parsed(line, number, path))
    return suggestions


def _parsed(line: bytes, number: int, path: Path) -> Suggestion:
    try:
        if len(line) > _MAX_LINE_BYTES:
            raise ValueError("it is too long")
        found = _decode(line)
    except (ValueError, RecursionError) as error:
        detail = printable(str(error))[:200]
        raise ConfigurationError(
            f"line {number} of {path} is no suggestion ({detail}); nothing was changed; mend or remove it"
        ) from error
    item, into = (MergeItem(one.id, one.text, one.count) for one in (found.item, found.into))
    return Suggestion(item, into, found.method, found.score)
