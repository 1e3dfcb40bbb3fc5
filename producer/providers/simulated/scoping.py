"""How the simulated model draws when it is asked about a part of the topic: mostly from that part."""

from __future__ import annotations

import random
from collections.abc import Iterator

from contract.messages import Scope
from producer.providers.simulated.facets import facets_of
from producer.providers.simulated.matching import full_key
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.popularity import Popularity
from producer.providers.simulated.world import World


def draw_within(
    world: World, popularity: Popularity, options: SimulationOptions, scope: Scope, rng: random.Random
) -> Iterator[int]:
    """Indices of items, each once.

    Each is of the scope's facet with the probability `facet_obedience`, and independently of that begins as
    `scope.prefix` says with `letter_obedience`; where the model obeys neither, it is drawn from everything. The draws
    end when one has nothing left to choose from: a model that has said all it knows of a part stops.

    Args:
        world: The items.
        popularity: What the model thinks of them, in the language that `scope` asks for.
        options: The obediences.
        scope: `besides` is understood as the facet of what belongs to none of them. Names that no facet has mean
            everything.
        rng: Draws.
    """
    if not (scope.facet or scope.besides or scope.prefix):
        yield from popularity.draw(rng)
        return
    facet_obedience = options.facet_obedience if scope.facet or scope.besides else 0.0
    letter_obedience = options.letter_obedience if scope.prefix else 0.0
    drawn: set[int] = set()
    pools: dict[tuple[bool, bool], Iterator[int]] = {}
    while True:
        obeyed = (facet_obedience > rng.random(), letter_obedience > rng.random())
        pool = pools.get(obeyed)
        if pool is None:
            pool = pools[obeyed] = _part(world, popularity, options, scope, *obeyed).draw(rng)
        index = next((index for index in pool if index not in drawn), None)
        if index is None:
            return
        drawn.add(index)
        yield index


def _part(
    world: World, popularity: Popularity, options: SimulationOptions, scope: Scope, by_facet: bool, by_letter: bool
) -> Popularity:
    """The items that a scope means, where the model obeys its facet, its letters, both or none."""
    part = popularity
    if by_facet:
        name = (options.facets, options.facet_misses, scope.facet, scope.besides)
        part = part.part(name, lambda whole: _of_facet(world, whole, options, scope))
    if by_letter:
        part = part.part(scope.prefix, lambda whole: _of_letters(world, whole, scope.prefix))
    return part


def _of_facet(world: World, popularity: Popularity, options: SimulationOptions, scope: Scope) -> Popularity:
    facets = facets_of(world, options)
    leaves = facets.leaves(scope)
    if leaves is None:
        return popularity
    leaf_of = facets.leaf_of
    return popularity.within(lambda index: leaf_of[index] in leaves)


def _of_letters(world: World, popularity: Popularity, prefix: str) -> Popularity:
    keys, begin = world.keys, full_key(prefix)
    return popularity.within(lambda index: keys[index].startswith(begin))
