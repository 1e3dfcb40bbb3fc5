"""Item indexes of the topics that were looked at last."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

from archive.item_index import ItemIndex
from archive.topics import folder_of

_BYTES_AN_ITEM = 64


class _Kept(NamedTuple):
    """An index, and how many items it counts for."""

    item_index: ItemIndex
    items: int


class IndexCache:
    """Keeps indexes in memory as long as there is room. One thread at a time for each topic, not for all.

    Args:
        root: The folder that holds the topics' folders.
        max_items: Items in all indexes together; 64 bytes of an index count as an item at least, so that long texts do
            not take more memory than that. The topic that is asked for is kept whatever its size.
    """

    def __init__(self, root: Path, max_items: int = 4_000_000) -> None:
        self._root = root
        self._max_items = max_items
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def __contains__(self, topic_id: object) -> bool:
        return topic_id in self._kept

    def refreshed(self, topic_id: str) -> ItemIndex:
        """The topic's index with all that its folder holds now.

        Raises:
            ConfigurationError: There is no such topic.
            ForeignDatabaseError: Its `run.db` is damaged, something else, or from a newer version.
            StorageError: It cannot be read.
        """
        with self._lock:
            kept = self._kept.pop(topic_id, None)
        index = ItemIndex(folder_of(self._root, topic_id)) if kept is None else kept.item_index
        index.refresh()  # long, the first time: others do not wait for it
        with self._lock:
            self._kept[topic_id] = _Kept(index, max(len(index), index.memory_bytes // _BYTES_AN_ITEM))
            self._make_room()
        return index

    def _make_room(self) -> None:
        total = sum(kept.items for kept in self._kept.values())
        for name in list(self._kept)[:-1]:
            if total <= self._max_items:
                break
            total -= self._kept.pop(name).items
