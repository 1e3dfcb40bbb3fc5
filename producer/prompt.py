"""From an order to the words a model reads. Pure functions.

The instruction names the form (one item a line) because every model follows it, and the parser copes where one does
not. What is known already stands last: a model obeys the end of a long prompt best. Facets, items and candidates came
from models: each is put on one line of its own or inside one, so that none of them can look like an instruction's
next line.
"""

from __future__ import annotations

from collections.abc import Iterable

from contract.messages import Order

SYSTEM = (
    "You enumerate. You answer with list items only: one item on each line, the most specific proper name or term, "
    "no numbering, no bullets, no headings, no comments, no introduction, no repetition."
)
PLAN_SYSTEM = (
    "You divide topics into parts. You answer with the parts' names only: one on each line, no numbering, no bullets, "
    "no headings, no comments, no introduction, no repetition."
)
VALIDATION_SYSTEM = (
    "You check lists. You answer with lines of the list only, each exactly as it stands there: no numbering, "
    "no bullets, no comments, no introduction."
)

_NUMBERED_SYSTEM = "You are a knowledgeable assistant that answers with long numbered lists of names."

STYLES = ("standard", "numbered")
"""`numbered` is for very small models: they lose the topic behind many instructions, and a list that counts goes on."""


def build_prompt(order: Order, style: str = "standard") -> tuple[str, str]:
    """The system instruction and the user's message for one order.

    Args:
        order: What is wanted.
        style: One of `STYLES`.
    """
    if style == "numbered":
        return _NUMBERED_SYSTEM, _numbered(order)
    if order.mode == "plan":
        return PLAN_SYSTEM, "\n".join(_plan(order))
    if order.mode == "validate":
        return VALIDATION_SYSTEM, "\n".join(_validation(order))
    return SYSTEM, "\n".join(_listing(order))


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Iterable[str]) -> list[str]:
    """Each text as one line; what is blank says nothing."""
    return [line for line in map(_line, texts) if line]


def _listing(order: Order) -> list[str]:
    topic, directions, avoid = _line(order.topic), _directions(order), _lines(order.avoid)
    lines = [
        f"List {order.size} distinct items that belong to this topic: {topic}",
        *directions,
        f"One item a line, exactly {order.size} lines, nothing else.",
    ]
    if avoid:
        lines += ["", "These are known already. Do not repeat any of them, nor another spelling of them:", *avoid, ""]
        lines += [f"Now {order.size} further items of: {topic}", *directions]
    return lines


def _directions(order: Order) -> list[str]:
    """What narrows the topic to the order's scope, a sentence a line."""
    scope = order.scope
    facet, prefix, language = _line(scope.facet), _line(scope.prefix), _line(scope.language)
    besides = _lines(scope.besides)
    directions = []
    if facet:
        directions.append(f"Only items of this part of the topic: {facet}")
    if besides:
        directions.append(f"Only items that belong to none of these parts: {'; '.join(besides)}")
    if prefix:
        directions.append(f'Only items whose name begins with "{prefix}", not counting a leading article.')
    if language:
        directions.append(
            f"Think of what speakers of {language} would list, from sources in that language; write each name as the "
            "topic's own language does."
        )
    return directions


def _plan(order: Order) -> list[str]:
    topic, facet, besides = _line(order.topic), _line(order.scope.facet), _lines(order.scope.besides)
    lines = [
        "To list everything there is about a topic, it is cut into parts that overlap little and together leave "
        "nothing out.",
        f"Topic: {facet} (within the topic: {topic})" if facet else f"Topic: {topic}",
    ]
    if besides:
        lines.append(f"There are these parts already; name others: {'; '.join(besides)}")
    return [
        *lines,
        f"Name {order.size} such parts, each in a few words, from the one with the most items to the one with the "
        "fewest. Name the parts only, not the items in them.",
        "One part a line, nothing else.",
    ]


def _validation(order: Order) -> list[str]:
    return [
        f"Topic: {_line(order.topic)}",
        "Some of the lines below may be no items of this topic: nonsense, sentences, headings, things of another kind.",
        "Repeat those lines, and only those, exactly as they stand, one a line. If all belong, answer with: none",
        "",
        *_lines(order.candidates),
    ]


def _numbered(order: Order) -> str:
    """All in one line."""
    topic = _line(order.topic)
    if order.mode == "plan":
        facet, besides = _line(order.scope.facet), _lines(order.scope.besides)
        asked = f"List {order.size} kinds of {f'{facet} ({topic})' if facet else topic}."
        return f"{asked} Leave out: {', '.join(besides)}." if besides else asked
    if order.mode == "validate":
        return f"Which of these are no {topic}? {', '.join(_lines(order.candidates))}. If all are, answer: none."
    asked = " ".join([f"List {order.size} distinct {topic}.", *_directions(order)])
    avoid = _lines(order.avoid)
    return f"{asked} Do not repeat: {', '.join(avoid)}." if avoid else asked
