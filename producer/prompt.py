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
    topic = " ".join(order.topic.split())
    if style == "numbered":
        return _NUMBERED_SYSTEM, _numbered(order, topic)
    lines = [f"List {order.size} distinct items that belong to this topic: {topic}"]
    if order.directive:
        lines.append(order.directive)
    lines.append(f"One item a line, exactly {order.size} lines, nothing else.")
    if order.avoid:
        lines.append("")
        lines.append("These are known already. Do not repeat any of them, nor another spelling of them:")
        lines.extend(order.avoid)
        lines.append("")
        lines.append(f"Now {order.size} further items of: {topic}")
    return SYSTEM, "\n".join(lines)


def _numbered(order: Order, topic: str) -> str:
    ask = f"List {order.size} distinct {topic}."
    if order.directive:
        ask += f" {order.directive}"
    if order.avoid:
        ask += " Do not repeat: " + ", ".join(order.avoid) + "."
    return ask
