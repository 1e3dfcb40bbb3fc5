"""A simulated model for `--provider test`: deterministic by seed, with a universe of known items.

Benchmarks ask `universe_of(topic, options)` for the truth and its `canonical(text)` for what a line of an answer means.
Where no text is needed, `choose_names`, `plan_facets` and `object_to` give what an answer would be written from.
"""

from producer.providers.simulated.answer import Answer, make_answer
from producer.providers.simulated.choosing import Sighting, choose_names
from producer.providers.simulated.facets import Facet, Facets, facets_of, plan_facets
from producer.providers.simulated.judging import object_to
from producer.providers.simulated.options import SimulationOptions, parse_options, with_mess
from producer.providers.simulated.provider import SimulatedProvider
from producer.providers.simulated.world import World, universe_of

__all__ = [
    "Answer",
    "Facet",
    "Facets",
    "Sighting",
    "SimulatedProvider",
    "SimulationOptions",
    "World",
    "choose_names",
    "facets_of",
    "make_answer",
    "object_to",
    "parse_options",
    "plan_facets",
    "universe_of",
    "with_mess",
]
