"""What the explorer is told: traits of the providers, and the numbers that were chosen by measurement."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Traits(NamedTuple):
    """What the explorer must know of a provider.

    Attributes:
        input_price: Price of a token of the prompt, in any unit that is the same for all providers.
        output_price: The same for a token of the answer.
        takes_list: Whether it gets avoid-lists.
        takes_parts: Whether the strategy `auto` asks it for the parts of a topic, and about them.
    """

    input_price: float = 0.25
    output_price: float = 1.0
    takes_list: bool = True
    takes_parts: bool = True


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that were chosen by measurement, on worlds that `benchmarks/exhaustion` does not report on.

    Attributes:
        plan_above: Sub-topics are asked for where a fresh response still brings more than this share of unknown items:
            a topic that is listed with a few calls does not need them.
        plan_worth: A plan is not worth its price where fewer orders are left.
        split_gain: Parts are made as long as they bring so many times what the whole did last.
        audit_every_first: Orders from one audit to the next, until there are `PILOT`.
        audit_every: The same afterwards.
        audit_every_late: The same once the decision to stop is near.
        late_below: It is near where the best arm brings less than this share of an answer.
        longest_list: Most items of an avoid-list.
        optimism: Share of new items that a way which was never tried is expected to bring.
        trend_whole: What the next response brings of what the last ones did, where all of the topic is asked about;
            this and the next two hold until enough was seen.
        trend_full: The same for a part.
        trend_short: The same for a part whose last answer fell short.
        trend_weight: They weigh like so many observations.
        crowding: What an order on its way leaves of the next one's yield in the same scope.
        letters_above: Letters are not tried where less than this share of a fresh response is unknown.
        letters_below: Letters come once the best facet brings less than this share of an answer.
        letters_below_coarse: The same where the facets are coarse: at most half as many as the letters, …
        coarse_items: … with more than so many answers' worth of known items each, on the mean.
        facet_gain: They come at once where facets bring less than so many times what a fresh response would.
        facets_tried: … of so many of them.
        languages_below: Languages come once the best letter brings less than this share of an answer.
        conversation: Turns of a conversation that is continued.
        split_below: A worn arm is split where it brings less than this share of an answer …
        split_items: … and has named more than so many answers' worth of items.
        close_below: An arm is closed where it brings fewer new items a response.
        exhausted_below: The topic is exhausted where the best arm brings less than this share of an answer's items that
            are new, noise taken off: 1 item of 60.
        siblings_tried: An arm that was never asked is one that brings nothing once so many of its way brought nothing.
    """

    plan_above: float = 0.3
    plan_worth: int = 12
    audit_every_first: int = 2
    audit_every: int = 16
    audit_every_late: int = 6
    late_below: float = 0.1
    longest_list: int = 200
    optimism: float = 0.7
    trend_whole: float = 0.95
    trend_full: float = 0.9
    trend_short: float = 0.1
    trend_weight: float = 3.0
    crowding: float = 0.55
    letters_above: float = 0.01
    letters_below: float = 0.2
    letters_below_coarse: float = 0.7
    coarse_items: float = 1.5
    facet_gain: float = 1.1
    facets_tried: int = 4
    languages_below: float = 0.1
    conversation: int = 4
    split_below: float = 0.8
    split_items: float = 6.0
    split_gain: float = 0.3
    close_below: float = 0.3
    exhausted_below: float = 1 / 60
    siblings_tried: int = 4
