"""Simulated worlds drawn with numpy: the simulated model's law, fast enough for tens of thousands of responses."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.messages import WHOLE, Scope


class WorldOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A world and its models; the names are those of the simulated model's options.

    Attributes:
        size: Items.
        law: `zipf` or `lognormal`.
        models: How many models there are; their orders correlate with 0.8.
        prices: Of each model's tokens, relative; the last one holds for all that follow.
        compliance: (short, long): probability that an avoided item is left out, falling with the list's length.
        noise: Share of never-repeating names in every answer.
        facets: Facets of the top level; each has five below it.
        facet_obedience: Probability that a drawn item is of the asked facet.
        facet_misses: Share of items that belong to no facet.
        letter_obedience: As `facet_obedience`, for first letters.
        language_correlation: Of a model's order in another language with its own.
        continuation: (compliance, wear): probability that an item which the conversation has named is left out, to the
            power of its answers so far; share by which each of them makes the next one shorter.
    """

    size: int = 2000
    law: str = "zipf"
    models: int = 1
    prices: tuple[float, ...] = (1.0,)
    compliance: tuple[float, float] = (0.97, 0.6)
    noise: float = 0.0
    facets: int = 0
    facet_obedience: float = 0.9
    facet_misses: float = 0.1
    letter_obedience: float = 0.85
    language_correlation: float = 0.8
    continuation: tuple[float, float] = (0.97, 0.05)
    seed: int = 1


_LARGE = 5000
"""From so many items on, drawing one after the other is faster than a key for each."""
_TRIES = 20
_LETTERS = "SCMBPATDRLGHFWEKNOVIJUYZQX"


class Model:
    """One model of a world."""

    def __init__(self, world: World, index: int) -> None:
        rng = np.random.default_rng((world.options.seed, 77, index))
        size = world.options.size
        order = np.arange(size)
        if world.options.models > 1:
            order = np.argsort(0.8 * np.log(order + 1) + 0.6 * rng.normal(size=size))
        weights = np.empty(size)
        weights[order] = world.rank_weights
        self.world = world
        self.weights = weights
        self._index = index
        self._all = np.arange(size)
        self._cumulative = np.cumsum(weights)
        self._rng = rng
        self._spoken: dict[str, Model] = {}

    def drawing(self, *seed: int) -> Model:
        """The same model with draws of its own, repeatable by `seed`."""
        other = copy.copy(self)
        other._rng = np.random.default_rng((self.world.options.seed, *seed))
        return other

    def speaking(self, language: str) -> Model:
        """The model as it thinks in another language, with the same draws."""
        other = self._spoken.get(language)
        if other is None:
            correlation = self.world.options.language_correlation
            rng = np.random.default_rng((self.world.options.seed, 78, self._index, *language.encode()))
            rank = np.empty(len(self._all))
            rank[np.argsort(-self.weights)] = self._all + 1
            mixed = correlation * np.log(rank) + (1 - correlation**2) ** 0.5 * rng.normal(size=len(rank))
            other = self._spoken[language] = copy.copy(self)
            other.weights = np.empty(len(self._all))
            other.weights[np.argsort(mixed)] = self.world.rank_weights
            other._cumulative = np.cumsum(other.weights)
        other._rng = self._rng
        return other

    def answer(
        self, scope: Scope, avoid: NDArray[np.int64], size: int, said: Sequence[NDArray[np.int64]] = ()
    ) -> list[int]:
        """Item numbers of one answer, in order; noise has numbers from the world's size on."""
        if scope.language:
            return self.speaking(scope.language).answer(msgspec.structs.replace(scope, language=""), avoid, size, said)
        world, options, rng = self.world, self.world.options, self._rng
        left_out: set[int] = set()
        if len(avoid):
            short, long = options.compliance
            obeyed = long + (short - long) * np.exp(-len(avoid) / 300.0)
            left_out.update(avoid[rng.random(len(avoid)) < obeyed].tolist())
        if said:
            memory, wear = options.continuation
            earlier = np.concatenate(said)
            left_out.update(earlier[rng.random(len(earlier)) < memory ** len(said)].tolist())
            size = max(1, round(size * (1 - wear) ** len(said)))
        noise = int(rng.binomial(size, options.noise))
        wanted = size - noise
        inside = world.inside(scope)
        if inside is None:
            items = self._drawn(wanted, left_out)
        else:
            obedience = options.letter_obedience if scope.prefix and not scope.facet else options.facet_obedience
            strays = int(rng.binomial(wanted, 1 - obedience))
            items = self._first(inside, wanted - strays, left_out)
            items += self._drawn(strays, left_out.union(items))
        items += [world.invented() for _ in range(noise)]
        rng.shuffle(items)
        return items

    def _drawn(self, count: int, left_out: set[int]) -> list[int]:
        """Items one after the other by weight, none twice and none of those left out."""
        if self.world.options.size < _LARGE:
            return self._first(self._all, count, left_out)
        # Drawing again where an item came already is the same law, and need not touch every item.
        drawn: dict[int, None] = {}
        for _ in range(_TRIES):
            if len(drawn) >= count:
                break
            points = self._rng.random(2 * count) * self._cumulative[-1]
            found = np.searchsorted(self._cumulative, points, side="right").tolist()
            drawn.update(dict.fromkeys(item for item in found if item not in left_out))
        else:
            return self._first(self._all, count, left_out)
        return list(drawn)[:count]

    def _first(self, among: NDArray[np.int64], count: int, left_out: set[int]) -> list[int]:
        """The same law by random keys (Efraimidis & Spirakis 2006): the items whose keys come first."""
        keys = self._rng.standard_exponential(len(among)) / self.weights[among]
        if left_out:
            keys[np.isin(among, list(left_out))] = np.inf
        count = min(count, int(np.isfinite(keys).sum()))
        if count <= 0:
            return []
        part = np.argpartition(keys, count - 1)[:count]
        chosen: list[int] = among[part[np.argsort(keys[part])]].tolist()
        return chosen


