"""Whether a text is an item of the topic's kind, as far as the list so far can tell; without asking anybody.

The producer's parser has judged each line by the answer in which it stood. What is judged here needs the whole list: a
sentence among names, a name in another script than all others, a remark of the model. Rejecting an item loses a line
of `attributes.txt`, letting a remark pass adds an odd one; so a check asks for several signs at once, and every check
but that for forms without content is silent until `FEW` texts came, and while more than `RARE` of all texts show its
signs: then the signs belong to the topic (a list of proverbs, of placeholders, of Chinese and English names).

Not judged: numbered names ("Line 12"). Whole lists of streets, lines and highways look like that.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

from orchestrator.curation.scripts import scripts_of

FEW = 50
"""So many texts must have come before the list is known well enough to judge by it."""

RARE = 0.05
"""Largest share of texts with the signs of a check."""

_MAX_REMEMBERED = 1024
"""Rejected texts that are counted once each; a remark that every answer repeats must not become common by that."""

_MIN_SENTENCE_WORDS = 8
_MIN_OPENED_WORDS = 6
_SENTENCE_DEVIATIONS = 4.0
_LOWER_SHARE = 0.6
_MAX_JUDGED_CHARS = 2000

_NOTHING = re.compile(
    r"n/a|n\.a\.|etc\.?|and so on|tbd|to be determined|lorem ipsum.*"
    r"|[\[<{(]+(?:your |insert |an? |the |item |more )*(?:items?|names?|entry|placeholder|text|example|blank)"
    r"(?: (?:here|name|\d+))?[\]>})]+",
    re.IGNORECASE,
)
_BLANK_FORM = re.compile(
    r"(?:item|entry|example|placeholder|option|answer|sample|name)(?: ?(?:#|no\.?|number))? ?(?:\d{1,5}|[A-Z])"
    r"|(?:an?|the|another|some|one more) (?:item|entry|example|placeholder|name)|\.{2,}|…+",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\bas an? (?:AI|(?:large )?language model)\b"
    r"|\bmy (?:training data|knowledge cut-?off|last update|previous (?:list|answer|response))\b"
    r"|\bI(?:['’]m| am) (?:sorry|afraid|unable|not (?:sure|able|aware|certain))\b"
    r"|\bI (?:cannot|can['’]t|could not|couldn['’]t) (?:provide|list|find|verify|confirm|help|think|continue)\b"
    r"|\b(?:already|previously) (?:listed|mentioned|included|named) (?:above|before|earlier|in)\b"
    r"|\b(?:the|this|your|above) list (?:above|is|now|has|already|continues|of \d+)\b"
    r"|\b(?:no|any) (?:more|further|other) (?:items|examples|entries)\b"
    r"|\byou(?:['’]d| would)? (?:asked|requested|provided|like me)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"#{2,6} .*|.*[^\W\d_] ?[:：]")  # noqa: RUF001 - a full-width colon ends Chinese headings
_OPENER = re.compile(
    r"(?:This|These|Those|It|They|There|I|We|You|He|She|If|However|Additionally|Furthermore|Moreover|Also|Please|Note)"
    r"[,]? (?:['’]\w+ )?[a-z]"
)
_WITHIN = re.compile(r"[a-z]{3}[.!?] [A-Z][a-z]* [a-z]")
"""Where one sentence ends and another begins; after three small letters it is hardly an abbreviation."""


class Rejection(StrEnum):
    """Why a text is no item: the fixed words that stand in `rejected.jsonl`."""

    PLACEHOLDER = "placeholder"
    HEADING = "heading"
    REMARK = "remark"
    SENTENCE = "sentence"
    SCRIPT = "script"


class Validity:
    """Judges texts by the items so far. Memory does not grow with them.

    Args:
        topic: What the list is about; a topic in some script wants its names perhaps in that.
    """

    def __init__(self, topic: str) -> None:
        self._topic_scripts = frozenset(scripts_of(topic)) - {"LATIN"}
        self._texts = 0
        self._signs = dict.fromkeys(Rejection, 0)
        self._in_script: dict[str, int] = {}
        self._lettered = 0
        self._words_mean = self._words_squares = 0.0
        self._items = 0
        self._rejected: set[int] = set()
        self._judged: tuple[str, list[Rejection]] = ("", [])

    def reason(self, text: str, *, abroad: bool = False) -> str | None:
        """Why this new text is no item of the list; None: it is one, or nobody can tell.

        Args:
            text: What came.
            abroad: It answers an order that asked for the view of another language's speakers. A strange script is the
                answer's slip then, and however many such slips come, they are no sign that the topic has such names.
        """
        text = text[:_MAX_JUDGED_CHARS].strip()
        if _NOTHING.fullmatch(text):
            return Rejection.PLACEHOLDER.value
        signs = self._signs_of(text)
        self._judged = (text, signs)
        for sign in signs:
            if self._is_rare(sign):
                if not (abroad and sign is Rejection.SCRIPT):
                    self._remember(text, signs)
                return sign.value
        return None

    def learn(self, text: str) -> None:
        """Take a text into account that is an item now."""
        text = text[:_MAX_JUDGED_CHARS].strip()
        # What becomes an item was nearly always judged just before.
        self._note(text, self._judged[1] if text == self._judged[0] else self._signs_of(text))
        self._items += 1
        words = text.count(" ") + 1
        before = words - self._words_mean
        self._words_mean += before / self._items
        self._words_squares += before * (words - self._words_mean)

    def _remember(self, text: str, signs: list[Rejection]) -> None:
        mark = hash(text)
        if len(self._rejected) < _MAX_REMEMBERED and mark not in self._rejected:
            self._rejected.add(mark)
            self._note(text, signs)

    def _note(self, text: str, signs: list[Rejection]) -> None:
        self._texts += 1
        for sign in signs:
            self._signs[sign] += 1
        scripts = scripts_of(text)
        if scripts:
            self._lettered += 1
            for script in scripts:
                self._in_script[script] = self._in_script.get(script, 0) + 1

    def _is_rare(self, sign: Rejection) -> bool:
        return sign is Rejection.SCRIPT or (self._texts >= FEW and self._signs[sign] <= RARE * self._texts)

    def _signs_of(self, text: str) -> list[Rejection]:
        signs = []
        if _BLANK_FORM.fullmatch(text):
            signs.append(Rejection.PLACEHOLDER)
        words = text.split()
        if len(words) <= 8 and _HEADING.fullmatch(text):
            signs.append(Rejection.HEADING)
        if len(words) >= 4 and _lower_share(words) >= _LOWER_SHARE and _REMARK.search(text):
            signs.append(Rejection.REMARK)
        if self._is_sentence(text, words):
            signs.append(Rejection.SENTENCE)
        if self._is_foreign(text):
            signs.append(Rejection.SCRIPT)
        return signs

    def _is_sentence(self, text: str, words: list[str]) -> bool:
        """Far longer than the list's names, in a sentence's lower case, and ended, opened or joined as a sentence."""
        count = len(words)
        if count < _MIN_OPENED_WORDS or _lower_share(words) < _LOWER_SHARE:
            return False
        deviation = math.sqrt(self._words_squares / self._items) if self._items else 0.0
        if count <= self._words_mean + _SENTENCE_DEVIATIONS * max(deviation, 0.5):
            return False
        opened = _OPENER.match(text) is not None
        ended = text.endswith((".", "!", "?", "…", '."', ".)"))
        if count < _MIN_SENTENCE_WORDS:
            return opened and ended
        return opened or ended or _WITHIN.search(text) is not None

    def _is_foreign(self, text: str) -> bool:
        """Not one letter in the script that nearly all items share, although the text has letters."""
        if self._lettered < FEW:
            return False
        shared = [script for script, count in self._in_script.items() if count >= (1 - RARE) * self._lettered]
        if not shared:
            return False
        scripts = scripts_of(text)
        if not scripts or sum(scripts.values()) < 2 or self._topic_scripts & scripts.keys():
            return False
        return not any(script in scripts for script in shared)


def _lower_share(words: list[str]) -> float:
    """Share of the words of letters after the first one that begin in lower case; 0 without any."""
    rest = [word for word in words[1:] if word[0].isalpha()]
    return sum(word[0].islower() for word in rest) / len(rest) if rest else 0.0
