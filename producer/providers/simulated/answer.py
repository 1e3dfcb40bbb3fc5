"""One whole answer of the simulated model: what it says, and why it stops."""

from __future__ import annotations

import random

import msgspec

from contract.messages import Scope
from producer.providers.base import Call
from producer.providers.simulated.choosing import Sighting, choose_names
from producer.providers.simulated.facets import plan_facets
from producer.providers.simulated.judging import ALL_BELONG, object_to
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.seeds import plain_topic, seed_of
from producer.providers.simulated.world import universe_of
from producer.providers.simulated.writing import choose_style, ramble, write

CHARS_PER_TOKEN = 4
_CUT = (0.3, 0.95)


class Answer(msgspec.Struct, frozen=True):
    """What the model says to one call.

    Attributes:
        text: The whole text.
        finish_reason: `stop`, or `length` where the text was cut.
        sightings: The items as they were meant; where the text was cut, the last ones are missing from it. None in
            plans and judgements, which name no items.
    """

    text: str
    finish_reason: str
    sightings: tuple[Sighting, ...]


def answer_seed(model: str, call: Call, seed: int) -> int:
    """What an answer depends on, besides the options, as one number."""
    parts: list[str | int] = [model, plain_topic(call.topic), seed, call.size, len(call.avoid), *call.avoid]
    if call.scope != Scope():
        scope = call.scope
        parts += ["scope", scope.facet, scope.prefix, scope.language, len(scope.besides), *scope.besides]
    if call.said:
        parts.append("said")
        for answer in call.said:
            parts += [len(answer), *answer]
    if call.mode in ("plan", "validate"):
        parts += [call.mode, *call.candidates]
    return seed_of(*parts)


def make_answer(model: str, options: SimulationOptions, call: Call, seed: int) -> Answer:
    """The answer to a call: the same text for the same arguments, in every process.

    Args:
        model: The model's name; each has its own popularity order.
        options: With `mess` already multiplied in (`options.with_mess`).
        call: All but its prompt, which is not read.
        seed: The call's seed, or a fresh one where it has none.
    """
    rng = random.Random(answer_seed(model, call, seed))
    world = universe_of(call.topic, options)
    style = choose_style(options, rng)
    sightings: list[Sighting] = []
    if call.mode == "validate":
        # Told to repeat lines as they stand, a model adds no marks.
        text = "\n".join(object_to(world, options, call, rng) or [ALL_BELONG]) + "\n"
    elif call.mode == "plan" and not (options.plan_confusion and rng.random() < options.plan_confusion):
        text = write(plan_facets(world, options, call, rng), style, call.topic, rng)
    else:
        sightings = choose_names(world, model, options, call, rng)
        text = write([sighting.text for sighting in sightings], style, call.topic, rng)
        if call.mode == "plan":
            sightings = []
    if options.rambling_rate and options.rambling_rate > rng.random():
        text += ramble(call.topic, call.max_output_tokens * CHARS_PER_TOKEN - len(text), rng)
    whole = len(text)
    if options.cut_rate > rng.random():
        text = _cut_within_line(text, rng)
    text = text[: max(0, call.max_output_tokens) * CHARS_PER_TOKEN]
    return Answer(text=text, finish_reason="length" if len(text) < whole else "stop", sightings=tuple(sightings))


def _cut_within_line(text: str, rng: random.Random) -> str:
    """The beginning of a text, ending in the middle of a line wherever a line is long enough."""
    if len(text) < 2:
        return text
    end = max(1, int(len(text) * rng.uniform(*_CUT)))
    while end > 1 and "\n" in text[end - 1 : end + 1]:
        end -= 1
    return text[:end]


def tokens_of(chars: int) -> int:
    """Tokens that a number of characters is counted as."""
    return -(-chars // CHARS_PER_TOKEN)
