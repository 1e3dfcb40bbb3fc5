"""What counts as the same item: pure functions from an item's text to its key.

Three identities, each coarser than the one before:

========== =========================================================================================================
exact      Unicode NFC and collapsed white space.
normalized NFKC and casefold; list marks, numbering, enclosing quotes, markdown, a trailing parenthesis and a leading
           English article are dropped; punctuation goes; diacritics of Latin and Greek letters go. Kept: the order of
           words, digits, and symbols (`+ # % @ $ ♀ ♂`, emoji …): "Boeing 747", "C", "C++" and "C#" are four items.
aggressive normalized, English plurals folded, words sorted.
========== =========================================================================================================

Why so (DESIGN.md, "Item identity"; FACTS.md has the error rates): a key that merges two different items loses one of
them for good, a key that keeps two spellings apart costs one line. Doubtful cases therefore stay apart. Marks of
scripts in which they are part of the spelling (Devanagari, Thai, Hebrew, Arabic, kana, Cyrillic) are never removed.

`key_text` of the normalized identity is idempotent. A text of which nothing would remain ("...") keeps its
case-folded, white-space-collapsed form.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

import xxhash

from contract.identity.letters import ASCII_TABLE, fold_letters
from contract.identity.plurals import singular
from contract.text import without_surrogates

KEY_BYTES = 16
"""Length of a key. At 10^8 items, 64 bits would collide with probability 2.7e-4; 128 bits never do (FACTS.md)."""


class Identity(StrEnum):
    """Which texts are the same item."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    AGGRESSIVE = "aggressive"


def key_of(text: str, identity: Identity) -> bytes:
    """The 16-byte key (XXH3-128 of `key_text` in UTF-8) under which an item is counted."""
    return xxhash.xxh3_128_digest(key_text(text, identity).encode())


def key_text(text: str, identity: Identity) -> str:
    """The text that two items must share in order to be the same; always valid Unicode, empty only for blank input."""
    if identity is Identity.NORMALIZED:
        return _normalized(text)
    if identity is Identity.EXACT:
        if not text.isascii():
            text = unicodedata.normalize("NFC", without_surrogates(text))
        return " ".join(text.split())
    return " ".join(sorted(map(singular, _normalized(text).split())))


def _normalized(text: str) -> str:
    if text.isascii():
        folded = text.lower()
        if _PLAIN(folded):
            return _without_article(folded)
    else:
        folded = _compatible(_RAW_NUMBER.sub("", without_surrogates(text)))
    spaced = folded if folded.isprintable() else _CONTROLS.sub(" ", folded)
    bare = _without_list_mark(spaced)
    return (
        _words(_without_parenthesis(bare))
        # Each fallback is for a text of which the step before left nothing, such as "(…)" or "1. !".
        or _words(bare)
        or _words(spaced)
        or " ".join(folded.split())
    )


_CONTROLS = re.compile(r"[\x00-\x1f]")
_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*").fullmatch
"""Most items: nothing to do but drop an article. Makes the key three times as fast."""


def _compatible(text: str) -> str:
    """NFKC and casefold until stable (Unicode 3.13, D147, the part of it that concerns us)."""
    once = unicodedata.normalize("NFKC", text).casefold()
    if once.isascii():
        return once
    if unicodedata.is_normalized("NFKC", once):
        return once
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", once).casefold())


_RAW_NUMBER = re.compile(r"^\s*[①-⒇⓪-⓿❶-➓]\s*(?=\S)")
"""A circled number as a list mark; NFKC turns it into a plain number, which can no longer be told from the item."""

_LIST_MARK = re.compile(
    r"""(?:
        [\s"'“”‘’„«»_`~]+                           # quotes and markdown around the item
      | [-*+#>•‣⁃∙·◦▪▫●■□◆◇▶►➢➤→✓✔☐☑–—]+(?=\s)      # a bullet, a heading, a block quote
      | [*]+                                        # emphasis
      | \(?\d{1,4}[.)\]:]+(?=[\s*"'])               # 1.   1)   (1)
      | \[\d{1,4}\](?=\s)                           # [1]
      | \d{1,3}[.)、:](?=[^\x00-\x7f])              # 1.東京
      | \(?[a-z]\)(?=\s)                            # a)   (a)
    )+(?=.*[^\W_]|.*[^\x00-\x7f])""",  # noqa: RUF001
    re.VERBOSE | re.DOTALL,
)
_STARTS_PLAIN = re.compile(r"[a-z]+[a-z ]")
"""What most items start with; such a text has no list mark."""


def _without_list_mark(text: str) -> str:
    if _STARTS_PLAIN.match(text):
        return text
    mark = _LIST_MARK.match(text)
    if mark is None:
        return text
    bare = text[mark.end() :]
    # After "*" that opened emphasis, a later one closes it and is no part of a name such as "A*".
    return bare.replace("*", " ") if mark[0].endswith("*") else bare


_PARENTHESIS = re.compile(r"""(?:(?<![a-z0-9])\([^()]*\)|(?:^|\s)\[[^\[\]]*\])[\s"'“”‘’»_`~*.,;:!]*$""")  # noqa: RUF001
"""A last parenthesis. One that touches a Latin word belongs to it: "iron(II)", "f(x)"."""
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()\s]*\)")


def _without_parenthesis(text: str) -> str:
    if "[" in text:
        text = _LINK.sub(r"\1", text)
    while ")" in text or "]" in text:
        found = _PARENTHESIS.search(text)
        if found is None or not text[: found.start()].strip():
            break
        text = text[: found.start()]
    return text


_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INITIAL_A = re.compile(r"^((?:(?:the|an?)\s+)*a)[-.]\s*(?=\w)")
_BEFORE_INITIAL = ("a-", "a.", "a a", "an a", "the a")
_LONE_STAR = re.compile(r"(?<!\S)([^\W\d_])\x01(?!\S)")
_ARTICLES = re.compile(r"(?:(?:the|an?|[+#<>=→▪▫●■□◆◇▶►➢➤✓✔☐☑∙]+) )+(?=\S)")
_SHIELD_POINT, _SHIELD_STAR = "\x00", "\x01"
"""Stand for a decimal point and for the star of "A*" while other points and stars are removed."""


def _words(text: str) -> str:
    """Only words, digits and kept symbols, one space between them, without a leading article."""
    if text.startswith(_BEFORE_INITIAL):
        # "A. Smith" and "A-ha" begin with a name, not with an article.
        text = _INITIAL_A.sub(r"\1", text)
    if "." in text:
        text = _DECIMAL_POINT.sub(_SHIELD_POINT, text)
    if "," in text:
        text = _THOUSANDS.sub("", text)
    if text.count("*") == 1:
        text = text.replace("*", _SHIELD_STAR)
    text = text.translate(ASCII_TABLE) if text.isascii() else fold_letters(text)
    if _SHIELD_STAR in text:
        text = _LONE_STAR.sub(r"\1*", text).replace(_SHIELD_STAR, " ")
    return _without_article(" ".join(text.split()))


def _without_article(text: str) -> str:
    if text.startswith(_MAY_BE_DROPPED):
        articles = _ARTICLES.match(text)
        if articles:
            return text[articles.end() :]
    return text


_MAY_BE_DROPPED = ("the ", "a ", "an ", *"+#<>=→▪▫●■□◆◇▶►➢➤✓✔☐☑∙")
