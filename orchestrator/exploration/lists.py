"""Avoid-lists: how long one may be for its price, and how well a model keeps to it.

An item on the list costs its tokens in the prompt, and saves a place in the answer where the model would have named it
otherwise and leaves it out. So the list holds what is likely to come again, and is the shorter the worse a model
complies: none at all for a model that ignores lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

_FORGOTTEN = 0.98
"""What an observation weighs after one more."""


class Listed(msgspec.Struct, frozen=True):
    """An item that may be listed.

    Attributes:
        item_id: Its number.
        chance: Probability that the answer would name it if it were not listed, 0 to 1.
    """

    item_id: int
    chance: float


class Compliance:
    """The share of listed items that a model leaves out, of those that it would have named otherwise.

    Args:
        prior: What is taken for it before anything was seen, 0 to 1.
        weight: The prior counts like so many expected items.
    """

    def __init__(self, prior: float = 0.85, weight: float = 30.0) -> None:
        self._expected = weight
        self._returned = weight * (1 - prior)

    def saw(self, expected: float, returned: int) -> None:
        """Note an answer: of its list so many items were expected without a list, so many came all the same."""
        if expected <= 0:
            return
        self._expected = _FORGOTTEN * self._expected + expected
        self._returned = _FORGOTTEN * self._returned + returned

    @property
    def share(self) -> float:
        """0 (lists are ignored, or bring their items about) to 1."""
        return min(1.0, max(0.0, 1 - self._returned / self._expected))


def sized(
    candidates: Iterable[Listed], compliance: float, *, item_price: float, call_price: float, places: float, most: int
) -> tuple[Listed, ...]:
    """The list that brings most new items for its price, the likeliest items first.

    With F places saved of n, a call of price P brings (n - F) fewer known items; one more item on the list is worth its
    price p where compliance · chance / (n - F) > p / P.

    Args:
        candidates: What could be listed, in any order.
        compliance: Share that the model will leave out.
        item_price: Of one listed item.
        call_price: Of the call without a list, in the same unit.
        places: Items of an answer.
        most: Longest list.
    """
    chosen: list[Listed] = []
    saved = 0.0
    for one in sorted(candidates, key=lambda one: -one.chance)[:most]:
        gain = compliance * one.chance
        if gain * call_price <= item_price * max(1.0, places - saved):
            break
        chosen.append(one)
        saved += gain
        call_price += item_price
    return tuple(chosen)


def within(shares: Sequence[tuple[int, float]], mass: float) -> list[Listed]:
    """Chances in an answer about a part of the topic, from the shares of whole answers that name the items.

    An item that a share s of whole answers names comes at a rate -ln(1 - s) in one; where the answer is about a part
    that makes up `mass` of whole answers, at 1/mass times that.
    """
    part = max(mass, 1e-3)
    return [Listed(item, -math.expm1(math.log1p(-min(share, 0.999)) / part)) for item, share in shares]
