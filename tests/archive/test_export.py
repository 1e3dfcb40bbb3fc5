"""Export of a folder's items with their provenance."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from archive import export as export_module
from archive.export import FIELDS, FORMATS, export, find_run
from archive.filesystem import MemoryFileSystem
from archive.spool import open_spool
from contract.errors import ConfigurationError, ForeignDatabaseError, StorageError
from contract.messages import Item
from orchestrator.store import IncomingBatch, folder_name
from tests.orchestrator.store_cases import TOPIC, feed, issue, open_store

SEEN = "2026-09-21T14:13:20Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output root that holds one topic's folder with three items and an adopted line."""
    folder = tmp_path / "output" / folder_name(TOPIC)
    folder.mkdir(parents=True)
    (folder / "attributes.txt").write_text("By hand\n", encoding="utf-8")
    store = open_store(folder)
    order = issue(store, "openai")
    store.ingest([IncomingBatch(order, [Item('He said "x", y', "a, description"), Item("=1+1")])])
    other = issue(store, "gemini")
    store.ingest([IncomingBatch(other, [Item("=1+1"), Item("東京")])])
    feed(store, "=1+1")
    judging = store.issue_order(provider="gemini", model="m-1", mode="validate", size=2, producer=0)
    store.keep_verdict(judging, valid=[2], invalid={3: "=1+1"}, unsure=())
    store.close()
    return tmp_path / "output"


ROWS: list[tuple[object, ...]] = [
    ("By hand", "", SEEN, None, None, 1, None, TOPIC, None),
    ('He said "x", y', "a, description", SEEN, "openai", "m-1", 1, 1, TOPIC, "valid"),
    ("=1+1", "", SEEN, "openai", "m-1", 3, 1, TOPIC, "invalid"),
    ("東京", "", SEEN, "gemini", "m-1", 1, 2, TOPIC, None),
]


def exported(folder: Path, wanted: str) -> bytes:
    """The export as bytes."""
    out = io.BytesIO()
    assert export(folder, wanted, out) == len(ROWS)
    return out.getvalue()


def test_jsonl(root: Path) -> None:
    """One JSON object a line, with nulls where the provenance is unknown."""
    lines = exported(root / folder_name(TOPIC), "jsonl").splitlines()
    assert [tuple(json.loads(line).items()) for line in lines] == [tuple(zip(FIELDS, row, strict=True)) for row in ROWS]


def test_csv(root: Path) -> None:
    """A header, quoted where needed, unknown values empty, texts as they are."""
    rows = list(csv.reader(io.StringIO(exported(root / folder_name(TOPIC), "csv").decode(), newline="")))
    assert rows[0] == list(FIELDS)
    assert rows[1:] == [["" if value is None else str(value) for value in row] for row in ROWS]


def test_parquet(root: Path) -> None:
    """Typed columns with the same values."""
    table = parquet.read_table(io.BytesIO(exported(root / folder_name(TOPIC), "parquet")))
    moment = datetime.fromisoformat(SEEN).astimezone(UTC)
    assert table.column_names == list(FIELDS)
    assert [tuple(row.values()) for row in table.to_pylist()] == [(*row[:2], moment, *row[3:]) for row in ROWS]


def test_what_was_judged_not_to_belong_can_be_left_out(root: Path) -> None:
    """The rest comes as it would have; what nobody has judged is there."""
    out = io.BytesIO()
    assert export(root / folder_name(TOPIC), "txt", out, valid=True) == 3
    assert out.getvalue().decode().splitlines() == ["By hand", 'He said "x", y', "東京"]
    everything = io.BytesIO()
    assert export(root / folder_name(TOPIC), "txt", everything) == 4
    assert b"".join(open_spool(root / folder_name(TOPIC), "txt", valid=True).chunks()) == out.getvalue()


