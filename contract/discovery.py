"""What is shown of a topic's exploration: how far it is, how it went and will go on, and each part of the topic.

Counts are of the topic's folder, over all its runs. Bounds hold for what is read from a folder, too.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

MAX_PARTS = 500
"""Most parts that are shown of a topic."""


class ExplorationView(msgspec.Struct, frozen=True):
    """How far the topic is explored, as estimated from responses that were asked afresh.

    Attributes:
        coverage_low: Lower end of the 90 % interval of `TopicView.coverage`.
        coverage_high: Its upper end.
        without_noise: The coverage if what came only once more often than repeats let expect is noise.
        fresh_responses: How many responses the estimate stands on.
        distinct_at_most: Known items ÷ a lower bound on all distinct ones.
        next_yield: Expected new items of the next response.
        next_price_usd: Expected cost of the next new item; None where a price is unknown or nothing new is expected.
        ways: How many responses each way of asking has brought, and how many new items: `{"facet": [12, 340]}`.
    """

    coverage_low: float
    coverage_high: float
    without_noise: float
    fresh_responses: Count
    distinct_at_most: float
    next_yield: float
    next_price_usd: float | None = None
    ways: dict[str, tuple[Count, Count]] = {}


class DiscoveryPoint(msgspec.Struct, frozen=True):
    """The search after so many responses.

    Attributes:
        responses: All that came to an end, whatever they asked, plans included.
        items: Distinct items that they brought.
    """

    responses: Count
    items: Count


class ForecastPoint(msgspec.Struct, frozen=True):
    """The search after more responses.

    Attributes:
        responses: Those made included.
        items: Expected distinct items if it goes on as it did.
        low: Lower end of the 90 % band.
        high: Its upper end.
        afresh: Expected distinct items if every further response were asked afresh.
    """

    responses: Count
    items: Count
    low: Count
    high: Count
    afresh: Count


class PartView(msgspec.Struct, frozen=True):
    """A part of the topic that is asked about on its own.

    Attributes:
        name: A sub-topic in a model's words, the letters that names begin with, or a language. Untrusted. Empty for
            the rest.
        kind: What it is; `rest`: what belongs to none of the sub-topics.
        state: `new`: not asked about yet; `open`; `split`: it was split into others and is still asked about; `closed`.
        within: The sub-topic that it is a part of; empty: the topic. Untrusted.
        reason: Why it is closed, in words; empty while it is not.
        responses: So many have asked about it.
        items: Distinct items that they named.
        new: Items among them that were new.
        lately: New items of a response, lately; None before the first.
        coverage: Share of what its last responses named that was known before, 0 to 1. They are asked to leave out what
            is known: asked afresh, the share would be larger. None before the first.
        overlap: Share of its items that other parts of its kind have named, too, 0 to 1; None before any.
    """

    name: str
    kind: Literal["facet", "rest", "letter", "language"]
    state: Literal["new", "open", "split", "closed"]
    within: str = ""
    reason: str = ""
    responses: Count = 0
    items: Count = 0
    new: Count = 0
    lately: float | None = None
    coverage: float | None = None
    overlap: float | None = None


class DiscoveryView(msgspec.Struct, frozen=True):
    """How the search went, how it is expected to go on, and the parts of the topic.

    Attributes:
        curve: From the beginning to now, thinned.
        forecast: As many responses ahead as were made; empty while too little is known.
        parts: Those with most left first, then those not asked about yet, then closed ones; at most `MAX_PARTS`.
        parts_left_out: Parts beyond them.
    """

    curve: tuple[DiscoveryPoint, ...] = ()
    forecast: tuple[ForecastPoint, ...] = ()
    parts: tuple[PartView, ...] = ()
    parts_left_out: Count = 0


class KeptExploration(msgspec.Struct, frozen=True):
    """What `run.db` keeps of it, for when the topic does not run.

    Attributes:
        run: The run that wrote it.
        explanation: Why that run ended, in a sentence; empty while it goes on.
        coverage: As in `TopicView`.
        exploration: The same.
        discovery: The same.
    """

    run: Count
    explanation: str = ""
    coverage: float | None = None
    exploration: ExplorationView | None = None
    discovery: DiscoveryView | None = None
