"""Whether what the spans count adds up, from the parser to the file, and with what the fake provider served.

Items are neither lost nor made up between processes: parsed = sent = received (or late) and received = new + duplicate
+ held + blank + parts + judgements (what plans and validations name is no item); the new ones are those written, the
root's, the lines of attributes.txt and the rows of run.db. What a killed process had in hand is excused, and nothing
else. In web mode all of it holds for each topic's run by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from contract import spans as names
from tester.trace.completeness import assert_complete
from tester.trace.lifecycle import child_pid, killed_pids, orchestrator_killed
from tester.trace.render import explain, label
from tester.trace.select import Spans
from tester.trace.span import Span
from tester.trace.topics import in_web_mode, topic_runs
from tester.trace.trace import Trace

if TYPE_CHECKING:
    from tester.fake_provider import Entry

_FATES = (
    names.ITEMS_NEW,
    names.ITEMS_DUPLICATE,
    names.ITEMS_HELD,
    names.ITEMS_BLANK,
    names.ITEMS_PARTS,
    names.ITEMS_JUDGEMENTS,
)
"""What becomes of a received item."""


class Conservation(msgspec.Struct, frozen=True):
    """Sums over a trace.

    Attributes:
        orders: Orders that a producer has ended, retries included.
        inferences: Calls to a model.
        requests: HTTP requests.
        parsed: Items found in answers.
        sent: Items sent to the orchestrator.
        received: Items taken in.
        late: Items that came after their order had been closed.
        new: Items never seen before.
        duplicate: Items seen before.
        held: New items beyond the limit.
        blank: Items without text.
        written: Lines written.
        input_tokens: Of calls that went well.
        output_tokens: Of calls that went well.
    """

    orders: int
    inferences: int
    requests: int
    parsed: float
    sent: float
    received: float
    late: float
    new: float
    duplicate: float
    held: float
    blank: float
    written: float
    input_tokens: float
    output_tokens: float


def conservation(trace: Trace) -> Conservation:
    """Add up what the spans count."""
    orders, processed = trace.select(name=names.ORDER), trace.select(name=names.PROCESS_ITEMS)
    called = inferences(trace)
    well = called - called.failed()
    return Conservation(
        orders=len(orders),
        inferences=len(called),
        requests=len(trace.named(names.ATTEMPT)),
        parsed=orders.sum(names.ITEMS_PARSED),
        sent=trace.select(name=names.SEND_ITEMS).sum(names.ITEMS_SENT),
        received=processed.sum(names.ITEMS_RECEIVED),
        late=processed.sum(names.ITEMS_LATE),
        new=processed.sum(names.ITEMS_NEW),
        duplicate=processed.sum(names.ITEMS_DUPLICATE),
        held=processed.sum(names.ITEMS_HELD),
        blank=processed.sum(names.ITEMS_BLANK),
        written=trace.select(name=names.WRITE).sum(names.ITEMS_WRITTEN),
        input_tokens=well.sum(names.GEN_AI_INPUT_TOKENS),
        output_tokens=well.sum(names.GEN_AI_OUTPUT_TOKENS),
    )


def inferences(trace: Trace) -> Spans:
    """The calls to a model: spans named `{operation} {model}`."""
    called = (span for span in trace if names.GEN_AI_OPERATION in span.attributes)
    return Spans(trace, called, "calls to a model")


def assert_conserved(
    trace: Trace,
    *,
    lines: int | None,
    rows: int | None,
    served: Sequence[Entry] | None,
    killed: Collection[int] = (),
) -> Conservation:
    """Assert that everything adds up.

    Args:
        trace: A run's, a service's, or the `TopicRun.trace` of one run of a service; its `killed` belongs to it.
        lines: Lines that the run added to attributes.txt; None if that is not known.
        rows: Items that the run added to run.db; None if that is not known.
        served: The fake provider's ledger of this run's requests (`Served.entries()`), or None if it had another
            provider.
        killed: Process ids known to have been killed, besides those of which the trace says so. With the orchestrator's
            among them only what is left of the laws is asserted: no fewer lines than were written, and so on.

    Raises:
        CheckError: All laws that are broken, and the spans that break the first.
        ValueError: Lines or rows are given, but the trace is of a service: they are those of one `TopicRun`'s trace.
    """
    dead = killed_pids(trace, killed)
    whole = _Laws(trace, dead, orchestrator_killed=orchestrator_killed(trace, killed))
    parts = [whole]
    if in_web_mode(trace):
        if not (lines is None and rows is None):
            raise ValueError("lines and rows are those of one run: take its part of the trace, see topic_runs")
        parts = [_Laws(run.trace, dead, orchestrator_killed=bool(run.killed)) for run in topic_runs(trace, killed)]
    breaches = [
        breach
        for laws in parts
        for breach in (*laws.orders(), *laws.batches(), *laws.fates(), *laws.files(lines, rows))
    ]
    if served is not None:
        breaches += [*whole.tokens(served), *whole.requests(served)]
    breaches += [breach for laws in parts for breach in laws.totals()]
    if breaches:
        first, *others = breaches
        raise explain(
            trace,
            first.asserted,
            first.expected,
            first.seen,
            first.spans,
            details=[f"also {other.asserted}: {other.expected} expected, {other.seen} seen" for other in others],
        )
    return conservation(trace)


def assert_all(
    trace: Trace,
    *,
    lines: int | None,
    rows: int | None,
    served: Sequence[Entry] | None,
    killed: Collection[int] = (),
) -> Conservation:
    """Assert that the trace is complete and that everything adds up; see `assert_complete`, `assert_conserved`."""
    assert_complete(trace, killed)
    return assert_conserved(trace, lines=lines, rows=rows, served=served, killed=killed)


class _Breach(NamedTuple):
    """A law that does not hold, and the spans that break it."""

    asserted: str
    expected: str
    seen: str
    spans: Collection[Span]


class _Laws:
    """Of one run; those of tokens and requests also of several.

    Args:
        trace: Its spans.
        dead: Process ids of those that a signal ended.
        orchestrator_killed: Whether the process that led the run is among them.
    """

    def __init__(self, trace: Trace, dead: frozenset[int], *, orchestrator_killed: bool) -> None:
        self._trace = trace
        self._dead = dead
        self._orchestrator_killed = orchestrator_killed

    def orders(self) -> Iterator[_Breach]:
        """What an order's answer held was sent, unless nobody was left to take it."""
        for order in self._trace.named(names.ORDER):
            if order.pid in self._dead:
                continue
            sends = [span for span in self._trace.children(order) if span.name == names.SEND_ITEMS]
            parsed, sent = order.number(names.ITEMS_PARSED), _total(sends, names.ITEMS_SENT)
            if sent > parsed or (sent < parsed and not self._orchestrator_killed):
                asserted = f"items sent by {label(order)}"
                yield _Breach(asserted, f"{parsed:g} ({names.ITEMS_PARSED})", f"{sent:g}", [order, *sends])

    def batches(self) -> Iterator[_Breach]:
        """What was sent was received.

        A window of the receiver need not end with one of the sender: where they share links, their sums agree.
        """
        if self._orchestrator_killed:
            return
        sends, processed = self._trace.named(names.SEND_ITEMS), self._trace.named(names.PROCESS_ITEMS)
        for group in self._trace.connected([*sends, *processed]):
            sent_by = [span for span in group if span.name == names.SEND_ITEMS]
            taken_by = [span for span in group if span.name == names.PROCESS_ITEMS]
            # A process that was killed while it sent took with it what it had in hand.
            if any({span.pid, child_pid(span)} & self._dead for span in group):
                continue
            sent = _total(sent_by, names.ITEMS_SENT)
            received, late = _total(taken_by, names.ITEMS_RECEIVED), _total(taken_by, names.ITEMS_LATE)
            if sent != received + late:
                asserted = f"items received of {label(sent_by[0])}" if sent_by else "items received of nobody"
                seen = f"{received:g} and {late:g} late"
                yield _Breach(asserted, f"{sent:g} ({names.ITEMS_SENT})", seen, [*sent_by, *taken_by])

    def fates(self) -> Iterator[_Breach]:
        """Every received item is new, a duplicate, held or blank, or what a plan or a judgement named."""
        for span in self._trace.named(names.PROCESS_ITEMS):
            received, fates = span.number(names.ITEMS_RECEIVED), [span.number(fate) for fate in _FATES]
            if received != sum(fates):
                expected = f"{received:g} ({names.ITEMS_RECEIVED})"
                seen = " + ".join(f"{count:g}" for count in fates)
                yield _Breach(
                    f"new + duplicate + held + blank + parts + judgements of {label(span)}", expected, seen, [span]
                )

    def files(self, lines: int | None, rows: int | None) -> Iterator[_Breach]:
        """New items are those written, those of the root, of attributes.txt and of run.db."""
        processed, writes = self._trace.named(names.PROCESS_ITEMS), self._trace.named(names.WRITE)
        new, written = _total(processed, names.ITEMS_NEW), _total(writes, names.ITEMS_WRITTEN)
        if self._orchestrator_killed:
            # Spans of the last moment are lost, what they stand for is not.
            if lines is not None and lines < written:
                yield _Breach("lines added to attributes.txt", f"at least {written:g}", str(lines), writes)
            if rows is not None and rows < new:
                yield _Breach("items added to run.db", f"at least {new:g}", str(rows), processed)
            return
        expected = f"{new:g} ({names.ITEMS_NEW} of all {names.PROCESS_ITEMS!r})"
        if written != new:
            unequal = self._unequal_writes(processed, writes)
            yield _Breach(f"{names.ITEMS_WRITTEN} of all {names.WRITE!r}", expected, f"{written:g}", unequal or writes)
        for root in self._trace.named(names.RUN):
            if (told := root.number(names.ITEMS_NEW)) != new:
                yield _Breach(f"{names.ITEMS_NEW} of {label(root)}", expected, f"{told:g}", [root])
        for what, count in (("lines added to attributes.txt", lines), ("items added to run.db", rows)):
            if count is not None and count != new:
                yield _Breach(what, expected, str(count), writes)

    def totals(self) -> Iterator[_Breach]:
        """What the run says of itself is what its spans add up to."""
        for root in () if self._orchestrator_killed else self._trace.named(names.RUN):
            yield from self._totals(root)

    def _totals(self, root: Span) -> Iterator[_Breach]:
        sums: dict[str, tuple[float, Sequence[Span]]] = {}
        processed, orders = self._trace.named(names.PROCESS_ITEMS), self._trace.named(names.ORDER)
        sums[names.ITEMS_DUPLICATE] = _total(processed, names.ITEMS_DUPLICATE), processed
        cut_off = any(order.attributes.get(names.ERROR_TYPE) == "cancelled" for order in orders)
        if not self._dead and not cut_off:
            # A killed producer did not tell of its orders; one that is cut off at the end may tell nobody any more.
            called = inferences(self._trace)
            sums[names.ORDERS] = len(orders), orders
            sums[names.ITEMS_REFUSED] = _total(orders, names.ITEMS_REFUSED), orders
            sums[names.INPUT_TOKENS] = called.sum(names.GEN_AI_INPUT_TOKENS), tuple(called)
            sums[names.OUTPUT_TOKENS] = called.sum(names.GEN_AI_OUTPUT_TOKENS), tuple(called)
        for name, (wanted, spans) in sums.items():
            if (told := root.number(name)) != wanted:
                yield _Breach(
                    f"{name} of {label(root)}", f"{wanted:g} (the sum of the spans)", f"{told:g}", [root, *spans]
                )

    def _unequal_writes(self, processed: Sequence[Span], writes: Sequence[Span]) -> list[Span]:
        """Writes, with what they link to, that wrote another number of items than there were new ones."""
        return [
            span
            for group in self._trace.connected([*processed, *writes])
            if _total(group, names.ITEMS_NEW) != _total(group, names.ITEMS_WRITTEN)
            for span in sorted(group, key=lambda span: span.name != names.WRITE)
        ]

    def tokens(self, served: Sequence[Entry]) -> Iterator[_Breach]:
        """Each call that went well has the tokens of a response of its own; no response is left over.

        A call that failed before it knew its response's id, and one of a killed process, may have had any. Usage that
        we had to estimate is nobody's word.
        """
        called, responses = inferences(self._trace), {entry.response_id: entry for entry in served}
        calls: dict[str, list[Span]] = defaultdict(list)
        for span in called:
            calls[str(span.attributes.get(names.GEN_AI_RESPONSE_ID) or "")].append(span)
        for response_id, spans in calls.items():
            if response_id and len(spans) > 1:
                yield _Breach(f"calls with response {response_id!r}", "1", str(len(spans)), spans)
            for span in spans:
                told = span.status != "error" and not span.attributes.get(names.USAGE_ESTIMATED)
                if told and (breach := _misreported(span, responses.get(response_id) if response_id else None)):
                    yield breach
        left = [
            entry for entry in served if (entry.input_tokens or entry.output_tokens) and entry.response_id not in calls
        ]
        unknown = sum(span.status == "error" for span in calls.get("", ()))
        if len(left) > unknown and not self._dead:
            asserted = "responses whose tokens no call has"
            yield _Breach(asserted, f"at most {unknown}", f"{len(left)}, first {left[0].response_id!r}", called)

    def requests(self, served: Sequence[Entry]) -> Iterator[_Breach]:
        """Each HTTP request arrived; one that failed without an answer may have got lost on its way."""
        posts = self._trace.named(names.ATTEMPT)
        answered = [span for span in posts if span.status != "error" or names.HTTP_STATUS in span.attributes]
        arrived = len(served)
        if arrived < len(answered) or (arrived > len(posts) and not self._dead):
            expected = f"{arrived} (the provider's ledger)"
            seen = f"{len(posts)} ({len(posts) - len(answered)} of them without an answer)"
            yield _Breach(f"{names.ATTEMPT!r} spans", expected, seen, posts)


def _total(spans: Collection[Span], attribute: str) -> float:
    return sum(span.number(attribute) for span in spans)


def _misreported(span: Span, response: Entry | None) -> _Breach | None:
    told = (
        span.attributes.get(names.GEN_AI_MODEL),
        *map(span.number, (names.GEN_AI_INPUT_TOKENS, names.GEN_AI_OUTPUT_TOKENS)),
    )
    asserted = f"model, input and output tokens of {label(span)}"
    if response is None:
        response_id = span.attributes.get(names.GEN_AI_RESPONSE_ID)
        return _Breach(asserted, "those of a response in the ledger", f"{told} of response {response_id!r}", [span])
    reported = response.model, response.input_tokens, response.output_tokens
    return None if told == reported else _Breach(asserted, f"{reported} (the provider's ledger)", str(told), [span])
