"""The list of topics, and the way from an id to a folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from archive import topics as topics_module
from archive.topics import Topics, folder_of, topics
from contract.errors import ConfigurationError
from contract.service import TopicView
from tests.archive.folder_cases import START, Folder


def make(path: Path, started_at: float = START) -> Folder:
    """A finished topic whose files were written long ago."""
    folder = Folder(path)
    folder.run(started_at, started_at + 10, "iterations")
    folder.database.close()
    age(path)
    return folder


def age(path: Path) -> None:
    """Let the folder's files look as if they were written long ago."""
    for file in path.iterdir():
        os.utime(file, (START, START))


def ids(views: list[TopicView]) -> list[str]:
    """The topics' ids."""
    return [view.id for view in views]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders that are read, as they are read."""
    names: list[str] = []
    view_of = topics_module.topic_view

    def watched(folder: Path) -> TopicView:
        names.append(folder.name)
        return view_of(folder)

    monkeypatch.setattr(topics_module, "topic_view", watched)
    return names


def test_the_list_is_sorted_by_activity(tmp_path: Path) -> None:
    """The topic with the latest activity comes first."""
    for number, name in enumerate(("b", "c", "a")):
        make(tmp_path / name, START + number)
    assert ids(topics(tmp_path)) == ["a", "c", "b"]
    assert ids(Topics(tmp_path).views(without={"c"})) == ["a", "b"]
    assert topics(tmp_path / "none") == []


def test_what_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Folders set aside, without a run, damaged, and links that lead out of the root are left out, with a reason."""
    root = tmp_path / "output"
    make(root / "good")
    make(root / "good.20260921T141320Z")
    make(tmp_path / "outside")
    (root / "empty").mkdir()
    (root / "file").touch()
    (root / "damaged").mkdir()
    (root / "damaged" / "run.db").write_bytes(b"no database" * 500)
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "inside").symlink_to("good")
    with caplog.at_level(logging.DEBUG, "archive.topics"):
        assert ids(topics(root)) == ["good", "inside"]
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    for name in ("good.20260921T141320Z", "empty", "file", "damaged", "link", "up", "loop"):
        assert any(name in record.message for record in caplog.records)


def test_a_folder_is_read_once(tmp_path: Path, looked_at: list[str]) -> None:
    """As long as a folder's database does not change it is not read again; reading by others is no change."""
    make(tmp_path / "a")
    make(tmp_path / "b")
    listed = Topics(tmp_path)
    first = listed.views()
    assert listed.views() == first
    assert sorted(looked_at) == ["a", "b"]
    looked_at.clear()
    folder = Folder(tmp_path / "b")
    folder.run(START + 50, START + 60, "closed")
    age(tmp_path / "b")
    assert listed.views()[0].stop_reason == "closed"
    listed.views()
    assert looked_at == ["b"]


def test_what_was_written_just_now_is_read_again(tmp_path: Path, looked_at: list[str]) -> None:
    """A change within the same tick of the file system's clock is not overlooked."""
    folder = Folder(tmp_path / "a")
    listed = Topics(tmp_path)
    listed.views()
    folder.run(START, START + 1, "iterations")
    assert listed.views()[0].state == "finished"
    listed.views()
    assert looked_at == ["a"] * 3


def test_folders_come_and_go(tmp_path: Path) -> None:
    """A new folder is listed, one that has gone is not, and one that becomes a topic is."""
    make(tmp_path / "a")
    (tmp_path / "b").mkdir()
    listed = Topics(tmp_path)
    assert ids(listed.views()) == ["a"]
    make(tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "c")
    assert sorted(ids(listed.views())) == ["b", "c"]


def test_the_folder_of_a_topic(tmp_path: Path) -> None:
    """Names of any script lead to the folder of that name."""
    for name in ("paris-attractions", "東京-0123456789", "a b", "x" * 200):
        (tmp_path / name).mkdir()
        assert folder_of(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "a.b", "../output", "/etc", "a/b", "a\\b", "a\0", "a\n/..", "none", "x" * 201, "東" * 200,
        "\ud800", "file", "out", "loop", "deep/down", "~", "%2e%2e",
    ],
)  # fmt: skip
def test_what_is_no_topic(tmp_path: Path, name: str) -> None:
    """Nothing leads out of the root or to what is no folder; the error is one line, whatever the name."""
    root = tmp_path / "output"
    (root / "deep" / "down").mkdir(parents=True)
    (root / "a.b").mkdir()
    (root / "file").touch()
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    with pytest.raises(ConfigurationError, match="there is no topic") as caught:
        folder_of(root, name)
    assert len(str(caught.value).splitlines()) == 1
