"""What is asked to learn a model's habits: avoid-lists of several lengths, first letters, parts, plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.exhaustion.asking import Question
from benchmarks.exhaustion.closed_worlds import TOPICS, ClosedWorld, closed_world
from contract.messages import Scope
from orchestrator.exploration.plans import PLAN_PARTS
from producer.providers.simulated import facets_of
from producer.providers.simulated.matching import full_key
from producer.providers.simulated.options import SimulationOptions

LIST_LENGTHS = {"elements": (5, 10, 30, 100), "territories": (5, 10, 30, 100, 200)}
LETTERS = {"elements": "SCTBAR", "territories": "SCMBGA"}
"""The letters that most names begin with."""
PARTS = {
    "elements": {
        "noble gases": "Helium Neon Argon Krypton Xenon Radon Oganesson",
        "alkali metals": "Lithium Sodium Potassium Rubidium Cesium Francium",
        "halogens": "Fluorine Chlorine Bromine Iodine Astatine Tennessine",
        "alkaline earth metals": "Beryllium Magnesium Calcium Strontium Barium Radium",
        "lanthanides": "Lanthanum Cerium Praseodymium Neodymium Promethium Samarium Europium Gadolinium Terbium "
        "Dysprosium Holmium Erbium Thulium Ytterbium Lutetium",
        "actinides": "Actinium Thorium Protactinium Uranium Neptunium Plutonium Americium Curium Berkelium Californium "
        "Einsteinium Fermium Mendelevium Nobelium Lawrencium",
    }
}
"""Parts of a world that anybody would name, with their items."""
_FIRST_SEED = 7_000


class Part(NamedTuple):
    """A part of a world.

    Attributes:
        world: Which.
        scope: How it is asked for.
        holds: Whether an item belongs to it.
    """

    world: str
    scope: Scope
    holds: Callable[[str], bool]


def letter_parts() -> list[Part]:
    """Items that begin with a letter."""
    return [
        Part(name, Scope(prefix=letter), _begins_with(letter))
        for name, letters in LETTERS.items()
        for letter in letters
    ]


def named_parts() -> list[Part]:
    """Parts that a real model may know."""
    return [
        Part(world, Scope(facet=name), set(items.split()).__contains__)
        for world, parts in PARTS.items()
        for name, items in parts.items()
    ]


def simulated_parts(options: SimulationOptions) -> list[Part]:
    """As many parts of the same worlds that the simulated model knows, the largest first."""
    parts = []
    for name, real in PARTS.items():
        world = closed_world(name)
        facets = facets_of(world.simulated, options)
        leaf_of = dict(zip(world.items, facets.leaf_of, strict=True))
        for facet in facets.tops[: len(real)]:
            parts.append(Part(name, Scope(facet=facet.name), _in_leaves(leaf_of, facet.leaves)))
    return parts


def about(parts: Sequence[Part], repeats: int) -> Iterator[Question]:
    """Each part, asked for so many times."""
    for part in parts:
        for repeat in range(repeats):
            yield Question(TOPICS[part.world], _FIRST_SEED + repeat, "explore", part.scope)


def plans(repeats: int) -> list[Question]:
    """The plan of each world, so many times."""
    return [
        Question(topic, _FIRST_SEED + repeat, "plan", size=PLAN_PARTS)
        for topic in TOPICS.values()
        for repeat in range(repeats)
    ]


def with_list(world: ClosedWorld, length: int, popular: Sequence[str], repeats: int) -> list[Question]:
    """Questions with an avoid-list, so many times.

    Args:
        world: Which.
        length: Of the list.
        popular: The items that are named most often first; where they do not suffice, the world's other items follow.
        repeats: How often.
    """
    avoid = tuple(dict.fromkeys([*popular, *world.items]))[:length]
    return [Question(world.topic, _FIRST_SEED + repeat, "explore", avoid=avoid) for repeat in range(repeats)]


def _begins_with(letter: str) -> Callable[[str], bool]:
    return lambda item: full_key(item).startswith(letter.lower())


def _in_leaves(leaf_of: dict[str, int], leaves: range) -> Callable[[str], bool]:
    return lambda item: leaf_of[item] in leaves
