"""From an order to the words a model reads. Pure functions.

The instruction names the form (one item a line) because every model follows it, and the parser copes where one does
not. What is known already stands last: a model obeys the end of a long prompt best. Facets, items and candidates came
from models: each is put on one line of its own or inside one, so that none of them can look like an instruction's
next line.

An order that continues a conversation gives one: each earlier answer stands behind the request that it would have been
the right answer to, so that a model's own past never shows it that instructions may be ignored, and what was said
before stays the same text from one continuation to the next, which vendors' prompt caches need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

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


class Turn(NamedTuple):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


class Prompt(msgspec.Struct, frozen=True):
    """What a model is shown.

    Attributes:
        system: The system instruction.
        turns: User and assistant in turn; the user has the first and the last word. No turn is empty.
    """

    system: str
    turns: tuple[Turn, ...]

    @property
    def asked(self) -> str:
        """The last message: what is wanted now."""
        return self.turns[-1].text


def build_prompt(order: Order, style: str = "standard") -> Prompt:
    """What one order says to the model.

    Args:
        order: What is wanted. An empty answer in `said` is as if it had not been.
        style: One of `STYLES`.
    """
    words = _NUMBERED if style == "numbered" else _STANDARD
    if order.mode == "plan":
        return Prompt(words.plan_system, (Turn("user", words.plan(order)),))
    if order.mode == "validate":
        return Prompt(words.validation_system, (Turn("user", words.validation(order)),))
    said = [answer for answer in map(_lines, order.said) if answer] if order.mode == "explore" else []
    turns: list[Turn] = []
    for answer in said:
        turns.append(Turn("user", words.listing(order, len(answer), [], bool(turns))))
        turns.append(Turn("assistant", words.answer(answer)))
    turns.append(Turn("user", words.listing(order, order.size, _lines(order.avoid), bool(turns))))
    return Prompt(words.system, tuple(turns))


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Iterable[str]) -> list[str]:
    """Each text as one line; what is blank says nothing."""
    return [line for line in map(_line, texts) if line]


def _listing(order: Order, size: int, avoid: list[str], further: bool) -> str:
    """A request for items.

    Args:
        order: Topic and scope.
        size: How many.
        avoid: What is known besides the conversation so far.
        further: Whether there is one.
    """
    topic, directions = _line(order.topic), _directions(order)
    # Where a part has fewer, a model that must fill its lines repeats itself or invents.
    whole = not (_line(order.scope.facet) or _line(order.scope.prefix) or _lines(order.scope.besides))
    lines_wanted = f"exactly {size} lines" if whole else f"{size} lines, fewer only where there are no more"
    form = f"One item a line, {lines_wanted}, nothing else."
    again = [f"Now {size} further items of: {topic}", *directions]
    if further:
        again.append(f"None of those above, nor another spelling of them. {form}")
    lines = [] if further else [f"List {size} distinct items that belong to this topic: {topic}", *directions, form]
    if avoid:
        lines += [
            *([] if further else [""]),
            "These are known already. Do not repeat any of them, nor another spelling of them:",
            *avoid,
            "",
        ]
    return "\n".join([*lines, *(again if avoid or further else [])])


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
            f"Think in {language}: list what speakers of {language}, and sources in that language, would name. "
            f"But write each name as texts in the topic's own language do: do not translate it into {language}, and "
            "use no other script."
        )
    return directions


def _plan(order: Order) -> str:
    topic, facet, besides = _line(order.topic), _line(order.scope.facet), _lines(order.scope.besides)
    lines = [
        "To list everything there is about a topic, it is cut into parts that overlap little and together leave "
        "nothing out.",
        f"Topic: {facet} (within the topic: {topic})" if facet else f"Topic: {topic}",
    ]
    if besides:
        lines.append(f"There are these parts already; name others: {'; '.join(besides)}")
    lines += [
        f"Name {order.size} such parts, each in a few words, from the one with the most items to the one with the "
        "fewest. Name the parts only, not the items in them.",
        "One part a line, nothing else.",
    ]
    return "\n".join(lines)


def _validation(order: Order) -> str:
    lines = [
        f"Topic: {_line(order.topic)}",
        "Some of the lines below may be no items of this topic: nonsense, sentences, headings, things of another kind.",
        "Repeat those lines, and only those, exactly as they stand, one a line. If all belong, answer with: none",
        "",
        *_lines(order.candidates),
    ]
    return "\n".join(lines)


def _numbered_listing(order: Order, size: int, avoid: list[str], further: bool) -> str:
    """As `_listing`, all in one line."""
    topic = _line(order.topic)
    asked = f"List {size} more {topic}, none of those above." if further else f"List {size} distinct {topic}."
    asked = " ".join([asked, *_directions(order)])
    return f"{asked} Do not repeat: {', '.join(avoid)}." if avoid else asked


def _numbered_plan(order: Order) -> str:
    topic, facet, besides = _line(order.topic), _line(order.scope.facet), _lines(order.scope.besides)
    asked = f"List {order.size} kinds of {f'{facet} ({topic})' if facet else topic}."
    return f"{asked} Leave out: {', '.join(besides)}." if besides else asked


def _numbered_validation(order: Order) -> str:
    topic, candidates = _line(order.topic), ", ".join(_lines(order.candidates))
    return f"Which of these are no {topic}? {candidates}. If all are, answer: none."


def _numbered_answer(items: list[str]) -> str:
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


class _Words(NamedTuple):
    """A style: its instructions, and what it makes of an order, and of an answer that the model is to have given."""

    system: str
    plan_system: str
    validation_system: str
    listing: Callable[[Order, int, list[str], bool], str]
    plan: Callable[[Order], str]
    validation: Callable[[Order], str]
    answer: Callable[[list[str]], str]


_STANDARD = _Words(SYSTEM, PLAN_SYSTEM, VALIDATION_SYSTEM, _listing, _plan, _validation, "\n".join)
_NUMBERED = _Words(
    _NUMBERED_SYSTEM,
    _NUMBERED_SYSTEM,
    _NUMBERED_SYSTEM,
    _numbered_listing,
    _numbered_plan,
    _numbered_validation,
    _numbered_answer,
)
