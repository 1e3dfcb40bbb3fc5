"""`attributes.txt`: one item a line, in the database's order; and the one place that makes a text fit for a line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from archive.filesystem import FileSystem
from contract.text import without_surrogates

ATTRIBUTES_NAME = "attributes.txt"

_BLOCK_BYTES = 1 << 18

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile(r"[\u202a-\u202e\u2066-\u2069\ufeff]+")
"""Characters that turn the direction of the rest of a line, and the byte order mark."""


def clean_line(text: str) -> str:
    """The text without anything that could break a line, a terminal or the file; empty if nothing is left.

    Clean text comes back unchanged, so that the key of a line in the file is the key of the item.
    """
    # Printable text has no line breaks, controls, surrogates or format characters; nearly all items take this way out.
    if not text.isprintable():
        text = _ANSI.sub("", text)
        text = _INVISIBLE.sub("", _CONTROLS.sub(" ", without_surrogates(text)))
    return text.strip()


class AttributesFile:
    """Appends lines. Nothing but `size` is kept in memory.

    Args:
        path: The file; it is created.
        filesystem: Where it lives.
    """

    def __init__(self, path: Path, filesystem: FileSystem) -> None:
        self._path = path
        self._filesystem = filesystem
        self._handle = filesystem.append(path)
        self.size = filesystem.size(path)

    def append(self, lines: Iterable[str]) -> int:
        """Write the lines; returns how many. Raises `OSError`; the file then still ends with a whole line."""
        written = 0
        for block, count in blocks_of_lines(lines):
            try:
                self._handle.write(block)
            except OSError:
                # A torn line would be repaired by the next start; a person may look earlier.
                with contextlib.suppress(OSError):
                    self._filesystem.truncate(self._path, self.size)
                raise
            self.size += len(block)
            written += count
        return written

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._handle.close()


def blocks_of_lines(lines: Iterable[str]) -> Iterator[tuple[bytes, int]]:
    """Join lines into blocks of about 256 KiB, each with the number of its lines."""
    block = bytearray()
    count = 0
    for line in lines:
        block += line.encode()
        block += b"\n"
        count += 1
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block), count
            block.clear()
            count = 0
    if count:
        yield bytes(block), count
