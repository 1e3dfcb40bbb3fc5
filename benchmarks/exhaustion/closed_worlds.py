"""The closed worlds of which everything is known, and which of their items a text means.

The lists are the simulated model's (`producer/providers/simulated/worlds`); texts are read as it reads them, with all
other names of an item, and with what only people and real models do: "and" for "&", an airport without the words that
many airports share.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

from producer.providers.simulated import universe_of
from producer.providers.simulated.matching import full_key, name_readings

TOPICS = {
    "elements": "Chemical elements",
    "territories": "Countries and territories",
    "lexers": "Programming languages",
    "airports": "Airports",
}
"""The worlds' lists with the topics that ask for them; `lexers` are the languages that Pygments can highlight."""

_COMMON = frozenset(
    ("airport", "airports", "international", "intl", "airfield", "aerodrome", "regional", "municipal", "national")
)
_CODE = re.compile(r"[A-Z]{3}")
_AND = re.compile(r"\band\b", re.IGNORECASE)


class ClosedWorld:
    """One world.

    Args:
        name: Of `TOPICS`.

    Attributes:
        topic: What a run is asked for.
        size: Items.
        simulated: The same as the simulated model has it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.topic = TOPICS[name]
        self.simulated = universe_of(self.topic)
        self.items = self.simulated.items
        self.size = len(self.items)
        self._by_word: dict[str, set[str]] = defaultdict(set)
        if name == "airports":
            for item in self.items:
                for word in set(full_key(item).split()) - _COMMON:
                    self._by_word[word].add(item)

    def find(self, text: str) -> str | None:
        """The item that a text means; None: it is none, or nobody could say which."""
        if self._by_word:
            return self._airport(text)
        return self.simulated.canonical(text) or self.simulated.canonical(_AND.sub("&", text))

    def valid(self, texts: list[str]) -> set[str]:
        """The items that some texts mean."""
        return {item for item in map(self.find, texts) if item is not None}

    def _airport(self, text: str) -> str | None:
        """A city's name alone is none, though the simulated model's list has it among an airport's other names."""
        item = self.simulated.canonical(text)
        words = [full_key(reading).split() for reading in name_readings(text)]
        named = [reading for reading in words if not _COMMON.isdisjoint(reading)]
        if item is not None and (named or _CODE.fullmatch(text) or full_key(item).split() in words):
            return item
        for reading in named:  # as many of an airport's words as no other airport has
            telling = set(reading) - _COMMON
            meant = set.intersection(*(self._by_word.get(word, set()) for word in telling)) if telling else set()
            if len(meant) == 1:
                return meant.pop()
        return None


@cache
def closed_world(name: str) -> ClosedWorld:
    """The world of a name of `TOPICS`, made once."""
    return ClosedWorld(name)
