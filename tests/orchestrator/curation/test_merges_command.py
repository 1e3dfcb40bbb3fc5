"""The command `orchestrator merges`, on real folders."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from archive.export import export
from archive.filesystem import RealFileSystem
from archive.folder import folder_name
from archive.run_reader import reading
from contract.errors import ConfigurationError, FolderBusyError, ForeignDatabaseError
from orchestrator.curation.merges_command import run_merges
from tests.orchestrator.store_cases import TOPIC, feed, open_store, read_lines

TEXTS = ("Luxemburg", "Paris", "New Castle", "Newcastle", "C", "C#", "Luxembourg", "Mississippi", "Missisippi")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A topic's folder; "Luxembourg" was named twice."""
    folder = tmp_path / "output" / "places"
    store = open_store(folder)
    feed(store, *TEXTS)
    feed(store, "Luxembourg")
    store.close()
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of merges.jsonl."""
    return [json.loads(line) for line in (folder / "merges.jsonl").read_bytes().splitlines()]


def pairs(folder: Path) -> dict[tuple[str, str], bool]:
    """Texts of item and into, and whether applied."""
    return {(line["item"]["text"], line["into"]["text"]): line["applied"] for line in lines(folder)}


SUGGESTED = {("Luxemburg", "Luxembourg"), ("Missisippi", "Mississippi"), ("Newcastle", "New Castle")}


def test_suggestions_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """merges.jsonl has both items, method and score of each suggestion, the best first; nothing else changes."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("run.")}
    assert run_merges([str(folder)]) == 0
    assert set(pairs(folder)) == SUGGESTED
    assert lines(folder)[0] == {
        "item": {"id": 4, "text": "Newcastle", "count": 1},
        "into": {"id": 3, "text": "New Castle", "count": 1},
        "method": "spacing",
        "score": 100.0,
        "applied": False,
    }
    scores = [line["score"] for line in lines(folder)]
    assert scores == sorted(scores, reverse=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == before
    assert not (folder / "merged.txt").exists()
    out = capsys.readouterr().out
    assert out.startswith("3 suggestions for 9 items, 0 merges applied: ")
    assert "100.0  Newcastle  =  New Castle" in out


def test_merges_are_applied_and_undone(folder: Path) -> None:
    """Applied merges make merged.txt and stay after further runs; undoing leaves the folder as it was."""
    run_merges([str(folder)])
    attributes = (folder / "attributes.txt").read_bytes()
    run_merges([str(folder), "--apply", "all"])
    assert (folder / "merged.txt").read_text() == "Paris\nNew Castle\nC\nC#\nLuxembourg\nMississippi\n"
    assert set(pairs(folder).items()) == {(pair, True) for pair in SUGGESTED}
    store = open_store(folder)
    assert (store.recovered.lines_adopted, store.recovered.lines_written) == (0, 0)
    feed(store, "Marseille", "Luxembourg")
    store.close()
    assert (folder / "attributes.txt").read_bytes() == attributes + b"Marseille\n"
    run_merges([str(folder)])
    assert set(pairs(folder).items()) == {(pair, True) for pair in SUGGESTED}
    assert (folder / "merged.txt").read_text() == "Paris\nNew Castle\nC\nC#\nLuxembourg\nMississippi\nMarseille\n"
    run_merges([str(folder), "--undo"])
    assert not (folder / "merged.txt").exists()
    assert set(pairs(folder).items()) == {(pair, False) for pair in SUGGESTED}
    run_merges([str(folder)])
    assert set(pairs(folder)) == SUGGESTED
    assert read_lines(RealFileSystem(), folder) == [*TEXTS, "Marseille"]


def test_other_readers_do_not_mind_applied_merges(folder: Path, tmp_path: Path) -> None:
    """Exports and the archive read a folder with applied merges as before: every spelling is in them."""
    run_merges([str(folder)])
    run_merges([str(folder), "--apply", "all"])
    assert export(folder, "jsonl", tmp_path / "out.jsonl") == len(TEXTS)
    with reading(folder) as reader:
        assert reader.row("SELECT count(*) FROM items") == (len(TEXTS),)
        assert reader.row("SELECT count(*) FROM merged") == (3,)


def test_a_person_chooses(folder: Path, tmp_path: Path) -> None:
    """Of a copy only the lines that are left are applied, and exchanged items keep the other spelling."""
    run_merges([str(folder)])
    chosen = lines(folder)[0]
    chosen["item"], chosen["into"] = chosen["into"], chosen["item"]
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(chosen) + "\n\n")
    run_merges([str(folder), "--apply", str(file)])
    merged = (folder / "merged.txt").read_text().splitlines()
    assert merged == [text for text in TEXTS if text != "New Castle"]
    assert pairs(folder)["Newcastle", "New Castle"] is True
    assert sum(pairs(folder).values()) == 1


