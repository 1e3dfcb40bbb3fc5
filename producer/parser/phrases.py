"""Tells what a model says about its list from what stands in the list: preambles, closings, apologies, prose.

Titles look like sentences ("Here Comes the Sun", "I Want to Hold Your Hand", "Let It Be"), so a pattern asks for more
than its first words: lower case where a title has capitals, a sentence's end, or a length that names do not have.
Refusing an item loses it for ever, letting a sentence pass costs one odd line: in doubt a line is an item.
"""

# ruff: noqa: RUF001 - typographic and full-width marks are what is looked for here

from __future__ import annotations

import re

from producer.parser.reasons import Reason

PROSE_WORDS = 12
"""A line must be longer than this to be prose by its form alone."""

_CJK_PROSE_CHARS = 40
_SENTENCE_WORDS = 8
_MOSTLY = 0.5

_FIRST_WORDS = (
    "sure certainly here here's here’s heres below of absolutely great okay ok alright got understood these this those "
    "i i'm i’m i've i’ve i'll i’ll i'd as sorry unfortunately apologies note notes please let let's would do shall "
    "should feel if and hope is remember disclaimer keep you your enjoy happy etc thank thanks continue continued "
    "continuing total end my each all there many much so several based to want next now one just name item no nr number"
)
SUSPECTS = frozenset(_FIRST_WORDS.split())
"""First words (folded) of lines that are looked at closely; every other short line without punctuation is an item."""

_PREAMBLE = re.compile(
    r"(?i:sure|certainly|of course|absolutely|okay|ok|alright|got it|understood|great question|no problem)[!,.:](?!\w)"
    r"|(?i:sure|certainly|okay|ok|of course|absolutely)$"
    r"|[Hh]ere(?:['’]s| is| are)\b.*\b(?:lists?|\d+|some|items?|examples?|names?|distinct|different|unique|more|few)\b"
    r"|[Hh]ere(?:['’]s| is| are) [a-z][^:]*:"
    r"|[Oo]ne \w+ (?:on|in|for) (?:each|every|a) line\b|[Oo]ne \w+ (?:per|a) line\b"  # the instruction, said again
    r"|[Bb]elow (?:is|are|you)\b"
    r"|[Tt]he following (?:is|are|list|items|\w+ are)\b"
    r"|[Tt]h(?:is|ese) (?:is|are) (?:a |the )?(?:list|\d+)\b"
    r"|(?:I['’]ve|I have|I will|I['’]ll|I am going to|Let me|Let['’]s) "
    r"(?:compiled?|list|provided?|start|created?|generated?|continue|prepared?|put|help|given?)\b"
    r"|[Aa]s (?:you )?requested|[Bb]ased on (?:your|the)\b|[Tt]hank you for\b|[Cc]ontinuing (?:from|the|with|on)\b"
)
_CLOSING = re.compile(
    r"[(\[]?(?:…|\.\.\.)?\s*(?:(?i:and) )?(?:so )?(?i:many|much|several|lots|countless|plenty) (?:of )?"
    r"(?:more|others)\b.{0,40}$"
    r"|(?:…|\.\.\.)?\s*(?:[Aa]nd )(?:so on|so forth|others|more|the list goes on)\b.{0,30}$"
    r"|[(\[]?(?i:etc)\.?[)\]]?$|(?:I )?[Hh]ope (?:this|that|these|you|it)\b"
    r"|(?:[Pp]lease )?(?i:note)(?: that\b|s?\s*[:：])"
    r"|(?:[Pp]lease )?(?i:disclaimer|remember|keep in mind)(?::|,| that\b)"
    r"|[Tt]hese (?:are|were) (?:just|only|some|but|merely)\b"
    r"|[Ww]ould you like\b|[Dd]o you (?:want|need) me\b|[Ss]h(?:all|ould) I\b|[Ii]s there anything\b"
    r"|[Ee]njoy (?:your|exploring|the|reading)\b|[Hh]appy (?:travels|exploring|reading|coding|learning)\b"
    r"|[(\[](?:to be )?[Cc]ontinued?\b|[Cc]ontinued?(?: (?:in|below)\b|\.\.\.|…)"
    r"|(?i:end of (?:the )?list)\b|(?i:total)(?: \w+)?: ?\d+|I can (?:also |certainly )?(?:continue|provide|list|add)\b"
    r"|(?i:i|we)['’]?(?:ll| will) (?:continue|stop)\b"
)
_CLOSING_SENTENCE = re.compile(
    r"[Ll]et me know\b|[Ff]eel free\b|[Ii]f you\b|[Pp]lease let\b|[Tt]his (?:list|is (?:not|just|only))\b"
    r"|[Tt]he (?:above )?(?:list|items)\b|[Tt]here are (?:many|countless|also|over|more)\b|[Ee]ach of these\b"
    r"|[Aa]ll (?:of )?these\b|[Tt]hanks? (?:you )?for\b|[Ww]ant (?:me|more)\b"
    r"|[Tt]hese \w+ (?:are|represent|cover|offer)\b"
)
_APOLOGY = re.compile(
    r"I(?:['’]m| am) (?:very |so |really |truly )?(?:sorry|afraid),? (?:but|I|that|to|for|there|we)\b"
    r"|I(?:['’]m| am) (?:unable|not able|not allowed|programmed)\b"
    r"|(?:I |[Mm]y )?[Aa]pologi(?:s|z)e\b|[Mm]y apologies\b|[Ss]orry,? (?:but |I |for the |about )"
    r"|[Uu]nfortunately,? (?:I|as|there|it|no|we)\b"
    r"|[Aa]s an? (?:AI|artificial|large|language|LLM|assistant|text-based)\b"
)
_APOLOGY_SENTENCE = re.compile(
    r"I (?:cannot|can['’]?t|can not|won['’]?t|don['’]?t have|do not have|am not|couldn['’]?t|could not|must decline)\b"
)
_FIRST_PERSON = re.compile(r"(?:I|I['’](?:m|ve|ll|d)|We|You|You['’]re|My|Your) [a-z]")
_ASKS_USER = re.compile(r"\b(?:you|me|I)\b.*\?$")
_VERBS = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|should|may|might|must|includes?|offers?|features?|"
    r"provides?|contains?|you|your|I|we|our|they|it)\b"
)
_NEXT_SENTENCE = re.compile(r"[.!?] [A-ZÀ-Þ]")
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", '."', ".)")


