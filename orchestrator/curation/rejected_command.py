"""`orchestrator rejected TOPIC`: shows which items were judged not to belong, and lets a person judge otherwise."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.filesystem import RealFileSystem
from archive.format import read_meta
from contract.errors import ConfigurationError, ExitCode
from contract.identity import Identity, key_of
from contract.text import printable
from orchestrator.command_parser import CommandParser
from orchestrator.curation.merged import MergedItems
from orchestrator.curation.topic_folder import opened_folder, topic_folder
from orchestrator.store.attributes_file import clean_line
from orchestrator.store.judgements import Judgements, Row
from orchestrator.store.manifest import totals_of, write_manifest
from orchestrator.store.transaction import Transaction
from orchestrator.store.valid_file import VALID_NAME, write_valid

_ALL = "all"


def run_rejected(arguments: Sequence[str]) -> int:
    """Show or change which items do not belong; the topic must not be running. Returns the exit code."""
    parser = CommandParser(
        "orchestrator rejected",
        "Lists the items of a topic that a model judged not to belong (--validate). What a person says of an item "
        "stands: no model is asked about it again. attributes.txt is never changed; valid.txt is written anew.",
    )
    parser.add_argument("topic", metavar="TOPIC", help="a topic explored before, or its folder")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the topic's folder (default: ./output/<topic>)")
    parser.add_argument(
        "--accept", action="append", default=[], metavar="ITEM|all", help="this item belongs; may be repeated"
    )
    parser.add_argument(
        "--reject", action="append", default=[], metavar="ITEM", help="this item does not belong; may be repeated"
    )
    parsed = parser.parse_args(arguments)
    folder = topic_folder(parsed.topic, parsed.output)
    with opened_folder(folder) as database:
        list_ = _List(folder, database)
        if parsed.accept or parsed.reject:
            list_.judge(parsed.accept, parsed.reject)
        sys.stdout.write("".join(f"{printable(line)}\n" for line in list_.lines()))
    return ExitCode.DONE


class _List:
    """A folder's items and what is judged of them."""

    def __init__(self, folder: Path, database: sqlite3.Connection) -> None:
        self._folder = folder
        self._database = database
        items = int(database.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()[0])
        self._judgements = Judgements(database, items)
        self._identity = Identity(read_meta(database)["identity"])

    def judge(self, accepted: Sequence[str], rejected: Sequence[str]) -> None:
        """A person's word: all of it, or nothing. Raises `ConfigurationError` for what is no item."""
        valid = self._judgements.invalid_ids() if _ALL in accepted else []
        valid += self._found([text for text in accepted if text != _ALL])
        invalid = self._found(rejected)
        if both := set(valid) & set(invalid):
            raise ConfigurationError(f"{len(both)} items are both accepted and rejected; nothing was changed")
        now = int(time.time())
        rows: list[Row] = [
            *((item_id, None, "valid", 0, now) for item_id in valid),
            *((item_id, None, "invalid", 0, now) for item_id in invalid),
        ]
        with Transaction(self._database):
            self._judgements.write(rows)
        self._judgements.took(rows)
        if not self._judgements.any:
            return
        self._judgements.vouch()
        files = RealFileSystem()
        write_valid(self._folder, self._judgements, files)
        MergedItems(self._database).write_list(self._folder, files)
        write_manifest(self._folder, self._database, totals_of(self._database, self._judgements.totals()), files)

    def _found(self, texts: Sequence[str]) -> list[int]:
        """The items that these texts are."""
        found = []
        for text in texts:
            key = key_of(clean_line(text), self._identity)
            row = self._database.execute("SELECT id FROM items WHERE key = ?", (key,)).fetchone()
            if row is None:
                raise ConfigurationError(f"{text[:80]!r} is no item of {self._folder}; nothing was changed")
            found.append(int(row[0]))
        return found

    def lines(self) -> Iterator[str]:
        """How many do not belong, and which."""
        totals = self._judgements.totals()
        items = totals.valid + totals.invalid + totals.unjudged
        where = self._folder / VALID_NAME
        said = f": {where}" if where.exists() else ""
        yield f"{totals.invalid} of {items} items do not belong, {totals.unjudged} are not judged{said}"
        query = "SELECT text FROM items JOIN judgements ON item_id = id WHERE verdict = 'invalid' ORDER BY id"
        for (text,) in self._database.execute(query):
            yield f"  {text}"
