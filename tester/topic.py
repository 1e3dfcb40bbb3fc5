"""What is known of the run on one topic, from its spans and its file; made to be asserted of."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

import msgspec

from contract import spans as names
from contract.text import printable
from tester.checks import CheckError
from tester.run_files import RunFiles
from tester.trace.completeness import assert_complete, is_complete
from tester.trace.conservation import assert_conserved
from tester.trace.render import explain
from tester.trace.span import Span
from tester.trace.topics import part_of
from tester.trace.trace import Trace

if TYPE_CHECKING:
    from tester.collector import Collector
    from tester.constellation import Service
    from tester.fake_provider import Entry

_BROKEN_OFF = frozenset({"interrupted", "no_provider", "producers_cannot_start", "storage", "closed"})
"""Stop reasons of runs that did not come to an end of their own."""
_SHOWN = 8
_MOMENT_S = 2.0
"""Seconds in which the spans of a process that has ended must have arrived."""


class Topic(msgspec.Struct, frozen=True):
    """The run on one topic, after its end. Made by `wait_for_topic`; every `assert_…` returns the topic itself.

    Attributes:
        name: The topic.
        trace: All spans of the run; in web mode those of its topic process and its producers, see `part_of`.
        attributes: The lines of its attributes.txt, those of earlier runs included.
        file: That file; None if the run wrote none.
    """

    name: str
    trace: Trace
    attributes: tuple[str, ...]
    file: Path | None

    @classmethod
    async def wait_for_topic(
        cls,
        name: str,
        collector: Collector,
        timeout: float,  # noqa: ASYNC109 - a wait that says what is missing, not a bare time-out
        *,
        trace_id: str | None = None,
        service: Service | None = None,
    ) -> Topic:
        """Wait until all spans of the run on a topic have been received.

        Args:
            name: The topic.
            collector: What receives the spans.
            timeout: Seconds.
            trace_id: Of the run that is meant, where there are several on the topic, such as a `Service`'s; the one
                that was started last, of those that have ended, if None.
            service: Who has the run: when it has ended, its spans are waited for no longer than a moment, and a
                failure says how it ended. One of web mode goes on after the run.

        Raises:
            CheckError: They have not been within the time, or the run's file cannot be read; says what is missing.
        """
        wanted = _canonical(name)
        found: list[Span] = []

        def complete(spans: tuple[Span, ...]) -> bool:
            runs = [span for span in spans if span.name == names.RUN and span.attributes.get(names.TOPIC) == wanted]
            found[:] = sorted(runs, key=lambda span: span.start_ns)[-1:]
            return bool(found) and is_complete(_part(spans, found[0]))

        if service is not None:
            trace_id = trace_id or service.trace_id
        await _wait(collector, complete, timeout, trace_id, service)
        if not found and service is not None and not service.running:
            raise CheckError(f"no run on {printable(wanted)!r} in the trace of {service.last_words()}")
        if not found:
            _fail_without_a_run(wanted, collector.store.spans(trace_id), timeout)
        trace = _part(collector.store.spans(found[0].trace_id), found[0])
        assert_complete(trace)
        file = _file(trace)
        return cls(wanted, trace, tuple(RunFiles(file.parent).lines()) if file else (), file)

    @property
    def stop_reason(self) -> str:
        """Why the run ended, such as `iterations`, `max_attributes`, `exhausted` or `interrupted`."""
        return str(self.trace.root.attributes.get(names.STOP_REASON, ""))

    @property
    def duration_s(self) -> float:
        """Seconds from the run's start to its end."""
        return self.trace.root.duration_s

    def assert_completed(self) -> Self:
        """The run came to an end of its own, without a failure."""
        root = self.trace.root
        if root.status == "error" or self.stop_reason in _BROKEN_OFF or not self.stop_reason:
            seen = f"status {root.status}, stop reason {self.stop_reason!r} {root.message}".rstrip()
            raise self._error("the run was completed", "an end of its own", seen, [root])
        return self

    def assert_min_attributes(self, number: int) -> Self:
        """At least so many attributes were found: by the run's own count, and as lines in its file."""
        unique = int(self.trace.root.number(names.ITEMS_UNIQUE))
        if unique < number or len(self.attributes) < number:
            seen = f"{unique} by the run's count, {len(self.attributes)} lines in {self.file or 'no file'}"
            raise self._error("attributes", f"at least {number}", seen, [self.trace.root])
        return self

    def assert_max_attributes(self, number: int) -> Self:
        """At most so many attributes are in the file."""
        if len(self.attributes) > number:
            raise self._error("attributes", f"at most {number}", str(len(self.attributes)), [self.trace.root])
        return self

    def assert_unique(self) -> Self:
        """No attribute stands in the file twice."""
        twice = [text for text, times in Counter(self.attributes).items() if times > 1]
        if twice:
            raise self._error("attributes that stand in the file twice", "none", repr(twice[:_SHOWN]), [])
        return self

    def assert_producers(self, number: int) -> Self:
        """The run had so many producers; those that replaced another stand in the other's place."""
        places = {span.attributes.get(names.PRODUCER_INDEX) for span in self.trace.named(names.SPAWN)}
        if len(places) != number:
            raise self._error("producers", str(number), str(len(places)), self.trace.named(names.SPAWN))
        return self

    def assert_no_errors(self) -> Self:
        """No span failed, attempts that were made up for by a later one included."""
        failed = [span for span in self.trace if span.status == "error"]
        if failed:
            raise self._error("spans that failed", "none", str(len(failed)), failed)
        return self

    def assert_conserved(
        self, *, lines: int | None = None, rows: int | None = None, served: Sequence[Entry] | None = None
    ) -> Self:
        """What the spans count adds up, and agrees with what was written; see `conservation.assert_conserved`.

        Args:
            lines: Lines that this run added to the file; None if that is not known.
            rows: Items that it added to run.db; None if that is not known.
            served: The ledger of the fake provider that it had, if it had one.
        """
        assert_conserved(self.trace, lines=lines, rows=rows, served=served)
        return self

    def summary(self) -> str:
        """The run in figures, one a line."""
        root = self.trace.root
        producers = {span.attributes.get(names.PRODUCER_INDEX) for span in self.trace.named(names.SPAWN)}
        exits, spawned = self.trace.named(names.PRODUCER_EXITED), self.trace.named(names.SPAWN)
        tokens = [f"{root.number(name):,.0f}" for name in (names.INPUT_TOKENS, names.OUTPUT_TOKENS)]
        rows = {
            "topic": printable(self.name),
            "ended": f"{self.stop_reason or 'for no known reason'} after {self.duration_s:.2f} s",
            "attributes": f"{len(self.attributes)} in {self.file or 'no file'}",
            "this run": f"{root.number(names.ITEMS_NEW):.0f} new, {root.number(names.ITEMS_DUPLICATE):.0f} duplicate",
            "producers": f"{len(producers)}, {len(spawned) - len(producers)} replaced, {len(exits)} ended",
            "orders": f"{len(self.trace.named(names.ORDER))}",
            "tokens": f"{tokens[0]} in, {tokens[1]} out, {root.number(names.COST_USD):.4f} US dollars",
            "spans": f"{len(self.trace)}, {sum(span.status == 'error' for span in self.trace)} failed",
            "trace": root.trace_id,
        }
        return "\n".join(f"{label:<12}{value}" for label, value in rows.items())

    def print_summary(self) -> Self:
        """Print the run in figures on stdout."""
        sys.stdout.write(f"{self.summary()}\n")
        return self

    def _error(self, asserted: str, expected: str, seen: str, offending: Iterable[Span]) -> CheckError:
        return explain(self.trace, f"topic {self.name!r}: {asserted}", expected, seen, tuple(offending))


