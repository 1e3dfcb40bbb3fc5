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

_PLAIN_SYSTEM = "You write lists. One item on each line."

STYLES = ("standard", "plain")
"""`plain` is for very small models, which lose the topic behind many instructions."""


def build_prompt(order: Order, style: str = "standard") -> tuple[str, str]:
    """The system instruction and the user's message for one order.

    Args:
        order: What is wanted.
        style: One of `STYLES`.
    """
    topic = " ".join(order.topic.split())
    if style == "plain":
        return _PLAIN_SYSTEM, _plain(order, topic)
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


def _plain(order: Order, topic: str) -> str:
    ask = f"List {order.size} different {topic}, one on each line."
    if order.directive:
        ask += f" {order.directive}"
    if order.avoid:
        ask += " Do not write: " + ", ".join(order.avoid) + "."
    return ask
