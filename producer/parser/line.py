"""One complete line to items and refusals.

The order of the steps is the order of certainty: what the form says (fence, table, heading, mark) comes before what
the words say (preamble, apology, prose). See `marks`, `splitting` and `phrases` for the heuristics themselves.
"""

# ruff: noqa: RUF001 - typographic and full-width marks are what is looked for here

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from producer.parser.habits import Habits
from producer.parser.hygiene import clean, shorten
from producer.parser.jsontext import DESCRIPTION_KEYS, NAME_KEYS
from producer.parser.marks import Mark, Numbering, strip_bullet
from producer.parser.markup import code_span, strip_emphasis, to_segments, trim, whole_bold
from producer.parser.phrases import SUSPECTS, classify, classify_apology, is_prose, is_sentence_case
from producer.parser.reasons import Reason
from producer.parser.splitting import has_three_parts, split_description, split_run_on, split_several
from producer.parser.table import Table

MAX_SEGMENT_CHARS = 1000
"""Longest text that is looked at as one item; a longer line is only cut into several, in linear time."""

MAX_DESCRIPTION_CHARS = 500
"""A description is shortened to this."""

_MAX_FAST_CHARS = 80
_PLAIN_LINE = re.compile(r"[^\W\d_][^\W_'’-]*(?:['’-][^\W_]+)*(?: [^\W_(][^\W_]*(?:['’.&/-][^\W_]+)*){0,5}")
_SIMPLE_MARK = re.compile(r"(?:(\d{1,3})[.)]|[-*•])\s")
_FOLLOWING = ("The following ", "the following ")
_ESCAPED_MARK = re.compile(r"(\d{0,4})\\([-+*#>.)])(?=\s)")
_HEADING = re.compile(r"#{1,6}(?:\s+(.*))?")
_BOLD_NUMBER = re.compile(r"(\*\*|__)\s*(\(?\d{1,4}\s?[.):]?\)?)\s*\1\s*([.:)]?)\s*(?=\S)")
_SURE_NAME = re.compile(
    r"(?:(\*\*\*?|__|`|\*)(?=\S)(?P<marked>.+?)\1|[\"“«](?P<quoted>[^\"“”«»]+)[\"”»])"
    r"(?P<more>\s*\([^()]*\))?(?P<colon>\s*[:：]\s*|\s+[-–—]+\s+|—|$)?(?P<tail>.*)"
)
_DUNDER_START = re.compile(r"__[a-z][a-z0-9_]*__(?!\w)")
_JSON_PAIR = re.compile(r"\"(\w+)\"\s*:\s*\"?(.*?)\"?\s*[,}\]]*")
_YAML_PAIR = re.compile(r"([a-z]+): (.+)")
_BRACKETED = re.compile(r"\[(.*[,;].*)\]")


class Finding(NamedTuple):
    """What a line, or a part of one, turned out to be.

    Attributes:
        text: The item, or the refused text.
        description: What stood behind the item's name.
        reason: Set for a refusal.
        mark: What stood before it.
        hold: An item only if the next line does not make it a heading (see `ItemParser`).
        parts: What it is instead, unless the next line has three parts, too (see `ItemParser`).
        row: Whether the line has no mark and three parts between commas.
    """

    text: str
    description: str = ""
    reason: Reason | None = None
    mark: Mark = Mark.NONE
    hold: bool = False
    parts: tuple[Finding, ...] = ()
    row: bool = False


