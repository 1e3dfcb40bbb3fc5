"""How the search has gone, response by response, and how it will go on if it is steered as it was lately.

`forecast` says what fresh responses would bring. A steered search brings more, and it has no law: its yield falls in
steps, as one way of asking after the other is used up. Two things are known of it: its yield lately and how that falls,
and the fresh law, to which it comes down once nothing but asking afresh is left. The forecast is a weighted geometric
mean of the two, times a factor, for there is mostly a way of asking yet that brings more than those lately. The more
the yield lately lies above the fresh law, the less is known of when it comes down: the band widens, up and down.

Its numbers were chosen on simulated worlds; `python -m benchmarks exhaustion-discovery` measures it on others.
"""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple

import msgspec
import numpy as np

from orchestrator.exploration.coverage import Interval
from orchestrator.exploration.forecast import Z_95, new_items
from orchestrator.exploration.incidence import Incidence

MOST_POINTS = 60
FEWEST_RESPONSES = 10
"""So many responses before anything is forecast."""
POINTS_AHEAD = 24
_WINDOW = 0.25
"""Share of the responses whose yield is the yield lately; it is compared with that of as many before them."""
_FEWEST_IN_WINDOW = 3
_SHAPE = 0.5
"""How the yield goes on falling: (1 + shape·decline·x/n)^(-1/shape) after x more of n responses; see `Pace`."""
_USUAL_DECLINE = 1.0
"""A yield that falls as 1/n; what was seen is drawn to it by a third."""
_TRUST_IN_SEEN = 2 / 3
_STEEPEST = 8.0
_FRESH_WHERE_ABOVE, _FRESH_WHERE_BELOW = 0.55, 0.8
"""The fresh law's weight where the yield lately lies above it, and below: little was asked yet but what is wanted to
find the ways of asking."""
_WAYS_LEFT = 1.35
"""What a search brings of what both laws let expect."""
_UP, _UP_APART = 0.45, 0.2
_DOWN, _DOWN_APART = 0.3, 0.25
"""The band's ends, in logarithms; `APART` for each unit by which the yield lately lies above the fresh law."""


class Step(msgspec.Struct, frozen=True):
    """The search after so many responses.

    Attributes:
        responses: All that brought something to their end, whatever they asked, earlier runs included.
        items: Distinct items that they brought.
    """

    responses: int
    items: int


class Ahead(msgspec.Struct, frozen=True):
    """The search after so many responses more.

    Attributes:
        responses: Those made included.
        items: Distinct items then, if it goes on as it did, with a 90 % band.
        afresh: The same if only fresh responses follow.
    """

    responses: int
    items: Interval
    afresh: float


class Course:
    """Distinct items against responses, fed response by response; it keeps at most `MOST_POINTS` points.

    Attributes:
        responses: So many have ended.
        items: What they brought.
    """

    def __init__(self) -> None:
        self.responses = 0
        self.items = 0
        self._steps = [Step(0, 0)]
        self._stride = 1

    def ended(self, new: int) -> None:
        """A response has ended; it brought so many new items."""
        self.responses += 1
        self.items += new
        if self.responses % self._stride == 0:
            self._steps.append(Step(self.responses, self.items))
        if len(self._steps) >= MOST_POINTS:
            self._steps = self._steps[::2]
            self._stride *= 2

    def settle(self, items: int) -> None:
        """So many items are known: some may have come from elsewhere than a response."""
        self.items = max(self.items, items)

    def steps(self) -> list[Step]:
        """The curve from its beginning to now; empty before the first response."""
        if not self.responses:
            return []
        now = Step(self.responses, self.items)
        return [*(step for step in self._steps if step.responses < now.responses), now]

    def items_at(self, responses: float) -> float:
        """Items after so many responses, between two points on the line that joins them."""
        steps = self.steps()
        if not steps:
            return 0.0
        after = min(len(steps) - 1, bisect.bisect_left(steps, responses, key=lambda step: step.responses))
        before = max(0, after - 1)
        low, high = steps[before], steps[after]
        if high.responses == low.responses:
            return float(high.items)
        share = (responses - low.responses) / (high.responses - low.responses)
        return low.items + (high.items - low.items) * min(1.0, max(0.0, share))