def _judge(folder: Path, invalid: str) -> None:
    store = open_store(folder)
    number = read_lines_of(folder).index(invalid) + 1
    order = store.issue_order(provider="openai", model="m-1", mode="validate", size=40, producer=0)
    store.keep_verdict(order, valid=(), invalid={number: invalid}, unsure=())
    store.close()


def read_lines_of(folder: Path) -> list[str]:
    """The lines of attributes.txt."""
    return (folder / "attributes.txt").read_text(encoding="utf-8").splitlines()


def test_what_does_not_belong_is_merged_with_nothing(folder: Path) -> None:
    """A spelling that a model has rejected is neither suggested nor kept in the place of a valid one."""
    _judge(folder, "Luxembourg")
    assert run_merges([str(folder)]) == 0
    assert set(pairs(folder)) == SUGGESTED - {("Luxemburg", "Luxembourg")}


def test_an_item_is_not_lost_with_what_it_was_merged_into(folder: Path) -> None:
    """Judged after the merge: the valid spelling stands for both."""
    assert run_merges([str(folder)]) == 0
    assert run_merges([str(folder), "--apply", "all"]) == 0
    assert "Luxemburg" not in (folder / "merged.txt").read_text().splitlines()
    _judge(folder, "Luxembourg")
    assert run_merges([str(folder), "--apply", "all"]) == 0
    merged = (folder / "merged.txt").read_text().splitlines()
    assert "Luxemburg" in merged
    assert "Luxembourg" not in merged


def test_all_that_is_listed_is_applied(folder: Path) -> None:
    """Whatever its score, unless one is given."""
    store = open_store(folder)
    feed(store, "Barcelona", "Barzelona")
    store.close()
    assert run_merges([str(folder), "--min-score", "70"]) == 0
    listed = lines(folder)
    assert any(line["score"] < 90 for line in listed)
    assert run_merges([str(folder), "--apply", "all", "--min-score", "90"]) == 0
    assert not all(line["applied"] for line in lines(folder))
    assert run_merges([str(folder), "--apply", "all"]) == 0
    assert all(line["applied"] for line in lines(folder))


def test_applying_twice_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A merge that is applied, also through others, is left as it is."""
    run_merges([str(folder)])
    run_merges([str(folder), "--apply", "all"])
    merged = (folder / "merged.txt").read_bytes()
    capsys.readouterr()
    run_merges([str(folder), "--apply", "all"])
    assert capsys.readouterr().out.startswith("0 merges applied, 3 in all: ")
    assert (folder / "merged.txt").read_bytes() == merged


def test_chains_and_circles_end_in_one_item(folder: Path, tmp_path: Path) -> None:
    """Merges of merges leave one spelling, in whatever order they are given."""
    names = {text: {"id": number, "text": text} for number, text in enumerate(TEXTS, 1)}
    chain = [("Paris", "C"), ("C", "C#"), ("C#", "Paris"), ("C#", "Luxemburg")]
    file = tmp_path / "mine.jsonl"
    file.write_text(
        "".join(
            json.dumps({"item": names[one], "into": names[other], "method": "words", "score": 100}) + "\n"
            for one, other in chain
        )
    )
    run_merges([str(folder), "--apply", str(file)])
    merged = (folder / "merged.txt").read_text().splitlines()
    assert merged == [text for text in TEXTS if text not in ("Paris", "C", "C#")]


def test_lines_of_another_folder_are_left_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suggestion whose numbers and texts are not this folder's is told of and left out."""
    line = {"item": {"id": 1, "text": "Berlin"}, "into": {"id": 2, "text": "Paris"}, "method": "words", "score": 99}
    huge = {**line, "item": {"id": 10**30, "text": "Berlin"}}
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{json.dumps(line)}\n{json.dumps(huge)}\n")
    run_merges([str(folder), "--apply", str(file)])
    assert "0 merges applied, 0 in all; 2 left out" in capsys.readouterr().out
    assert not (folder / "merged.txt").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        b"{}",
        b"[" * 100_000,
        b"\xff\xfe\n",
        b'{"item": {"id": 1, "text": "a"}}',
        b"x" * (1 << 20),
    ],
)
def test_a_file_that_is_no_list_of_suggestions_is_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    """One wrong line, and nothing is applied."""
    run_merges([str(folder)])
    file = tmp_path / "mine.jsonl"
    file.write_bytes((folder / "merges.jsonl").read_bytes() + content)
    with pytest.raises(ConfigurationError, match=r"line 4 of .* is no suggestion .* nothing was changed"):
        run_merges([str(folder), "--apply", str(file)])
    assert not (folder / "merged.txt").exists()


@pytest.mark.parametrize(("which", "words"), [("all", "make some first"), ("no such\0file", "there is no file")])
def test_there_must_be_something_to_apply(folder: Path, which: str, words: str) -> None:
    """Without merges.jsonl, or the named file, the command says what to do."""
    with pytest.raises(ConfigurationError, match=words):
        run_merges([str(folder), "--apply", which])


