"""The simulated model's parameters, as a user may set them, and the check of what was given."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from contract.errors import ConfigurationError

LARGEST_WORLD = 200_000
"""Most generated items of one topic; more would only show how long names take to invent."""

MOST_FACETS = 1000

Rate = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Seconds = Annotated[float, Meta(ge=0, le=3600, description="seconds from 0 to 3600")]
WorldName = Literal["auto", "elements", "territories", "languages", "lexers", "airports", "generated"]


class SimulationOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the simulated model knows, how it writes, how fast it is and how it fails.

    A rate is a probability: of each item where it says "per item", of each answer otherwise.

    Attributes:
        profile: Whose habits those options have that are not given: `standard`, a large model's, or `small`, as the
            smallest real one was measured to behave (see `PROFILES`).
        world: What there is to list: a real closed list, `generated`, or `auto` (by the words of the topic).
        universe_size: Items of a generated topic.
        tail_size: Generated items that follow a closed list's own.
        popularity: Law of the items' weights by rank.
        zipf_exponent: Weight of rank r is r to the power of minus this.
        lognormal_sigma: Standard deviation of the weights' logarithm.
        known_share: Share of a topic's items that a model knows, its best known ones; it never names the others.
        model_correlation: Correlation of log rank between a model's own order and the topic's: 1 makes all models
            alike, 0 makes them independent. The order depends on the model's name.
        compliance_short: Probability that an avoided item is left out, for a short avoid-list.
        compliance_long: The same for a very long one.
        compliance_scale: Length of the avoid-list, in items, over which 63 % of that fall happens.
        continuation_compliance: Probability that an item which stands in the conversation so far is left out, after
            one answer; after n answers this to the power of n: the longer a conversation, the more a model repeats.
        continuation_wear: Share by which each earlier answer of a conversation makes the next one shorter.
        list_confusion: Probability that an avoid-list makes an answer miss the topic (see `off_topic_rate`).
        scope_confusion: Probability that a facet or first letters do.
        facets: How many parts a plan could name; 0: one for about 70 items, but at least 6 and at most 40.
        facet_misses: Share of the items that belong to none of them; also of a facet's items, to none of its parts.
        plan_recall: Share of the facets that a plan names; it is mostly small ones that are forgotten.
        plan_confusion: Probability that a plan names items instead of facets.
        facet_obedience: Probability that an item belongs to the facet that was asked for (or to none of those it was
            to leave aside), where it is not drawn from everything.
        letter_obedience: The same for the first letters that were asked for.
        language_correlation: Correlation of log rank between what a model thinks of in another language and what it
            thinks of otherwise.
        judgement: Probability that a text which is no item is recognised, where the model is asked to judge; an item
            is taken for none with a tenth of what is missing to 1.
        mess: Multiplies every rate of the next group; 0 gives one clean item a line.
        case_rate: Per item: upper, lower or title case.
        typo_rate: Per item: two letters swapped, one left out or doubled.
        accent_rate: Per item with accents: written without them.
        alias_rate: Per item that has other names: one of them instead.
        noise_rate: Per item: an invented name, which never comes again …
        noise_again: … but for this share of the noise, which are the model's own few inventions for the topic.
        repeat_rate: Per item: an item this answer already has.
        loop_rate: Ends in a loop over a few items, or in one item with a counter.
        endless_loops: Share of the loops that go on until the answer's limit.
        marks_rate: Numbers, bullets or bold type.
        description_rate: "Name: description".
        parenthesis_rate: Remarks in parentheses behind names.
        preamble_rate: A line before the list.
        closing_rate: A line after the list.
        blank_lines_rate: Empty lines between items.
        json_rate: A JSON array instead of lines.
        comma_rate: Several items a line, with commas.
        foreign_line_rate: A sentence in another language.
        early_stop_rate: Fewer items than asked for.
        overrun_rate: More items than asked for, up to three times as many.
        off_topic_rate: Nothing but noise, and less of it than was asked for.
        rambling_rate: Goes on behind the list, in sentences, until the answer's limit.
        cut_rate: Ends in the middle of an item, with finish reason `length`.
        time_to_first_chunk_s: Seconds before the first chunk.
        tokens_per_second: Pace of an answer, in tokens of four characters.
        jitter: Share by which both vary.
        speed: Divides all waiting; 2 is twice as fast, 0 does not wait at all.
        max_chunk_tokens: Most tokens that one chunk joins.
        rate_limited_rate: Fails with 429.
        retry_after_s: What a 429 says in Retry-After; 0 says nothing.
        overloaded_rate: Fails with 529.
        stream_truncated_rate: The stream ends early, without a finish reason.
        timeout_rate: Nothing comes within the read time-out.
    """

    profile: Annotated[Literal["standard", "small"], Meta(description="standard or small")] = "standard"
    world: Annotated[
        WorldName, Meta(description="one of auto, elements, territories, languages, lexers, airports, generated")
    ] = "auto"
    universe_size: Annotated[
        int, Meta(ge=1, le=LARGEST_WORLD, description=f"a whole number from 1 to {LARGEST_WORLD}")
    ] = 2000
    tail_size: Annotated[int, Meta(ge=0, le=LARGEST_WORLD, description=f"a whole number from 0 to {LARGEST_WORLD}")] = 0
    popularity: Annotated[Literal["zipf", "lognormal"], Meta(description="zipf or lognormal")] = "zipf"
    zipf_exponent: Annotated[float, Meta(ge=0, le=5, description="a number from 0 to 5")] = 1.0
    lognormal_sigma: Annotated[float, Meta(ge=0, le=10, description="a number from 0 to 10")] = 1.5
    known_share: Rate = 1.0
    model_correlation: Rate = 0.8
    compliance_short: Rate = 0.97
    compliance_long: Rate = 0.6
    compliance_scale: Annotated[float, Meta(ge=1, le=1e6, description="a number from 1 to 1000000")] = 300.0
    continuation_compliance: Rate = 0.97
    continuation_wear: Rate = 0.05
    list_confusion: Rate = 0.0
    scope_confusion: Rate = 0.0

    facets: Annotated[int, Meta(ge=0, le=MOST_FACETS, description=f"a whole number from 0 to {MOST_FACETS}")] = 0
    facet_misses: Rate = 0.1
    plan_recall: Rate = 1.0
    plan_confusion: Rate = 0.0
    facet_obedience: Rate = 0.9
    letter_obedience: Rate = 0.85
    language_correlation: Rate = 0.8
    judgement: Rate = 0.9

    mess: Annotated[float, Meta(ge=0, le=100, description="a number from 0 to 100")] = 1.0
    case_rate: Rate = 0.03
    typo_rate: Rate = 0.005
    accent_rate: Rate = 0.1
    alias_rate: Rate = 0.01
    noise_rate: Rate = 0.01
    noise_again: Rate = 0.0
    repeat_rate: Rate = 0.01
    loop_rate: Rate = 0.02
    endless_loops: Rate = 0.0
    marks_rate: Rate = 0.3
    description_rate: Rate = 0.08
    parenthesis_rate: Rate = 0.05
    preamble_rate: Rate = 0.15
    closing_rate: Rate = 0.08
    blank_lines_rate: Rate = 0.08
    json_rate: Rate = 0.02
    comma_rate: Rate = 0.02
    foreign_line_rate: Rate = 0.01
    early_stop_rate: Rate = 0.05
    overrun_rate: Rate = 0.0
    off_topic_rate: Rate = 0.0
    rambling_rate: Rate = 0.0
    cut_rate: Rate = 0.03

    time_to_first_chunk_s: Seconds = 0.3
    tokens_per_second: Annotated[float, Meta(ge=0.1, le=1e6, description="a number from 0.1 to 1000000")] = 80.0
    jitter: Rate = 0.1
    speed: Annotated[float, Meta(ge=0, le=1e6, description="a number from 0 (no waiting) to 1000000")] = 1.0
    max_chunk_tokens: Annotated[int, Meta(ge=1, le=1000, description="a whole number from 1 to 1000")] = 16

    rate_limited_rate: Rate = 0.0
    retry_after_s: Seconds = 1.0
    overloaded_rate: Rate = 0.0
    stream_truncated_rate: Rate = 0.0
    timeout_rate: Rate = 0.0


