"""From chunks of any size to complete lines, JSON elements and skipped reasoning: the outer state machine.

What is decided here depends on the text alone, never on where a chunk ends: a decision that needs the next character
waits for it. A carriage return is a line end of its own: an empty line between it and a line feed means nothing.
"""

from __future__ import annotations

import re
from enum import Enum

from producer.parser.jsontext import Element, JsonReader
from producer.parser.reasons import Reason

MAX_LINE_CHARS = 32_768
"""Longest line that is kept: some 1,000 items separated by commas. The rest of a longer one is skipped."""

_STEP_CHARS = 65_536  # a longer chunk is read in steps: each restart inside one copies what is left of it
_REASONING_CHARS = 200  # what a refusal shows of it
_LONGEST_TAG_CHARS = 24
_JSON_OPENER_CHARS = 200  # brackets and white space that may stand before the first string

_LINE_END = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_REASONING_TAG = re.compile(
    r"[<\[](think|thinking|thought|reasoning|reflection|scratchpad|analysis)[>\]]", re.IGNORECASE
)
# Not JSON: "[ ] task", "[x] task", "[1] Louvre", "[Louvre](url)", "[[Louvre]]".
_JSON_START = re.compile(r"(?:\[\s*){1,3}[\"'{]|\{\s*[\"'}]")
_JSON_PERHAPS = re.compile(r"(?:\[\s*){1,3}|\{\s*")
# A list in a program's source, or behind a fence on the fence's own line.
_JSON_INSIDE = re.compile(r"(?:```\w*|(?:(?:const|let|var)\s+)?\w+(?:\s*:\s*\w+(?:\[\w*\])?)?\s*=)\s*(?=[\[{])")
_LEADING = re.compile(r"[ \t\ufeff\u200b\u200e\u200f\xa0\u3000]*")
_LEADING_AFTER_JSON = re.compile(r"[ \t\ufeff,;]*")


class _Mode(Enum):
    LINE = 0
    SKIP = 1
    REASONING = 2
    JSON = 3


_LINE = _Mode.LINE  # looked up once: this is asked for each chunk


