"""Invented names for topics that no closed list covers: plausible, distinct, and the same for the same topic always."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator
from functools import cache
from typing import NamedTuple

from producer.providers.simulated.matching import match_key
from producer.providers.simulated.seeds import plain_topic, seed_of

_ONSETS = (
    *("b", "br", "c", "cl", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r", "s", "st"),
    *("t", "tr", "v", "w", "z", "th", "sh", "fl"),
)
_PLAIN_VOWELS = ("a", "e", "i", "o", "u")
_LAST_VOWELS = (*(_PLAIN_VOWELS * 6), "ai", "ou", "é", "ü", "ó")
_LIGHT_CODAS = ("", "", "", "n", "r", "l", "s")
_CODAS = ("", "n", "r", "l", "s", "m", "nd", "rt", "lle", "ck", "x", "th", "nne", "ne")
_SHARE_OF_LONG_WORDS = 0.3

_THEMES: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (
        frozenset(
            {
                "attractions",
                "places",
                "sights",
                "landmarks",
                "museums",
                "monuments",
                "buildings",
                "parks",
                "streets",
                "cities",
                "towns",
                "villages",
                "restaurants",
                "hotels",
                "bars",
                "cafes",
                "castles",
                "churches",
                "bridges",
                "lakes",
                "rivers",
                "mountains",
                "islands",
            }
        ),
        (
            *("{0} Tower", "Musée {0}", "Lake {0}", "{0} Gardens", "The {0} House", "Place {0}", "{0} Market"),
            *("{0} Bridge", "Théâtre {0}", "{0} Palace", "{0} Hall", "Fort {0}", "{0} {1} Gallery", "Saint {0}"),
            *("{0} Square", "{0}-{1} Museum", "Château de {0}", "Old {0} Cemetery", "{0} Arcade", "Mount {0}"),
        ),
    ),
    (
        frozenset(
            {
                "concepts",
                "algorithms",
                "methods",
                "theorems",
                "models",
                "techniques",
                "theories",
                "terms",
                "laws",
                "principles",
                "learning",
                "mathematics",
                "physics",
                "science",
                "statistics",
            }
        ),
        (
            *("{0} Learning", "{0} Theorem", "{0} Network", "{0}-{1} Descent", "{0} Regularization", "{0} Kernel"),
            *("{0} Sampling", "The {0} Principle", "{0} Embedding", "{0} Search", "{0} Inference", "{0} Loss"),
            *("{0} Transform", "{0} Estimator", "{0} Distance", "{0}'s Law", "{0} Machine", "{0} Clustering"),
        ),
    ),
    (
        frozenset(
            {
                "foods",
                "dishes",
                "cheeses",
                "wines",
                "beers",
                "recipes",
                "soups",
                "breads",
                "drinks",
                "cocktails",
                "desserts",
                "fruits",
            }
        ),
        (
            *("{0} Soup", "{0} Stew", "Crème {0}", "{0} Bread", "{0} Cheese", "Old {0}", "{0} Salad", "{0} Tart"),
            *("{0} alla {1}", "{0} Pie", "{0} Fizz", "Jalapeño {0}", "{0} Dumplings", "The {0} Roast"),
        ),
    ),
    (
        frozenset(
            {
                "animals",
                "birds",
                "plants",
                "flowers",
                "trees",
                "fish",
                "insects",
                "mammals",
                "species",
                "fungi",
                "mushrooms",
                "dinosaurs",
            }
        ),
        (
            *("{0} Finch", "{0} Orchid", "Lesser {0}", "Greater {0}", "{0} Beetle", "{0} Oak", "{0} Trout"),
            *("Spotted {0}", "{0} Warbler", "{0} Fern", "Northern {0}", "{0}'s Shrew", "Red {0}", "{0} Moth"),
        ),
    ),
)
_ANY_THEME = ("{0}", "{0} {1}", "New {0}", "{0} of {1}", "The {0}", "{0}-{1}", "Grand {0}", "{0} & {1}", "{0} {1} II")
_KINDS_OF_FACETS = ("region", "tradition", "school", "family", "era", "district", "movement", "branch")
"""No pattern of an item ends so: a facet's name never means an item."""

_PARTS_OF_FACETS = ("Early {0}", "Northern {0}", "Modern {0}", "Southern {0}", "Late {0}")
_FOREIGN_ARTICLES = frozenset({"der", "das", "den", "les", "des", "los", "las", "ile", "une"})


def invent_names(topic: str, taken: Container[str]) -> Iterator[tuple[str, str]]:
    """Names that suit a topic, without end, each with its key.

    Args:
        topic: Any text; case and white space do not matter.
        taken: Keys that must not come (see `match_key`).

    Yields:
        The key and the name. No key comes twice, and none is one of `taken`.
    """
    plain = plain_topic(topic)
    rng = random.Random(seed_of("names", plain))
    patterns = _patterns_for(plain)
    seen: set[str] = set()
    while True:
        name = _pick(rng, patterns).format(_word(rng), _word(rng))
        key = match_key(name)
        if key not in seen and key not in taken:
            seen.add(key)
            yield key, name


class FacetName(NamedTuple):
    """The name of a facet, and those of what it can be split into."""

    whole: str
    parts: tuple[str, ...]


def invent_facets(rng: random.Random) -> Iterator[FacetName]:
    """Names of facets without end; no two are alike."""
    seen: set[str] = set()
    while True:
        whole = f"{_word(rng)} {_pick(rng, _KINDS_OF_FACETS)}"
        key = match_key(whole)
        if key not in seen:
            seen.add(key)
            yield FacetName(whole, tuple(pattern.format(whole) for pattern in _PARTS_OF_FACETS))


@cache
def _syllables() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Syllables that a word may begin with, and those that it may end with; made once, when first needed."""
    first = [onset + vowel + coda for onset in _ONSETS for vowel in _PLAIN_VOWELS for coda in _LIGHT_CODAS]
    last = [onset + vowel + coda for onset in _ONSETS for vowel in _LAST_VOWELS for coda in _CODAS]
    return tuple(first), tuple(last)


def invent_noise(rng: random.Random) -> str:
    """A name of three words, of which there are so many that none comes twice."""
    return f"{_word(rng)} {_word(rng)} {_word(rng)}"


def _patterns_for(plain: str) -> tuple[str, ...]:
    words = frozenset("".join(char if char.isalnum() else " " for char in plain).split())
    return next((patterns for keywords, patterns in _THEMES if keywords & words), _ANY_THEME)


def _word(rng: random.Random) -> str:
    first, last = _syllables()
    word = _pick(rng, first) + _pick(rng, last)
    if rng.random() < _SHARE_OF_LONG_WORDS or word in _FOREIGN_ARTICLES:
        word = _pick(rng, first) + word
    return word[0].upper() + word[1:]


def _pick(rng: random.Random, choices: tuple[str, ...]) -> str:
    return choices[int(rng.random() * len(choices))]
