from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archive.last_settings import last_settings
from contract.errors import ConfigurationError, ForeignDatabaseError
from tests.orchestrator.store_cases import TOPIC, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two runs."""
    folder = tmp_path / "topic"
    store = open_store(folder)
    store.begin_run({"producers": 1})
    store.end_run("iterations")
    store.begin_run({"producers": 2, "provider_options": ["test.speed=0"]})
    store.change_settings({"producers": 3})
    store.close()
    return folder


def test_they_are_those_of_the_last_run_as_they_were_changed(folder: Path) -> None:
    """The topic comes with them, as it was typed."""
    assert last_settings(folder) == (TOPIC, {"producers": 3})


def test_a_folder_without_a_run_has_none(tmp_path: Path) -> None:
    """It has a topic all the same."""
    open_store(tmp_path / "topic").close()
    assert last_settings(tmp_path / "topic") == (TOPIC, {})


@pytest.mark.parametrize("edited", ["[]", "", "{", "null", '"x"', "\udc80", "{" * 200_000])
def test_what_is_no_json_object_is_refused(folder: Path, edited: str) -> None:
    """A person may have edited them: one line says that they cannot be read."""
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("UPDATE runs SET settings = CAST(? AS TEXT)", (edited.encode("utf-8", "surrogateescape"),))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        last_settings(folder)


def test_a_database_without_a_topic_is_damaged(folder: Path) -> None:
    """Nothing else is made of it."""
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("DELETE FROM meta WHERE name = 'topic'")
    with pytest.raises(ForeignDatabaseError, match="names no topic"):
        last_settings(folder)


def test_without_a_folder_there_is_no_run(tmp_path: Path) -> None:
    """One line says so."""
    with pytest.raises(ConfigurationError):
        last_settings(tmp_path / "nothing")
