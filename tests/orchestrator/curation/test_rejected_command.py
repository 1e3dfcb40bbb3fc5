"""The command `orchestrator rejected`, on real folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.errors import ConfigurationError, FolderBusyError, ForeignDatabaseError
from orchestrator.curation.merges_command import run_merges
from orchestrator.curation.rejected_command import run_rejected
from tests.orchestrator.store_cases import feed, make_older, open_store

TEXTS = ("Louvre", "As an AI", "Orsay", "Of course!")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A topic's folder, in which a model judged two of four items not to belong."""
    folder = tmp_path / "output" / "places"
    store = open_store(folder)
    store.begin_run({})
    feed(store, *TEXTS)
    order = store.issue_order(provider="openai", model="m-1", mode="validate", size=4, producer=0)
    store.keep_verdict(order, valid=[1, 3], invalid={2: TEXTS[1], 4: TEXTS[3]}, unsure=())
    store.end_run("iterations")
    store.close()
    return folder


def valid(folder: Path) -> list[str]:
    """The lines of valid.txt."""
    return (folder / "valid.txt").read_text(encoding="utf-8").splitlines()


def test_what_does_not_belong_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many, of how many, and which; nothing is changed."""
    before = (folder / "valid.txt").stat().st_mtime_ns
    assert run_rejected([str(folder)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("2 of 4 items do not belong, 0 are not judged: ")
    assert rest == ["  As an AI", "  Of course!"]
    assert (folder / "valid.txt").stat().st_mtime_ns == before


def test_an_item_is_taken_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In any spelling that is the same item; valid.txt has it again where it was found."""
    assert run_rejected([str(folder), "--accept", "as an ai"]) == 0
    assert "1 of 4 items do not belong" in capsys.readouterr().out
    assert valid(folder) == ["Louvre", "As an AI", "Orsay"]
    assert (folder / "attributes.txt").read_text(encoding="utf-8").splitlines() == list(TEXTS)


def test_all_are_taken_back(folder: Path) -> None:
    """The list is what it was before anybody judged."""
    assert run_rejected([str(folder), "--accept", "all"]) == 0
    assert valid(folder) == list(TEXTS)


def test_a_person_may_reject_too(folder: Path) -> None:
    """And both at a time."""
    assert run_rejected([str(folder), "--reject", "Louvre", "--accept", "Of course!"]) == 0
    assert valid(folder) == ["Orsay", "Of course!"]


def test_what_a_person_said_stands(folder: Path) -> None:
    """No later run asks a model about it."""
    assert run_rejected([str(folder), "--accept", "all"]) == 0
    store = open_store(folder)
    assert store.judgements.open == 0
    store.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--accept", "Pompidou"),
        ("--reject", "Pompidou", "--accept", "all"),
        ("--accept", "all", "--reject", "As an AI"),
    ],
)
def test_all_or_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    """What is no item, or is to be both, is refused, and nothing is changed."""
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        run_rejected([str(folder), *arguments])
    assert valid(folder) == ["Louvre", "Orsay"]


def test_all_files_follow_what_a_person_said(folder: Path) -> None:
    """run.json counts it, and merged.txt has a valid spelling in the place of a rejected one."""
    store = open_store(folder)
    feed(store, "Mississippi", "Missisippi")
    store.close()
    assert run_merges([str(folder)]) == 0
    assert run_merges([str(folder), "--apply", "all"]) == 0
    assert (folder / "merged.txt").read_text().splitlines() == ["Louvre", "Orsay", "Mississippi"]
    assert run_rejected([str(folder), "--reject", "Mississippi", "--accept", "all"]) == 0
    assert (folder / "merged.txt").read_text().splitlines() == [
        "Louvre",
        "As an AI",
        "Orsay",
        "Of course!",
        "Missisippi",
    ]
    totals = json.loads((folder / "run.json").read_bytes())["totals"]
    assert totals["judged"] == {"valid": 4, "invalid": 1, "unjudged": 1, "unsure": 0}
    assert (totals["unique"], totals["sightings"], totals["held"]) == (6, 6, 0)
    assert totals["orders"] == {"open": 0, "done": 2, "failed": 0, "interrupted": 1}


def test_lines_that_a_person_added_count_as_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the run that knows them counts them."""
    with (folder / "attributes.txt").open("a") as file:
        file.write("Sacré-Cœur\n")
    open_store(folder).close()
    assert run_rejected([str(folder), "--reject", "Orsay"]) == 0
    assert "3 of 5 items do not belong, 0 are not judged" in capsys.readouterr().out
    assert json.loads((folder / "run.json").read_bytes())["totals"]["judged"]["valid"] == 2


def test_a_topic_that_nobody_judged_gets_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And none is named."""
    store = open_store(tmp_path)
    feed(store, "Louvre")
    store.close()
    assert run_rejected([str(tmp_path), "--accept", "all"]) == 0
    assert capsys.readouterr().out == "0 of 1 items do not belong, 1 are not judged\n"
    assert not (tmp_path / "valid.txt").exists()


def test_a_running_topic_is_left_alone(folder: Path) -> None:
    """The run that has the folder would not hear of it."""
    store = open_store(folder)
    with pytest.raises(FolderBusyError):
        run_rejected([str(folder), "--accept", "all"])
    store.close()


def test_a_folder_of_the_format_before(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was judged in it; a person may."""
    make_older(folder, 2)
    assert run_rejected([str(folder)]) == 0
    assert "0 of 4 items do not belong, 4 are not judged" in capsys.readouterr().out
    assert run_rejected([str(folder), "--reject", "As an AI"]) == 0
    assert valid(folder) == ["Louvre", "Orsay", "Of course!"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    """It is said that it is no run's, and nothing is changed."""
    (tmp_path / "run.db").write_bytes(b"no database" * 500)
    with pytest.raises(ForeignDatabaseError):
        run_rejected([str(tmp_path)])
    with pytest.raises(ConfigurationError, match="there is no run"):
        run_rejected([str(tmp_path / "nowhere")])
