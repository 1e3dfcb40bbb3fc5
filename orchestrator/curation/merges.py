"""Pairs of items that are perhaps the same. Suggestions only: no threshold is right for every list.

Four methods, from the surest on:

======== ==============================================================================================================
words    The same words but for order, plural and linking words; score 100.
spacing  The same letters, otherwise divided into words; score 100.
spelling The words that are not common in the list agree to `min_score` percent: the Indel ratio of the sorted words
         (rapidfuzz's `token_sort_ratio`), never a ratio of subsets, for which "X Tower" would be "X".
meaning  Cosine of embeddings, where an `Embedder` is given; times 100.
======== ==============================================================================================================

All methods ask that the guards of `likeness` agree; those, and for spellings the first letter, are also the blocks in
which pairs are looked for. Within a block, texts stand in the order of their lengths: a ratio of at least s allows only
lengths up to (200 / s - 1) times. Distances are computed by `cdist` over tiles, so that memory does not grow with the
number of pairs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.process import cdist

from orchestrator.curation.likeness import MAX_FORM_CHARS, Likeness, common_words, likeness

MIN_SCORE = 90.0
MAX_TEXT_CHARS = 1000
"""Longer texts are not looked at: they are no names."""

MAX_SUGGESTIONS = 20_000
"""Nobody reads more; where there are more, the list is not one of names."""

_MIN_FORM_CHARS = 7
"""In shorter words a single letter is too much: Iran, Iraq; Niger, Nigeria; Alert, Alerta."""

_MIN_REST_SCORE = 88.0
"""Of the words that differ alone; a substituted letter costs nine letters 11 points."""

_TILE = 2048

Method = Literal["words", "spacing", "spelling", "meaning"]


class MergeItem(msgspec.Struct, frozen=True):
    """An item as it is compared: its number, text, and how many answers named it."""

    id: int
    text: str
    count: int


class Suggestion(NamedTuple):
    """Two items that are perhaps one.

    Attributes:
        item: The one that would be dropped: named by fewer answers, or found later.
        into: The one that would stay.
        method: How they were found.
        score: 0 to 100.
    """

    item: MergeItem
    into: MergeItem
    method: Method
    score: float


class Embedder(Protocol):
    """Turns texts into vectors whose cosine tells how near their meanings are."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text."""
        ...


def suggest_merges(
    items: Sequence[MergeItem], *, min_score: float = MIN_SCORE, embedder: Embedder | None = None
) -> list[Suggestion]:
    """The suggestions for a list, the best first; each pair once, at most `MAX_SUGGESTIONS`.

    Args:
        items: The list.
        min_score: 50 to 100; suggestions of at least this score.
        embedder: For `meaning`; None: without.
    """
    items = [item for item in items if len(item.text) <= MAX_TEXT_CHARS]
    common = common_words(item.text for item in items)
    traits = [likeness(item.text, common) for item in items]
    found: dict[tuple[int, int], tuple[Method, float]] = {}
    pairs = _pairs(items, traits, min_score, embedder)
    for left, right, method, score in pairs:
        pair = (min(left, right), max(left, right))
        if pair not in found or found[pair][1] < score:
            found[pair] = (method, score)
        if len(found) >= MAX_SUGGESTIONS:
            break
    suggestions = [_directed(items[left], items[right], *how) for (left, right), how in found.items()]
    return sorted(suggestions, key=lambda one: (-one.score, -one.into.count, one.into.id, one.item.id))


def _directed(one: MergeItem, other: MergeItem, method: Method, score: float) -> Suggestion:
    stays, goes = sorted((one, other), key=lambda item: (-item.count, item.id))
    return Suggestion(goes, stays, method, round(score, 1))


def _pairs(
    items: Sequence[MergeItem], traits: Sequence[Likeness], min_score: float, embedder: Embedder | None
) -> Iterator[tuple[int, int, Method, float]]:
    by_words: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    by_letters: dict[str, list[int]] = defaultdict(list)
    by_beginning: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for index, trait in enumerate(traits):
        by_words[trait.marks, trait.form].append(index)
        by_letters[trait.compact].append(index)
        if _MIN_FORM_CHARS <= len(trait.form) <= MAX_FORM_CHARS:
            # The words that differ begin alike (see `_agree`), the others are the same: so do the forms, sorted words.
            by_beginning[trait.marks, trait.form[0]].append(index)
    # With the first of each group only: a group of n has n - 1 suggestions, not n².
    for group in by_words.values():
        for other in group[1:]:
            yield group[0], other, "words", 100.0
    for group in by_letters.values():
        for other in group[1:]:
            yield group[0], other, "spacing", 100.0
    for group in by_beginning.values():
        yield from _alike_spellings(group, traits, min_score)
    if embedder is not None and items:
        yield from _alike_meanings(items, traits, min_score, embedder)


def _alike_spellings(
    group: list[int], traits: Sequence[Likeness], min_score: float
) -> Iterator[tuple[int, int, Method, float]]:
    """Pairs within a block, by tiles of the distance matrix above its diagonal."""
    group = sorted(group, key=lambda index: len(traits[index].form))
    forms = [traits[index].form for index in group]
    lengths = [len(form) for form in forms]
    reach = 200 / min_score - 1
    for start in range(0, len(group), _TILE):
        rows = forms[start : start + _TILE]
        end = bisect_right(lengths, len(rows[-1]) * reach)
        for column in range(start, end, _TILE):
            columns = forms[column : min(column + _TILE, end)]
            scores = cdist(rows, columns, scorer=fuzz.ratio, score_cutoff=min_score, dtype=np.float32)
            for row, offset in np.argwhere(scores >= min_score).tolist():
                left, right = start + row, column + offset
                if left < right and _agree(forms[left], forms[right]):
                    yield group[left], group[right], "spelling", float(scores[row, offset])


def _agree(one: str, other: str) -> bool:
    """Whether each differing word has its like in the other text: the rest of a long name must not outweigh it."""
    left, right = one.split(), other.split()
    for word in left[:]:
        if word in right:
            left.remove(word)
            right.remove(word)
    if not left or not right:
        return not left and not right
    rest, other_rest = " ".join(left), " ".join(right)
    # Slips are rare in a word's first letter, and names that differ there are many: Erbium, Terbium.
    if min(len(rest), len(other_rest)) < _MIN_FORM_CHARS or rest[0] != other_rest[0]:
        return False
    return fuzz.ratio(rest, other_rest) >= _MIN_REST_SCORE


def _alike_meanings(
    items: Sequence[MergeItem], traits: Sequence[Likeness], min_score: float, embedder: Embedder
) -> Iterator[tuple[int, int, Method, float]]:
    vectors = embedder.embed([item.text[:MAX_FORM_CHARS] for item in items])
    for start in range(0, len(items), _TILE):
        for column in range(start, len(items), _TILE):
            scores = 100 * (vectors[start : start + _TILE] @ vectors[column : column + _TILE].T)
            for row, offset in np.argwhere(scores >= min_score).tolist():
                left, right = start + row, column + offset
                if left < right and _same_numbers(traits[left], traits[right]):
                    yield left, right, "meaning", min(100.0, float(scores[row, offset]))


def _same_numbers(one: Likeness, other: Likeness) -> bool:
    """Translations have other common words, but the same numbers and symbols."""
    return [mark for mark in one.marks if not mark.isalpha()] == [mark for mark in other.marks if not mark.isalpha()]
