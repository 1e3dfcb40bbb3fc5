"""How well known each item of a world is to one model, and drawing by it."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.seeds import plain_topic, seed_of
from producer.providers.simulated.world import World

_PARTS_REMEMBERED = 20
"""How many times its own items the parts of a popularity may have together before they are forgotten."""


class Popularity:
    """Items by rank, with their weights.

    Args:
        order: Indices into `World.items`, most popular first.
        weights: Weight of each rank, all positive.
    """

    def __init__(self, order: list[int], weights: list[float]) -> None:
        self.order = order
        self.weights = weights
        self._cumulative = list(accumulate(weights))
        self._parts: dict[Hashable, Popularity] = {}
        self._room = _PARTS_REMEMBERED * len(order)

    def part(self, name: Hashable, make: Callable[[Popularity], Popularity]) -> Popularity:
        """Some of the items, remembered by a name; `make` is asked where nothing is remembered."""
        found = self._parts.get(name)
        if found is None:
            found = make(self)
            self._room -= 1 if found is self else 1 + len(found.order)
            if self._room < 0:
                self._parts.clear()
                self._room = _PARTS_REMEMBERED * len(self.order)
            self._parts[name] = found
        return found

    def within(self, belongs: Callable[[int], bool]) -> Popularity:
        """The same order and weights for some items alone.

        Args:
            belongs: Whether an item stays, by its index.
        """
        kept = [(index, weight) for index, weight in zip(self.order, self.weights, strict=True) if belongs(index)]
        return Popularity([index for index, _ in kept], [weight for _, weight in kept])

    def draw(self, rng: random.Random) -> Iterator[int]:
        """All items once, each next one with a probability proportional to its weight (Plackett-Luce).

        Weighted draws that reject what has come are fast while little has come. When they have cost as much as
        sorting would, the rest is ordered by exponential arrival times, which have the same distribution.
        """
        cumulative, order, draw = self._cumulative, self.order, rng.random
        if not order:
            return
        total, last = cumulative[-1], len(order) - 1
        seen: set[int] = set()
        rejections_left = 2 * len(order)
        while rejections_left and len(seen) <= last:
            rank = bisect_right(cumulative, draw() * total, 0, last)
            if rank in seen:
                rejections_left -= 1
                continue
            seen.add(rank)
            yield order[rank]
        arrivals = [(rng.expovariate(1.0) / self.weights[rank], rank) for rank in range(last + 1) if rank not in seen]
        for _, rank in sorted(arrivals):
            yield order[rank]


@lru_cache(maxsize=8)
def _popularity(
    world: World, model: str, law: str, spread: float, correlation: float, known_share: float
) -> Popularity:
    size = len(world.items)
    seed = seed_of("order", world.name, world.items[0], size, model)
    known = max(1, math.ceil(known_share * size))
    return Popularity(_shuffled(range(size), correlation, seed)[:known], _weights(law, spread, size)[:known])


@lru_cache(maxsize=24)
def _seen_from(own: Popularity, correlation: float, seed: int) -> Popularity:
    return Popularity(_shuffled(own.order, correlation, seed), own.weights)


def _shuffled(order: Sequence[int], correlation: float, seed: int) -> list[int]:
    """An order like the one given.

    The score of rank r is c·ln r + √(1-c²)·N(0, 1): ln r has about unit variance over a world, so that c is the
    correlation of the scores with the order given, and the best known items stay near the top.
    """
    if correlation == 1:
        return list(order)
    rng = random.Random(seed)
    noise = math.sqrt(1 - correlation * correlation)
    scores = [correlation * math.log(rank + 1) + noise * rng.gauss(0.0, 1.0) for rank in range(len(order))]
    return [order[rank] for rank in sorted(range(len(order)), key=scores.__getitem__)]


def _weights(law: str, spread: float, size: int) -> list[float]:
    if law == "zipf":
        return [rank**-spread for rank in range(1, size + 1)]
    rng = random.Random(seed_of("lognormal", size))
    return sorted((math.exp(spread * rng.gauss(0.0, 1.0)) for _ in range(size)), reverse=True)


def popularity_of(world: World, model: str, options: SimulationOptions, language: str = "") -> Popularity:
    """What a model thinks of a world's items; computed once for each.

    Args:
        world: The items.
        model: Each has its own order: the world's, shuffled by `model_correlation`.
        options: The law of the weights, and the correlations.
        language: In which the model thinks, where it is not its own: its order, shuffled by `language_correlation`.
    """
    spread = options.zipf_exponent if options.popularity == "zipf" else options.lognormal_sigma
    own = _popularity(world, model, options.popularity, spread, options.model_correlation, options.known_share)
    spoken = plain_topic(language)
    if not spoken:
        return own
    seed = seed_of("language", world.name, world.items[0], len(world.items), model, spoken)
    return _seen_from(own, options.language_correlation, seed)


def compliance(listed: int, options: SimulationOptions) -> float:
    """Probability that the model leaves out an item which stands on an avoid-list of this length."""
    span = options.compliance_short - options.compliance_long
    return options.compliance_long + span * math.exp(-listed / options.compliance_scale)