class TextStream:
    """Cuts one response's text into lines (`str`) and elements (`Element`), in the order they become complete."""

    def __init__(self) -> None:
        self._mode = _Mode.LINE
        self._line = ""
        self._plain = False  # the open line has been looked at: it is no JSON and no reasoning
        self._after_json = False
        self._json = JsonReader()
        self._end_tag = re.compile("")
        self._opener_chars = 0
        self._reasoning = ""
        self._reasoned = 0
        self._tail = ""
        self._events: list[str | Element] = []

    def feed(self, text: str) -> list[str | Element]:
        """What became complete with this piece of text."""
        if (
            self._plain
            and self._mode is _LINE
            and not _LINE_END.search(text)
            and len(self._line) + len(text) <= MAX_LINE_CHARS
        ):
            self._line += text
            return []
        self._events = []
        if len(text) <= _STEP_CHARS:
            self._read(text)
        else:
            for start in range(0, len(text), _STEP_CHARS):
                self._read(text[start : start + _STEP_CHARS])
        return self._events

    def _read(self, text: str) -> None:
        pos = 0
        while pos < len(text):
            if self._mode is _LINE:
                text, pos = self._read_line(text, pos)
            elif self._mode is _Mode.JSON:
                text, pos = self._read_json(text, pos)
            elif self._mode is _Mode.REASONING:
                text, pos = self._read_reasoning(text, pos)
            else:
                end = _LINE_END.search(text, pos)
                pos = end.end() if end else len(text)
                self._mode = _Mode.LINE if end else _Mode.SKIP

    def finish(self, *, complete: bool) -> list[str | Element]:
        """The text has ended: what its open end is worth. An open line is a line if `complete`, else it was cut off."""
        self._events = []
        if complete and self._line and self._mode is _LINE:
            self._read("\n")
        if self._mode is _Mode.JSON:
            self._json.finish(complete=complete)
            self._take_elements()
            self._line = self._json.leftover
        if self._mode is _Mode.REASONING:
            self._events.append(Element(self._reasoning, reason=Reason.REASONING))
        elif self._line.strip():
            self._events.append(self._line if complete else Element(self._line, reason=Reason.CUT_OFF))
        self._mode, self._line = _Mode.LINE, ""
        return self._events

    def _read_line(self, text: str, pos: int) -> tuple[str, int]:
        if not self._line:
            pos = self._skip_leading(text, pos)
        end = _LINE_END.search(text, pos)
        stop = end.start() if end else len(text)
        taken = min(stop, pos + MAX_LINE_CHARS - len(self._line))
        if not self._plain and (self._line or taken > pos):
            line = self._line + text[pos:taken]
            if self._opens_block(line, ended=end is not None):
                self._line = ""
                return line[self._opener_chars :] + text[taken:], 0
            self._line = line
        else:
            self._line += text[pos:taken]
        if stop > taken:
            self._events.append(Element(self._line, reason=Reason.OVERLONG))
            self._line, self._plain, self._mode = "", False, _Mode.SKIP
            return text, taken
        return self._end_line(text, end.end()) if end else (text, stop)

    def _skip_leading(self, text: str, pos: int) -> int:
        leading = (_LEADING_AFTER_JSON if self._after_json else _LEADING).match(text, pos)
        return leading.end() if leading else pos

    def _end_line(self, text: str, pos: int) -> tuple[str, int]:
        line, self._line, self._plain, self._after_json = self._line, "", False, False
        inside = _JSON_INSIDE.match(line) if "[" in line or "{" in line else None
        if inside and _opens_json(line[inside.end() :], ended=True):
            self._start_json()
            return line[inside.end() :] + "\n" + text[pos:], 0
        if line:
            self._events.append(line)
        return text, pos

    def _opens_block(self, line: str, *, ended: bool) -> bool:
        """Whether this beginning of a line opens JSON or reasoning; sets the mode if so, and `_plain` if surely not."""
        first = line[0]
        if first not in "[{<":
            self._plain = True
            return False
        tag = _REASONING_TAG.match(line)
        if tag:
            self._mode, self._opener_chars = _Mode.REASONING, tag.end()
            self._end_tag = re.compile(rf"[<\[]/{tag[1]}[>\]]", re.IGNORECASE)
            self._reasoning = self._tail = ""
            self._reasoned = 0
            return True
        opens_json = first != "<" and _opens_json(line, ended=ended)
        if opens_json:
            self._start_json()
        elif opens_json is False:
            closed = ">" in line or "]" in line or len(line) >= _LONGEST_TAG_CHARS
            self._plain = first == "{" or closed
        return bool(opens_json)

    def _start_json(self) -> None:
        self._mode, self._json, self._opener_chars = _Mode.JSON, JsonReader(), 0

    def _read_json(self, text: str, pos: int) -> tuple[str, int]:
        pos = self._json.feed(text, pos)
        self._take_elements()
        if not self._json.done:
            return text, pos
        self._mode, self._after_json = _Mode.SKIP if self._json.too_deep else _Mode.LINE, True
        self._line, self._plain = "", False
        leftover = self._json.leftover
        return (leftover + text[pos:], 0) if leftover else (text, pos)

    def _take_elements(self) -> None:
        self._events += self._json.found
        self._json.found.clear()

    def _read_reasoning(self, text: str, pos: int) -> tuple[str, int]:
        fresh = text[pos:]
        window = self._tail + fresh
        self._reasoning += fresh[: _REASONING_CHARS - len(self._reasoning)]
        end = self._end_tag.search(window)
        if end is None:
            self._reasoned += len(fresh)
            self._tail = window[-_LONGEST_TAG_CHARS:]
            return text, len(text)
        length = self._reasoned - len(self._tail) + end.start()
        self._events.append(Element(self._reasoning[:length], reason=Reason.REASONING))
        self._mode, self._plain = _Mode.LINE, False
        return window[end.end() :], 0


def _opens_json(line: str, *, ended: bool) -> bool | None:
    """Whether a line with this beginning opens JSON; None while the next character has yet to tell."""
    head = line[:_JSON_OPENER_CHARS]
    if _JSON_START.match(head):
        return True
    if len(line) < _JSON_OPENER_CHARS and _JSON_PERHAPS.fullmatch(head):
        return True if ended else None
    return False
