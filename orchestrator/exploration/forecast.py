"""The discovery curve and what it lets expect: items, and calls, tokens, money and time to a coverage.

All of it supposes that only fresh calls follow. The steered search needs fewer on all but small topics.

With T responses, the missing share m falls as Σ π(1 - π)^t over the items not yet found. Whatever the probabilities π
are, its slope in log t is -2·Q2/Q1 now (d = 2·Q2/Q1 below), and an exponential with this slope falls too fast (it is
Chao & Jost's extrapolation, optimistic), while a power law falls too slowly for any list that ends (pessimistic).
Between the two lies the missing share of a gamma mixture (Fisher's logarithmic series and its kin):

    m(x) = m · (1 + p·x/T)^(-d/p) after x more calls; p → 0: exponential, p = 1: power law.

d/p is one more than the mixture's shape, so that p is at most d in any such mixture: a list of which little was seen
yet (small d) will decline faster than it has begun to. In one, p = 3·Q3/Q2 - d; where few items came three times, what
simulated lists let expect (`EVENNESS` for each unit of d) weighs more. These numbers were chosen on simulated worlds of
300 to 20,000 items that the benchmarks do not report on. The intervals span the exponential, and the largest p that the
counts leave open.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from orchestrator.exploration.coverage import Interval, missing_interval, t_95
from orchestrator.exploration.incidence import Incidence

EVENNESS, EVENNESS_HIGH = 1.2, 2.0
"""p for each unit of d, and at worst."""
SHAPE, SHAPE_LOW, SHAPE_HIGH = 0.6, 0.0, 1.0
"""p at most, and its ends at worst."""
_WEIGHT, _WEIGHT_HIGH = 150.0, 20.0
"""Items named twice from which on those named three times say as much as the evenness, and as much as at worst."""
Z_95 = 1.645
CURVE_POINTS = 60
_LARGEST_EXPONENT = 700.0


class Decay(NamedTuple):
    """How the missing share goes on.

    Attributes:
        responses: T.
        size: Mean distinct items of a response.
        missing: 1 - C now.
        decline: d, minus the slope of log m in log t.
        shape: p, from 0 to 1.
    """

    responses: int
    size: float
    missing: float
    decline: float
    shape: float = SHAPE

    def calls_to(self, missing: float) -> float:
        """More calls until the missing share is so small; infinite for 0."""
        if missing >= self.missing:
            return 0.0
        if missing <= 0 or self.decline <= 0:
            return math.inf
        ratio = math.log(self.missing / missing) / self.decline
        if self.shape == 0:
            return self.responses * ratio
        exponent = self.shape * ratio
        return self.responses / self.shape * math.expm1(exponent) if exponent < _LARGEST_EXPONENT else math.inf

    def new_items(self, calls: float) -> float:
        """Expected new items of so many more calls: the sum of size · m(x), the first call's as it is now."""
        if calls <= 1:
            return calls * self.size * self.missing
        # The integral from one half call before the first to one half after the last is the sum, to a part in 10⁴.
        span = self._integral(calls - 0.5) - self._integral(-0.5)
        return self.size * self.missing * min(calls, span)

    def _integral(self, calls: float) -> float:
        """∫ m(x)/m dx from 0 to `calls`."""
        if self.decline <= 0:
            return calls
        if self.shape == 0:
            return self.responses / self.decline * -math.expm1(-self.decline * calls / self.responses)
        grown = math.log1p(self.shape * calls / self.responses)
        power = 1 - self.decline / self.shape
        unit = self.responses / self.shape
        return unit * (math.expm1(power * grown) / power if abs(power) > 1e-9 else grown)


class Point(msgspec.Struct, frozen=True):
    """Distinct items after so many fresh calls."""

    calls: float
    items: Interval


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """What a coverage costs on top of what was spent; the ends may be infinite."""

    calls: Interval
    tokens: Interval
    cost_usd: Interval | None
    duration_s: Interval


