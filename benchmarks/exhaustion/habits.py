"""What answers tell of a model's habits. Pure functions of answers, the same for a real model and the simulated one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from contract.identity import Identity, key_of

Thing = TypeVar("Thing", str, bytes)

Find = Callable[[str], str | None]
"""The world's item that a text means, or None."""


class Kept(NamedTuple):
    """How a model keeps to what is asked of it.

    Attributes:
        share: Of the answers' valid items, those that are as asked; for a list: those that are on it.
        without: The same share where it was not asked for.
        kept: What is left of the difference to obedience: 1 where it always obeys, 0 where it makes no difference.
            Below 0 where it does the contrary.
    """

    share: float
    without: float
    kept: float


def counts_of(answers: Iterable[Collection[Thing]]) -> Counter[Thing]:
    """In how many of the answers each thing came."""
    return Counter(thing for answer in answers for thing in set(answer))


def expected_distinct(counts: Iterable[int], answers: int, chosen: int) -> float:
    """Distinct items in `chosen` of the answers, on average over all choices (rarefaction; Chiu et al. 2014).

    Args:
        counts: For each item, in how many answers it came.
        answers: How many there are.
        chosen: Not more than that.
    """
    whole = math.comb(answers, chosen)
    return sum(1 - math.comb(answers - count, chosen) / whole for count in counts)


def rank_slope(counts: Iterable[int], least: int = 2) -> float:
    """Exponent of the popularity law, by least squares of log count over log rank; nan with fewer than 5 items.

    Args:
        counts: For each item, in how many answers it came.
        least: Items that came less often are left out: there are too many of them to have a rank.
    """
    kept = sorted((count for count in counts if count >= least), reverse=True)
    if len(kept) < 5 or kept[0] == kept[-1]:
        return math.nan
    slope, _ = np.polyfit(np.log(np.arange(1, len(kept) + 1)), np.log(kept), 1)
    return -float(slope)


def avoided(
    listed: Sequence[Collection[str]], answers: Sequence[Collection[str]], free: Sequence[Collection[str]]
) -> Kept:
    """How far items on an avoid-list are left out of what is named.

    Shares of what is named, so that an answer which names nothing tells nothing of the list.

    Args:
        listed: For each answer, the items on its list.
        answers: For each, the valid items that it named.
        free: The valid items of answers without a list. These must not be the ones that the lists were made from: what
            is chosen for coming often comes less often afterwards.
    """
    named = sum(map(len, answers))
    came = sum(len(set(items) & set(answer)) for items, answer in zip(listed, answers, strict=True))
    freely = len(listed) * sum(map(len, free))
    would = sum(len(set(items) & set(answer)) for items in listed for answer in free)
    share = came / named if named else math.nan
    without = would / freely if freely else math.nan
    return Kept(share, without, 1 - share / without if without else math.nan)


def obeyed(answers: Iterable[Collection[str]], free: Iterable[Collection[str]], wanted: Callable[[str], bool]) -> Kept:
    """How far answers keep to a part of the topic: the probability that an item is drawn from the part.

    Args:
        answers: Valid items of the answers that were asked for the part.
        free: The same of answers that were not.
        wanted: Whether an item belongs to the part.
    """
    share = _share(answers, wanted)
    without = _share(free, wanted)
    return Kept(share, without, (share - without) / (1 - without) if without < 1 else math.nan)


def _share(answers: Iterable[Collection[str]], wanted: Callable[[str], bool]) -> float:
    named = [item for answer in answers for item in answer]
    return sum(map(wanted, named)) / len(named) if named else math.nan


def noise_share(answers: Iterable[Sequence[str]], find: Find) -> float:
    """Share of the answers' items that are none of the world's."""
    return _share(answers, lambda text: find(text) is None)


def noise_again(answers: Sequence[Sequence[str]], find: Find) -> float:
    """Share of the noise that another answer has too; nan: there is none. Two spellings of one key are one."""
    keys = [{key_of(text, Identity.NORMALIZED) for text in answer if find(text) is None} for answer in answers]
    counts = counts_of(keys)
    total = sum(map(len, keys))
    return sum(counts[key] > 1 for answer in keys for key in answer) / total if total else math.nan


def mean(values: Iterable[float]) -> float:
    """The mean of what is not nan; nan for nothing."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
