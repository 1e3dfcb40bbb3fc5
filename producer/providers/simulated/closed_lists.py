"""The real closed lists, as snapshots in `worlds/`, and which of them a topic means.

`scripts/make_worlds.py` writes the files; `worlds/LICENSES.md` says where they come from.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from producer.providers.simulated.seeds import plain_topic, seed_of

FOLDER = Path(__file__).with_name("worlds")

_BY_POPULARITY = frozenset({"elements", "languages"})
"""Lists whose files stand roughly in the order in which people name their items."""

_HEADS = (
    ("elements", r"chemical elements?|elements (of|in) the periodic table|periodic table"),
    ("territories", r"(countries|country|country names|territories|nations)"),
    ("lexers", r"(programming|computer|scripting) languages?|lexers?"),
    ("languages", r"languages?( \(human\))?"),
    ("airports", r"airports?"),
)
_WHOLE_WORLD = r"( (of|in) the world| worldwide| on earth)?"


def list_for_topic(topic: str) -> str | None:
    """Which closed list a topic asks for, or None.

    The list's word must end the topic ("all countries of the world"); "airports in Brazil" means something narrower
    than the list and gets None.
    """
    plain = plain_topic(topic)[-200:]
    ends = ((name, rf"(^|.*\W)({head}){_WHOLE_WORLD}\W*") for name, head in _HEADS)
    return next((name for name, pattern in ends if re.fullmatch(pattern, plain)), None)


def read_list(name: str) -> dict[str, tuple[str, ...]]:
    """Items of a closed list, in the order of their popularity, with their other names.

    Alphabetical lists get an order by a shuffle that depends on the list's name alone.
    """
    with (FOLDER / f"{name}.txt").open(encoding="utf-8", newline="\n") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    if name not in _BY_POPULARITY:
        random.Random(seed_of("popularity", name)).shuffle(rows)
    return {item: tuple(others) for item, *others in rows}
