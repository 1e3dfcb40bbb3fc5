"""A topic at a glance: its view without what only its own page shows."""

from __future__ import annotations

import msgspec

from contract.service import TopicView

_LEFT_OUT = frozenset({"settings", "providers", "producers", "discovery"})
_FIELDS = tuple(field for field in msgspec.structs.fields(TopicView) if field.name not in _LEFT_OUT)

TopicSummary: type[msgspec.Struct] = msgspec.defstruct(
    "TopicSummary",
    [(field.name, field.type) if field.required else (field.name, field.type, field.default) for field in _FIELDS],
    namespace={"__doc__": "A topic's view without its settings, providers, producers and discovery."},
    frozen=True,
)


def summary_of(view: TopicView) -> msgspec.Struct:
    """The summary of a view."""
    return TopicSummary(**{field.name: getattr(view, field.name) for field in _FIELDS})