class World:
    """A universe of items with facets, first letters and models."""

    def __init__(self, options: WorldOptions) -> None:
        self.options = options
        rng = np.random.default_rng((options.seed, 5))
        if options.law == "zipf":
            self.rank_weights = 1.0 / np.arange(1, options.size + 1)
        else:
            self.rank_weights = np.sort(np.exp(1.5 * rng.normal(size=options.size)))[::-1]
        count = options.facets or max(6, min(40, options.size // 70))
        shares = np.exp(0.7 * rng.normal(size=count))
        shares *= (1 - options.facet_misses) / shares.sum()
        self.facet = rng.choice(count + 1, size=options.size, p=[*shares, options.facet_misses])
        self.facet[self.facet == count] = -1
        self.sub = rng.integers(0, 5, size=options.size)
        self.facet_names = [f"facet {number}" for number in np.argsort(-shares)]
        letters = 1.0 / np.arange(1, len(_LETTERS) + 1) ** 0.7
        self.first = rng.choice(len(_LETTERS), size=options.size, p=letters / letters.sum())
        self.second = rng.integers(0, 12, size=options.size)
        self.models = [Model(self, index) for index in range(options.models)]
        self._invented = options.size
        self._scopes: dict[Scope, NDArray[np.int64]] = {}

    def invented(self) -> int:
        """A number that never comes again."""
        self._invented += 1
        return self._invented

    def plan(self, scope: Scope, size: int) -> list[str]:
        """The names of facets, or of a facet's parts."""
        if not scope.facet:
            return self.facet_names[:size]
        if "/" in scope.facet:
            return []
        return [f"{scope.facet} / {part}" for part in range(5)][:size]

    def inside(self, scope: Scope) -> NDArray[np.int64] | None:
        """The items that belong to a scope; None: all."""
        if scope == WHOLE:
            return None
        if scope not in self._scopes:
            inside = np.ones(self.options.size, bool)
            if scope.facet:
                inside &= self._in_facet(scope.facet)
            for other in scope.besides:
                inside &= ~self._in_facet(other)
            if scope.prefix:
                inside &= self.first == _LETTERS.index(scope.prefix[0])
                if len(scope.prefix) > 1:
                    inside &= self.second == ord(scope.prefix[1]) - ord("a")
            self._scopes[scope] = np.flatnonzero(inside)
        return self._scopes[scope]

    def _in_facet(self, name: str) -> NDArray[np.bool_]:
        top, _, part = name.partition(" / ")
        inside = self.facet == int(top.removeprefix("facet "))
        result: NDArray[np.bool_] = inside & (self.sub == int(part)) if part else inside
        return result

    def name(self, item: int) -> str:
        """A name whose first letters are those that the item has."""
        if item >= self.options.size:
            return f"Zz noise {item}"
        return f"{_LETTERS[self.first[item]]}{chr(ord('a') + self.second[item])} {item}"
