"""How far a topic was explored when a run last wrote it down: a JSON value in `run.db`'s table `meta`.

A folder without it, or with one that somebody has spoilt, tells nothing of it; its items are no worse for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contract.discovery import DiscoveryView, ExplorationView, KeptExploration, PartView
from contract.text import printable

if TYPE_CHECKING:
    from archive.run_reader import RunReader  # which needs numpy: a run that writes does without

META_NAME = "exploration"
_MAX_CHARS = 1_000_000
"""With as many parts as are shown, of the longest names, it is shorter."""
_STATEMENT = "SELECT (SELECT substr(value, 1, ?) FROM meta WHERE name = ?)"

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(KeptExploration).decode


def decoded(text: object) -> KeptExploration | None:
    """A value of the table; None if it is none. Texts in it are made printable, nothing else is trusted to be true."""
    if not isinstance(text, str | bytes) or len(text) >= _MAX_CHARS:
        return None
    try:
        kept = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return msgspec.structs.replace(
        kept,
        explanation=printable(kept.explanation),
        exploration=None if kept.exploration is None else _printable_ways(kept.exploration),
        discovery=None if kept.discovery is None else _printable_parts(kept.discovery),
    )


def kept_exploration(reader: RunReader) -> KeptExploration | None:
    """What the folder keeps of it; None for nothing."""
    return decoded(reader.row(_STATEMENT, (_MAX_CHARS, META_NAME))[0])


def _printable_ways(exploration: ExplorationView) -> ExplorationView:
    ways = {printable(way): counts for way, counts in exploration.ways.items()}
    return msgspec.structs.replace(exploration, ways=ways)


def _printable_parts(discovery: DiscoveryView) -> DiscoveryView:
    return msgspec.structs.replace(discovery, parts=tuple(_printable_part(part) for part in discovery.parts))


def _printable_part(part: PartView) -> PartView:
    texts = {name: printable(getattr(part, name)) for name in ("name", "within", "reason")}
    return msgspec.structs.replace(part, **texts)
