"""What a request is for, as its words say: items of a topic, a plan of its parts, or a judgement of a list.

The fake reads the words alone, as a model does; a test holds them against those that the producer writes.
"""

from __future__ import annotations

import re
from enum import Enum

_PLAN = re.compile(r"\bName (\d+) such parts\b")
_JUDGEMENT = re.compile(r"\bIf all belong, answer with: (\w+)")
_PARTS = tuple(
    f"{side} {kind}"
    for kind in ("part", "half", "quarter")
    for side in ("Northern", "Southern", "Eastern", "Western", "Inner", "Outer", "Upper", "Lower")
)
"""Names of parts: no numbers, which a parser may take for a model's counting."""


class Purpose(Enum):
    """What an answer is for."""

    LIST = "list"
    PLAN = "plan"
    JUDGEMENT = "judgement"


def purpose_of(prompt: str) -> tuple[Purpose, list[str]]:
    """What a message asks for, and the lines that answer it where it does not ask for items.

    The last message of a conversation decides: what a model said earlier has no say in what it is for.

    A plan gets names of parts, as many as asked for while there are some that the prompt does not name itself. A
    judgement gets the prompt's own word for "all belong": what the fake is shown came from its universe.
    """
    if plan := _PLAN.search(prompt):
        return Purpose.PLAN, [name for name in _PARTS if name not in prompt][: int(plan[1][:6])]
    if judgement := _JUDGEMENT.search(prompt):
        return Purpose.JUDGEMENT, [judgement[1]]
    return Purpose.LIST, []
