from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from archive.exploration import META_NAME, decoded, encode, kept_exploration
from archive.run_reader import reading
from archive.topic_view import topic_view
from archive.topics import topics
from contract.discovery import (
    DiscoveryPoint,
    DiscoveryView,
    ExplorationView,
    ForecastPoint,
    KeptExploration,
    PartView,
)
from tests.archive.folder_cases import START, Folder

EXPLORED = ExplorationView(0.8, 0.9, 0.95, 12, 0.7, 3.5, 0.001, {"facet": (3, 40)})
DISCOVERY = DiscoveryView(
    (DiscoveryPoint(0, 0), DiscoveryPoint(12, 90)),
    (ForecastPoint(24, 120, 100, 150, 110),),
    (PartView("Museums", "facet", "open", responses=3, items=50, new=40, lately=5.5, coverage=0.6, overlap=0.1),),
)
KEPT = KeptExploration(1, "it is enough: 85 %", 0.85, EXPLORED, DISCOVERY)


def folder_with(path: Path, value: object, *, stop_reason: str | None = "exhausted") -> Folder:
    """A topic's folder that keeps this."""
    folder = Folder(path / "paris")
    folder.run(START, None if stop_reason is None else START + 60, stop_reason)
    folder.order(new=1)
    if value is not None:
        folder.insert("meta", name=META_NAME, value=value)
    return folder


def test_what_was_kept_is_shown(tmp_path: Path) -> None:
    """Estimates, curve, forecast, parts, and why the run ended in its own words."""
    folder = folder_with(tmp_path, encode(KEPT).decode())
    view = topic_view(folder.path)
    assert (view.coverage, view.exploration, view.discovery) == (0.85, EXPLORED, DISCOVERY)
    assert view.explanation == "it is enough: 85 %"


def test_lists_leave_the_discovery_out(tmp_path: Path) -> None:
    """It is long, and a list of topics shows none of it."""
    folder_with(tmp_path, encode(KEPT).decode())
    (view,) = topics(tmp_path)
    assert (view.coverage, view.exploration, view.discovery) == (0.85, EXPLORED, None)


def test_a_folder_of_before_tells_nothing(tmp_path: Path) -> None:
    """No error, and all else as ever."""
    view = topic_view(folder_with(tmp_path, None).path)
    assert (view.coverage, view.exploration, view.discovery) == (None, None, None)
    assert view.explanation == "every way of asking brings next to nothing new"


def test_an_earlier_runs_reason_is_not_this_ones(tmp_path: Path) -> None:
    """Of a run that kept nothing itself: how far the topic is explored still holds, the sentence does not."""
    folder = folder_with(tmp_path, encode(KEPT).decode())
    folder.run(START + 100, START + 110, "iterations", {"iterations": 2})
    view = topic_view(folder.path)
    assert view.discovery == DISCOVERY
    assert view.explanation == "every producer has made its requests (--iterations 2)"


def test_a_killed_run_ends_in_no_words_of_its_own(tmp_path: Path) -> None:
    """What it kept while it ran has none."""
    kept = msgspec.structs.replace(KEPT, explanation="")
    view = topic_view(folder_with(tmp_path, encode(kept).decode(), stop_reason=None).path)
    assert view.discovery == DISCOVERY
    assert view.explanation.startswith("its process ended before the run was done")


def spoilt(**changes: Any) -> str:
    """What is kept, with some of its values replaced."""
    return msgspec.json.encode({**msgspec.to_builtins(KEPT), **changes}).decode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "[" * 100_000,
        encode(KEPT)[:-9].decode(),
        spoilt(run=-1),
        spoilt(coverage="high"),
        encode(KEPT).decode().replace("0.85", "1e999"),
        spoilt(discovery={"curve": [{"responses": 2**60, "items": 1}]}),
        spoilt(discovery={"parts": [{"name": "a", "kind": "planet", "state": "open"}]}),
        spoilt(explanation="x" * 1_000_000),
        b"\xff\xfe",
        7,
    ],
    ids=range(14),
)
def test_a_spoilt_value_tells_nothing(tmp_path: Path, value: object) -> None:
    """Whatever somebody wrote there: the topic is shown without it."""
    folder = folder_with(tmp_path, value)
    view = topic_view(folder.path)
    assert (view.coverage, view.exploration, view.discovery) == (None, None, None)
    assert view.new == 1


def test_texts_are_made_printable() -> None:
    """Names of parts come from models, and the file may be anybody's."""
    part = PartView("\x1b[31mred", "facet", "closed", within="a\u202eb", reason="\x07")
    explored = msgspec.structs.replace(EXPLORED, ways={"\x1b": (1, 1)})
    kept = KeptExploration(1, "why\x1b", 0.5, explored, DiscoveryView(parts=(part,)))
    found = decoded(encode(kept).decode())
    assert found is not None
    assert found.explanation == "why\ufffd"
    assert found.exploration is not None
    assert list(found.exploration.ways) == ["\ufffd"]
    assert found.discovery is not None
    shown = found.discovery.parts[0]
    assert (shown.name, shown.within, shown.reason) == ("\ufffd[31mred", "a\ufffdb", "\ufffd")


def test_it_is_read_from_a_folder(tmp_path: Path) -> None:
    """As it was written."""
    folder = folder_with(tmp_path, encode(KEPT).decode())
    with reading(folder.path) as reader:
        assert kept_exploration(reader) == KEPT