def _canonical(topic: str) -> str:
    """As the run itself names it: white space does not matter."""
    return " ".join(topic.split())


def _part(spans: Iterable[Span], run: Span) -> Trace:
    return part_of(Trace(span for span in spans if span.trace_id == run.trace_id), run)


def _file(trace: Trace) -> Path | None:
    """The attributes.txt that the run wrote to, by its spans."""
    paths = [path for span in trace.named(names.WRITE) if isinstance(path := span.attributes.get(names.FILE_PATH), str)]
    return Path(paths[-1]) if paths else None


async def _wait(
    collector: Collector,
    condition: Callable[[tuple[Span, ...]], bool],
    timeout_s: float,
    trace_id: str | None,
    service: Service | None,
) -> None:
    """Wait for a condition on the spans; once the service has ended, for a moment only."""
    waiting = asyncio.ensure_future(collector.store.wait_for_async(condition, timeout_s, trace_id))
    try:
        if service is not None:
            ending = asyncio.ensure_future(service.until_ended(timeout_s))
            await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            await asyncio.wait({waiting}, timeout=_MOMENT_S)
        else:
            await waiting
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def _fail_without_a_run(topic: str, spans: Iterable[Span], waited_s: float) -> NoReturn:
    received = tuple(spans)
    topics = sorted({str(span.attributes.get(names.TOPIC)) for span in received if span.name == names.RUN})
    traces = len({span.trace_id for span in received})
    raise CheckError(
        printable(
            f"a run on {topic!r} should have ended within {waited_s:g} s, but none did; "
            f"{len(received)} spans of {traces} traces were received; runs that ended: {topics[:_SHOWN] or 'none'}"
        )
    )
