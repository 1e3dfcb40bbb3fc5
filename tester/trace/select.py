"""Choosing spans, and asserting of the chosen: how many there are and what each is like."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict, Union, Unpack, get_args

from contract import spans as names
from tester.checks import CheckError
from tester.trace.render import explain, label
from tester.trace.span import Kind, Span, Status, Value

if TYPE_CHECKING:
    from tester.trace.trace import Trace

Names = str | Collection[str] | re.Pattern[str]
"""A name, some names, or a pattern that the whole name matches."""
Wanted = Value | Callable[[Value], object]
"""An attribute's value, or a predicate of it. A missing attribute equals None and meets no predicate."""
Condition = Callable[[Span], object] | Mapping[str, Wanted]
"""A predicate of spans, or wanted attributes."""
Related = Union["Spans", Names]


class Criteria(TypedDict, total=False):
    """What a span must meet, all of it, to be selected.

    Attributes:
        name: Its name.
        service: `service.name` of its process.
        kind: `internal`, `server`, `client`, `producer`, `consumer`.
        status: `unset`, `ok`, `error`.
        attributes: Attributes that it has.
        parent: Its parent is one of these.
        ancestor: Its parent, or parent's parent …, is one of these.
        links_to: It links to one of these.
        linked_from: One of these links to it.
        where: Anything else.
    """

    name: Names
    service: Names
    kind: Names
    status: Names
    attributes: Mapping[str, Wanted]
    parent: Related
    ancestor: Related
    links_to: Related
    linked_from: Related
    where: Condition


