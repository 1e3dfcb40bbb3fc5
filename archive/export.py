"""Export of a topic's items with their provenance, as JSON lines, CSV or Parquet; also while a run is going on.

Rows are read in one read transaction and streamed: memory stays flat, and a run that writes meanwhile is not disturbed.

Fields, in this order: `text`; `description` (empty if none); `first_seen` (ISO 8601, UTC); `provider` and `model` that
named it first and `order_id` of that answer (null, in CSV empty, for lines that a person added to attributes.txt);
`count`, the number of answers that named it; `topic`; `verdict` of a model or a person (`--validate`): `valid`,
`invalid`, `unsure`, or null for an item that nobody has judged. `txt` is the texts alone, one a line.

CSV is RFC 4180 with a header, UTF-8, and holds the items as they are. A spreadsheet may take a text that begins with
`=`, `+`, `-` or `@` for a formula: import such columns as text.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import msgspec

from archive.failures import DATABASE_NAME, damaged, translated
from archive.filesystem import FileSystem, RealFileSystem
from archive.folder import canonical_topic, folder_name
from archive.format import check_database, iso_time, read_meta
from contract.errors import ConfigurationError
from contract.text import without_surrogates

ExportFormat = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[str, ...] = get_args(ExportFormat)
"""With the items' provenance."""
TEXT = "txt"
"""The items alone."""
PARQUET_HINT = f"parquet needs pyarrow; install it with: {sys.executable} -m pip install pyarrow"

_ROWS_AT_ONCE = 10_000

_ITEMS = """
SELECT items.id, text, description, first_at, provider, model, first_order, {verdict}
FROM items LEFT JOIN orders ON orders.id = items.first_order {judged} ORDER BY items.id
"""
_JUDGED = "LEFT JOIN judgements ON judgements.item_id = items.id"
_NO_JUDGEMENTS = 2
"""Folders of this format and earlier ones have none."""
_FURTHER_SIGHTINGS = "SELECT item_id, count(*) FROM sightings GROUP BY item_id ORDER BY item_id"


FIELDS = ("text", "description", "first_seen", "provider", "model", "count", "order_id", "topic", "verdict")
ExportRow = tuple[str, str, str, str | None, str | None, int, int | None, str, str | None]
"""The values of `FIELDS` for one item."""


def export(
    folder: Path,
    format: str,  # noqa: A002 - the field's word
    out: BinaryIO | Path,
    filesystem: FileSystem | None = None,
    *,
    valid: bool = False,
) -> int:
    """Write all items of a run's folder; returns how many.

    Args:
        folder: A folder that holds `run.db`.
        format: `jsonl`, `csv`, `parquet` or `txt`.
        out: An open binary file, or the path of one to write; a path holds the whole export or what it held before.
        filesystem: Where the folder lives, None for the disk. A path in `out` is always on the disk.
        valid: Leave out the items that were judged not to belong.

    Raises:
        ConfigurationError: There is no run, the format is unknown, or the extra `parquet` is not installed.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: A file cannot be read or written.
    """
    write = _writer(format)
    if not isinstance(out, Path):
        with translated(folder), closing(_open(folder, filesystem or RealFileSystem())) as database:
            return write(_rows(database, valid=valid), out)
    partial = out.with_name(f".{out.name}.part")
    with translated(folder), closing(_open(folder, filesystem or RealFileSystem())) as database:
        rows = _rows(database, valid=valid)
        with translated(out.parent):
            try:
                with partial.open("wb") as file:
                    count = write(rows, file)
                partial.replace(out)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        return count


def find_run(topic_or_folder: str, output_root: Path, filesystem: FileSystem | None = None) -> Path:
    """The folder of a topic, or the folder itself where its path was given.

    Raises:
        ConfigurationError: There is no such run.
    """
    files = filesystem or RealFileSystem()
    wanted = without_surrogates(canonical_topic(topic_or_folder))
    candidates = [output_root / folder_name(topic_or_folder)]
    if "\0" not in topic_or_folder and topic_or_folder.strip():
        candidates.append(Path(topic_or_folder))
    for folder in candidates:
        if files.exists(folder / DATABASE_NAME):
            return folder
    topics = _topics(output_root, files)
    alike = [topic for topic in topics if topic.casefold() == wanted.casefold()]
    if alike:
        hint = f"did you mean {alike[0]!r}?"
    elif topics:
        hint = "there are: " + ", ".join(repr(topic) for topic in topics[:5]) + (" …" if len(topics) > 5 else "")
    else:
        hint = f"{output_root} holds none yet"
    raise ConfigurationError(f"there is no run for {wanted!r}; {hint}")


