"""What the API answers with: its shapes beyond those of `contract.service`, their JSON, and their description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from archive.history import Curve
from archive.item_index import ItemRow
from archive.spool import FormatOption
from contract.service import OptionView, TopicEvent, TopicView
from webserver.problems import JSON, ProblemView

_REFERENCE = "#/components/schemas/{name}"


class Health(msgspec.Struct, frozen=True):
    """The service is there.

    Attributes:
        status: Always `ok`.
        version: Of the program.
        topics_running: Topics that run now.
    """

    status: str
    version: str
    topics_running: int


class ProviderSuggestion(msgspec.Struct, frozen=True):
    """A value for the option `provider`.

    Attributes:
        value: As it is given.
        description: What it means.
    """

    value: str
    description: str


class ServiceView(msgspec.Struct, frozen=True):
    """What this service is and offers.

    Attributes:
        version: Of the program.
        output: The folder that holds the topics' folders.
        options: Settings that a run can be given.
        providers: What the option `provider` understands, as suggestions.
        export_formats: Forms in which items can be taken home.
        token_needed: Whether callers need a token.
    """

    version: str
    output: str
    options: tuple[OptionView, ...]
    providers: tuple[ProviderSuggestion, ...]
    export_formats: tuple[FormatOption, ...]
    token_needed: bool


class TopicList(msgspec.Struct, frozen=True):
    """All topics, those with the newest activity first."""

    topics: Sequence[TopicView]


class TopicReference(msgspec.Struct, frozen=True):
    """The topic that a request was about."""

    id: str


class ItemList(msgspec.Struct, frozen=True):
    """A page of items.

    Attributes:
        total: Items that match the search.
        unique: Items of the topic.
        offset: Of the first one here within those that match.
        items: The page.
    """

    total: int
    unique: int
    offset: int
    items: Sequence[ItemRow]


class EventList(msgspec.Struct, frozen=True):
    """A stretch of a topic's event log, the newest last."""

    events: Sequence[TopicEvent]


_SHAPES = (Health, ServiceView, TopicList, TopicView, TopicReference, ItemList, Curve, EventList, ProblemView)
_encode = msgspec.json.Encoder().encode


def answer(value: msgspec.Struct, status: int = 200) -> Response:
    """A value as a JSON response."""
    return Response(_encode(value), status, media_type=JSON)


def schema_of(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Reference to a shape's schema."""
    return {"$ref": _REFERENCE.format(name=shape.__name__)}


def schemas() -> dict[str, Any]:
    """JSON schemas of everything that is answered, by name."""
    _, found = msgspec.json.schema_components(_SHAPES, ref_template=_REFERENCE)
    return found
