"""Brings `attributes.txt` and the database to the same state when a folder is opened, in one pass and flat memory.

The file is compared with the items line by line, in order of discovery. What can be found, and what is done:

- The file stops early: a process died between commit and append. The missing lines are written.
- Its last line has no line break and is the beginning of the item that stands next: a torn write. It is cut, and the
  line is written whole.
- Anything else: a person has edited the file. Lines that the database does not know become items (never lost); items
  whose lines were removed, changed or moved are written again, because the database is the truth; blank lines go. The
  file is then written anew in the database's order, and the person's version is kept beside it as
  `attributes.txt.edited-<time>`. If lines were only added at the end, the file stays as it is.

So a deleted `run.db` is rebuilt from `attributes.txt`, without provenance. A last line without line break for which
the database has no item counts as added by a person: keeping a torn word is better than losing a line.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import msgspec

from archive.filesystem import FileSystem
from contract.identity import Identity, key_of
from orchestrator.store.attributes_file import ATTRIBUTES_NAME, AttributesFile, blocks_of_lines, clean_line
from orchestrator.store.key_index import KeyIndex

INSERT_ITEM = "INSERT INTO items (id, key, text, description, first_order, first_at) VALUES (?, ?, ?, ?, ?, ?)"


class Reconciled(msgspec.Struct):
    """What was done; see `records.Recovery`."""

    items: int = 0
    torn_bytes: int = 0
    lines_written: int = 0
    lines_adopted: int = 0
    edited_copy: str = ""


class Reconciler:
    """Compares and repairs one folder.

    Args:
        folder: The topic's folder.
        database: Its database.
        index: Learns every key.
        identity: What counts as the same item.
        filesystem: Where the folder lives.
        clock: Unix seconds.
        stamp: Text of the present time, for the copy's name.
    """

    def __init__(
        self,
        folder: Path,
        database: sqlite3.Connection,
        index: KeyIndex,
        identity: Identity,
        filesystem: FileSystem,
        clock: Callable[[], float],
        stamp: str,
    ) -> None:
        self._path = folder / ATTRIBUTES_NAME
        self._database = database
        self._index = index
        self._identity = identity
        self._filesystem = filesystem
        self._clock = clock
        self._stamp = stamp
        self._found = Reconciled()

    def run(self) -> Reconciled:
        """Compare, repair, and fill the index.

        Raises:
            OSError: The file cannot be read or written.
            sqlite3.Error: The database cannot.
        """
        if not self._filesystem.exists(self._path):
            self._match(None)
            self._write_from(1)
            return self._found
        with self._filesystem.open_read(self._path) as file:
            matched, size, line = self._match(file)
            if line and not self._is_torn(line, matched + 1):
                in_order = (
                    self._adopt(chain((line,), file)) and matched == self._found.items - self._found.lines_adopted
                )
                if not in_order:
                    self._write_anew()
                return self._found
        if line:
            self._filesystem.truncate(self._path, size)
            self._found.torn_bytes = len(line)
        self._write_from(matched + 1)
        return self._found

    def _match(self, file: BinaryIO | None) -> tuple[int, int, bytes]:
        """Read all items; returns how many agree with the file, in how many bytes, and the first line that does not."""
        matched = size = 0
        line = b""
        agrees = file is not None
        item_id = 0
        for item_id, key, text in self._database.execute("SELECT id, key, text FROM items ORDER BY id"):
            self._index.add_earlier(key, item_id)
            if agrees and file is not None:
                line = file.readline()
                agrees = line == text.encode() + b"\n"
                if agrees:
                    matched += 1
                    size += len(line)
        if agrees and file is not None:
            line = file.readline()
        self._found.items = item_id
        return matched, size, line

    def _is_torn(self, line: bytes, item_id: int) -> bool:
        row = self._database.execute("SELECT text FROM items WHERE id = ?", (item_id,)).fetchone()
        return row is not None and not line.endswith(b"\n") and row[0].encode().startswith(line)

    def _texts_from(self, item_id: int) -> Iterator[str]:
        rows = self._database.execute("SELECT text FROM items WHERE id >= ? ORDER BY id", (item_id,))
        return (row[0] for row in rows)

    def _write_from(self, item_id: int) -> None:
        file = AttributesFile(self._path, self._filesystem)
        try:
            self._found.lines_written = file.append(self._texts_from(item_id))
        finally:
            file.close()

    def _adopt(self, lines: Iterator[bytes]) -> bool:
        """Make items of unknown lines; whether all were unknown and clean, and so stand where they belong."""
        in_order = True
        self._database.execute("BEGIN IMMEDIATE")
        for line in lines:
            text = clean_line(line.decode(errors="replace"))
            key = key_of(text, self._identity)
            if not text or self._index.find([key]):
                in_order = False
                continue
            in_order = in_order and line == text.encode() + b"\n"
            self._found.items += 1
            self._found.lines_adopted += 1
            self._index.add(key, self._found.items)
            row = (self._found.items, key, text, "", None, int(self._clock()))
            self._database.execute(INSERT_ITEM, row)
            self._database.execute("DELETE FROM held WHERE key = ?", (key,))
            if self._index.due:
                self._index.fill()
        self._database.execute("COMMIT")
        return in_order

    def _write_anew(self) -> None:
        copy = self._path.with_name(f"{ATTRIBUTES_NAME}.edited-{self._stamp}")
        number = 1
        while self._filesystem.exists(copy):
            number += 1
            copy = self._path.with_name(f"{ATTRIBUTES_NAME}.edited-{self._stamp}-{number}")
        self._filesystem.rename(self._path, copy)
        try:
            self._filesystem.replace(self._path, (block for block, _ in blocks_of_lines(self._texts_from(1))))
        except OSError:
            with contextlib.suppress(OSError):
                self._filesystem.rename(copy, self._path)
            raise
        self._found.edited_copy = copy.name
        self._found.lines_written = self._found.items
