"""What one response's lines have been like so far. A line is judged by the lines before it, never by later ones."""

from __future__ import annotations

from producer.parser.marks import Mark

_FEW_LINES = 3
_SENTENCE_WORDS = 10
_NAME_WORDS = 6


class Habits:
    """Counts over the lines that were items or could have been (prose)."""

    __slots__ = ("bulleted", "described", "lines", "numbered", "plain", "words")

    def __init__(self) -> None:
        self.lines = 0
        self.words = 0
        self.described = 0
        self.numbered = 0
        self.bulleted = 0
        self.plain = 0

    def note(self, mark: Mark, words: int, *, described: bool = False) -> None:
        """Learn from one line of `words` words."""
        self.lines += 1
        self.words += words
        self.described += described
        if mark is Mark.NUMBER:
            self.numbered += 1
        elif mark is Mark.BULLET:
            self.bulleted += 1
        else:
            self.plain += 1

    @property
    def has_no_numbers(self) -> bool:
        """At least two lines came and none had a number: a number that comes now belongs to its item."""
        return not self.numbered and self.plain + self.bulleted >= 2

    @property
    def describes(self) -> bool:
        """Most lines had a description."""
        return self.lines >= _FEW_LINES and 2 * self.described > self.lines

    @property
    def holds_sentences(self) -> bool:
        """The list is one of sentences (tips, facts): a long line is an item here."""
        return self.lines >= _FEW_LINES and self.words > _SENTENCE_WORDS * self.lines

    @property
    def holds_names(self) -> bool:
        """The list is one of short names: a sentence is none of it."""
        return self.lines > 0 and self.words <= _NAME_WORDS * self.lines

    def is_odd(self, mark: Mark) -> bool:
        """Whether a line with this mark stands outside the list's form, as explanations below an item do."""
        if mark is Mark.NONE:
            return self.plain < self.numbered + self.bulleted
        return mark is Mark.BULLET and self.numbered >= 2 and self.bulleted < self.numbered * 4
