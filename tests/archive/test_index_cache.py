"""Indexes kept for the topics looked at last."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive.index_cache import IndexCache
from archive.item_index import ItemIndex
from contract.errors import ConfigurationError, ForeignDatabaseError
from tests.archive.folder_cases import Folder

_WAIT_S = 30.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Topics a, b and c with 10, 20 and 30 items."""
    for name, count in (("a", 10), ("b", 20), ("c", 30)):
        folder = Folder(tmp_path / name)
        folder.items(map(str, range(count)))
        folder.database.close()
    return tmp_path


def kept(cache: IndexCache) -> str:
    """The topics whose index is in memory."""
    return "".join(name for name in "abc" if name in cache)


def test_the_index_of_a_topic_is_kept_and_refreshed(root: Path) -> None:
    """The second time the same index comes back, with what is new."""
    cache = IndexCache(root)
    index = cache.refreshed("a")
    assert len(index) == 10
    folder = Folder(root / "a")
    folder.item("new")
    assert cache.refreshed("a") is index
    assert len(index) == 11


def test_a_topic_waits_for_no_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one index is built, another one is built and used; both are kept."""
    begun, may_end = threading.Event(), threading.Event()
    refresh = ItemIndex.refresh

    def slowly(index: ItemIndex) -> None:
        if index.folder.name == "a":
            begun.set()
            assert may_end.wait(_WAIT_S)
        refresh(index)

    monkeypatch.setattr(ItemIndex, "refresh", slowly)
    cache = IndexCache(root)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.refreshed, "a")
        assert begun.wait(_WAIT_S)
        assert len(cache.refreshed("b")) == 20
        may_end.set()
        assert len(slow.result(_WAIT_S)) == 10
    assert kept(cache) == "ab"


def test_the_topics_used_longest_ago_go_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are let go in the order of their last use, until the rest fits."""
    monkeypatch.setattr("archive.index_cache._BYTES_AN_ITEM", 10**9)
    cache = IndexCache(root, max_items=50)
    for name, expected in (("a", "a"), ("b", "ab"), ("a", "ab"), ("c", "ac"), ("b", "bc"), ("b", "bc"), ("a", "ab")):
        cache.refreshed(name)
        assert kept(cache) == expected


def test_a_topic_that_is_too_large_is_kept_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at is in memory whatever its size."""
    monkeypatch.setattr("archive.index_cache._BYTES_AN_ITEM", 10**9)
    cache = IndexCache(root, max_items=25)
    cache.refreshed("b")
    cache.refreshed("c")
    assert kept(cache) == "c"


def test_long_texts_count_for_more(root: Path) -> None:
    """The bound holds for memory too: an index with long texts counts for more items than it has."""
    folder = Folder(root / "a")
    folder.item("x" * 64_000)
    cache = IndexCache(root, max_items=900)
    cache.refreshed("b")
    cache.refreshed("a")
    assert kept(cache) == "a"


def test_what_cannot_be_read_is_not_kept(root: Path) -> None:
    """An unknown topic and one that was damaged meanwhile are errors, and nothing of them stays."""
    cache = IndexCache(root)
    with pytest.raises(ConfigurationError, match="no topic"):
        cache.refreshed("../a")
    cache.refreshed("a")
    folder = Folder(root / "a")
    folder.sighting(99)
    with pytest.raises(ForeignDatabaseError):
        cache.refreshed("a")
    assert kept(cache) == ""
