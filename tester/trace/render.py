"""Spans as text: one line each, as a tree with times, and as the end of a failure's message."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from contract import spans as names
from contract.text import printable
from tester.checks import CheckError
from tester.trace.span import Span, Value

if TYPE_CHECKING:
    from tester.trace.trace import Trace

WIDTH = 160
"""Characters of a line at most."""
FOLD = 5
"""Siblings of one name and status that are shown; the others are counted."""
SHOWN = 5
"""Spans that a failure shows at most."""
DETAILS = 12
"""Further lines that a failure lists at most."""
_INDENTATIONS = 20
"""Levels that are indented; deeper ones stand below each other."""
_ID_DIGITS = 6
_LINKS_SHOWN = 3
_VALUE_CHARACTERS = 40
_MESSAGE_CHARACTERS = 60
_SENTENCE_CHARACTERS = 1000

_TELLING = {
    names.TOPIC: "app.",
    names.TOPIC_ID: "app.",
    names.PROCESS_ROLE: "app.",
    names.PRODUCER_INDEX: "app.producer.",
    names.PRODUCER_GENERATION: "app.producer.",
    names.CHILD_PID: "app.child.",
    names.PROCESS_EXIT_CODE: "process.",
    names.EXIT_SIGNAL: "app.",
    names.STOP_REASON: "app.",
    names.ORDER_ID: "app.",
    names.ORDER_ATTEMPT: "app.order.",
    names.HTTP_STATUS: "http.response.",
    names.HTTP_RESEND_COUNT: "http.request.",
    names.GEN_AI_INPUT_TOKENS: "gen_ai.usage.",
    names.GEN_AI_OUTPUT_TOKENS: "gen_ai.usage.",
    names.ITEMS_PARSED: "app.items.",
    names.ITEMS_REFUSED: "app.items.",
    names.ITEMS_SENT: "app.items.",
    names.ITEMS_RECEIVED: "app.items.",
    names.ITEMS_NEW: "app.items.",
    names.ITEMS_DUPLICATE: "app.items.",
    names.ITEMS_HELD: "app.items.",
    names.ITEMS_BLANK: "app.items.",
    names.ITEMS_LATE: "app.items.",
    names.ITEMS_PARTS: "app.items.",
    names.ITEMS_JUDGEMENTS: "app.items.",
    names.ITEMS_WRITTEN: "app.items.",
    names.SPANS_EMITTED: "app.",
    names.MESSAGING_COUNT: "messaging.batch.",
    names.PROVIDER: "app.",
}
"""The attributes that are shown, in their order, with what is left out of their names."""
_UNLESS_ZERO = frozenset(
    {
        names.PRODUCER_GENERATION,
        names.ORDER_ATTEMPT,
        names.HTTP_RESEND_COUNT,
        names.ITEMS_REFUSED,
        names.ITEMS_HELD,
        names.ITEMS_BLANK,
        names.ITEMS_LATE,
        names.ITEMS_PARTS,
        names.ITEMS_JUDGEMENTS,
    }
)


def label(span: Span) -> str:
    """A span in a few words: `'order' #1a2b3c`."""
    return f"'{_text(span.name, _VALUE_CHARACTERS)}' {short(span.span_id)}"


def short(span_id: str) -> str:
    """The start of a span's id, as it stands in trees: `#1a2b3c`."""
    return f"#{printable(span_id[:_ID_DIGITS])}"


def line(span: Span, origin_ns: int = 0) -> str:
    """One span without its place in the tree.

    Args:
        span: Which.
        origin_ns: Time that the start is counted from.

    Returns:
        Start, duration (both in ms), name, id, process, error, telling attributes; at most `WIDTH` characters.
    """
    return _clipped(f"{_times(span, origin_ns)}  {_description(span)}")


def tree(trace: Trace, *, fold: int = FOLD) -> str:
    """All spans of a trace, children below their parents.

    Args:
        trace: Which.
        fold: Of more siblings of one name and status than this, the others are counted instead of shown.
    """
    return "\n".join(_Tree(trace, fold=fold).lines())


def around(trace: Trace, offending: Collection[Span], *, neighbours: int = 1) -> str:
    """Some spans, marked with `▶`, with their ancestors, linked spans, first children and neighbours.

    Args:
        trace: What they belong to.
        offending: The spans to be marked; the first `SHOWN` are.
        neighbours: Siblings shown before and after each, and children shown of each.
    """
    marked = list(itertools.islice(offending, SHOWN))
    context: list[Span] = []
    for span in marked:
        parent = trace.parent(span)
        siblings = trace.children(parent) if parent is not None else ()
        place = next((index for index, sibling in enumerate(siblings) if sibling is span), 0)
        context += siblings[max(place - neighbours, 0) : place + neighbours + 1]
        context += trace.children(span)[:neighbours]
        context += trace.links_of(span)[:neighbours]
        context += trace.linked_from(span)[:neighbours]
    shown = [*marked, *context]
    shown += [above for span in shown for above in trace.ancestors(span)]
    lines = list(_Tree(trace, shown=shown, marked=marked).lines())
    if len(offending) > len(marked):
        lines.append(f"… and {len(offending) - len(marked)} more like these")
    return "\n".join(lines)


def explain(
    trace: Trace,
    asserted: str,
    expected: str,
    seen: str,
    offending: Collection[Span] = (),
    *,
    details: Iterable[str] = (),
) -> CheckError:
    """The error of an assertion that does not hold.

    Args:
        trace: What it was asserted of.
        asserted: The assertion in words.
        expected: What should have been.
        seen: What was.
        offending: The spans that contradict it.
        details: Further lines, which stand before the spans; the first `DETAILS` do.
    """
    lines = [f"{asserted}: expected {expected}, saw {seen}"]
    listed = list(details)
    lines += [f"- {detail}" for detail in listed[:DETAILS]]
    if len(listed) > DETAILS:
        lines.append(f"- and {len(listed) - DETAILS} more")
    lines = [_text(one, _SENTENCE_CHARACTERS) for one in lines]
    return CheckError("\n".join([*lines, around(trace, offending)] if offending else lines))