@pytest.mark.parametrize("wanted", FORMATS)
def test_many_rows_in_portions(root: Path, tmp_path: Path, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portions in which rows are written do not show."""
    whole = exported(root / folder_name(TOPIC), wanted)
    monkeypatch.setattr(export_module, "_ROWS_AT_ONCE", 2)
    portions = exported(root / folder_name(TOPIC), wanted)
    if wanted == "parquet":
        assert parquet.read_table(io.BytesIO(portions)).to_pylist() == parquet.read_table(io.BytesIO(whole)).to_pylist()
    else:
        assert portions == whole


@pytest.mark.parametrize("wanted", FORMATS)
def test_an_empty_run(tmp_path: Path, wanted: str) -> None:
    """A run without items exports a valid file without rows."""
    open_store(tmp_path / "x").close()
    out = tmp_path / "out"
    assert export(tmp_path / "x", wanted, out) == 0
    if wanted == "parquet":
        assert parquet.read_table(out).num_rows == 0
    else:
        assert out.read_bytes().decode() == (",".join(FIELDS) + "\r\n" if wanted == "csv" else "")


def test_export_while_a_run_goes_on(tmp_path: Path) -> None:
    """A run that holds the folder and writes is exported as it stands, and goes on."""
    store = open_store(tmp_path / "x")
    feed(store, "a")
    out = io.BytesIO()
    assert export(tmp_path / "x", "jsonl", out) == 1
    assert len(feed(store, "b").new) == 1
    assert export(tmp_path / "x", "jsonl", out) == 2
    store.close()


def test_export_from_memory() -> None:
    """The in-memory file system can be exported too."""
    files = MemoryFileSystem()
    store = open_store(Path("/m/x"), files)
    feed(store, "a")
    store.close()
    out = io.BytesIO()
    assert export(Path("/m/x"), "csv", out, files) == 1


def test_a_path_gets_the_whole_export_or_keeps_what_it_had(root: Path, tmp_path: Path) -> None:
    """A failed export changes no file and leaves nothing behind; an unwritable place is a storage error."""
    out = tmp_path / "out.csv"
    out.write_text("earlier", encoding="utf-8")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run.db").write_bytes(b"no database" * 500)
    with pytest.raises(ForeignDatabaseError):
        export(broken, "csv", out)
    assert out.read_text(encoding="utf-8") == "earlier"
    assert export(root / folder_name(TOPIC), "csv", out) == 4
    assert out.read_text(encoding="utf-8").startswith("text,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "out.csv", "output"]
    with pytest.raises(StorageError):
        export(root / folder_name(TOPIC), "csv", tmp_path / "none" / "out.csv")


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a run, an unknown format and a missing extra are named in one line."""
    with pytest.raises(ConfigurationError, match="holds no run"):
        export(tmp_path, "jsonl", io.BytesIO())
    with pytest.raises(ConfigurationError, match="jsonl, csv, parquet"):
        export(tmp_path, "xml", io.BytesIO())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"):
        export(tmp_path, "parquet", io.BytesIO())


def test_a_run_is_found_by_topic_or_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic as typed, a folder's path, and a folder relative to here all lead to the run."""
    folder = root / folder_name(TOPIC)
    assert find_run(f" {TOPIC} ", root) == folder
    assert find_run(str(folder), root) == folder
    monkeypatch.chdir(root)
    assert find_run(folder.name, Path("elsewhere")) == Path(folder.name)


def test_an_unknown_topic_is_answered_with_the_known_ones(root: Path, tmp_path: Path) -> None:
    """The error offers a topic that differs in case only, else the topics there are, else says there are none."""
    with pytest.raises(ConfigurationError, match="did you mean 'Paris attractions'"):
        find_run("paris Attractions", root)
    with pytest.raises(ConfigurationError, match="there are: 'Paris attractions'"):
        find_run("Rome", root)
    for nothing in ("Rome", "", "\0", "../.."):
        with pytest.raises(ConfigurationError, match="holds none yet"):
            find_run(nothing, tmp_path / "none")
