"""The parts that a world's items fall into: what a model names when it is asked for a plan, and draws from afterwards.

There are two levels. An item belongs to one facet and to one of that facet's parts, or to none that a plan would name.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from itertools import islice

import msgspec

from contract.messages import Scope
from producer.providers.base import Call
from producer.providers.simulated.matching import match_key
from producer.providers.simulated.naming import invent_facets
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.seeds import seed_of
from producer.providers.simulated.world import World

_ITEMS_A_FACET = 70
_FEWEST, _MOST = 6, 40
_SPREAD = 0.8
"""Standard deviation of the logarithm of facets' sizes: of 30, the largest is some twenty times the smallest."""

_SPREAD_OF_PARTS = 0.5
_SLIP = 0.3
"""Standard deviation of a plan's error about the logarithm of a facet's size."""


class Facet(msgspec.Struct, frozen=True):
    """A part of a world.

    Attributes:
        name: In two or three words.
        leaves: The numbers of the smallest parts that it consists of; see `Facets.leaf_of`.
        weight: Its size, relative to that of the others of its level.
        parts: What it can be split into.
    """

    name: str
    leaves: range
    weight: float
    parts: tuple[Facet, ...] = ()


class Facets:
    """The facets of one world, and which item belongs where.

    Args:
        world: What is divided.
        count: Facets of the first level.
        misses: Share of a whole's items (the world's, a facet's) that belong to none of its parts.

    Attributes:
        leaf_of: The number of the smallest part that an item is in, by the item's index.
        tops: The facets of the first level, the largest first.
    """

    def __init__(self, world: World, count: int, misses: float) -> None:
        size = len(world.items)
        rng = random.Random(seed_of("facets", world.name, world.items[0], size, count))
        names = list(islice(invent_facets(rng), count))
        # What belongs to a facet, but to none of its parts, has a leaf of its own behind theirs.
        parts = len(names[0].parts)
        step = parts + 1
        weights = sorted((math.exp(_SPREAD * rng.gauss(0.0, 1.0)) for _ in names), reverse=True)
        part_weights = sorted((math.exp(_SPREAD_OF_PARTS * rng.gauss(0.0, 1.0)) for _ in range(parts)), reverse=True)
        self.tops = tuple(
            Facet(
                name.whole,
                range(start, start + step),
                weight,
                tuple(
                    Facet(part, range(leaf, leaf + 1), part_weight)
                    for leaf, (part, part_weight) in enumerate(zip(name.parts, part_weights, strict=True), start)
                ),
            )
            for start, name, weight in zip(range(0, count * step, step), names, weights, strict=True)
        )
        self._outside = count * step
        self._by_key = {match_key(facet.name): facet for top in self.tops for facet in (top, *top.parts)}
        firsts = rng.choices(range(0, count * step, step), weights, k=size)
        seconds = rng.choices(range(parts), part_weights, k=size)
        draw = rng.random
        self.leaf_of = [
            self._outside if draw() < misses else first + (parts if draw() < misses else second)
            for first, second in zip(firsts, seconds, strict=True)
        ]

    def find(self, text: str) -> Facet | None:
        """The facet that a text names, or None."""
        return self._by_key.get(match_key(text)) if text else None

    def leaves(self, scope: Scope) -> frozenset[int] | None:
        """The leaves that `scope.facet` and `scope.besides` leave over; None where they name no facet of this world."""
        whole = self.find(scope.facet)
        others = [other for other in map(self.find, scope.besides) if other is not None]
        if whole is None and not others:
            return None
        return frozenset(whole.leaves if whole else range(self._outside + 1)).difference(
            *(other.leaves for other in others)
        )


@lru_cache(maxsize=8)
def _facets(world: World, count: int, misses: float) -> Facets:
    return Facets(world, count, misses)


def facets_of(world: World, options: SimulationOptions) -> Facets:
    """The facets of a world; computed once for each."""
    by_size = max(_FEWEST, min(_MOST, round(len(world.items) / _ITEMS_A_FACET)))
    return _facets(world, options.facets or by_size, options.facet_misses)


def plan_facets(world: World, options: SimulationOptions, call: Call, rng: random.Random) -> list[str]:
    """What the model answers to a call for a plan: names of facets, about from the largest to the smallest.

    A call whose scope has a facet gets that facet's parts (none where it cannot be split), and those that stand in
    `scope.besides` are left out. `plan_recall` says how many of the others come, at most `call.size` (0: no limit).
    """
    facets = facets_of(world, options)
    whole = facets.find(call.scope.facet)
    named = {facets.find(text) for text in call.scope.besides}
    places = {
        facet.name: math.log(facet.weight) + _SLIP * rng.gauss(0.0, 1.0)
        for facet in (whole.parts if whole else facets.tops)
        if facet not in named
    }
    most = math.ceil(options.plan_recall * len(places))
    return sorted(places, key=places.__getitem__, reverse=True)[: min(most, call.size or most)]
