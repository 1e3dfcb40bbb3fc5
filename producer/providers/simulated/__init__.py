"""A simulated model for `--provider test`: deterministic by seed, with a universe of known items.

Benchmarks ask `universe_of(topic, options)` for the truth and its `canonical(text)` for what a line of an answer means.
"""

from producer.providers.simulated.answer import Answer, make_answer
from producer.providers.simulated.options import SimulationOptions, parse_options, with_mess
from producer.providers.simulated.provider import SimulatedProvider
from producer.providers.simulated.world import World, universe_of

__all__ = [
    "Answer",
    "SimulatedProvider",
    "SimulationOptions",
    "World",
    "make_answer",
    "parse_options",
    "universe_of",
    "with_mess",
]
