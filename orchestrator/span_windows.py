"""Spans that stand for what came within a window of time, however many messages or writes that was."""

from __future__ import annotations

import time
from collections.abc import Sequence

from opentelemetry.trace import Span

from contract import spans
from orchestrator.observer import Taken
from orchestrator.store import Written

_MOST_LINKS = 100


class ProcessWindow:
    """An open `process items` span: what has been taken in of one `send items` span."""

    def __init__(self, span: Span, began_ns: int) -> None:
        self.span = span
        self.opened = time.monotonic()
        self._began_ns = self._ended_ns = began_ns
        self._batches = 0
        self._received = self._new = self._duplicate = self._held = self._blank = self._late = 0
        self._parts = self._judgements = 0

    def take(self, taken: Taken) -> ProcessWindow:
        """Count one batch."""
        self._batches += 1
        self._ended_ns = max(self._began_ns, time.time_ns())
        count, outcome = len(taken.batch.items), taken.outcome
        if taken.instead:
            self._received += count
            self._parts += count if taken.instead == "parts" else 0
            self._judgements += count if taken.instead == "judgements" else 0
            return self
        if outcome is None:
            self._late += count
            return self
        new = len(outcome.new)
        self._received += count
        self._new += new
        self._duplicate += outcome.duplicate
        self._held += outcome.held
        self._blank += outcome.blank
        return self

    def end(self) -> None:
        """Tell what was counted."""
        self.span.set_attributes(
            {
                spans.MESSAGING_COUNT: self._batches,
                spans.ITEMS_RECEIVED: self._received,
                spans.ITEMS_NEW: self._new,
                spans.ITEMS_DUPLICATE: self._duplicate,
            }
        )
        for name, count in (
            (spans.ITEMS_HELD, self._held),
            (spans.ITEMS_BLANK, self._blank),
            (spans.ITEMS_LATE, self._late),
            (spans.ITEMS_PARTS, self._parts),
            (spans.ITEMS_JUDGEMENTS, self._judgements),
        ):
            if count:
                self.span.set_attribute(name, count)
        self.span.end(self._ended_ns)


class WriteWindow:
    """An open `write attributes` span: the writes of a window."""

    def __init__(self, span: Span, began_ns: int) -> None:
        self.span = span
        self.opened = time.monotonic()
        self._began_ns = began_ns
        self._last: Written | None = None
        self._lines = self._writes = self._busy_ns = 0
        self._linked: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether it has so many links that further ones might be dropped."""
        return len(self._linked) >= _MOST_LINKS

    def take(self, written: Written, windows: Sequence[ProcessWindow]) -> None:
        """Count one write, and link it to the windows whose new items it wrote."""
        self._last = written
        self._lines += written.lines
        self._writes += 1
        self._busy_ns += written.ended_ns - written.began_ns
        for window in windows:
            context = window.span.get_span_context()
            if context.span_id not in self._linked:
                self._linked.add(context.span_id)
                self.span.add_link(context)

    def end(self) -> None:
        """Tell what was counted."""
        self.span.set_attributes(
            {
                spans.ITEMS_WRITTEN: self._lines,
                spans.WRITES: self._writes,
                spans.WRITE_SECONDS: self._busy_ns / 1e9,
                spans.FILE_SIZE: self._last.size if self._last is not None else 0,
            }
        )
        self.span.end(max(self._began_ns, self._last.ended_ns if self._last is not None else 0))