def lower_share(words: list[str]) -> float | None:
    """Share of the words after the first with four letters or more that begin in lower case; None without any."""
    long_words = [word for word in words[1:] if len(word) >= 4 and word[0].isalpha()]
    if not long_words:
        return None
    return sum(word[0].islower() for word in long_words) / len(long_words)


def is_sentence_case(text: str) -> bool:
    """Whether most longer words after the first begin in lower case, as in a sentence and not as in a title."""
    share = lower_share(text.split())
    return share is not None and share > _MOSTLY


def classify(text: str) -> Reason | None:
    """Whether an unmarked line (clean, without emphasis) speaks about the list instead of standing in it."""
    apology = classify_apology(text)
    if apology:
        return apology
    if _PREAMBLE.match(text):
        return Reason.PREAMBLE
    if _CLOSING.match(text):
        return Reason.CLOSING
    words = text.count(" ") + 1
    if words >= _SENTENCE_WORDS or text.endswith(_SENTENCE_END):
        if _CLOSING_SENTENCE.match(text) or (words >= 4 and text[-1] == "?" and _ASKS_USER.search(text)):
            return Reason.CLOSING
        if words > 4 and _FIRST_PERSON.match(text) and is_sentence_case(text):
            return Reason.PROSE
    return None


def classify_apology(text: str) -> Reason | None:
    """Whether the model declines or excuses itself."""
    if _APOLOGY.match(text):
        return Reason.APOLOGY
    if _APOLOGY_SENTENCE.match(text) and (text.count(" ") >= 6 or text.endswith(_SENTENCE_END)):
        return Reason.APOLOGY
    return None


def is_prose(text: str) -> bool:
    """Whether a long line is clearly a sentence: it ends as one, and has a verb or a sentence's lower case."""
    if not text.endswith(_SENTENCE_END):
        return False
    words = text.split()
    if len(words) <= PROSE_WORDS:
        if len(words) >= _SENTENCE_WORDS and _NEXT_SENTENCE.search(text):
            return is_sentence_case(text)
        return not text.isascii() and len(words) <= 3 and len(text) > _CJK_PROSE_CHARS
    share = lower_share(words)
    return bool(_VERBS.search(text)) or (share is not None and share > _MOSTLY)
