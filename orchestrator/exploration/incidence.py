"""In how many fresh responses each item came, and what follows from it for the items that have not come yet.

The sampling unit is one fresh response (complete, asked without an avoid-list and without a scope). With T of them, Q_j
items came in exactly j, and U is the sum of their distinct items. The estimators are those of incidence data: Chao &
Jost 2012 (Ecology 93:2533) for coverage, Chao 1987 (Biometrics 43:783) for the total, Chiu & Chao 2016 (PeerJ 4:e1634)
for spurious singletons.

Responses that are not fresh find items too. Let E be the items that they found. Where E does not depend on what the
fresh responses brought, the fresh ones are a plain sample of everything outside of E, and every estimator holds with
the Q_j counted outside of E, while U counts all: 1 - C is then the share of the next fresh response that neither E nor
a fresh response had. E is independent where avoid-lists leave out the items that fresh responses alone have found
(`held`); such an item may be listed as soon as another response has named it. A list of only what the same arm has
named leaves them out by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

FOLLOWED = 3
"""The first sightings of an item that are kept: from them it follows what is lost with one response."""

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


class Incidence:
    """Counts over fresh responses, fed response by response.

    Items are the store's dense numbers from 0 on: memory is 18 bytes for each number up to the highest one (at most
    twice as many).
    """

    def __init__(self) -> None:
        self._counts = np.zeros(0, np.uint32)
        self._elsewhere = np.zeros(0, np.bool_)
        self._forgotten = np.zeros(0, np.bool_)
        self._seen = np.zeros((0, FOLLOWED), np.int32)
        self._q = np.zeros(FOLLOWED + 1, np.int64)
        self._shares = np.zeros((0, FOLLOWED), np.int64)
        self._sizes = np.zeros(0, np.int64)
        self._model_of = np.zeros(0, np.int64)
        self._pairs = np.zeros(0, np.int64)
        self._models: dict[str, int] = {}
        self._sum = 0
        self._twice = 0
        self._more_often = 0
        self._recurrences = 0
        self._responses = 0
        self._sum_elsewhere = 0

    @property
    def responses(self) -> int:
        """T."""
        return self._responses

    @property
    def sightings_elsewhere(self) -> int:
        """Items that were told to `found_elsewhere`, each as often as it was."""
        return self._sum_elsewhere

    @property
    def sightings(self) -> int:
        """U, the sum of the responses' distinct items."""
        return self._sum

    @property
    def sizes(self) -> Ids:
        """Distinct items of each response."""
        return self._sizes[: self._responses]

    def q(self, times: int) -> int:
        """Q_j: items that came in exactly `times` (1 to 4) fresh responses and nowhere else."""
        return int(self._q[times - 1])

    @property
    def repeated(self) -> tuple[int, int]:
        """Items that came in exactly two fresh responses, and in more; those found elsewhere too included."""
        return self._twice, self._more_often

    def frequencies(self) -> Ids:
        """Items that came in exactly 1 … T fresh responses, those found elsewhere too included."""
        return np.bincount(self._counts, minlength=self._responses + 1)[1:].astype(np.int64)

    def add(self, model: str, item_ids: Iterable[int]) -> int:
        """Count one fresh response and return its index, from 0; an item that it lists twice counts once.

        Args:
            model: Whose response it is, a provider's name.
            item_ids: What it listed, known or new.

        Raises:
            ValueError: An item number is negative.
        """
        ids = _distinct(item_ids)
        self._make_room(ids)
        ids = ids[~self._forgotten[ids]]
        index = self._responses
        self._make_room_for_response(index, model)
        self._sizes[index] = len(ids)
        self._responses += 1
        self._sum += len(ids)
        free = ids[~self._elsewhere[ids]]
        self._account(free, -1)
        self._recurrences += int(self._counts[ids].sum())
        self._counts[ids] += 1
        thrice = int((self._counts[ids] == 3).sum())
        self._twice += int((self._counts[ids] == 2).sum()) - thrice
        self._more_often += thrice
        for nth in range(FOLLOWED):
            self._seen[free[self._counts[free] == nth + 1], nth] = index
        self._account(free, 1)
        return index

    def found_elsewhere(self, item_ids: Iterable[int]) -> None:
        """A response that is not fresh found these items, known or new: they no longer count among the Q_j.

        A response may be told in parts.

        Raises:
            ValueError: An item number is negative.
        """
        ids = _distinct(item_ids)
        self._make_room(ids)
        ids = ids[~self._forgotten[ids]]
        self._sum_elsewhere += len(ids)
        ids = ids[~self._elsewhere[ids]]
        self._account(ids, -1)
        self._elsewhere[ids] = True

    def forget(self, item_ids: Iterable[int]) -> None:
        """These are no items of the topic: as if no response had named them, nor will.

        Exact but for the sizes of single responses (the interval's): where an item came in more than `FOLLOWED` fresh
        ones, or was found elsewhere too, nobody knows any more in which.

        Raises:
            ValueError: An item number is negative.
        """
        ids = _distinct(item_ids)
        self._make_room(ids)
        ids = ids[~self._forgotten[ids]]
        free = ids[~self._elsewhere[ids]]
        self._account(free, -1)
        for times in range(1, FOLLOWED + 1):
            np.subtract.at(self._sizes, self._seen[free[self._counts[free] == times], :times].ravel(), 1)
        self._sum -= int(self._counts[ids].sum())
        self._recurrences -= self._recurrences_of(ids)
        self._twice -= int((self._counts[ids] == 2).sum())
        self._more_often -= int((self._counts[ids] > 2).sum())
        self._counts[ids] = 0
        self._elsewhere[ids] = False
        self._forgotten[ids] = True

    def held(self, item_id: int) -> bool:
        """Whether fresh responses alone found the item: avoid-lists leave it out, or coverage is underestimated."""
        return item_id < len(self._counts) and bool(self._counts[item_id] > 0) and not self._elsewhere[item_id]

    def most_named(self, count: int) -> list[tuple[int, float]]:
        """The items that the largest shares of the fresh responses named, with these shares; held ones are left out."""
        known = np.flatnonzero((self._counts > 1) & self._elsewhere)
        if len(known) > count:
            known = known[np.argpartition(self._counts[known], len(known) - count)[-count:]]
        return [(int(item), float(self._counts[item]) / self._responses) for item in known]

    def common(self, item_ids: Iterable[int], without: Iterable[int] = ()) -> tuple[float, float]:
        """How much an answer has in common with fresh ones, and how much one of them has with the others.

        Args:
            item_ids: What the answer named.
            without: What it was asked to leave out: not looked at.

        Returns:
            Items of the answer that a fresh response names too, on average, and the same for a fresh response in the
            answer's place; 0 and 0 before two responses.
        """
        if self._responses < 2:
            return 0.0, 0.0
        left_out = _distinct(without)
        ids = np.setdiff1d(_distinct(item_ids), left_out)
        recurrences = self._recurrences - self._recurrences_of(left_out[left_out < len(self._counts)])
        named = int(self._counts[ids[ids < len(self._counts)]].sum())
        return named / self._responses, recurrences / (self._responses * (self._responses - 1) / 2)

    def _recurrences_of(self, ids: Ids) -> int:
        """Pairs of fresh responses that named the same of these items, item by item."""
        counts = self._counts[ids].astype(np.int64)
        return int((counts * (counts - 1) // 2).sum())

    def share_of(self, item_id: int) -> float:
        """The share of the fresh responses that named the item (0 before the first), half a sighting added."""
        if not self._responses:
            return 0.0
        count = int(self._counts[item_id]) if item_id < len(self._counts) else 0
        return (count + 0.5) / (self._responses + 1)

    def missing_share(self) -> float:
        """1 - C, 0 to 1: the share of the next fresh response's items that nothing has found (1 before two responses).

        Chao & Jost 2012, incidence form: (Q1/U) · (T-1)Q1 / ((T-1)Q1 + 2·Q2); bias-corrected where Q2 = 0.
        """
        return float(missing_share(self.q(1), self.q(2), self._responses, self._sum))

    def missing_share_without_noise(self) -> float:
        """1 - C with the singletons that the repeats let expect (Chiu & Chao 2016), never more than `missing_share`.

        Never-repeating noise is all singletons. Q2, Q3 and Q4 tell how many singletons a real population has; the rest
        is taken for noise. Below four responses nothing can be told, and the two are equal.
        """
        q1 = expected_singletons(self.q(1), self.q(2), self.q(3), self.q(4), self._responses)
        share = float(missing_share(q1, self.q(2), self._responses, self._sum - self.q(1) + q1))
        return min(share, self.missing_share())  # where all is noise, nothing is left to tell a share from

    def missing_share_without_each(self) -> Floats:
        """`missing_share` with one of the T responses left out, for each of them; O(T)."""
        once, twice, thrice = self._shares[: self._responses].T
        once_left, twice_left = self.q(1) - once + twice, self.q(2) - twice + thrice
        return np.asarray(missing_share(once_left, twice_left, self._responses - 1, self._sum - self.sizes))

    def unseen_at_least(self) -> float:
        """Q̂0, a lower bound on the items that no response has brought (Chao 1987; bias-corrected where Q2 = 0)."""
        if self._responses == 0:
            return 0.0
        q1, q2 = self.q(1), self.q(2)
        pairs = q1 * q1 / (2 * q2) if q2 else q1 * (q1 - 1) / 2
        return (self._responses - 1) / self._responses * pairs

    def next_yield(self) -> float:
        """Expected new items of the next fresh call of the same mixture of models: (U/T)(1 - C)."""
        return self._sum / self._responses * self.missing_share() if self._responses else 0.0

    def yield_of(self, model: str) -> float | None:
        """Expected new items of this model's next fresh call, knowing what all the others found; None before its first.

        Leave-one-out form N1/T_a - 2·N2/(T_a(T_a - 1)): N1 items were seen once overall, by the model; N2 twice, both
        by it.
        """
        number = self._models.get(model)
        if number is None:
            return None
        mine = self._model_of[: self._responses] == number
        calls = int(mine.sum())
        alone = int(self._shares[: self._responses][mine, 0].sum()) / calls
        if calls == 1:
            return alone
        return max(0.0, alone - 2 * int(self._pairs[number]) / (calls * (calls - 1)))

    def _account(self, ids: Ids, sign: int) -> None:
        """Add or take away what the items, at their present counts, contribute to every sum."""
        counts = self._counts[ids]
        for times in range(1, FOLLOWED + 2):
            group = ids[counts == times]
            if not len(group):
                continue
            self._q[times - 1] += sign * len(group)
            if times <= FOLLOWED:
                np.add.at(self._shares[:, times - 1], self._seen[group, :times].ravel(), sign)
            if times == 2:
                first, second = self._model_of[self._seen[group, :2]].T
                np.add.at(self._pairs, first[first == second], sign)

    def _make_room(self, ids: Ids) -> None:
        if len(ids) and ids[-1] >= len(self._counts):
            size = max(1024, 2 * len(self._counts), int(ids[-1]) + 1)
            self._counts = _grown(self._counts, size)
            self._elsewhere = _grown(self._elsewhere, size)
            self._forgotten = _grown(self._forgotten, size)
            self._seen = _grown(self._seen, size)

    def _make_room_for_response(self, index: int, model: str) -> None:
        if index >= len(self._sizes):
            size = max(64, 2 * len(self._sizes))
            self._shares = _grown(self._shares, size)
            self._sizes = _grown(self._sizes, size)
            self._model_of = _grown(self._model_of, size)
        number = self._models.setdefault(model, len(self._models))
        if number >= len(self._pairs):
            self._pairs = _grown(self._pairs, number + 1)
        self._model_of[index] = number


def missing_share(once: Any, twice: Any, responses: int, sightings: Any) -> Any:
    """1 - C from Q1, Q2, T and U, numbers or arrays of them; 1 where nothing can be said (no item, or one response)."""
    once, twice, sightings = (np.asarray(value, np.float64) for value in (once, twice, sightings))
    if responses < 2:
        return np.ones(np.broadcast(once, twice, sightings).shape)
    # Where Q2 = 0 the bias-corrected form has Q1 - 1 in the place of Q1 and 1 in the place of Q2.
    ahead = (responses - 1) * np.where(twice > 0, once, np.maximum(once - 1, 0))
    factor = ahead / (ahead + 2 * np.where(twice > 0, twice, 1))
    share = once / np.maximum(sightings, 1) * factor
    return np.clip(np.where(sightings > 0, share, 1.0), 0.0, 1.0)


def expected_singletons(once: int, twice: int, thrice: int, four_times: int, responses: int) -> float:
    """Q1 as Q2, Q3 and Q4 let expect it, at most the observed one (Chiu & Chao 2016, with incidence's factors of T).

    With g_j = (T - j)·Q_j / ((j + 1)·Q_(j+1)), linear in j: g_1 = 2·g_2 - g_3. Without threefold or fourfold items: one
    is assumed.
    """
    if responses < FOLLOWED + 1:
        return float(once)
    if thrice == 0 or four_times == 0:
        thrice_below, four_below = thrice + 1, four_times + 1
    else:
        thrice_below, four_below = thrice, four_times
    second = (responses - 2) * twice / (3 * thrice_below)
    third = (responses - 3) * thrice / (4 * four_below)
    return min(float(once), max(0.0, (2 * second - third) * 2 * twice / (responses - 1)))


def _distinct(item_ids: Iterable[int]) -> Ids:
    ids = np.unique(np.fromiter(item_ids, np.int64))
    if len(ids) and ids[0] < 0:
        raise ValueError(f"an item's number is not negative: {ids[0]}")
    return ids


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """A longer array, the new places zero."""
    grown = np.zeros((size, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