class _Tree:
    """The lines of a tree, made without recursion: a stranger's spans may be nested as deep as they like."""

    def __init__(
        self, trace: Trace, *, shown: Sequence[Span] | None = None, marked: Sequence[Span] = (), fold: int = 0
    ) -> None:
        self._trace = trace
        self._shown = None if shown is None else {id(span) for span in shown}
        self._marked = {id(span) for span in marked}
        self._fold = fold
        self._done: set[int] = set()
        self._origin_ns = min((span.start_ns for span in trace), default=0)

    def lines(self) -> Iterator[str]:
        roots = [span for span in self._trace if self._trace.parent(span) is None]
        # What hangs in a circle has no root: each such circle is entered at its earliest span.
        for root in itertools.chain(roots, self._trace):
            if id(root) not in self._done:
                yield from self._below(root)

    def _below(self, root: Span) -> Iterator[str]:
        waiting: list[Span | str] = [root]
        levels = [0]
        while waiting:
            span, level = waiting.pop(), levels.pop()
            if isinstance(span, str):
                yield _clipped(f"{'':{_TIMES_WIDTH}}  {_indentation(level)}{span}")
                continue
            if id(span) in self._done:
                continue
            self._done.add(id(span))
            if self._shown is None or id(span) in self._shown:
                yield self._line(span, level)
            children = self._folded(self._trace.children(span))
            waiting += reversed(children)
            levels += [level + 1] * len(children)

    def _folded(self, siblings: Sequence[Span]) -> list[Span | str]:
        """The siblings to show; in place of the first of those left out, how many of its name are."""
        if not self._fold:
            return list(siblings)
        counts = Counter((sibling.name, sibling.status) for sibling in siblings)
        seen: Counter[tuple[str, str]] = Counter()
        shown: list[Span | str] = []
        for sibling in siblings:
            similar = sibling.name, sibling.status
            seen[similar] += 1
            # One that is left out would take as much room as its count.
            if seen[similar] <= self._fold or counts[similar] == self._fold + 1:
                shown.append(sibling)
                continue
            self._done |= {id(sibling), *map(id, self._trace.descendants(sibling))}
            if seen[similar] == self._fold + 1:
                more = counts[similar] - self._fold
                shown.append(f"… {more} more `{_text(sibling.name, _VALUE_CHARACTERS)}`")
        return shown

    def _line(self, span: Span, level: int) -> str:
        mark = ""
        if self._marked:
            mark = "▶ " if id(span) in self._marked else "  "
        links = [self._link(link.trace_id, link.span_id) for link in span.links[:_LINKS_SHOWN]]
        if len(span.links) > _LINKS_SHOWN:
            links.append(f"and {len(span.links) - _LINKS_SHOWN} more")
        notes = [f"→ {', '.join(links)}"] if links else []
        if span.parent_id and self._trace.parent(span) is None and not span.may_have_a_caller:
            notes.append(f"(parent {short(span.parent_id)} was not received)")
        description = _description(span, notes)
        return _clipped(f"{mark}{_times(span, self._origin_ns)}  {_indentation(level)}{description}")

    def _link(self, trace_id: str, span_id: str) -> str:
        target = self._trace.get(trace_id, span_id)
        name = "not received " if target is None else _text(target.name, _VALUE_CHARACTERS)
        return f"{name}{short(span_id)}"


_TIMES_WIDTH = len("+1234567.1    1234567.1 ms")


def _times(span: Span, origin_ns: int) -> str:
    start_ms, duration_ms = (span.start_ns - origin_ns) / 1e6, (span.end_ns - span.start_ns) / 1e6
    return f"{start_ms:>+10.1f} {duration_ms:>12.1f} ms"


def _description(span: Span, notes: Iterable[str] = ()) -> str:
    parts = [f"{_text(span.name, _VALUE_CHARACTERS)} {short(span.span_id)}"]
    if span.service:
        parts.append(f"{_text(span.service, _VALUE_CHARACTERS)}[{span.pid}]")
    kind_of_error = span.attributes.get(names.ERROR_TYPE)
    if span.status == "error" or kind_of_error is not None:
        parts.append(f"ERROR {_value(kind_of_error) if kind_of_error is not None else ''}".rstrip())
    if span.message:
        parts.append(f'"{_text(span.message, _MESSAGE_CHARACTERS)}"')
    # Links stand before the attributes: a line that is too long loses the least telling end.
    told = " ".join(f"{name.removeprefix(prefix)}={_value(span.attributes[name])}" for name, prefix in _told(span))
    return "  ".join([*parts, *notes, *([told] if told else [])])


def _told(span: Span) -> Iterator[tuple[str, str]]:
    for name, prefix in _TELLING.items():
        value = span.attributes.get(name)
        if value is not None and (value or name not in _UNLESS_ZERO):
            yield name, prefix


def _value(value: Value) -> str:
    return _text(value if isinstance(value, str) else repr(value), _VALUE_CHARACTERS)


def _indentation(level: int) -> str:
    return "  " * min(level, _INDENTATIONS)


def _text(text: str, limit: int) -> str:
    # Cut first: a stranger's text may be megabytes long.
    cut = printable(text[: limit + 1])
    return cut if len(cut) <= limit else cut[: limit - 1] + "…"


def _clipped(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
