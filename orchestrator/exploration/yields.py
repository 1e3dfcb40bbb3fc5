"""What an arm's next response may bring, from what it has brought, and from what others like it did."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from contract.messages import WHOLE
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.tuning import Tuning

_NEXT = 8
"""So many of the last responses say what the next one brings: with 16 it lags by half as much again, with 5 it is more
chance (RMSE over ten simulated searches 5.8, 5.2 and 5.6 items)."""
_LATELY = 16
"""So many say whether the topic is exhausted: that must not be chance."""
_SLOWLY = 0.15
"""Weight of a new observation in a running mean."""
_FIRST = 0.3
"""The same for the first responses of a way's arms, of which there are fewer."""
_FORGOTTEN = 0.97
"""What an observed fall of a yield weighs after one more."""
_COUNTS_WHOLE = 20.0
"""A fall from so many new items counts as one observation; from fewer, as less: it is chance."""
_STEEPEST_RISE = 2.0
_SPREAD, _SPREAD_WEIGHT = 0.05, 3.0
"""Standard deviation of the length of answers about all of the topic, as a share of it, and as how many of them that
weighs until some were seen."""
_SHORT_SPREADS = 2.0
"""An answer that is by so many standard deviations shorter than those fell short: hardly by chance."""


class _Kind(NamedTuple):
    """Arms whose yields fall alike."""

    whole: bool
    short: bool


class Yields:
    """Feed it every response that was not a plan's.

    Args:
        size: Items that an order asks for.
        tuning: The explorer's.
        unknown: The share of a fresh response's items that nothing has found, as it is now, 0 to 1.

    Attributes:
        responses: How many there were.
        typical: Distinct items of an answer about all of the topic.
    """

    def __init__(self, size: int, tuning: Tuning, unknown: Callable[[], float] = lambda: 1.0) -> None:
        self.responses = 0
        self.typical = float(size)
        self._size = size
        self._tuning = tuning
        self._unknown = unknown
        self._first: dict[Way, float] = {}
        self._falls: dict[_Kind, tuple[float, float]] = {}
        self._lately: deque[int] = deque(maxlen=_LATELY)
        self._cut_lately: deque[bool] = deque(maxlen=_LATELY)
        self._missing = 0
        self._lengths = 0.0
        self._squares = 0.0
        self._split_gain = 2 * tuning.split_gain

    def expected(self, arm: Arm) -> float:
        """New items that its next response may bring; for one never asked, what its siblings' first ones brought."""
        if arm.calls:
            return arm.recent * self._trend(arm)
        return self.first_of(arm.way)

    def first_of(self, way: Way) -> float:
        """What the first response of an arm brings."""
        return self._first.get(way, self._tuning.optimism * self._size)

    def draw(self, arm: Arm, rng: random.Random) -> float:
        """A draw of it, so that what is uncertain is tried."""
        return arm.draw(arm.recent if arm.calls else self.first_of(arm.way), rng) * self._trend(arm)

    def answered(
        self, arm: Arm, new: int, distinct: int, *, fresh: bool, cut: bool = False, whole: bool = True
    ) -> None:
        """Note a response of an arm, and tell the arm.

        Args:
            arm: Whose it is.
            new: Items that were new.
            distinct: Items that it named.
            fresh: Whether it was asked afresh, and came to its own end.
            cut: Whether it was ended early: after `forget_lately` such a one does not count.
            whole: Whether it came in one piece: of one that broke off nobody knows how long it would have been.
        """
        if arm.calls == 0:
            before = self._first.get(arm.way)
            self._first[arm.way] = new if before is None else before + _FIRST * (new - before)
            if arm.parent is not None and not arm.parent.closed:
                gain = new / max(1.0, arm.parent.recent)
                self._split_gain += _SLOWLY * (gain - self._split_gain)
        elif arm.recent > 0:
            weight, total = self._falls.get(self._kind(arm), (0.0, 0.0))
            seen = min(1.0, arm.recent / _COUNTS_WHOLE)
            fall = min(_STEEPEST_RISE, new / arm.recent)
            self._falls[self._kind(arm)] = (_FORGOTTEN * weight + seen, _FORGOTTEN * total + seen * fall)
        if fresh:
            if self._lengths:
                self._squares += (distinct - self.typical) ** 2
            self._lengths += 1
            self.typical += (_SLOWLY if self._lately else 1.0) * (distinct - self.typical)
        arm.answered(new, distinct)
        if arm.scope == WHOLE:
            arm.unknown = self._unknown()
        arm.short = whole and not cut and self.typical - distinct > _SHORT_SPREADS * self._spread
        self.responses += 1
        if cut and self._missing:
            return
        self._lately.append(new)
        self._cut_lately.append(cut)
        self._missing = max(0, self._missing - 1)

    @property
    def _spread(self) -> float:
        """Standard deviation of the length of fresh answers."""
        usual = _SPREAD_WEIGHT * (_SPREAD * self.typical) ** 2
        return math.sqrt((usual + self._squares) / (_SPREAD_WEIGHT + max(0.0, self._lengths - 1)))

    def forget_lately(self) -> None:
        """What came lately was no measure: `lately` is to be told by so many responses anew."""
        self._lately.clear()
        self._cut_lately.clear()
        self._missing = _LATELY

    @property
    def settled(self) -> bool:
        """Whether enough responses have come since `forget_lately`."""
        return not self._missing

    @property
    def next(self) -> float:
        """New items of the next response: the mean of the last few.

        The best arm's own figure is too high by a factor, for of many arms one always looks good by chance (measured).
        """
        last = list(self._lately)[-_NEXT:]
        return sum(last) / len(last) if last else float(self._size)

    @property
    def lately(self) -> float:
        """New items of a response, the mean of more of the last ones."""
        return sum(self._lately) / len(self._lately) if self._lately else float(self._size)

    @property
    def cut_lately(self) -> bool:
        """Whether an answer that was ended early is among those."""
        return any(self._cut_lately)

    @property
    def splitting_pays(self) -> bool:
        """Whether parts of a part bring enough more than the part did last."""
        return self._split_gain >= self._tuning.split_gain

    def _trend(self, arm: Arm) -> float:
        """What the next response brings of what the last ones did: learnt, arm by arm.

        An answer that fell short of what was asked for says that not much is left.
        """
        if not arm.calls:
            return 1.0
        tuning, kind = self._tuning, self._kind(arm)
        prior = tuning.trend_whole if kind.whole else tuning.trend_short if kind.short else tuning.trend_full
        weight, total = self._falls.get(kind, (0.0, 0.0))
        trend = (total + tuning.trend_weight * prior) / (weight + tuning.trend_weight)
        return self._since(arm) * min(1.0, trend)

    def _since(self, arm: Arm) -> float:
        """What is left of an arm's yield after what others have found since its last response.

        It is told for those about all of the topic, whose yield falls as a fresh response's does. What a part has left
        depends on who has asked about it: with the same factor for parts a search took 22 to 29 % more calls.
        """
        return min(1.0, self._unknown() / arm.unknown) if arm.scope == WHOLE and arm.unknown > 0 else 1.0

    @staticmethod
    def _kind(arm: Arm) -> _Kind:
        return _Kind(arm.scope == WHOLE, arm.short)
