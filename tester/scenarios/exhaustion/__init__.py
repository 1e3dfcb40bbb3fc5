"""The program knows when it is done: when it ends and why, what it asks, what is bought once, and before the run."""

from __future__ import annotations

from functools import partial

from tester.scenario import Context
from tester.scenarios.exhaustion import asking, continuing, ending, planning


class Exhaustion:
    """Runs without a number of requests, on topics of known size."""

    name = "exhaustion"
    description = "a run ends by itself when a topic is used up, or by its rule; plans are bought once; pilots count"

    def run(self, context: Context) -> None:
        """Play it."""
        parts = (
            ending.used_up,
            continuing.killed,
            planning.pilot,
            asking.first_answers,
            asking.prices,
            asking.weights,
        )
        rules = [partial(ending.by_rule, context, rule) for rule in ending.RULES]
        context.together(*(partial(part, context) for part in parts), *rules)
