"""Item indexes of the topics that were looked at last."""

from __future__ import annotations

from pathlib import Path

from archive.item_index import ItemIndex
from archive.topics import folder_of

_BYTES_AN_ITEM = 64


class IndexCache:
    """Keeps indexes in memory as long as there is room. One thread at a time.

    Args:
        root: The folder that holds the topics' folders.
        max_items: Items in all indexes together; 64 bytes of an index count as an item at least, so that long texts do
            not take more memory than that. The topic that is asked for is kept whatever its size.
    """

    def __init__(self, root: Path, max_items: int = 4_000_000) -> None:
        self._root = root
        self._max_items = max_items
        self._indexes: dict[str, ItemIndex] = {}

    @property
    def memory_bytes(self) -> int:
        """What all indexes take."""
        return sum(index.memory_bytes for index in self._indexes.values())

    def __contains__(self, topic_id: object) -> bool:
        return topic_id in self._indexes

    def refreshed(self, topic_id: str) -> ItemIndex:
        """The topic's index with all that its folder holds now.

        Raises:
            ConfigurationError: There is no such topic.
            ForeignDatabaseError: Its `run.db` is damaged, something else, or from a newer version.
            StorageError: It cannot be read.
        """
        index = self._indexes.pop(topic_id, None) or ItemIndex(folder_of(self._root, topic_id))
        index.refresh()
        self._indexes[topic_id] = index
        sizes = {name: max(len(one), one.memory_bytes // _BYTES_AN_ITEM) for name, one in self._indexes.items()}
        total = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if total <= self._max_items:
                break
            total -= sizes[name]
            del self._indexes[name]
        return index