class LineReader:
    """Reads one response's lines in order; knows only the lines before.

    Args:
        max_item_chars: Longest item.
    """

    def __init__(self, max_item_chars: int) -> None:
        self._max_item_chars = max_item_chars
        self._fast_chars = min(max_item_chars, _MAX_FAST_CHARS)
        self._habits = Habits()
        self._numbering = Numbering()
        self._table = Table()
        self._lone_number = ""

    def read(self, line: str) -> list[Finding]:
        """Items and refusals of one line; empty for a blank one, a fence, or a number whose item comes next."""
        line = line.strip()
        if not line:
            return []
        if len(line) <= self._fast_chars and not self._lone_number:
            simple = self._read_simple(line)
            if simple:
                return [simple]
        segments = to_segments(line)
        if not segments:
            return [Finding(line, reason=Reason.MARKUP)] if clean(line) else []
        return [finding for segment in segments for finding in self._read_segment(segment)]

    def _read_simple(self, line: str) -> Finding | None:
        """The short way for nine lines in ten: at most a plain mark, then a few words without any punctuation."""
        mark, number, start = Mark.NONE, None, 0
        if not line[0].isalpha():
            match = _SIMPLE_MARK.match(line)
            if match is None:
                return None
            number, start = match[1], match.end()
            mark = Mark.NUMBER if number else Mark.BULLET
        if not _PLAIN_LINE.fullmatch(line, start):
            return None
        text = line[start:]
        if text.partition(" ")[0].casefold() in SUSPECTS or text.startswith(_FOLLOWING):
            return None
        if number and not self._numbering.takes(int(number), plain_list=self._habits.has_no_numbers):
            return None
        self._table.is_open = False
        self._habits.note(mark, text.count(" ") + 1)
        return Finding(text, mark=mark)

    def read_element(self, text: str, description: str) -> list[Finding]:
        """An item that JSON gave: its form is certain, only its text is cleaned."""
        if not description and len(text) <= self._fast_chars and _PLAIN_LINE.fullmatch(text):
            self._habits.note(Mark.NONE, text.count(" ") + 1)
            return [Finding(text)]
        cleaned = " ".join(to_segments(text[: MAX_SEGMENT_CHARS * 2]))
        if not cleaned:
            return [Finding(text, reason=Reason.EMPTY)]
        cleaned = strip_bullet(cleaned)[0] or cleaned
        body, number = self._numbering.strip(cleaned, plain_list=self._habits.has_no_numbers)
        mark = Mark.NONE if number is None else Mark.NUMBER
        if description:
            return [self._settle(body or cleaned, description, mark)]
        return [self._settle(*self._split_name(body or cleaned), mark)]

    def finish(self) -> list[Finding]:
        """A number that stands alone at the end is no item."""
        if not self._lone_number:
            return []
        finding = Finding(self._lone_number, reason=Reason.EMPTY)
        self._lone_number = ""
        return [finding]

    def _read_segment(self, text: str) -> list[Finding]:
        if text.startswith(("```", "~~~")):
            inner = text.strip("`~ ")
            return self._read_segment(inner) if inner and text.endswith(text[:3]) and text[3:6] != text[:3] else []
        if len(text) > MAX_SEGMENT_CHARS:
            return self._read_long(text)
        if "|" in text or self._table.is_open:
            finding = self._read_row(text)
            if finding:
                return [finding]
        if text[0] == "#":
            heading = _HEADING.fullmatch(text)
            if heading:
                return [self._read_heading(text, heading[1] or "")]
        if text.startswith("//"):
            return [Finding(text, reason=Reason.MARKUP)]
        return self._read_marked(text)

    def _read_long(self, text: str) -> list[Finding]:
        """A line too long for one item: several of them, or a name with a very long description."""
        body, number = self._numbering.strip(strip_bullet(text)[0], plain_list=self._habits.has_no_numbers)
        parts = split_run_on(body, number) if number is not None else []
        if len(parts) < 2:
            parts = split_several(body, marked=number is not None, alone=not self._habits.lines)
        if len(parts) > 1:
            return [self._settle(part, "", Mark.NONE if number is None else Mark.NUMBER) for part in parts]
        name, description = self._split_name(body[:MAX_SEGMENT_CHARS])
        if description:
            return [self._settle(name, description, Mark.NONE if number is None else Mark.NUMBER)]
        return [Finding(text, reason=Reason.OVERLONG)]

    def _read_row(self, text: str) -> Finding | None:
        row = self._table.read(text)
        if row is None:
            return None
        if row.is_rule or row.is_header:
            return Finding(row.text, reason=Reason.HEADING, mark=Mark.RULE if row.is_rule else Mark.ROW)
        if not row.text:
            return Finding(text, reason=Reason.EMPTY)
        finding = self._settle(row.text, strip_emphasis(row.description), Mark.ROW)
        return finding._replace(hold=row.is_first)

    def _read_heading(self, text: str, inner: str) -> Finding:
        """A heading is no item, but "### 1. Louvre" with text below it is one (below it, not a list)."""
        if not inner:
            return Finding(text, reason=Reason.EMPTY)
        inner = whole_bold(inner) or inner
        body, number = self._numbering.strip(inner, plain_list=False)
        if number is None or not body or body.endswith(":"):
            return Finding(inner, reason=Reason.HEADING)
        return self._settle(*self._split_name(body), Mark.NUMBER)._replace(hold=True, mark=Mark.NONE)

    def _read_marked(self, text: str) -> list[Finding]:
        if "\\" in text[:5]:
            text = _ESCAPED_MARK.sub(r"\1\2", text, count=1)
        body, bulleted = strip_bullet(text)
        if not body:
            return [Finding(text, reason=Reason.EMPTY)]
        bold = whole_bold(body)
        number: int | None = None
        if code_span(body) is None:
            body = _BOLD_NUMBER.sub(r"\2\3 ", body, count=1) if body[0] in "*_" and not bold else bold or body
            body, number = self._numbering.strip(body, plain_list=self._habits.has_no_numbers)
        if number is not None and not body:
            findings = self.finish()
            self._lone_number = text
            return findings
        mark = Mark.NUMBER if number is not None or self._lone_number else Mark.BULLET if bulleted else Mark.NONE
        self._lone_number = ""
        if number is not None:
            body = strip_bullet(body)[0]
            parts = split_run_on(body, number)
            if len(parts) > 1:
                return [finding for part in parts for finding in self._read_body(part, mark)]
            return self._read_body(body, mark) if body else [Finding(text, reason=Reason.EMPTY)]
        return self._read_body(body, mark, bold=bold is not None)

    def _read_body(self, body: str, mark: Mark, *, bold: bool = False) -> list[Finding]:
        """A line without its mark. `bold`: all of it stood in bold."""
        literal = code_span(body)
        if literal:
            return [self._settle(literal, "", mark, literal=True)]
        pair = self._read_pair(body, mark)
        if pair:
            return [pair]
        stripped = strip_emphasis(body)
        if not stripped:
            return [Finding(body, reason=Reason.EMPTY)]
        spoken = self._read_speech(stripped, mark)
        if spoken:
            return spoken
        if stripped.endswith((":", "：")) and len(stripped) > 1:
            if mark is Mark.NONE:
                return [Finding(stripped, reason=Reason.HEADING if self._habits.lines else Reason.PREAMBLE)]
            return [self._settle(stripped, "", mark)._replace(hold=True)]
        name, description = self._split_name(body)
        row = False
        if not description:
            inside = _BRACKETED.fullmatch(stripped)
            first = not self._habits.lines
            parts = split_several(inside[1] if inside else stripped, marked=mark is not Mark.NONE, alone=first)
            row = mark is Mark.NONE and not inside and has_three_parts(stripped)
            if len(parts) > 1:
                whole = self._settle(stripped, "", mark, noted=False) if row and first else None
                items = [self._settle(part, "", mark) for part in parts]
                if whole is None or whole.reason is not None:
                    return items
                return [whole._replace(hold=True, parts=tuple(items))]
        finding = self._settle(name, description, mark)._replace(row=row)
        return [finding._replace(hold=True)] if bold and mark is Mark.NONE and not finding.reason else [finding]

    def _read_pair(self, body: str, mark: Mark) -> Finding | None:
        """A line of pretty-printed JSON whose brackets were lost, or of YAML."""
        pair = (_JSON_PAIR if body[0] == '"' else _YAML_PAIR).fullmatch(body) if ": " in body or '":' in body else None
        if pair is None:
            return None
        if pair[1] in NAME_KEYS[:5] and pair[2].strip("{[ "):
            return self._settle(pair[2], "", mark)
        if pair[1] in DESCRIPTION_KEYS and pair[1] not in ("note", "notes"):
            return Finding(body, reason=Reason.MARKUP)
        return None

    def _read_speech(self, text: str, mark: Mark) -> list[Finding]:
        """What the model says about its list; perhaps with the list on the same line."""
        if mark is not Mark.NONE:
            reason = classify_apology(text) if text[0] in "IAMSUams" else None
            return [Finding(text, reason=reason)] if reason else []
        at = _first_of_run(text)
        if at > 0:
            head, rest = text[:at].strip(), text[at:]
            return self._read_marked(head) + self._read_marked(rest)
        first = text.lstrip("(['\"…. ").partition(" ")[0].strip("!,.:;?()[]").casefold()
        if first not in SUSPECTS and text.count(" ") < 4 and text[0] not in ".…(":
            return []
        reason = classify(text)
        if reason is None:
            return []
        if reason is Reason.PREAMBLE:
            head, _, tail = text.partition(": ")
            parts = split_several(tail, marked=False, alone=True)
            if len(parts) > 1:
                return [Finding(head, reason=reason), *(self._settle(part, "", mark) for part in parts)]
        return [Finding(text, reason=reason)]

    def _split_name(self, body: str) -> tuple[str, str]:
        """Name and description; a name in bold, code or quotes with a colon or dash behind it is certain."""
        if body[0] in '*_`"“«' and not _DUNDER_START.match(body):
            match = _SURE_NAME.fullmatch(body)
            if match:
                name = (match["marked"] or match["quoted"]).strip()
                colon, tail = match["colon"], match["tail"].strip()
                if tail and (colon or name.endswith((":", "："))):
                    name = self._numbering.strip(name, plain_list=self._habits.has_no_numbers)[0]
                    return name + (match["more"] or ""), strip_emphasis(tail)
        return split_description(strip_emphasis(body), habit=self._habits.describes)

    def _settle(self, name: str, description: str, mark: Mark, *, literal: bool = False, noted: bool = True) -> Finding:
        """The last look at one candidate: prose, emptiness, length. `noted`: later lines are judged by it."""
        text = name if literal else trim(strip_emphasis(name))
        if not literal and not _has_word(text):
            return Finding(name, reason=Reason.EMPTY, mark=mark)
        words = text.count(" ") + 1
        prose = not description and mark is not Mark.ROW and self._is_prose(name, words, mark)
        if noted:
            self._habits.note(mark, words, described=bool(description))
        if prose:
            return Finding(name, reason=Reason.PROSE, mark=mark)
        if len(text) > self._max_item_chars:
            return Finding(text, reason=Reason.OVERLONG, mark=mark)
        return Finding(text, shorten(description, MAX_DESCRIPTION_CHARS) if description else "", mark=mark)

    def _is_prose(self, text: str, words: int, mark: Mark) -> bool:
        if words <= 2 and len(text) < MAX_SEGMENT_CHARS and text.isascii():
            return False
        habits = self._habits
        if text[-1] == "." and words >= 4 and habits.is_odd(mark) and is_sentence_case(text):
            return True
        if not is_prose(text):
            return False
        return not habits.holds_sentences if mark is Mark.NONE else habits.holds_names


def _first_of_run(text: str) -> int:
    """Where "1." stands inside a line that goes on with "2.", or -1."""
    at = text.find(" 1. ")
    return at + 1 if at > 0 and " 2. " in text[at + 4 :] else -1


def _has_word(text: str) -> bool:
    return any(char.isalnum() or unicodedata.category(char) == "So" for char in text)
