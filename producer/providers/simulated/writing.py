"""How the simulated model writes a list down: lines with or without marks, JSON, commas, and the talk around it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

import msgspec

from producer.providers.simulated.options import SimulationOptions

_MARKS: tuple[Callable[[int, str], str], ...] = (
    lambda number, name: f"{number}. {name}",
    lambda number, name: f"{number}) {name}",
    lambda number, name: f"- {name}",
    lambda number, name: f"* {name}",
    lambda number, name: f"• {name}",
    lambda number, name: f"**{name}**",
    lambda number, name: f"{number}. **{name}**",
    lambda number, name: f"- **{name}**",
)
_NUMBER_MARKS = 2
"""So many of the first marks also suit several items in a line."""
_TAILS = (": ", " – ", " - ", " — ")
_DESCRIPTIONS = (
    "often named first",
    "a well-known example",
    "less known, but worth naming",
    "famous for its history",
    "widely used today",
    "known since the 19th century",
    "a favourite of many",
    "rarely seen elsewhere",
)
_REMARKS = ("historic", "1889", "also known locally", "closed in winter", "v2", "most popular")
_SHARE_OF_REMARKS = 0.6
_PREAMBLES = (
    "Sure! Here are {size} {topic}:",
    "Here is a list of {size} distinct items for the topic “{topic}”:",
    "Certainly! Below you will find {topic}, one per line.",
    "Here are some {topic}:\n",
)
_CLOSINGS = (
    "\nLet me know if you would like more!",
    "\nI hope this helps.",
    "\nNote: this list is not exhaustive.",
    "These are only some of the many examples.",
)
_RAMBLINGS = (
    "There are many more of them, and each one has a history of its own.",
    "The term {topic} is used in several ways, and not all of them are meant here.",
    "It should also be said that some of these are better known than others.",
    "In other words, what belongs here depends on whom you ask and when.",
)
_FOREIGN_LINES = (
    "\nVoici quelques autres idées pour compléter la liste :",
    "\nAquí tienes algunos ejemplos más de la misma categoría:",
    "\n以下は同じ分野の他の例です。",
    "\nHier sind noch einige weitere Beispiele, die dazu passen:",
)
_ITEMS_A_LINE = (3, 12)
_BLANK_LINE_SHARE = 0.15
_LONGEST_TOPIC = 80


class Style(msgspec.Struct, frozen=True):
    """The habits of one answer.

    Attributes:
        layout: `lines`, `json` or `commas`.
        mark: Index of the list mark, or None.
        tail: What stands between name and description, or empty.
        remarks: Whether some names have a remark in parentheses.
        blank_lines: Whether some lines are empty.
        preamble: Whether a line comes before the list.
        closing: Whether a line comes after it.
        foreign: Whether a sentence in another language comes in between.
    """

    layout: str
    mark: int | None
    tail: str
    remarks: bool
    blank_lines: bool
    preamble: bool
    closing: bool
    foreign: bool


def choose_style(options: SimulationOptions, rng: random.Random) -> Style:
    """Draw the habits of one answer."""
    layout = "lines"
    if options.json_rate > rng.random():
        layout = "json"
    elif options.comma_rate > rng.random():
        layout = "commas"
    marks = _NUMBER_MARKS if layout == "commas" else len(_MARKS)
    return Style(
        layout=layout,
        mark=int(rng.random() * marks) if options.marks_rate > rng.random() else None,
        tail=rng.choice(_TAILS) if options.description_rate > rng.random() else "",
        remarks=options.parenthesis_rate > rng.random(),
        blank_lines=options.blank_lines_rate > rng.random(),
        preamble=options.preamble_rate > rng.random(),
        closing=options.closing_rate > rng.random(),
        foreign=options.foreign_line_rate > rng.random(),
    )


def write(names: Sequence[str], style: Style, topic: str, rng: random.Random) -> str:
    """The answer's text in full.

    Args:
        names: The names in their order.
        style: From `choose_style`.
        topic: For the talk around the list.
        rng: Draws descriptions, remarks and where things stand.
    """
    if style.layout == "json":
        lines = _json(names, style, rng)
    elif style.layout == "commas":
        lines = _with_commas(names, style, rng)
    else:
        lines = [_line(number, name, style, rng) for number, name in enumerate(names, start=1)]
        if style.blank_lines and lines:
            lines = [f"{line}\n" if rng.random() < _BLANK_LINE_SHARE else line for line in lines[:-1]] + [lines[-1]]
            lines[0] = lines[0].rstrip("\n") + "\n"
    if style.foreign:
        lines.insert(
            int(rng.random() * len(lines)) + 1 if style.layout == "lines" else len(lines), rng.choice(_FOREIGN_LINES)
        )
    if style.preamble:
        shown = " ".join(topic.split())[:_LONGEST_TOPIC]
        lines.insert(0, rng.choice(_PREAMBLES).format(size=len(names), topic=shown))
    if style.closing:
        lines.append(rng.choice(_CLOSINGS))
    return "\n".join(lines) + "\n" if lines else ""


def ramble(topic: str, least_chars: int, rng: random.Random) -> str:
    """Sentences in one line, no shorter than `least_chars` and one sentence; the same ones again and again."""
    shown = " ".join(topic.split())[:_LONGEST_TOPIC]
    text = "\n"
    while len(text) <= least_chars:
        text += rng.choice(_RAMBLINGS).format(topic=shown) + " "
    return text


def _line(number: int, name: str, style: Style, rng: random.Random) -> str:
    name = _remarked(name, style, rng)
    if style.mark is not None:
        name = _MARKS[style.mark](number, name)
    return f"{name}{style.tail}{rng.choice(_DESCRIPTIONS)}" if style.tail else name


def _remarked(name: str, style: Style, rng: random.Random) -> str:
    return f"{name} ({rng.choice(_REMARKS)})" if style.remarks and rng.random() < _SHARE_OF_REMARKS else name


def _with_commas(names: Sequence[str], style: Style, rng: random.Random) -> list[str]:
    """Several names a line; one that has a comma itself stands alone."""
    lines: list[list[str]] = []
    room = 0
    for number, name in enumerate(names, start=1):
        alone = "," in name
        if room == 0 or alone:
            lines.append([])
            room = 1 if alone else rng.randint(*_ITEMS_A_LINE)
        remarked = _remarked(name, style, rng)
        lines[-1].append(remarked if style.mark is None else _MARKS[style.mark](number, remarked))
        room -= 1
    return [", ".join(line) for line in lines]


def _json(names: Sequence[str], style: Style, rng: random.Random) -> list[str]:
    shown = [_remarked(name, style, rng) for name in names]
    values: Sequence[object] = shown
    if style.tail:
        values = [{"name": name, "description": rng.choice(_DESCRIPTIONS)} for name in shown]
    text = json.dumps(values, ensure_ascii=False, indent=2 if rng.random() < 0.5 else None)
    return ["```json", text, "```"] if rng.random() < 0.5 else [text]
