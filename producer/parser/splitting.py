"""One line, several things: a name and its description, several items in a row, a numbered list that ran on."""

# ruff: noqa: RUF001 - typographic and full-width marks are what is looked for here

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from producer.parser.phrases import is_sentence_case, lower_share

MAX_NAME_CHARS = 80
"""Longest text before a colon or dash that can be a name."""

_SEPARATOR = re.compile(r"\s?[:：]\s+|：|\s+(?:[-–—]|--)\s+|(?<=\w)—(?=\w)")
_CLAUSE = re.compile(r",\s+(?=(?:which|whose|where|also known as|known (?:as|for)|used (?:to|for|in|as|by)) \S+ \S)")
"""A clause that can only describe: "Oxygen (O), which we breathe". Not "that" or "the": "Tyler, the Creator"."""
_ARTICLE = re.compile(r"(?:[Aa]n?|[Tt]he|[Oo]ne of|[Kk]nown for|[Ff]amous for) [a-z]")
_STRONG_COMMAS = re.compile(r"[;；、،，]")
_CONJUNCTION = re.compile(r"(?:and|or|&|und|et|y|e)\s+|.*\s(?:and|or|&)\s")
_LAST_CONJUNCTION = re.compile(r"(?:and|or|&)\s+")
_PROSE_WORDS = re.compile(r"\b(?:is|are|was|were|has|have|offers?|includes?|including|such as)\b")
_ENDS = ".!?…:"
_MAX_SEPARATORS = 6
_MAX_PART_WORDS = 5
_MAX_PART_CHARS = 60
_FEWEST_PARTS = 3
_SURE_PARTS = 4
_MANY_PARTS = 6


def split_description(text: str, *, habit: bool) -> tuple[str, str]:
    """Cut "Name: description" or "Name – description"; ("Star Wars: A New Hope" stays whole).

    Args:
        text: An item's line without its mark.
        habit: Most lines of this response so far had a description, so that a capital does not protect a title.

    Returns:
        Name and description; the description is empty where nothing was cut.
    """
    separators = list(islice(_SEPARATOR.finditer(text), _MAX_SEPARATORS))
    if separators and ("(" in text or '"' in text):
        separators = [match for match in separators if _is_outside(text, match.start())]
    for index, match in enumerate(separators):
        name, tail = text[: match.start()].strip(), text[match.end() :].strip()
        if not name or not tail:
            continue
        if len(name) > MAX_NAME_CHARS:
            break
        end = separators[index + 1].start() if index + 1 < len(separators) else len(text)
        if habit or _describes(text[match.end() : end].strip()):
            return name, tail
    clause = _CLAUSE.search(text)
    if clause is not None and 0 < clause.start() <= MAX_NAME_CHARS and _is_outside(text, clause.start()):
        return text[: clause.start()].strip(), text[clause.end() :].strip()
    return text, ""


def _is_outside(text: str, at: int) -> bool:
    return text.count("(", 0, at) <= text.count(")", 0, at) and text.count('"', 0, at) % 2 == 0


def _describes(tail: str) -> bool:
    """Whether a tail reads like a description: lower case at the start, a sentence, or sentence case at length."""
    if not tail:
        return False
    if tail[0].islower() or _ARTICLE.match(tail):
        return True
    words = tail.split()
    if tail.endswith("。") or (tail.endswith(".") and len(words) >= 4):
        return True
    share = lower_share(words)
    if share is None:
        return False
    return share == 1.0 if len(words) == 3 else len(words) >= 4 and is_sentence_case(tail)


def split_run_on(text: str, number: int) -> list[str]:
    """Cut "Louvre, 31. Orsay, 32. …", a numbered line (its own number, `number`, taken off) that ran on."""
    parts: list[str] = []
    start = 0
    while True:
        number += 1
        at = _find_number(text, number, start)
        if at < 0:
            break
        parts.append(text[start:at].strip(" ,;"))
        start = at + len(str(number)) + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _find_number(text: str, number: int, start: int) -> int:
    for delimiter in (". ", ") "):
        at = text.find(f" {number}{delimiter}", start)
        if at >= 0:
            return at + 1
    return -1


def split_several(text: str, *, marked: bool, alone: bool) -> list[str]:
    """Cut a line of items separated by commas, semicolons or their like; one part where the line is one item.

    Three short parts are enough only where the line is the response's form (`alone`: no single item came before), since
    "Springfield, Illinois, USA" is one place. Parts of mixed case ("Ann Lee, actor, producer") are one item with its
    qualifiers; three or four with an "and" ("Crosby, Stills, Nash & Young") are a name.
    """
    parts, strong = _parts(text)
    if len(parts) < _FEWEST_PARTS or (not strong and (marked or not alone) and len(parts) < _SURE_PARTS):
        return [text]
    if not _are_short(parts):
        return [text]
    if _PROSE_WORDS.search(text):
        return [text]
    if not strong and not _is_even(parts):
        return [text]
    parts[-1] = _LAST_CONJUNCTION.sub("", parts[-1], count=1) if _LAST_CONJUNCTION.match(parts[-1]) else parts[-1]
    head, colon, first = parts[0].partition(": ")
    if colon and head and first:
        parts[0] = first
    return parts


def has_three_parts(text: str) -> bool:
    """Whether a line has three short parts between commas: items in a row, or "Springfield, Illinois, USA".

    Labels, remarks and numbers have other parts.
    """
    if text.count(",") < _FEWEST_PARTS - 1 or ": " in text or text[0].isdigit() or text[-1] in _ENDS:
        return False
    parts, strong = _parts(text)
    return len(parts) == _FEWEST_PARTS and not strong and _are_short(parts) and not _PROSE_WORDS.search(text)


def _are_short(parts: Sequence[str]) -> bool:
    return all(len(part) <= _MAX_PART_CHARS and part.count(" ") < _MAX_PART_WORDS for part in parts)


def _is_even(parts: list[str]) -> bool:
    if _CONJUNCTION.match(parts[-1]) and len(parts) <= _SURE_PARTS:
        return False
    cased = [part[0].islower() for part in parts[:-1] if part[0].isalpha()]
    return len(parts) >= _MANY_PARTS or not cased or all(cased) or not any(cased)


def _parts(text: str) -> tuple[list[str], bool]:
    """The line cut at its separators outside parentheses and quotes; True if they separate nothing but lists."""
    strong = _STRONG_COMMAS.search(text)
    separator = strong[0] if strong else ","
    if separator not in text:
        return [text], False
    enclosed = "(" in text or '"' in text or "（" in text
    parts = _outer_parts(text, separator) if enclosed else text.split(separator)
    if separator == "," and any(part and part[0].isdigit() for part in parts[1:]):
        return [text], False  # "10,000 Maniacs"
    return [stripped for part in parts if (stripped := part.strip())], strong is not None


def _outer_parts(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    start = depth = 0
    quoted = False
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in "(（":
            depth += 1
        elif char in ")）":
            depth = max(0, depth - 1)
        elif char == separator and not depth and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts
