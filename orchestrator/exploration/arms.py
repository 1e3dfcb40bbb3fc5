"""Arms: ways of asking about a part of the topic, and what each has brought so far.

An arm's next yield is taken as a Gamma variable: Poisson counts, whose rate falls as the arm is used, so that old
responses count less. What an arm has not shown itself is taken from its siblings, the other arms of its way.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum

import msgspec

from contract.messages import Scope

_MEMORY = 0.55
"""Weight of a response relative to the one after it."""
_PRIOR_RESPONSES = 0.6
"""What the siblings say weighs as much as so many responses of the arm's own."""
_MOST_FAILURES = 3
_AGAIN = 0.9
"""Chance that an answer about a part names an item again which the one before it did, if answers keep to the part."""
_REMEMBERED = 2000
"""So many of an arm's items are remembered for its avoid-list; that it has named them, of all, in a bit each."""


class Way(StrEnum):
    """How a part of the topic is cut out of it, or that it is not."""

    PLAIN = "plain"
    LISTED = "listed"
    FACET = "facet"
    LETTER = "letter"
    LANGUAGE = "language"
    CONTINUED = "continued"


class Listed(msgspec.Struct, frozen=True):
    """An item that may be listed.

    Attributes:
        item_id: Its number.
        chance: Probability that the answer would name it if it were not listed, 0 to 1.
    """

    item_id: int
    chance: float


class Arm:
    """One way of asking about one scope, whichever provider is asked.

    Args:
        way: How.
        scope: About what.
        parent: The arm that was split into this one and others.

    Attributes:
        calls: Complete responses.
        in_flight: Orders on their way.
        closed: Why it is not asked any more; empty while it is.
        split: Whether others were made of it.
        named: Item ids that it has named, with how many of its responses did; of very many, those named most often.
        new: Items that were new when it named them.
        distinct: Items that its responses named, each once a response.
        short: Whether its last response had fewer items than responses have.
        unknown: Share of a fresh response's items that nothing had found when its last response came; kept where all of
            the topic is asked about.
        list_length: Items on its last avoid-list.
        distinct_items: Items that it named, each once; counted for parts of the topic only (see `overlap`).
        shared: Items among them that other parts have named, too.
    """

    def __init__(self, way: Way, scope: Scope, parent: Arm | None = None) -> None:
        self.way = way
        self.scope = scope
        self.parent = parent
        self.calls = 0
        self.in_flight = 0
        self.closed = ""
        self.split = False
        self.named: Counter[int] = Counter()
        self._ever: bytearray | None = None
        self.new = 0
        self.distinct = 0
        self.short = False
        self.unknown = 1.0
        self.list_length = 0
        self._listings: Counter[int] = Counter()
        self.distinct_items = 0
        self.shared = 0
        self._failures = 0
        self._common = 0.0
        self._recurring = 0.0
        self._weight = 0.0
        self._sum = 0.0
        self._distinct_sum = 0.0

    def failed(self) -> None:
        """Note an order that came to nothing: an arm whose answers never come is not asked for ever."""
        self._failures += 1
        if self.calls == 0 and self._failures >= _MOST_FAILURES and self.way not in (Way.PLAIN, Way.LISTED):
            self.closed = "its answers come to nothing"

    def took(self, item_ids: Collection[int]) -> None:
        """Note items that one of its responses has named, each once a response."""
        self.named.update(item_ids)
        if self._ever is not None:
            _set_bits(self._ever, item_ids)
        if len(self.named) > 2 * _REMEMBERED:
            if self._ever is None:
                self._ever = bytearray()
                _set_bits(self._ever, self.named)
            self.named = Counter(dict(self.named.most_common(_REMEMBERED)))

    def has_named(self, item: int) -> bool:
        """Whether it has ever named this item."""
        if item in self.named:
            return True
        ever = self._ever
        return ever is not None and item >> 3 < len(ever) and bool(ever[item >> 3] & 1 << (item & 7))

    def answered(self, new: int, distinct: int) -> None:
        """Note a complete response: how many of its items were new, of how many."""
        self.calls += 1
        self.new += new
        self.distinct += distinct
        self._weight = self._weight * _MEMORY + 1.0
        self._sum = self._sum * _MEMORY + new
        self._distinct_sum = self._distinct_sum * _MEMORY + distinct

    @property
    def recent(self) -> float:
        """New items of a response, lately; 0 before the first."""
        return self._sum / self._weight if self._weight else 0.0

    @property
    def coverage(self) -> float | None:
        """Share of what its last responses named that was known before, 0 to 1; None before the first.

        Where they had avoid-lists it is a lower bound of the share that fresh ones would show.
        """
        return max(0.0, 1 - self._sum / self._distinct_sum) if self._distinct_sum else None

    @property
    def overlap(self) -> float | None:
        """Share of its items that other parts of the same partition have named, too, 0 to 1; None before any."""
        return self.shared / self.distinct_items if self.distinct_items else None

    def draw(self, prior: float, rng: random.Random) -> float:
        """A draw of its next response's new items (Thompson sampling: Thompson 1933; Chapelle & Li 2011).

        Args:
            prior: What it is expected to bring, as far as it has not shown that itself.
            rng: Draws.
        """
        shape = self._sum + _PRIOR_RESPONSES * prior
        return rng.gammavariate(max(shape, 1e-3), 1.0 / (self._weight + _PRIOR_RESPONSES))

    def chances(self, most: int, share_of: Callable[[int], float]) -> list[Listed]:
        """The items that it named, with the chance that its next answer would name them again.

        Args:
            most: So many at most, those first that it named most often.
            share_of: The share of fresh responses that name an item.
        """
        usual = self._usual
        chances: list[Listed] = []
        for item, count in self.named.most_common(most):
            once = (1 - usual) * _AGAIN + usual * share_of(item)
            unlisted = self.calls - self._listings[item]
            # The first sighting says that the item is in reach, the others how often it comes; `once` weighs as two.
            chances.append(Listed(item, min(1.0, (count - 1 + 2 * once) / (unlisted + 1))))
        return chances

    def compared(self, common: float, recurring: float) -> None:
        """Note how much a response had in common with fresh ones; see `Incidence.common`."""
        self._common += common
        self._recurring += recurring

    @property
    def _usual(self) -> float:
        """How far its responses are like fresh ones, 0 to 1: about 1 where a model does not keep to the part.

        Then what they named comes again as often as in fresh responses, which is seldom for most items. Without this
        a model that keeps neither to parts nor to lists seemed to keep to lists, and was given long ones for nothing.
        """
        return min(1.0, self._common / self._recurring) if self._recurring > 0 else 0.0

    def listed(self, item_ids: Iterable[int]) -> None:
        """Note what stood on the avoid-list of a response that has ended."""
        self._listings.update(item_ids)


def _set_bits(bits: bytearray, numbers: Iterable[int]) -> None:
    for number in numbers:
        if number >> 3 >= len(bits):
            bits.extend(bytes(max(1024, len(bits), (number >> 3) + 1 - len(bits))))
        bits[number >> 3] |= 1 << (number & 7)
