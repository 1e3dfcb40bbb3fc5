"""The store with checks: what is rejected is no item, is counted as refused, and is kept in rejected.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from contract.errors import StorageError
from contract.identity import Identity
from contract.messages import Refusal, Scope
from orchestrator.store import Store
from tests.orchestrator.store_cases import TOPIC, batch, issue, open_store, read_bytes, read_lines


class NoDigits:
    """Rejects texts with digits; remembers what it learnt."""

    def __init__(self) -> None:
        self.learnt: list[str] = []
        self.abroad: list[bool] = []

    def reason(self, text: str, *, abroad: bool = False) -> str | None:
        self.abroad.append(abroad)
        return "digits" if any(map(str.isdigit, text)) else None

    def learn(self, text: str) -> None:
        self.learnt.append(text)


@pytest.fixture(params=["real", "memory"])
def files(request: pytest.FixtureRequest) -> FileSystem:
    """Both file systems."""
    return RealFileSystem() if request.param == "real" else MemoryFileSystem()


def open_checked(folder: Path, files: FileSystem, check: NoDigits, max_items: int | None = None) -> Store:
    """A store with a check."""
    return Store.open(
        folder,
        TOPIC,
        identity=Identity.NORMALIZED,
        filesystem=files,
        clock=lambda: 1_790_000_000.5,
        validity=check,
        max_items=max_items,
    )


def test_rejected_items_are_set_aside(files: FileSystem, tmp_path: Path) -> None:
    """A rejected item stands in rejected.jsonl with reason and judge, counts as refused, and is nowhere else."""
    store = open_checked(tmp_path, files, NoDigits())
    order = issue(store)
    outcome = store.ingest([batch(order, ["Louvre", "Hall 7", "hall 7", " "], [Refusal("Sure!", "preamble", 2)])])[0]
    assert [item.text for item in outcome.new] == ["Louvre"]
    assert (outcome.duplicate, outcome.held, outcome.blank, outcome.rejected) == (1, 0, 2, 1)
    totals = store.totals().over_all()
    assert (totals.items, totals.new, totals.duplicate, totals.refused) == (2, 1, 1, 4)
    store.close()
    at = "2026-09-21T14:13:20Z"
    assert [json.loads(line) for line in read_bytes(files, tmp_path / "rejected.jsonl").splitlines()] == [
        {"order": order, "by": "check", "reason": "digits", "count": 1, "text": "Hall 7", "at": at},
        {"order": order, "by": "parser", "reason": "preamble", "count": 2, "text": "Sure!", "at": at},
    ]
    assert read_lines(files, tmp_path) == ["Louvre"]


def test_known_items_are_not_judged_again(files: FileSystem, tmp_path: Path) -> None:
    """What is an item already, such as a person's own line, is sighted whatever the check says."""
    store = open_store(tmp_path, files)
    order = issue(store)
    store.ingest([batch(order, ["Hall 7", "Louvre"])])
    store.close()
    check = NoDigits()
    store = open_checked(tmp_path, files, check)
    assert check.learnt == ["Hall 7", "Louvre"]
    outcome = store.ingest([batch(issue(store), ["hall 7", "Seine"])])[0]
    assert (outcome.sighted, outcome.rejected, check.learnt[-1]) == ((1,), 0, "Seine")
    store.close()


def test_rejected_items_are_not_held(files: FileSystem, tmp_path: Path) -> None:
    """Beyond the wanted number of items, too, only items wait to be admitted."""
    store = open_checked(tmp_path, files, NoDigits(), max_items=1)
    outcome = store.ingest([batch(issue(store), ["Louvre", "Hall 7", "Seine"])])[0]
    assert (len(outcome.new), outcome.held, outcome.rejected) == (1, 1, 1)
    store.close()


def test_nothing_is_rejected_that_cannot_be_kept(tmp_path: Path) -> None:
    """On a full disk the batch of a rejected item is not taken in: it is in no file, and counted nowhere."""
    files = MemoryFileSystem()
    store = open_checked(tmp_path, files, NoDigits())
    order = issue(store)
    files.fail_after_bytes(10)
    with pytest.raises(StorageError):
        store.ingest([batch(order, ["Louvre", "Hall 7"])])
    store.close()
    files.fail_after_bytes(None)
    store = open_store(tmp_path, files)
    assert store.totals().over_all().refused == 0
    assert read_lines(files, tmp_path) == []
    assert read_bytes(files, tmp_path / "rejected.jsonl") == b""
    store.close()


def test_a_check_is_told_of_other_languages(files: FileSystem, tmp_path: Path) -> None:
    """An item is judged as an answer to its own order: one that asked in another language, or not."""
    check = NoDigits()
    store = open_checked(tmp_path, files, check)
    for number, scope in enumerate((Scope(), Scope(language="Greek"), Scope(facet="Greek"))):
        order = store.issue_order(provider="openai", model="m-1", mode="explore", size=60, producer=0, scope=scope)
        store.ingest([batch(order, [f"Hall {number}"])])
    assert check.abroad == [False, True, False]
    store.close()