def ahead(course: Course, incidence: Incidence, responses: int, points: int = POINTS_AHEAD) -> list[Ahead]:
    """Items after 1 … `responses` more responses; empty while too little is known.

    Args:
        course: The search so far.
        incidence: All fresh responses, and what was found elsewhere.
        responses: How far to look. It was measured up to as many as were made; beyond, the band is too narrow.
        points: At most so many points.
    """
    if course.responses < FEWEST_RESPONSES or incidence.responses < 2 or responses < 1:
        return []
    pace = pace_of(course)
    found = []
    low = high = 0.0
    for more in np.unique(np.linspace(1, responses, min(points, responses)).round()):
        afresh = new_items(incidence, float(more)).estimate
        expected = steered_items(pace, afresh, float(more), incidence.sightings / incidence.responses)
        # A bound for more responses is one for fewer, too: the band never narrows.
        low, high = max(low, expected.low), max(high, expected.high)
        items = Interval(*(course.items + value for value in (expected.estimate, low, high)))
        found.append(Ahead(course.responses + int(more), items, course.items + afresh))
    return found


class Pace(NamedTuple):
    """The yield lately, and how it falls.

    Attributes:
        lately: New items of a response, in the middle of the last responses that were looked at.
        since: Responses since that middle.
        rate: It is lately · (1 + rate·x)^(-1/shape) after x responses from that middle on.
    """

    lately: float
    since: float
    rate: float

    def items(self, responses: float) -> float:
        """New items of so many responses more."""
        if self.rate == 0:
            return self.lately * responses
        # ∫ (1 + rate·x)^-2 dx
        begin, end = (1 / (1 + self.rate * at) for at in (self.since, self.since + responses))
        return self.lately / self.rate * (begin - end)


def pace_of(course: Course) -> Pace:
    """From the last quarter of the responses, and the one before it; there must be two responses at least."""
    made = course.responses
    window = min(made // 2, max(_FEWEST_IN_WINDOW, round(made * _WINDOW)))
    middle = course.items_at(made - window)
    late, early = course.items - middle, middle - course.items_at(made - 2 * window)
    seen = math.log((early + 0.5) / (late + 0.5)) * made / window
    decline = min(_STEEPEST, max(0.0, _TRUST_IN_SEEN * seen + (1 - _TRUST_IN_SEEN) * _USUAL_DECLINE))
    return Pace(late / window, window / 2, _SHAPE * decline / made)


def steered_items(pace: Pace, afresh: float, responses: float, answer: float = math.inf) -> Interval:
    """New items of so many responses more, with a 90 % band.

    Args:
        pace: The search's.
        afresh: What as many fresh ones are expected to bring.
        responses: How many.
        answer: Items of a response, known ones included: it cannot bring more new ones.
    """
    as_lately = pace.items(responses)
    apart = math.log((as_lately + 1) / (afresh + 1))
    above = max(0.0, apart)
    weight = _FRESH_WHERE_ABOVE if apart > 0 else _FRESH_WHERE_BELOW
    most = responses * max(answer, pace.lately)
    estimate = min(most, _WAYS_LEFT * max(0.0, (as_lately + 1) * math.exp(-weight * apart) - 1))
    up = estimate * math.expm1(_UP + _UP_APART * above)
    down = estimate * -math.expm1(-_DOWN - _DOWN_APART * above)
    # What comes is a count: its own chance is added.
    chance = Z_95 * math.sqrt(estimate + 1)
    high = min(most + chance, estimate + math.hypot(up, chance))
    return Interval(estimate, max(0.0, estimate - math.hypot(down, chance)), high)
