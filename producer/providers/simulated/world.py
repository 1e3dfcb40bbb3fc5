"""A world: the true universe of a topic, known in full, so that benchmarks can compute recall."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import islice
from types import MappingProxyType

from producer.providers.simulated.closed_lists import list_for_topic, read_list
from producer.providers.simulated.matching import full_key, match_key, name_readings, slip_corrections
from producer.providers.simulated.naming import invent_names
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.seeds import plain_topic

GENERATED = "generated"
_MOST_REMEMBERED = 200_000
_LONGEST_CORRECTED = 120


class World:
    """Everything there is to list about a topic.

    Two items never share a key (`matching.match_key`): they differ by more than case, accents, punctuation, a leading
    article and a trailing parenthesis.

    Args:
        name: The closed list's name, or `generated`.
        keys: Key to item, in the order of popularity.
        other_names: Item to its other names, as written.

    Attributes:
        items: All items, most popular first.
        keys: Their keys.
    """

    def __init__(self, name: str, keys: dict[str, str], other_names: Mapping[str, tuple[str, ...]]) -> None:
        self.name = name
        self.items = tuple(keys.values())
        self.keys = tuple(keys)
        self.other_names = MappingProxyType(dict(other_names))
        self._keys = keys
        self._remembered: dict[str, str | None] = {}

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Case-folded other name to item."""
        return MappingProxyType({name.casefold(): item for item, names in self.other_names.items() for name in names})

    def canonical(self, text: str) -> str | None:
        """The item that a text means, or None for noise.

        Understood is all that the simulated model does to an item: case, dropped accents, one misspelt letter, other
        names, list marks, bold type, quotes, descriptions and remarks behind the name.
        """
        if text in self._remembered:
            return self._remembered[text]
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[text] = found = self._find(text)
        return found

    def _find(self, text: str) -> str | None:
        readings = list(name_readings(text))
        for reading in readings:
            found = self._spelled(full_key(reading)) or self._spelled(match_key(reading))
            if found is not None:
                return found
        for reading in readings:
            key = full_key(reading[:_LONGEST_CORRECTED])
            if sum(word not in self._words for word in key.split()) > 1:
                continue  # a slip changes one word, and most noise has several that no item has
            meant = {item for item in map(self._spelled, slip_corrections(key)) if item is not None}
            if len(meant) == 1:
                return meant.pop()
        return None

    def _spelled(self, key: str) -> str | None:
        return self._keys.get(key) or self._more_keys.get(key)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for keys in (self._keys, self._more_keys) for key in keys for word in key.split())

    @cached_property
    def _more_keys(self) -> dict[str, str]:
        keys = {full_key(item): item for item in self.items if "(" in item}
        for item, names in self.other_names.items():
            for name in names:
                keys.setdefault(full_key(name), item)
        return keys


def universe_of(topic: str, options: SimulationOptions | None = None) -> World:
    """The world that the simulated model draws from for a topic; the same object for the same question.

    Args:
        topic: Any text. Case, Unicode's composition and white space do not matter.
        options: Which world, and the sizes of its generated parts.
    """
    options = options or SimulationOptions()
    name = options.world
    chosen = list_for_topic(topic) or GENERATED if name == "auto" else name
    plain = plain_topic(topic)
    if chosen == GENERATED:
        return _world(GENERATED, plain, options.universe_size)
    return _world(chosen, plain if options.tail_size else "", options.tail_size)


@lru_cache(maxsize=8)
def _world(name: str, plain: str, generated: int) -> World:
    listed = {} if name == GENERATED else read_list(name)
    keys = {match_key(item): item for item in listed}
    taken = keys.keys() | {full_key(other) for names in listed.values() for other in names}
    keys.update(islice(invent_names(plain, taken), generated))
    return World(name, keys, {item: names for item, names in listed.items() if names})