MESS_RATES = (
    "case_rate",
    "typo_rate",
    "accent_rate",
    "alias_rate",
    "noise_rate",
    "repeat_rate",
    "loop_rate",
    "marks_rate",
    "description_rate",
    "parenthesis_rate",
    "preamble_rate",
    "closing_rate",
    "blank_lines_rate",
    "json_rate",
    "comma_rate",
    "foreign_line_rate",
    "early_stop_rate",
    "overrun_rate",
    "off_topic_rate",
    "rambling_rate",
    "cut_rate",
)
"""The rates that `mess` multiplies."""

FAULT_RATES = ("rate_limited_rate", "overloaded_rate", "stream_truncated_rate", "timeout_rate")
"""The rates of failed calls; together at most 1."""


PROFILES: Mapping[str, Mapping[str, Any]] = {
    "standard": {},
    "small": {
        "known_share": 0.4,
        "compliance_short": 0.0,
        "compliance_long": 0.0,
        "list_confusion": 0.8,
        "scope_confusion": 0.4,
        "facet_obedience": 0.0,
        "letter_obedience": 0.0,
        "plan_confusion": 1.0,
        "noise_rate": 0.3,
        "noise_again": 0.4,
        "repeat_rate": 0.05,
        "loop_rate": 0.1,
        "endless_loops": 0.5,
        "rambling_rate": 0.25,
        "overrun_rate": 0.15,
        "early_stop_rate": 0.3,
        "off_topic_rate": 0.15,
    },
}
"""What a profile sets where nothing else is given; `small`: about as SmolLM2-135M behaved (`benchmarks/output/`,
`exhaustion-habits`), the mean over four topics where they differ."""