def discovered(incidence: Incidence, points: int = CURVE_POINTS) -> list[Point]:
    """The rarefied curve: expected distinct items of t of the T fresh responses, in any order.

    S(t) = Σ_j F_j·[1 - C(T-j, t)/C(T, t)], F_j items in exactly j responses (Chiu et al. 2014; sample-based
    rarefaction); exact, no band.
    """
    total = incidence.responses
    if total == 0:
        return []
    calls = np.unique(np.linspace(1, total, min(points, total)).round().astype(np.int64))
    frequencies = incidence.frequencies()
    times = np.flatnonzero(frequencies) + 1
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    curve = []
    for t in calls:
        left = total - times - t
        chance = np.where(
            left >= 0,
            log_factorial[total - times]
            - log_factorial[np.maximum(left, 0)]
            - log_factorial[total]
            + log_factorial[total - t],
            -np.inf,
        )
        items = float(frequencies[times - 1] @ -np.expm1(chance))
        curve.append(Point(float(t), Interval(items, items, items)))
    return curve


def forecast(incidence: Incidence, known: int, calls: int, points: int = CURVE_POINTS) -> list[Point]:
    """Distinct items after 1 … `calls` more fresh calls, with the band; empty before two responses.

    Args:
        incidence: All fresh responses, and what was found elsewhere.
        known: Distinct items in the store.
        calls: How far to look, counted from now.
        points: At most so many points.
    """
    if incidence.responses < 2 or calls < 1:
        return []
    ahead = np.unique(np.linspace(1, calls, min(points, calls)).round())
    return [Point(float(x), _plus(new_items(incidence, float(x)), known)) for x in ahead]


def new_items(incidence: Incidence, calls: float) -> Interval:
    """Expected new items of the next `calls` fresh calls, with the interval of what they will bring.

    Before the first response nothing is known: 0 to infinite.
    """
    if incidence.responses == 0:
        return Interval(0.0, 0.0, math.inf)
    interval = _spread(incidence, lambda decay: decay.new_items(calls))
    # What comes is a count: its own chance is added to that of the expectation.
    chance = Z_95 * math.sqrt(interval.estimate + 1)
    below = math.hypot(interval.estimate - interval.low, chance)
    above = math.hypot(interval.high - interval.estimate, chance)
    return Interval(interval.estimate, max(0.0, interval.estimate - below), interval.estimate + above)


def calls_to_coverage(incidence: Incidence, target: float) -> Interval:
    """More fresh calls until the coverage is `target`, 0 to 1.

    Infinite for 1; from 0 to infinite before two responses.
    """
    if incidence.responses < 2:
        return Interval(math.inf, 0.0, math.inf)
    return _spread(incidence, lambda decay: decay.calls_to(1 - target))


def items_to_coverage(incidence: Incidence, target: float) -> Interval:
    """New items that fresh calls will have brought by the time the coverage is `target`, 0 to 1.

    Infinite for 1; from 0 to infinite before two responses.
    """
    if incidence.responses < 2:
        return Interval(math.inf, 0.0, math.inf)
    return _spread(incidence, lambda decay: decay.new_items(decay.calls_to(1 - target)))


def needed(
    calls: Interval,
    *,
    tokens: Sequence[float],
    cost_usd: Sequence[float] | None,
    duration_s: Sequence[float],
    in_flight: int,
) -> Needed:
    """What so many calls will use, from what each call so far has used.

    Args:
        calls: From `calls_to_coverage`.
        tokens: Of each call so far, in and out; at least one.
        cost_usd: The same in money; None where a price is unknown.
        duration_s: The same in seconds.
        in_flight: Calls at a time.

    Raises:
        ValueError: No call was made yet.
    """
    seconds, a_call = times(calls, duration_s), statistics.fmean(duration_s)

    def side_by_side(total: float) -> float:
        return max(total / max(1, in_flight), min(total, a_call))  # no sooner than a call takes

    return Needed(
        calls=calls,
        tokens=times(calls, tokens),
        cost_usd=None if cost_usd is None else times(calls, cost_usd),
        duration_s=Interval(*(side_by_side(end) for end in (seconds.estimate, seconds.low, seconds.high))),
    )


