"""Texts in memory, folded for searching, and the search: which texts hold all the words?

A text is folded by NFKC, case folding, NFKC (Unicode 3.13; the second NFKC, because folding may leave a letter and its
mark apart), so that "STRASSE" finds "Straße" and "fi" finds the ligature. A text matches when every word occurs in it
somewhere. Words have no white space, and texts are kept one after the other with a line feed behind each: a search of
the whole block never finds a word across two texts.

The search works on blocks of about a megabyte with a few passes of numpy over each. For a word it first looks for the
byte that is rarest in all texts, then for the word's other bytes beside those places, so most places fall out at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 20
"""Fits the processor's cache, and bounds what a search needs for a moment: about ten times that."""

_LINE_FEED = 10
_REPETITIVE_AFTER = 8
_REPETITIVE = 4


def fold(text: str) -> str:
    """The form in which texts and search words are compared."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(search: str) -> tuple[str, ...]:
    """The folded words of a search, each once, those left out that are part of another; equal searches are equal."""
    words = sorted(set(fold(search).split()))
    return tuple(word for word in words if not any(word in other and word != other for other in words))


class FoldedTexts:
    """Texts by number, from 0; about 5 bytes each beside the text itself."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []
        self._occurrences = np.zeros(256, dtype=np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def memory_bytes(self) -> int:
        """What the texts take."""
        return sum(block.blob.nbytes + block.ends.nbytes for block in self._blocks) + self._occurrences.nbytes

    def append(self, lines: bytes, count: int) -> bool:
        """Add texts; bytes that are no UTF-8 are taken for U+FFFD.

        Args:
            lines: Texts in UTF-8 with a line feed between each two.
            count: How many.

        Returns:
            Whether there were so many; if not, none is added.
        """
        folded = lines.lower() if lines.isascii() else fold(lines.decode("utf-8", "replace")).encode()
        blob = np.frombuffer(folded + b"\n", dtype=np.uint8)
        ends = np.flatnonzero(blob == _LINE_FEED) + 1
        if len(ends) != count:
            return False
        self._occurrences += np.bincount(blob, minlength=256)
        if self._blocks and self._blocks[-1].blob.size < _BLOCK_BYTES:
            last = self._blocks.pop()
            self._count = self._firsts.pop()
            blob = np.concatenate((last.blob, blob))
            ends = np.concatenate((last.ends.astype(np.int64), ends + last.blob.size))
        while len(ends):
            taken = max(1, int(np.searchsorted(ends, _BLOCK_BYTES, side="right")))
            size = int(ends[taken - 1])
            self._firsts.append(self._count)
            self._blocks.append(_Block(blob[:size].copy(), ends[:taken].astype(np.uint32)))
            self._count += taken
            blob, ends = blob[size:], ends[taken:] - size
        return True

    def search(self, words: Sequence[str], start: int = 0) -> NDArray[np.int32]:
        """Numbers of the texts from `start` on that hold every one of the folded `words`, ascending."""
        # A lone surrogate is in no text; encoded in this way it is found in none.
        sought = [self._prepared(word.encode("utf-8", "surrogatepass")) for word in words]
        found = [np.zeros(0, dtype=np.int32)]
        if all(one.occurrences for one in sought):
            sought.sort(key=lambda one: one.occurrences)
            for first, block in zip(self._firsts, self._blocks, strict=True):
                if first + len(block.ends) > start:
                    found.append((block.search(sought) + first).astype(np.int32))
        result: NDArray[np.int32] = np.concatenate(found)
        return result[np.searchsorted(result, start) :] if start else result

    def _prepared(self, word: bytes) -> _Word:
        order = sorted(range(len(word)), key=lambda place: int(self._occurrences[word[place]]))
        return _Word(word, order, int(self._occurrences[word[order[0]]]))


class _Word:
    """A word to look for.

    Attributes:
        order: Places of its bytes, the rarest byte first.
        occurrences: How often its rarest byte occurs in all texts.
    """

    __slots__ = ("occurrences", "order", "word")

    def __init__(self, word: bytes, order: list[int], occurrences: int) -> None:
        self.word = word
        self.order = order
        self.occurrences = occurrences


class _Block:
    """Some texts: their bytes, and where each one ends, behind its line feed."""

    __slots__ = ("blob", "ends")

    def __init__(self, blob: NDArray[np.uint8], ends: NDArray[np.uint32]) -> None:
        self.blob = blob
        self.ends = ends

    def search(self, words: Sequence[_Word]) -> NDArray[np.intp]:
        """Numbers within the block of the texts that hold all words."""
        block = self
        numbers = np.arange(len(self.ends))
        alive = np.ones(len(numbers), dtype=np.bool_)
        for word in words:
            holds = np.zeros(len(numbers), dtype=np.bool_)
            holds[block.texts_with(word)] = True
            alive &= holds
            left = int(np.count_nonzero(alive))
            if not left:
                break
            if left * 3 < len(numbers) and word is not words[-1]:
                block, numbers = block._only(alive), numbers[alive]
                alive = np.ones(left, dtype=np.bool_)
        return numbers[alive]

    def _only(self, kept: NDArray[np.bool_]) -> _Block:
        lengths = np.diff(self.ends, prepend=np.uint32(0))
        return _Block(self.blob[np.repeat(kept, lengths)], np.cumsum(lengths[kept], dtype=np.uint32))

    def texts_with(self, word: _Word) -> NDArray[np.intp]:
        """Numbers within the block of the texts that hold the word, ascending."""
        sought, blob = word.word, self.blob
        anchor = word.order[0]
        places = blob == sought[anchor]
        if len(sought) == 1 and np.count_nonzero(places) > self.ends.size // 2:
            return self._texts_of(places)
        hits = np.flatnonzero(places) - anchor
        hits = hits[np.searchsorted(hits, 0) : np.searchsorted(hits, blob.size - len(sought), side="right")]
        for checked, place in enumerate(word.order[1:], 1):
            if checked >= _REPETITIVE_AFTER and hits.size > _REPETITIVE * self.ends.size:
                # Texts like "aaaa…": every place is a hit, and comparing byte by byte would never thin them out.
                return self._one_by_one(self._texts_at(hits), sought)
            hits = hits[blob[hits + place] == sought[place]]
        return self._texts_at(hits)

    def _texts_at(self, hits: NDArray[np.intp]) -> NDArray[np.intp]:
        """The texts in which these ascending places lie, each once."""
        if hits.size > self.ends.size // 2:
            places = np.zeros(self.blob.size, dtype=np.bool_)
            places[hits] = True
            return self._texts_of(places)
        texts: NDArray[np.intp] = np.searchsorted(self.ends, hits, side="right")
        once: NDArray[np.intp] = texts[np.diff(texts, prepend=-1) != 0]
        return once

    def _texts_of(self, places: NDArray[np.bool_]) -> NDArray[np.intp]:
        """The same for a mark at each byte: the faster way from about one hit in two texts."""
        starts: NDArray[np.intp] = np.zeros(self.ends.size, dtype=np.intp)
        starts[1:] = self.ends[:-1]
        return np.flatnonzero(np.logical_or.reduceat(places, starts))

    def _one_by_one(self, texts: NDArray[np.intp], sought: bytes) -> NDArray[np.intp]:
        data = self.blob.tobytes()
        ends = self.ends.tolist()
        held = [text for text in texts.tolist() if data.find(sought, ends[text - 1] if text else 0, ends[text]) >= 0]
        return np.array(held, dtype=np.intp)
