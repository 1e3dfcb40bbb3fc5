"""Avoid-lists: how long one may be for its price, and how well a model keeps to it.

An item on the list costs its tokens in the prompt, and saves a place in the answer where the model would have named it
otherwise and leaves it out. So the list holds what is likely to come again, and is the shorter the worse a model
complies: none at all for a model that ignores lists.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from contract.messages import WHOLE
from orchestrator.exploration.arms import Arm, Listed, Way
from orchestrator.exploration.incidence import Incidence
from orchestrator.exploration.partitions import Letters
from orchestrator.planner import MAX_AVOID

_BEGINNING = 2000
"""So many of the items under a letter are thought of for its list."""
_FORGOTTEN = 0.98
"""What an observation weighs after one more."""


class AvoidLists:
    """Says what stands on each order's avoid-list, and learns how each provider keeps to them.

    What fresh responses alone found is left to be found again. Otherwise nothing could tell the items that are hard to
    find from those that nobody was let find again.

    Args:
        incidence: The fresh responses.
        letters: The items by their first letters.
    """

    def __init__(self, incidence: Incidence, letters: Letters) -> None:
        self._incidence = incidence
        self._letters = letters
        self._compliance: dict[tuple[str, bool], Compliance] = {}
        self._rejected: set[int] = set()

    def list_for(
        self, arm: Arm, provider: str, *, item_price: float, call_price: float, places: float, most: int
    ) -> tuple[Listed, ...]:
        """The list that is worth its price; see `sized`."""
        return sized(
            [one for one in self._likely(arm) if one.item_id not in self._rejected],
            self._of(provider, arm).share,
            item_price=item_price,
            call_price=call_price,
            places=places,
            most=most,
        )

    def rejected(self, item_ids: Iterable[int]) -> None:
        """These are no items of the topic: no list names them."""
        self._rejected.update(item_ids)

    def answered(self, arm: Arm, provider: str, listed: Sequence[Listed], named: Collection[int]) -> None:
        """An answer of this provider has come, which had this list, perhaps an empty one."""
        ids = [one.item_id for one in listed]
        if arm.scope != WHOLE:
            arm.compared(*self._incidence.common(named, ids))
        if not ids:
            return
        self._of(provider, arm).saw(sum(one.chance for one in listed), sum(item in named for item in ids))
        arm.listed(ids)

    def compliance(self, provider: str) -> dict[str, float]:
        """The share of listed items that a provider leaves out, `whole` and `part`, as far as lists were given."""
        return {
            "whole" if whole else "part": one.share
            for (name, whole), one in self._compliance.items()
            if name == provider
        }

    def _of(self, provider: str, arm: Arm) -> Compliance:
        return self._compliance.setdefault((provider, arm.scope == WHOLE), Compliance())

    def _likely(self, arm: Arm) -> list[Listed]:
        """The items that an answer would name, if none were listed."""
        own = arm.chances(MAX_AVOID, self._incidence.share_of)
        if arm.way is Way.LISTED:
            often = dict(self._incidence.most_named(MAX_AVOID))
            rest = [one for one in own if one.item_id not in often]
            return [*(Listed(item, share) for item, share in often.items()), *rest]
        if arm.way is not Way.LETTER or arm.scope.facet:
            return own
        named = {one.item_id for one in own}
        others = [item for item in self._letters.beginning(arm.scope.prefix)[-_BEGINNING:] if item not in named]
        shares = [(item, self._incidence.share_of(item)) for item in others if not self._incidence.held(item)]
        return [*own, *within(shares, self._letters.share(arm.scope.prefix))]


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
