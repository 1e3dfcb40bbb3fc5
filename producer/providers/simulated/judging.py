"""What the simulated model says when it is asked which of some texts are no items of the topic."""

from __future__ import annotations

import random

from producer.providers.base import Call
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.world import World

ALL_BELONG = "none"
"""The answer where nothing is objected to; the prompt asks for it."""

_HARSHNESS = 0.1
"""An item is taken for none so often as what is no item is overlooked, times this."""


def object_to(world: World, options: SimulationOptions, call: Call, rng: random.Random) -> list[str]:
    """Those of the call's candidates that the model takes for no items, as they stand.

    What means no item of the world is named with the probability `judgement`, an item with a tenth of 1 - `judgement`.
    """
    wrong = _HARSHNESS * (1 - options.judgement)
    return [
        text
        for text in call.candidates
        if rng.random() < (options.judgement if world.canonical(text) is None else wrong)
    ]