def _topics(output_root: Path, files: FileSystem) -> list[str]:
    topics = []
    for folder in files.entries(output_root):
        # A name with a point is a run that was set aside.
        if "." in folder.name or not files.exists(folder / DATABASE_NAME):
            continue
        try:
            with closing(_open(folder, files)) as database:
                topics.append(read_meta(database)["topic"])
        except (ConfigurationError, OSError, sqlite3.Error, KeyError):
            continue
    return topics


def _open(folder: Path, filesystem: FileSystem) -> sqlite3.Connection:
    if not filesystem.exists(folder / DATABASE_NAME):
        raise ConfigurationError(f"{folder} holds no run ({DATABASE_NAME} is missing)")
    database = filesystem.connect_database(folder / DATABASE_NAME, read_only=True)
    try:
        if not check_database(database, folder):
            raise damaged(folder, "it is empty")
    except BaseException:
        database.close()
        raise
    return database


def _rows(database: sqlite3.Connection, *, valid: bool) -> Iterator[ExportRow]:
    """The items; both queries are in the items' order and see the same state."""
    database.execute("BEGIN")
    topic = read_meta(database)["topic"]
    further = iter(database.execute(_FURTHER_SIGHTINGS))
    sighted, times = next(further, (0, 0))
    # Many items came in the same second, and the text of a time takes longer than all the rest of a row.
    time_of = lru_cache(maxsize=1024)(iso_time)
    judged = database.execute("PRAGMA user_version").fetchone()[0] > _NO_JUDGEMENTS
    query = _ITEMS.format(verdict="verdict" if judged else "NULL", judged=_JUDGED if judged else "")
    for item_id, text, description, first_at, provider, model, order_id, verdict in database.execute(query):
        count = 1
        if item_id == sighted:
            count += times
            sighted, times = next(further, (0, 0))
        if valid and verdict == "invalid":
            continue
        first_seen = time_of(first_at) or ""
        yield text, description, first_seen, provider, model, count, order_id, topic, verdict


def _writer(wanted: str) -> Callable[[Iterator[ExportRow], BinaryIO], int]:
    if wanted == TEXT:
        return _write_text
    if wanted == "jsonl":
        return _write_jsonl
    if wanted == "csv":
        return _write_csv
    if wanted == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401 - found here, before anything is written
        except ImportError as error:
            raise ConfigurationError(PARQUET_HINT) from error
        return _write_parquet
    raise ConfigurationError(f"there is no export format {wanted!r}; choose one of {', '.join(FORMATS)}")


def _portions(rows: Iterator[ExportRow]) -> Iterator[list[ExportRow]]:
    return iter(lambda: list(islice(rows, _ROWS_AT_ONCE)), [])


def _write_text(rows: Iterator[ExportRow], out: BinaryIO) -> int:
    count = 0
    for portion in _portions(rows):
        out.write("".join(f"{row[0]}\n" for row in portion).encode())
        count += len(portion)
    return count


def _write_jsonl(rows: Iterator[ExportRow], out: BinaryIO) -> int:
    encode = msgspec.json.Encoder().encode
    count = 0
    for portion in _portions(rows):
        out.write(b"".join(encode(dict(zip(FIELDS, row, strict=True))) + b"\n" for row in portion))
        count += len(portion)
    return count


def _write_csv(rows: Iterator[ExportRow], out: BinaryIO) -> int:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(FIELDS)
    count = 0
    for portion in _portions(rows):
        writer.writerows(portion)
        count += len(portion)
        out.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()
    # An export without items still has its header.
    out.write(text.getvalue().encode())
    return count


def _write_parquet(rows: Iterator[ExportRow], out: BinaryIO) -> int:
    import pyarrow as arrow
    from pyarrow.parquet import ParquetWriter

    words = arrow.dictionary(arrow.int32(), arrow.string())
    schema = arrow.schema(
        [
            arrow.field("text", arrow.string(), nullable=False),
            arrow.field("description", arrow.string(), nullable=False),
            arrow.field("first_seen", arrow.timestamp("s", tz="UTC"), nullable=False),
            arrow.field("provider", words),
            arrow.field("model", words),
            arrow.field("count", arrow.int64(), nullable=False),
            arrow.field("order_id", arrow.int64()),
            arrow.field("topic", words, nullable=False),
            arrow.field("verdict", words),
        ]
    )
    count = 0
    with ParquetWriter(out, schema) as writer:
        for portion in _portions(rows):
            columns = [list(column) for column in zip(*portion, strict=True)]
            columns[2] = [_moment(value) for value in columns[2]]
            arrays = [arrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            count += len(portion)
    return count


@lru_cache(maxsize=1024)
def _moment(iso: object) -> object:
    from datetime import datetime

    return datetime.fromisoformat(str(iso))
