"""Real closed lists: every name in one is another item, so nothing in it may be rejected or suggested lightly."""

from __future__ import annotations

from pathlib import Path

import producer.providers.simulated as simulated

NAMES = ("elements", "territories", "languages", "lexers", "airports")


def world(name: str, *, aliases: bool = False) -> list[str]:
    """The names of a closed list, in its order; with `aliases` those in other languages too."""
    path = Path(simulated.__file__).parent / "worlds" / f"{name}.txt"
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [text for row in rows for text in (row if aliases else row[:1])]
