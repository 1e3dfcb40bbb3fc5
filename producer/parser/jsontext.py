"""An incremental reader of JSON that finds list items, for text that arrives in pieces and may be broken anywhere.

It understands arrays of strings and of objects, wrappers such as `{"items": [...]}`, JSON Lines, maps of names to
descriptions, and is lenient where models are sloppy: single quotes, missing or trailing commas, unescaped quotes inside
a string (a quote closes only where a comma, colon, bracket or line end follows). At anything else it stops and hands
what it could not use back, to be read as lines. It never raises and holds at most one string and a few names.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import NamedTuple

from producer.parser.reasons import Reason

MAX_STRING_CHARS = 2000
"""Longest string that is kept; a longer one is refused, its end is still found."""

MAX_DEPTH = 32
"""Deepest nesting that is read as JSON."""

_MAX_LITERAL_CHARS = 64

NAME_KEYS = (
    "name", "item", "title", "attribute", "value", "text", "term", "label", "entry", "word", "attraction", "answer",
)  # fmt: skip
"""Object keys that hold an item, the surest first."""

DESCRIPTION_KEYS = frozenset(
    {"description", "desc", "details", "detail", "summary", "explanation", "definition", "info", "note", "notes"}
)
_LIST_KEYS = frozenset({"items", "list", "entries", "examples", "results", "data", "children", "members", "values"})
_SIDE_KEYS = frozenset(
    {"tags", "keywords", "aliases", "alias", "categories", "coordinates", "sources", "images", "links", "synonyms"}
)
_LITERAL = re.compile(r"-?\d[\d.eE+-]*|true|false|null|True|False|None")
_SPACE = re.compile(r"[\s\ufeff]*")
_GAP = re.compile(r"[ \t]*")
_BARE = re.compile(r"[^\s,:\[\]{}\"]+")
_IN_STRING = {quote: re.compile(rf"[{quote}\\\r\n]") for quote in ('"', "'")}
_RECORD_KEY = re.compile(r"[a-z][a-z0-9]*(?:[_-]?[a-zA-Z0-9]+)*")


class Element(NamedTuple):
    """A complete item that is not a line of its own, or something refused on the way (then `reason` is set)."""

    text: str
    description: str = ""
    reason: Reason | None = None


class _State(Enum):
    BETWEEN = 0
    STRING = 1
    CLOSING = 2
    LITERAL = 3


class _Frame:
    """An open array or object."""

    __slots__ = ("description", "first", "has_list", "is_object", "is_top", "key", "name", "rank", "skipped")

    def __init__(self, *, is_object: bool, is_top: bool, skipped: bool, name: str = "") -> None:
        self.is_object = is_object
        self.is_top = is_top
        self.skipped = skipped
        self.key: str | None = None
        self.name = name
        self.rank = len(NAME_KEYS)
        self.first = ""
        self.description = ""
        self.has_list = False

    @property
    def item(self) -> str:
        return "" if self.skipped or self.has_list else self.name or self.first


class JsonReader:
    """Reads one JSON value, beginning at its bracket or brace.

    Attributes:
        done: The value has ended, or the text is no JSON; what follows is to be read as lines.
        leftover: Text that was consumed but belongs to those lines.
        too_deep: It is nested beyond `MAX_DEPTH`, so that the rest of its line is worth nothing.
        found: What has been found since the caller last emptied it.
    """

    def __init__(self) -> None:
        self.done = False
        self.leftover = ""
        self.too_deep = False
        self.found: list[Element] = []
        self._stack: list[_Frame] = []
        self._state = _State.BETWEEN
        self._parts: list[str] = []
        self._length = 0
        self._quote = '"'
        self._escaped = False
        self._gap = ""

    def feed(self, text: str, pos: int = 0) -> int:
        """Read on from `pos`; returns how far it came (less than all only when `done`)."""
        while pos < len(text) and not self.done:
            if self._state is _State.STRING:
                pos = self._read_string(text, pos)
            elif self._state is _State.CLOSING:
                pos = self._read_closing(text, pos)
            elif self._state is _State.LITERAL:
                pos = self._read_literal(text, pos)
            else:
                pos = self._read_between(text, pos)
        return pos

    def finish(self, *, complete: bool) -> None:
        """The text has ended. An unfinished string or object is an item if `complete`, otherwise it was cut off."""
        if self.done:
            return
        if self._state is _State.CLOSING:
            self._end_string()
        elif self._state is _State.STRING:
            self._finish_string(complete=complete)
        elif self._state is _State.LITERAL and complete:
            self._end_literal()
        while self._stack:
            frame = self._stack.pop()
            if frame.is_object and frame.item:
                self.found.append(Element(frame.item, frame.description, None if complete else Reason.CUT_OFF))
        self.done = True

    def _finish_string(self, *, complete: bool) -> None:
        frame = self._stack[-1]
        if complete:
            self._end_string()
        elif not frame.is_object or (frame.key is not None and not frame.item):
            self.found.append(Element(self._text(), reason=Reason.CUT_OFF))

    def _read_between(self, text: str, pos: int) -> int:
        pos = _skip(_SPACE, text, pos)
        if pos == len(text):
            return pos
        char = text[pos]
        if char in "\"'":
            self._quote, self._state = char, _State.STRING
            self._parts.clear()
            self._length = 0
        elif char in "[{":
            self._open(is_object=char == "{")
        elif char in "]}":
            self._close()
        elif char == ",":
            self._stack[-1].key = None
        elif char != ":":
            self._state = _State.LITERAL
            self._parts.clear()
            self._length = 0
            return pos
        return pos + 1

    def _read_string(self, text: str, pos: int) -> int:
        if self._escaped:
            self._escaped = False
            self._keep("\\" + text[pos])
            return pos + 1
        match = _IN_STRING[self._quote].search(text, pos)
        end = match.start() if match else len(text)
        self._keep(text[pos:end])
        if match is None:
            return end
        if match[0] == "\\":
            self._escaped = True
        elif match[0] == self._quote:
            self._state, self._gap = _State.CLOSING, ""
        elif self._stack[-1].is_object and self._stack[-1].key is not None:
            self._keep(" ")  # a paragraph break inside a value
        else:
            self._give_up(self._text())
            return end
        return end + 1

    def _read_closing(self, text: str, pos: int) -> int:
        end = _skip(_GAP, text, pos)
        self._gap = (self._gap + text[pos:end])[:_MAX_LITERAL_CHARS]
        if end == len(text):
            return end
        if text[end] in ",:]}\r\n\"'":
            self._end_string()
        else:
            self._keep("\\" + self._quote + self._gap)
            self._state = _State.STRING
        return end

    def _read_literal(self, text: str, pos: int) -> int:
        room = _MAX_LITERAL_CHARS - self._length
        end = min(_skip(_BARE, text, pos), pos + room)
        self._keep(text[pos:end])
        if end < len(text) or self._length >= _MAX_LITERAL_CHARS:
            self._end_literal()
        return end

    def _end_literal(self) -> None:
        literal = "".join(self._parts)
        self._state = _State.BETWEEN
        if not _LITERAL.fullmatch(literal):
            self._give_up(literal)
        elif literal[-1].isdigit() and self._takes_numbers():
            self._value(literal)
        else:
            self._stack[-1].key = None

    def _takes_numbers(self) -> bool:
        """Whether a number is an item here; in an element's inner arrays (coordinates, years) it is none."""
        frame = self._stack[-1]
        if frame.is_object:
            return (frame.key or "").strip().casefold() in NAME_KEYS
        return len(self._stack) == 1 or (len(self._stack) == 2 and self._stack[0].is_top)

    def _end_string(self) -> None:
        self._state = _State.BETWEEN
        frame = self._stack[-1]
        if frame.is_object and frame.key is None:
            frame.key = self._text()
        elif self._length > MAX_STRING_CHARS and not frame.is_object:
            self.found.append(Element(self._text(), reason=Reason.OVERLONG))
        else:
            self._value(self._text())

    def _value(self, text: str) -> None:
        """A complete string or number where a value stands."""
        frame = self._stack[-1]
        if not frame.is_object:
            if not frame.skipped:
                self.found.append(Element(text))
            return
        key, frame.key = frame.key or "", None
        folded = key.strip().casefold()
        if folded in NAME_KEYS:
            rank = NAME_KEYS.index(folded)
            if rank < frame.rank:
                frame.name, frame.rank = text, rank
        elif folded in DESCRIPTION_KEYS:
            frame.description = text
        elif frame.is_top and frame.rank == len(NAME_KEYS) and not frame.skipped and not _RECORD_KEY.fullmatch(key):
            # {"1": "Louvre"} numbers its items, {"Louvre": "a museum"} describes them.
            self.found.append(Element(text) if key.strip(" .#").isdigit() else Element(key, text))
            frame.has_list = True
        elif not frame.first:
            frame.first = text

    def _open(self, *, is_object: bool) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self.found.append(Element("[{" * 8, reason=Reason.MARKUP))
            self.too_deep = True
            self._give_up("")
            return
        if not self._stack:
            self._stack.append(_Frame(is_object=is_object, is_top=True, skipped=False))
            return
        frame = self._stack[-1]
        skipped, name, is_top = frame.skipped, "", False
        if frame.is_object:
            key, frame.key = frame.key or "", None
            folded = key.strip().casefold()
            known = frame.rank < len(NAME_KEYS)
            skipped = skipped or folded in _SIDE_KEYS or (known and folded not in _LIST_KEYS)
            is_top = is_object and frame.is_top
            if is_top and not skipped and not key.strip(" .#").isdigit() and not _RECORD_KEY.fullmatch(key):
                name, is_top = key, False
            frame.has_list = frame.has_list or not skipped
        self._stack.append(_Frame(is_object=is_object, is_top=is_top, skipped=skipped, name=name))

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.is_object and not frame.skipped:
            if frame.item:
                self.found.append(Element(frame.item, frame.description))
            elif frame.name and frame.has_list:
                self.found.append(Element(frame.name, reason=Reason.HEADING))
        self.done = not self._stack

    def _give_up(self, leftover: str) -> None:
        self.done, self.leftover = True, leftover
        for frame in self._stack:
            if frame.is_object and frame.item:
                self.found.append(Element(frame.item, frame.description))

    def _keep(self, piece: str) -> None:
        room = MAX_STRING_CHARS - self._length
        if room > 0:
            self._parts.append(piece[:room])
        self._length += len(piece)

    def _text(self) -> str:
        """The string read so far, its escapes decoded."""
        raw = "".join(self._parts)
        if "\\" not in raw:
            return raw
        if self._quote == "'":
            raw = re.sub(r"\\'|\"", lambda match: "'" if match[0] == "\\'" else '\\"', raw)
        try:
            return str(json.loads(f'"{raw}"', strict=False))
        except ValueError:  # an escape that JSON does not know, or one cut in two
            return re.sub(r"\\[nrt]", " ", raw).replace('\\"', '"').replace("\\", "")


def _skip(pattern: re.Pattern[str], text: str, pos: int) -> int:
    match = pattern.match(text, pos)
    return match.end() if match else pos