def test_a_busy_folder_is_left_alone(folder: Path) -> None:
    """While a run works in the folder nothing is suggested, applied or undone."""
    store = open_store(folder)
    for action in ([], ["--apply", "all"], ["--undo"]):
        with pytest.raises(FolderBusyError):
            run_merges([str(folder), *action])
    store.close()
    assert not (folder / "merges.jsonl").exists()
    assert run_merges([str(folder)]) == 0


def test_the_lock_is_given_back(folder: Path) -> None:
    """After the command, also one that failed, a run may start."""
    with pytest.raises(ConfigurationError):
        run_merges([str(folder), "--apply", "all"])
    open_store(folder).close()
    run_merges([str(folder)])
    open_store(folder).close()


def test_a_rebuilt_database_has_no_merges(folder: Path) -> None:
    """Without run.db, merges are forgotten with it; the stale merged.txt goes with the next look."""
    run_merges([str(folder)])
    run_merges([str(folder), "--apply", "all"])
    (folder / "run.db").unlink()
    open_store(folder).close()
    run_merges([str(folder)])
    assert not (folder / "merged.txt").exists()
    assert len(lines(folder)) == 3


def test_a_folder_that_is_none_of_ours_is_refused(folder: Path) -> None:
    """Garbage in the place of run.db is told in one line, and is left as it is."""
    (folder / "run.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(ForeignDatabaseError):
        run_merges([str(folder)])
    assert (folder / "run.db").read_bytes() == b"garbage" * 1000


def test_a_circle_in_the_table_does_not_hold_us(folder: Path) -> None:
    """Rows that somebody else wrote, each merged into the other, come to an end."""
    run_merges([str(folder)])
    run_merges([str(folder), "--apply", "all"])
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("INSERT INTO merged VALUES (2, 5, 'words', 1, 1), (5, 2, 'words', 1, 1)")
    database.close()
    run_merges([str(folder)])
    run_merges([str(folder), "--apply", "all"])
    run_merges([str(folder), "--undo"])
    assert not (folder / "merged.txt").exists()


def test_a_topic_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The topic's name finds ./output/<topic>; --output names the folder, or the folder of all topics."""
    target = folder.rename(folder.with_name(folder_name(TOPIC)))
    monkeypatch.chdir(tmp_path)
    assert run_merges([TOPIC]) == 0
    assert run_merges([TOPIC, "--output", "output"]) == 0
    assert run_merges(["any", "--output", os.fspath(target)]) == 0
    with pytest.raises(ConfigurationError, match="there is no run"):
        run_merges(["Rome attractions"])


@pytest.mark.parametrize("wrong", ["abc", "nan", "69", "101", "-1", ""])
def test_a_score_must_be_one(folder: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores that suggest everything, or nothing, are refused as usage."""
    with pytest.raises(SystemExit) as exit_info:
        run_merges([str(folder), f"--min-score={wrong}"])
    assert exit_info.value.code == 2
    assert "is not a number from 70 to 100" in capsys.readouterr().err


def test_meaning_needs_its_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without wordllama the command says how to install it."""
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(ConfigurationError, match="pip install wordllama"):
        run_merges([str(folder), "--semantic"])


class Broken:
    """A wordllama whose weights are missing."""

    @staticmethod
    def load(**_: object) -> object:
        raise FileNotFoundError("no weights")


class Alike:
    """A wordllama to which all texts mean the same."""

    @classmethod
    def load(cls, *, cache_dir: Path, disable_download: bool) -> Alike:
        assert disable_download
        assert cache_dir == Path("/nowhere/wordllama")
        return cls()

    def embed(self, texts: list[str], *, norm: bool) -> np.ndarray[Any, Any]:
        assert norm
        return np.ones((len(texts), 1))


def test_meanings_are_never_applied_with_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suggestions by meaning are listed, and need a person's choice: `all` leaves them out."""
    module = SimpleNamespace(WordLlama=Alike, __file__="/nowhere/wordllama/__init__.py")
    monkeypatch.setitem(sys.modules, "wordllama", module)
    run_merges([str(folder), "--semantic"])
    methods = [line["method"] for line in lines(folder)]
    assert methods.count("meaning") > 5
    run_merges([str(folder), "--apply", "all"])
    assert "Paris" in (folder / "merged.txt").read_text().splitlines()
    module.WordLlama = Broken
    with pytest.raises(ConfigurationError, match="wordllama cannot be used"):
        run_merges([str(folder), "--semantic"])


def test_hostile_texts_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person put into attributes.txt is compared, and shown without what could steer a terminal."""
    folder = tmp_path / "odd"
    folder.mkdir()
    nasty = "Luxem\u200ebourg\u061c city"
    (folder / "attributes.txt").write_text(f"Luxemburg city\n{nasty}\n{'x' * 100_000}\n{'x' * 100_001}\n")
    open_store(folder).close()
    run_merges([str(folder)])
    out = capsys.readouterr().out
    assert out.startswith("1 suggestions for 4 items")
    assert "\u200e" not in out
    assert "\u061c" not in out