class Spans(Collection[Span]):
    """An immutable selection of a trace's spans, in the order of their start, that can say what it is.

    Args:
        trace: What is selected from.
        spans: The selected ones.
        words: What they are: "spans named 'order'".
        wider: What this was narrowed from; a failure of an empty selection shows it.
    """

    def __init__(
        self, trace: Trace, spans: Iterable[Span], words: str = "spans", *, wider: Spans | None = None
    ) -> None:
        self.trace = trace
        self.words = words
        self._spans = tuple(sorted(spans, key=lambda span: (span.start_ns, span.end_ns)))
        self._wider = wider

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, span: object) -> bool:
        return isinstance(span, Span) and any(span is one or span == one for one in self._spans)

    def __repr__(self) -> str:
        return f"<{len(self)} {self.words}>"

    def __or__(self, other: Spans) -> Spans:
        both = {id(span): span for span in (*self, *other)}
        return Spans(self.trace, both.values(), f"{self.words} or {other.words}")

    def __sub__(self, other: Spans) -> Spans:
        others = {id(span) for span in other}
        left = (span for span in self if id(span) not in others)
        return Spans(self.trace, left, f"{self.words} apart from {other.words}", wider=self)

    # --- narrowing -------------------------------------------------------------------------------------------

    def select(self, **criteria: Unpack[Criteria]) -> Spans:
        """Those that meet all criteria; see `Criteria`.

        Raises:
            TypeError: There is no such criterion.
            ValueError: There is no such kind or status. A slip must not select everything, or nothing.
        """
        _check_words("criterion", criteria, Criteria.__annotations__, TypeError)
        for what, told, values in (
            ("kind", criteria.get("kind"), get_args(Kind)),
            ("status", criteria.get("status"), get_args(Status)),
        ):
            if told is not None and not isinstance(told, re.Pattern):
                _check_words(what, [told] if isinstance(told, str) else told, values, ValueError)
        chosen = self
        if (name := criteria.get("name")) is not None:
            chosen = chosen.named(name)
        if (service := criteria.get("service")) is not None:
            chosen = chosen.of(service)
        if (kind := criteria.get("kind")) is not None:
            chosen = chosen._kept(lambda span: _matches(span.kind, kind), f"of kind {_named(kind)}")
        if (status := criteria.get("status")) is not None:
            chosen = chosen._kept(lambda span: _matches(span.status, status), f"with status {_named(status)}")
        if (attributes := criteria.get("attributes")) is not None:
            chosen = chosen.where(attributes)
        if (parent := criteria.get("parent")) is not None:
            found = self._related(parent)
            chosen = chosen._among(found.children(), f"with parent among {found.words}")
        if (ancestor := criteria.get("ancestor")) is not None:
            found = self._related(ancestor)
            chosen = chosen._among(found.descendants(), f"below {found.words}")
        if (links_to := criteria.get("links_to")) is not None:
            found = self._related(links_to)
            chosen = chosen._among(found.sources(), f"that link to {found.words}")
        if (linked_from := criteria.get("linked_from")) is not None:
            found = self._related(linked_from)
            chosen = chosen._among(found.linked(), f"linked from {found.words}")
        if (where := criteria.get("where")) is not None:
            chosen = chosen.where(where)
        return chosen

    def where(self, condition: Condition) -> Spans:
        """Those that a predicate holds for, or that have these attributes."""
        return self._kept(_predicate(condition), _condition_words(condition))

    def named(self, name: Names) -> Spans:
        """Those of this name."""
        return self._kept(lambda span: _matches(span.name, name), f"named {_named(name, repr)}")

    def of(self, service: Names) -> Spans:
        """Those of this service."""
        return self._kept(lambda span: _matches(span.service, service), f"of service {_named(service)}")

    def failed(self) -> Spans:
        """Those with status `error`."""
        return self.select(status="error")

    # --- going on to others ----------------------------------------------------------------------------------

    def children(self) -> Spans:
        """Spans whose parent is one of these."""
        return self._on(self.trace.children, "children of")

    def descendants(self) -> Spans:
        """Children, their children …, of these."""
        return self._on(self.trace.descendants, "descendants of")

    def linked(self) -> Spans:
        """Spans that these link to."""
        return self._on(self.trace.links_of, "spans linked from")

    def sources(self) -> Spans:
        """Spans that link to these."""
        return self._on(self.trace.linked_from, "spans that link to")

    # --- reading ---------------------------------------------------------------------------------------------

    @property
    def first(self) -> Span:
        """The one that started first. Raises `CheckError` if there is none."""
        self.at_least(1)
        return self._spans[0]

    @property
    def last(self) -> Span:
        """The one that started last. Raises `CheckError` if there is none."""
        self.at_least(1)
        return self._spans[-1]

    def one(self) -> Span:
        """The only one. Raises `CheckError` if there is another number of them."""
        self.count(1)
        return self._spans[0]

    def sum(self, attribute: str) -> float:
        """Sum of a numeric attribute; 0 where it is missing. Raises `CheckError` for one that is unknown."""
        self._check_known(attribute)
        return sum(span.number(attribute) for span in self)

    def values(self, attribute: str) -> list[Value]:
        """An attribute's values where it is there."""
        return [span.attributes[attribute] for span in self if attribute in span.attributes]

    def group_by(self, attribute: str) -> dict[Value, Spans]:
        """The selection, split by an attribute's value; None where it is missing. Lists and maps go by their text."""
        self._check_known(attribute)
        groups: dict[Value, list[Span]] = defaultdict(list)
        for span in self:
            value = span.attributes.get(attribute)
            groups[repr(value) if isinstance(value, list | dict) else value].append(span)
        return {
            value: Spans(self.trace, members, f"{self.words} {_wanted_words(attribute, value)}", wider=self)
            for value, members in groups.items()
        }

    def _check_known(self, attribute: str) -> None:
        """An attribute that neither these spans nor the conventions have is a slip, and no zero."""
        if self and attribute not in _KNOWN and not any(attribute in span.attributes for span in self.trace):
            close = difflib.get_close_matches(attribute, _KNOWN, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise CheckError(f"no span of the trace has an attribute {attribute!r}{hint}")

    # --- asserting -------------------------------------------------------------------------------------------

    def count(self, number: int) -> Spans:
        """Assert that there are exactly so many."""
        return self._counted(len(self) == number, f"exactly {number}")

    def at_least(self, number: int) -> Spans:
        """Assert that there are no fewer."""
        return self._counted(len(self) >= number, f"at least {number}")

    def at_most(self, number: int) -> Spans:
        """Assert that there are no more."""
        return self._counted(len(self) <= number, f"at most {number}")

    def none(self) -> Spans:
        """Assert that there are none."""
        return self._counted(not self, "none")

    def every(self, condition: Condition) -> Spans:
        """Assert that a predicate holds for each, or that each has these attributes."""
        holds = _predicate(condition)
        wrong = [span for span in self if not holds(span)]
        if wrong:
            seen = f"{len(wrong)} of {len(self)} otherwise"
            if isinstance(condition, Mapping):
                found = ", ".join(f"{name}={wrong[0].attributes.get(name)!r}" for name in condition)
                seen += f", first {label(wrong[0])} with {found},"
            raise explain(self.trace, f"all {self.words}", f"each {_condition_words(condition)}", seen, wrong)
        return self

    def error(self, asserted: str, expected: str, seen: str, offending: Collection[Span] | None = None) -> CheckError:
        """A failure that shows these spans, or what they were chosen from if there are none; see `explain`."""
        shown = self._shown() if offending is None else offending
        return explain(self.trace, asserted, expected, seen, shown)

    def _counted(self, holds: bool, expected: str) -> Spans:
        if not holds:
            raise self.error(f"number of {self.words}", expected, str(len(self)))
        return self

    def _shown(self) -> Collection[Span]:
        spans: Spans | None = self
        while spans is not None and not spans:
            spans = spans._wider
        # The whole trace would say nothing about an empty selection.
        return spans if spans is not None and (spans is self or spans._wider is not None) else ()

    def _kept(self, condition: Callable[[Span], object], words: str) -> Spans:
        kept = (span for span in self if condition(span))
        return Spans(self.trace, kept, f"{self.words} {words}", wider=self)

    def _among(self, others: Spans, words: str) -> Spans:
        keep = {id(span) for span in others}
        return self._kept(lambda span: id(span) in keep, words)

    def _related(self, related: Related) -> Spans:
        return related if isinstance(related, Spans) else self.trace.select(name=related)

    def _on(self, step: Callable[[Span], Iterable[Span]], words: str) -> Spans:
        found = {id(other): other for span in self for other in step(span)}
        return Spans(self.trace, found.values(), f"{words} {self.words}", wider=self)


def _matches(text: str, wanted: Names) -> bool:
    if isinstance(wanted, str):
        return text == wanted
    return wanted.fullmatch(text) is not None if isinstance(wanted, re.Pattern) else text in wanted


def _named(wanted: Names, show: Callable[[str], str] = str) -> str:
    if isinstance(wanted, str):
        return show(wanted)
    return f"/{wanted.pattern}/" if isinstance(wanted, re.Pattern) else " or ".join(show(name) for name in wanted)


def _predicate(condition: Condition) -> Callable[[Span], object]:
    if not isinstance(condition, Mapping):
        return condition
    return lambda span: all(_has(span, name, wanted) for name, wanted in condition.items())


def _has(span: Span, name: str, wanted: Wanted) -> bool:
    if callable(wanted):
        return name in span.attributes and bool(wanted(span.attributes[name]))
    return span.attributes.get(name) == wanted


def _condition_words(condition: Condition) -> str:
    if isinstance(condition, Mapping):
        return " and ".join(_wanted_words(name, wanted) for name, wanted in condition.items())
    return f"for which {_function_words(condition)} holds"


def _wanted_words(name: str, wanted: Wanted) -> str:
    if wanted is None:
        return f"without {name}"
    return f"with {name} for which {_function_words(wanted)} holds" if callable(wanted) else f"with {name}={wanted}"


def _function_words(function: Callable[..., object]) -> str:
    name = getattr(function, "__name__", "<lambda>")
    return "a condition" if name == "<lambda>" else str(name)


def _check_words(what: str, told: Iterable[str], known: Collection[str], error: type[Exception]) -> None:
    for word in told:
        if word not in known:
            close = difflib.get_close_matches(word, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise error(f"there is no {what} {word!r}; {hint}")


_KNOWN = frozenset(
    value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value
)