def parse_options(given: Mapping[str, Any]) -> SimulationOptions:
    """Check options as a user gave them; numbers may come as text.

    Raises:
        ConfigurationError: An option is unknown or out of its range; the message names it and what is allowed.
    """
    hints = get_type_hints(SimulationOptions, include_extras=True)
    values = {name: _checked(name, value, hints.get(name)) for name, value in given.items()}
    options = SimulationOptions(**{**PROFILES[values.get("profile", "standard")], **values})
    if sum(getattr(options, name) for name in FAULT_RATES) > 1:
        raise ConfigurationError(f"the simulated model's {', '.join(FAULT_RATES)} may be 1 at most together")
    return options


def _checked(name: str, value: object, hint: Any) -> Any:
    if hint is None:
        known = SimulationOptions.__struct_fields__
        alike = [one for one in known if name and one.startswith(name)] or get_close_matches(name[:40], known, 1)
        hint = f"did you mean {alike[0]}? It knows" if alike else "it knows"
        raise ConfigurationError(f"the simulated model has no option {name[:40]!r}; {hint} {', '.join(known)}")
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError:
        allowed = next(meta.description for meta in hint.__metadata__ if isinstance(meta, Meta))
        raise ConfigurationError(
            f"the simulated model's option {name} must be {allowed}; it is {repr(value)[:40]}"
        ) from None


def with_mess(options: SimulationOptions) -> SimulationOptions:
    """The same options with `mess` multiplied into the rates that it governs (1 at most) and set to 1 itself."""
    rates = {name: min(1.0, getattr(options, name) * options.mess) for name in MESS_RATES}
    return msgspec.structs.replace(options, mess=1.0, **rates)
