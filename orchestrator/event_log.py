"""A topic's event log as it is written: `events.jsonl`, one line for what a person should know of its runs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from archive.event_log import EVENTS_NAME, newest_first
from archive.filesystem import AppendHandle, FileSystem
from contract.errors import ExitCode
from contract.service import TopicEvent
from contract.text import printable
from orchestrator.events import ItemFound, Result, RunEvent
from orchestrator.words import Words, count, in_words, money, plural, recovery_lines, span

if TYPE_CHECKING:
    from orchestrator.run import Run

log = logging.getLogger(__name__)

LINES_AT_ONCE = 20
"""So many lines of one kind are written in a window; the others are counted, and told as one line at its end."""
WINDOW_S = 1.0
MAX_WINDOW_S = 60.0
"""A window is twice as long as one that overflowed before it, at most this: a storm of a day fills no disk."""
MAX_TEXT_CHARS = 1000


class _Window:
    """Lines of one kind that came close together."""

    def __init__(self, words: Words, began: float, lasts_s: float) -> None:
        self.words = words
        self.began = began
        self.lasts_s = lasts_s
        self.written = 0
        self.more = 0

    def is_over(self, now: float) -> bool:
        """Whether it has ended; a clock that was set back ends it too."""
        return not self.began <= now < self.began + self.lasts_s

    def takes(self) -> bool:
        """Whether a further line may be written; if not, it is counted."""
        if self.written < LINES_AT_ONCE:
            self.written += 1
            return True
        self.more += 1
        return False


class EventLog:
    """Appends to the event log of one topic; its numbers go on where the last run's ended.

    A disk that fails ends nothing: it is logged once, and each later line is tried anew. Only the holder of the
    folder's lock may write: make it after `Store.open`.

    Args:
        folder: The topic's folder.
        filesystem: Where that is.
        clock: Unix seconds.
    """

    def __init__(self, folder: Path, filesystem: FileSystem, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / EVENTS_NAME
        self._filesystem = filesystem
        self._clock = clock
        self._seq = 0
        self._torn = False
        self._complained = False
        self._windows: dict[str, _Window] = {}
        self._run = "the run"
        self._file: AppendHandle | None = None
        try:
            self._seek_end()
            self._file = filesystem.append(self._path)
        except OSError as error:
            self._complain(error)

    def _seek_end(self) -> None:
        """Find the last number, and whether the last line is whole."""
        if not self._filesystem.exists(self._path):
            return
        with self._filesystem.open_read(self._path) as stream:
            end = stream.seek(0, os.SEEK_END)
            self._seq = next((event.seq for event in newest_first(stream, end)), 0)
            stream.seek(max(0, end - 1))
            self._torn = end > 0 and stream.read(1) != b"\n"

    # --- a run's course ------------------------------------------------------------------------------------

    def started(self, run: Run, number: int) -> list[TopicEvent]:
        """Write what opening the folder repaired, and what begins; `number` is what `Store.begin_run` returned."""
        self._run = f"run {number}"
        known = run.store.totals().unique
        begins = f"{self._run} begins: {plural(run.settings.producers, 'producer')}, {', '.join(run.router.states)}"
        if known:
            begins += f", continuing with {plural(known, 'item')}"
        lines = [*recovery_lines(run.store.recovered), begins]
        return self._write([self._event(Words("info", "started", line)) for line in lines])

    def round(self, events: Sequence[RunEvent]) -> list[TopicEvent]:
        """Write what of these events a person should know; returns what was written.

        To be called in every round, also without events: what had to be held back is told then.
        """
        now = self._clock()
        lines = self._overflow(now)
        for event in events:
            if isinstance(event, ItemFound):  # most of them are
                continue
            words = in_words(event)
            if words is not None and self._window(words, now).takes():
                lines.append(self._event(words))
        return self._write(lines)

    def ended(self, result: Result) -> list[TopicEvent]:
        """Write why the run ended, and its figures."""
        failed = result.exit_code not in (ExitCode.DONE, ExitCode.INTERRUPTED)
        figures = (
            plural(result.unique, "item"),
            f"{count(result.new)} of them new",
            plural(result.calls, "call") + (f" ({count(result.failed_calls)} failed)" if result.failed_calls else ""),
            f"{count(result.input_tokens + result.output_tokens)} tokens",
            f"cost {money(result.cost_usd)}",
            span(result.duration_s),
        )
        text = f"{self._run} ended: {result.explanation}; {', '.join(figures)}"
        lines = self._overflow(float("inf"))
        return self._write([*lines, self._event(Words("error" if failed else "info", "ended", text))])

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    # --- storms --------------------------------------------------------------------------------------------

    def _window(self, words: Words, now: float) -> _Window:
        if words.kind not in self._windows:
            self._windows[words.kind] = _Window(words, now, WINDOW_S)
        return self._windows[words.kind]

    def _overflow(self, now: float) -> list[TopicEvent]:
        """A line for each window that is over and was given more than it could hold."""
        lines: list[TopicEvent] = []
        for kind, window in list(self._windows.items()):
            if not window.is_over(now):
                continue
            if window.more:
                words = window.words._replace(text=f"… and {count(window.more)} more like this")
                lines.append(self._event(words))
                self._windows[kind] = _Window(words, now, min(MAX_WINDOW_S, 2 * window.lasts_s))
            else:
                del self._windows[kind]
        return lines

    # --- writing -------------------------------------------------------------------------------------------

    def _event(self, words: Words) -> TopicEvent:
        text = printable(words.text)
        if len(text) > MAX_TEXT_CHARS:
            text = text[:MAX_TEXT_CHARS] + "…"
        self._seq += 1
        return TopicEvent(self._seq, self._clock(), words.level, words.kind, text)

    def _write(self, events: list[TopicEvent]) -> list[TopicEvent]:
        if events and self._file is not None:
            data = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
            try:
                self._file.write(b"\n" + data if self._torn else data)
                self._torn = False
            except OSError as error:
                self._torn = True  # a part of the line may stand there
                self._complain(error)
        return events

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            log.warning("the event log %s cannot be written: %s; the run goes on", self._path, error.strerror or error)