def times(calls: Interval, amounts: Sequence[float]) -> Interval:
    """Calls × the mean of what calls used (none negative), both uncertain.

    Their errors add as squares on the logarithm's scale: calls may be a multiple of what is said, or a small part.

    Raises:
        ValueError: `amounts` is empty.
    """
    if not amounts:
        raise ValueError("no call has been measured yet")
    mean = statistics.fmean(amounts)
    if mean == 0:
        return Interval(0.0, 0.0, 0.0)
    if len(amounts) == 1:
        relative = 1.0
    else:
        relative = t_95(len(amounts) - 1) * statistics.stdev(amounts) / math.sqrt(len(amounts)) / mean
    estimate = calls.estimate * mean
    if not 0 < calls.estimate < math.inf:
        return Interval(estimate, calls.low * mean, calls.high * mean * (1 + relative))
    doubt = math.log1p(relative)
    below = math.hypot(math.log(calls.estimate / calls.low), doubt) if calls.low > 0 else math.inf
    above = math.hypot(math.log(calls.high / calls.estimate), doubt)
    high = math.exp(above) if above < _LARGEST_EXPONENT else math.inf
    return Interval(estimate, estimate * math.exp(-below), estimate * high)


def poisson_interval(count: int) -> tuple[float, float]:
    """The means of which a count is among the lowest, or the highest, 5 % (Wilson & Hilferty 1931)."""

    def quantile(base: int, deviation: float) -> float:
        return base * max(0.0, 1 - 1 / (9 * base) + deviation / (3 * math.sqrt(base))) ** 3

    return (quantile(count, -Z_95) if count else 0.0), quantile(count + 1, Z_95)


def _spread(incidence: Incidence, quantity: Callable[[Decay], float]) -> Interval:
    """A quantity of the decay with its interval.

    Each source of doubt (the missing share, its decline, the shape) is moved to its ends alone, and the deviations add
    as squares on the logarithm's scale.
    """
    missing = missing_interval(incidence)
    responses = incidence.responses
    size = incidence.sightings / max(1, responses)
    once, twice = incidence.q(1), incidence.q(2)
    # Half an item more of either kind: finite and positive whatever was counted, next to nothing where much was.
    decline = 2 * (twice + 0.5) / (once + 0.5)
    few, many = poisson_interval(twice)
    spread = math.exp(Z_95 / math.sqrt(once + 1))
    slow, fast = 2 * few / (once + 0.5) / spread, 2 * many / (once + 0.5) * spread
    # What others found has thinned the rest as so many more responses would have: it declines more evenly.
    thinned = incidence.sightings / max(1, incidence.sightings + incidence.sightings_elsewhere)
    shape, uneven = _shapes(decline, twice, incidence.q(3))
    middle = Decay(responses, size, missing.estimate, decline, shape * thinned)
    here = math.log1p(quantity(middle))
    if math.isinf(here):
        return Interval(math.inf, 0.0, math.inf)
    below = above = 0.0
    for low, high in (
        (middle._replace(missing=missing.low), middle._replace(missing=missing.high)),
        (middle._replace(decline=fast), middle._replace(decline=slow, shape=middle.shape * min(1.0, slow / decline))),
        (middle._replace(shape=SHAPE_LOW), middle._replace(shape=uneven * thinned)),
    ):
        ends = math.log1p(quantity(low)), math.log1p(quantity(high))
        below = math.hypot(below, max(0.0, here - min(ends)))
        above = math.hypot(above, max(0.0, max(ends) - here))
    high_end = math.expm1(here + above) if here + above < _LARGEST_EXPONENT else math.inf
    return Interval(math.expm1(here), max(0.0, math.expm1(here - below)), high_end)


def _shapes(decline: float, twice: int, thrice: int) -> tuple[float, float]:
    """p, and the largest one that the counts leave open."""

    def shape(came: float, evenness: float, weight: float) -> float:
        return (3 * came + weight * (1 + evenness) * decline) / (twice + weight) - decline

    middle = min(SHAPE, max(SHAPE_LOW, shape(thrice, EVENNESS, _WEIGHT)))
    most = max(middle, EVENNESS_HIGH * decline, shape(poisson_interval(thrice)[1], EVENNESS_HIGH, _WEIGHT_HIGH))
    return middle, min(SHAPE_HIGH, most)


def _plus(interval: Interval, number: float) -> Interval:
    return Interval(interval.estimate + number, interval.low + number, interval.high + number)
