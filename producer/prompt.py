"""From an order to the words a model reads. Pure functions.

The instruction names the form (one item a line) because every model follows it, and the parser copes where one does
not. What is known already stands last: a model obeys the end of a long prompt best.
"""

from __future__ import annotations

from contract.messages import Order

SYSTEM = (
    "You enumerate. You answer with list items only: one item on each line, the most specific proper name or term, "
    "no numbering, no bullets, no headings, no comments, no introduction, no repetition."
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
    topic = _line(order.topic)
    if style == "numbered":
        return _NUMBERED_SYSTEM, _numbered(order, topic)
    if order.mode == "plan":
        return SYSTEM, _plan(order, topic)
    if order.mode == "validate":
        return SYSTEM, _validation(order, topic)
    lines = [f"List {order.size} distinct items that belong to this topic: {topic}", *_directions(order)]
    lines.append(f"One item a line, exactly {order.size} lines, nothing else.")
    if order.avoid:
        lines.append("")
        lines.append("These are known already. Do not repeat any of them, nor another spelling of them:")
        lines.extend(order.avoid)
        lines.append("")
        lines.append(f"Now {order.size} further items of: {topic}")
        lines.extend(_directions(order))
    return SYSTEM, "\n".join(lines)


def _line(text: str) -> str:
    return " ".join(text.split())


def _directions(order: Order) -> list[str]:
    """What narrows the topic to the order's scope, a sentence a line."""
    scope = order.scope
    directions = []
    if scope.facet:
        directions.append(f"Only items of this part of the topic: {_line(scope.facet)}")
    if scope.besides:
        directions.append(f"Only items that belong to none of these parts: {'; '.join(map(_line, scope.besides))}")
    if scope.prefix:
        directions.append(f'Only items whose name begins with "{_line(scope.prefix)}".')
    if scope.language:
        directions.append(
            f"Think of what speakers of {_line(scope.language)} would list; write names in the topic's language."
        )
    return directions


def _plan(order: Order, topic: str) -> str:
    whole = _line(order.scope.facet) or topic
    within = f" (within the topic: {topic})" if order.scope.facet else ""
    return (
        f"To list everything there is about a topic, it is cut into parts that overlap little and leave nothing out.\n"
        f"Topic: {whole}{within}\n"
        f"Name {order.size} such parts, each in a few words, from the largest to the smallest. Name the parts only, "
        "not the items in them.\nOne part a line, nothing else."
    )


def _validation(order: Order, topic: str) -> str:
    return "\n".join(
        [
            f"Topic: {topic}",
            "Some of the following lines may be no items of this topic: nonsense, sentences, headings, things of "
            "another kind.",
            "Repeat those lines, and only those, exactly as they stand, one a line. If all belong, answer with: none",
            "",
            *order.candidates,
        ]
    )


def _numbered(order: Order, topic: str) -> str:
    if order.mode == "plan":
        return f"List {order.size} kinds of {_line(order.scope.facet) or topic}."
    if order.mode == "validate":
        return f"Which of these are no {topic}? " + ", ".join(order.candidates) + "."
    ask = " ".join([f"List {order.size} distinct {topic}.", *_directions(order)])
    if order.avoid:
        ask += " Do not repeat: " + ", ".join(order.avoid) + "."
    return ask
