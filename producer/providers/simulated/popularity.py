"""How well known each item of a world is to one model, and drawing by it."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.seeds import seed_of
from producer.providers.simulated.world import World


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

    def draw(self, rng: random.Random) -> Iterator[int]:
        """All items once, each next one with a probability proportional to its weight (Plackett-Luce).

        Weighted draws that reject what has come are fast while little has come. When they have cost as much as
        sorting would, the rest is ordered by exponential arrival times, which have the same distribution.
        """
        cumulative, order, draw = self._cumulative, self.order, rng.random
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
def _popularity(world: World, model: str, law: str, spread: float, correlation: float) -> Popularity:
    size = len(world.items)
    order = list(range(size))
    if correlation < 1:
        rng = random.Random(seed_of("order", world.name, world.items[0], size, model))
        noise = math.sqrt(1 - correlation * correlation)
        scores = [correlation * math.log(rank + 1) + noise * rng.gauss(0.0, 1.0) for rank in order]
        order.sort(key=scores.__getitem__)
    return Popularity(order, _weights(law, spread, size))


def _weights(law: str, spread: float, size: int) -> list[float]:
    if law == "zipf":
        return [rank**-spread for rank in range(1, size + 1)]
    rng = random.Random(seed_of("lognormal", size))
    return sorted((math.exp(spread * rng.gauss(0.0, 1.0)) for _ in range(size)), reverse=True)


def popularity_of(world: World, model: str, options: SimulationOptions) -> Popularity:
    """What a model thinks of a world's items; computed once for each.

    The model's own score of base rank r is c·ln r + √(1-c²)·N(0, 1): ln r has about unit variance over a world, so
    that c is the correlation of the scores with the base order, and the best known items stay near the top.
    """
    spread = options.zipf_exponent if options.popularity == "zipf" else options.lognormal_sigma
    return _popularity(world, model, options.popularity, spread, options.model_correlation)


def compliance(listed: int, options: SimulationOptions) -> float:
    """Probability that the model leaves out an item which stands on an avoid-list of this length."""
    span = options.compliance_short - options.compliance_long
    return options.compliance_long + span * math.exp(-listed / options.compliance_scale)
