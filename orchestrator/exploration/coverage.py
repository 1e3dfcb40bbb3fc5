"""The coverage that is shown: an estimate with its interval, the band for noise, and the bounds on distinct items.

Coverage is the share of a fresh response's items that are known now. It speaks of what *these* producers with *these*
prompts can
give: where several models answer fresh orders, of their mixture, each weighted by its share of the fresh responses;
items that only a rarely asked model knows weigh little.

Every fresh response is measured against what all the others found, fresh or not, whenever that was: no measurement lags
behind, and all of them count (see `incidence`, which says when that is sound).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from orchestrator.exploration.incidence import Incidence

T_95 = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81)
"""95 % quantiles of Student's t with 1 to 10 degrees of freedom, for two-sided 90 % intervals."""
LEAST_RESPONSES = 2
LEAST_FOR_JACKKNIFE = 3
BETWEEN_RESPONSES = 4.0
"""How many times a binomial variance two responses are granted, which are too few to show how responses differ."""


class Interval(msgspec.Struct, frozen=True):
    """An estimate and the range it lies in with about 90 %; `high` may be infinite."""

    estimate: float
    low: float
    high: float


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How far the topic is explored; shares from 0 to 1.

    Attributes:
        estimate: Share of a fresh response's items that are known, as if every item named were a true one.
        low: Lower end of the 90 % interval of `estimate`.
        high: Its upper end.
        without_noise: The share if items are noise where more came only once than the repeats let expect: at least
            `estimate`. The truth lies between the two, nearer to this one where rejected items were not taken out
            beforehand.
        fresh_responses: How many responses the estimate stands on.
        known: Distinct items known.
        total_at_least: Lower bound on the distinct items in all, Chao2. The true number may be a multiple of it.
        share_of_distinct_at_most: `known` ÷ `total_at_least`.
    """

    estimate: float
    low: float
    high: float
    without_noise: float
    fresh_responses: int
    known: int
    total_at_least: float
    share_of_distinct_at_most: float


def coverage(incidence: Incidence, known: int) -> Coverage | None:
    """The estimate now; None before two fresh responses, or while they have brought no item.

    Args:
        incidence: All fresh responses, and what was found elsewhere.
        known: Distinct items in the store, from whatever response.
    """
    if incidence.responses < LEAST_RESPONSES or incidence.sightings == 0:
        return None
    missing = missing_interval(incidence)
    total = known + incidence.unseen_at_least()
    return Coverage(
        estimate=1 - missing.estimate,
        low=1 - missing.high,
        high=1 - missing.low,
        without_noise=1 - incidence.missing_share_without_noise(),
        fresh_responses=incidence.responses,
        known=known,
        total_at_least=total,
        share_of_distinct_at_most=min(1.0, known / total) if total else 1.0,
    )


def missing_interval(incidence: Incidence) -> Interval:
    """1 - C with its 90 % interval.

    The variance is the delete-one-response jackknife's (responses differ from one another more than items do by
    chance), at least the binomial one; quantiles are Student's.
    """
    responses, sightings = incidence.responses, incidence.sightings
    missing = incidence.missing_share()
    if responses < LEAST_RESPONSES or sightings == 0:
        return Interval(1.0, 0.0, 1.0)
    # Agresti & Coull 1998: with one and a half more of either kind, no observed share is certain.
    shrunk = (missing * sightings + 1.5) / (sightings + 3)
    variance = shrunk * (1 - shrunk) / sightings
    if responses < LEAST_FOR_JACKKNIFE:
        variance *= BETWEEN_RESPONSES
    else:
        without = incidence.missing_share_without_each()
        variance = max(variance, (responses - 1) / responses * float(np.square(without - without.mean()).sum()))
    margin = t_95(responses - 1) * math.sqrt(variance)
    return Interval(missing, max(0.0, missing - margin), min(1.0, missing + margin))


def t_95(degrees: int) -> float:
    """The 95 % quantile of Student's t (one degree at least)."""
    if degrees <= len(T_95):
        return T_95[max(0, degrees - 1)]
    return 1.645 + 1.52 / degrees + 1.0 / degrees**2  # Cornish–Fisher's first terms: 0.5 % off at most
