"""The item parser: an LLM's answer, streamed in chunks of any size, to list items as they become complete."""

from __future__ import annotations

import msgspec

from contract.messages import Item, Refusal
from producer.parser.hygiene import shorten
from producer.parser.jsontext import Element
from producer.parser.line import Finding, LineReader
from producer.parser.loops import Loops
from producer.parser.marks import Mark
from producer.parser.reasons import AGGREGATED, Reason
from producer.parser.stream import TextStream

REFUSAL_CHARS = 200
"""How much of a refused text is kept."""


class Parsed(msgspec.Struct, frozen=True):
    """What became complete, in the order of the text.

    Attributes:
        items: New items of this response.
        refused: What was no item; a run of repeats (counters, empty lines, markup) is one refusal with a count, and is
            reported when something else ends the run.
    """

    items: tuple[Item, ...] = ()
    refused: tuple[Refusal, ...] = ()


_NOTHING = Parsed()


class ItemParser:
    """Parses one response. Never raises, whatever the text; keeps at most one line and the response's item keys.

    Any cutting of the same text into chunks gives the same items and refusals. Four kinds of lines wait for the next
    one: a bold line without a mark and a marked line with a colon at its end are headings if a list follows below them,
    a table's first row is its header if a separator follows, and a first line of three parts between commas is one item
    if the next line has as many.

    Args:
        max_item_chars: Longest item; a longer one is refused as `overlong`.
        max_repeats: How often a cycle of 1 to 6 items may come again before the response is `looping`.

    Attributes:
        items: Items so far.
        refused: Refused pieces so far, each one of a run counted.
    """

    def __init__(self, *, max_item_chars: int = 200, max_repeats: int = 3) -> None:
        self.items = 0
        self.refused = 0
        self._stream = TextStream()
        self._reader = LineReader(max_item_chars)
        self._loops = Loops(max_repeats)
        self._held: Finding | None = None
        self._run: Refusal | None = None
        self._new_items: list[Item] = []
        self._new_refused: list[Refusal] = []

    @property
    def looping(self) -> bool:
        """Whether the response only repeats itself now, so that reading on is not worth its price."""
        return self._loops.looping

    def feed(self, text: str) -> Parsed:
        """Take the next chunk of the answer, and return what it completed."""
        events = self._stream.feed(text)
        if not events:
            return _NOTHING
        self._take(events)
        return self._drain()

    def finish(self, *, complete: bool) -> Parsed:
        """The stream has ended; return what was still open.

        Args:
            complete: The model finished by itself, so an unterminated last line is whole. False for a cut stream or the
                finish reason `length`: that line is refused as `cut_off`.
        """
        self._take(self._stream.finish(complete=complete))
        for finding in self._reader.finish():
            self._weigh(finding)
        self._release(None)
        self._end_run()
        return self._drain()

    def _take(self, events: list[str | Element]) -> None:
        for event in events:
            if isinstance(event, str):
                findings = self._reader.read(event)
            elif event.reason is None:
                findings = self._reader.read_element(event.text, event.description)
            else:
                findings = [Finding(event.text, reason=event.reason)]
            for finding in findings:
                self._weigh(finding)

    def _drain(self) -> Parsed:
        if not self._new_items and not self._new_refused:
            return _NOTHING
        parsed = Parsed(tuple(self._new_items), tuple(self._new_refused))
        self._new_items.clear()
        self._new_refused.clear()
        return parsed

    def _weigh(self, finding: Finding) -> None:
        if self._held is not None:
            self._release(finding)
        if finding.hold and finding.reason is None:
            self._held = finding
        else:
            self._emit(finding)

    def _release(self, following: Finding | None) -> None:
        """Decide the line that waited, now that the next one (or the end) is there."""
        held, self._held = self._held, None
        if held is None:
            return
        if held.parts and not (following is not None and following.row and following.reason is None):
            for part in held.parts:
                self._emit(part)
            return
        if following is not None and _makes_heading(held.mark, following.mark):
            held = held._replace(reason=Reason.HEADING)
        self._emit(held)

    def _emit(self, finding: Finding) -> None:
        reason = finding.reason
        if reason is not None:
            self._loops.barren_line()
        else:
            reason = self._loops.refuse(finding.text)
        if reason is None:
            if self._run is not None:
                self._end_run()
            self.items += 1
            self._new_items.append(Item(finding.text, finding.description))
        else:
            self._refuse(finding.text, reason)

    def _refuse(self, text: str, reason: Reason) -> None:
        self.refused += 1
        run = self._run
        if run is not None and run.reason == reason:
            self._run = Refusal(run.text, run.reason, run.count + 1)
            return
        self._end_run()
        refusal = Refusal(shorten(text, REFUSAL_CHARS), reason.value)
        if reason in AGGREGATED:
            self._run = refusal
        else:
            self._new_refused.append(refusal)

    def _end_run(self) -> None:
        if self._run is not None:
            self._new_refused.append(self._run)
            self._run = None


def _makes_heading(held: Mark, following: Mark) -> bool:
    if held is Mark.ROW:
        return following is Mark.RULE
    return following in (Mark.BULLET, Mark.NUMBER) and following is not held
