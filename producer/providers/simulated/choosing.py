"""Which items the simulated model names in one answer, and how it spells them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from producer.providers.base import Call
from producer.providers.simulated.matching import misspelled, misspelling_spots, without_accents
from producer.providers.simulated.naming import invent_noise
from producer.providers.simulated.options import SimulationOptions
from producer.providers.simulated.popularity import compliance, popularity_of
from producer.providers.simulated.scoping import draw_within
from producer.providers.simulated.seeds import seed_of
from producer.providers.simulated.world import World

DEFAULT_SIZE = 60
"""Items of an answer to a call that does not say how many it wants."""

_LONGEST_LOOP = 6
_SHARE_OF_COUNTER_LOOPS = 0.25
_LOOP_START = (0.2, 0.9)
_LOOP_LENGTH = (1.2, 2.0)
_ENDLESS = 3000
"""More items than any answer has room for."""
_OWN_NOISE = 150
"""So many inventions of its own has a model for a topic; the law is Zipf's: number n has a weight of about 1/n."""
_EARLY_STOP = (0.3, 0.9)
_OVERRUN = (1.2, 3.0)


class Sighting(msgspec.Struct, frozen=True):
    """One name in an answer.

    Attributes:
        text: As the model spells it.
        item: The world's item that is meant; None for noise.
    """

    text: str
    item: str | None


def choose_names(
    world: World, model: str, options: SimulationOptions, call: Call, rng: random.Random
) -> list[Sighting]:
    """The names of one answer in their order.

    Items of the call's scope are drawn without replacement; one that stands on the avoid-list is left out with the
    probability `compliance`, one that was said earlier in the conversation with `continuation_compliance`. Then come
    repeats, noise and loops. There are fewer than asked for where the model stops early, knows no more or has said
    much already, and more where it overruns or loops.

    Args:
        world: The topic's.
        model: The model's name; each has its own popularity order.
        options: With `mess` already multiplied in.
        call: Its scope, size (0: `DEFAULT_SIZE`), avoid-list and earlier answers are read.
        rng: Draws everything.
    """
    size = call.size or DEFAULT_SIZE
    if options.early_stop_rate > rng.random():
        size = max(1, int(size * rng.uniform(*_EARLY_STOP)))
    elif options.overrun_rate and options.overrun_rate > rng.random():
        size = int(size * rng.uniform(*_OVERRUN))
    if call.said:
        size = max(1, round(size * (1 - options.continuation_wear) ** len(call.said)))
    noise_rate = options.noise_rate
    lost = _confusion(options, call)
    if lost and lost > rng.random():
        noise_rate, size = 1.0, max(1, int(size * rng.random()))
    named: list[Sighting] = []
    fresh = _obedient_draws(world, model, options, call, rng)
    while len(named) < size:
        roll = rng.random()
        if roll < noise_rate:
            named.append(_noise(world, model, options, rng))
        elif named and roll < noise_rate + options.repeat_rate:
            named.append(named[int(rng.random() * len(named))])
        else:
            item = next(fresh, None)
            if item is None:
                break
            named.append(Sighting(text=_spelled(world, item, options, rng), item=item))
    if named and options.loop_rate > rng.random():
        return _looping(world, named, size, options, rng)
    return named


def _confusion(options: SimulationOptions, call: Call) -> float:
    """The probability that the answer misses the topic."""
    scoped = call.scope.facet or call.scope.besides or call.scope.prefix
    return max(
        options.off_topic_rate,
        options.list_confusion if call.avoid else 0.0,
        options.scope_confusion if scoped else 0.0,
    )


def _obedient_draws(
    world: World, model: str, options: SimulationOptions, call: Call, rng: random.Random
) -> Iterator[str]:
    avoided = {world.canonical(text) for text in call.avoid}
    obedience = compliance(len(call.avoid), options)
    said = {world.canonical(text) for answer in call.said for text in answer}
    memory = options.continuation_compliance ** len(call.said)
    popularity = popularity_of(world, model, options, call.scope.language)
    for index in draw_within(world, popularity, options, call.scope, rng):
        item = world.items[index]
        if item in avoided and rng.random() < obedience:
            continue
        if item in said and rng.random() < memory:
            continue
        yield item


def _noise(world: World, model: str, options: SimulationOptions, rng: random.Random) -> Sighting:
    if options.noise_again and rng.random() < options.noise_again:
        return Sighting(text=_own_noise(world, model, int(_OWN_NOISE ** rng.random()) - 1), item=None)
    return Sighting(text=_invented(world, rng), item=None)


def _invented(world: World, rng: random.Random) -> str:
    """A name that no item has; a world in which that is hard to find gets a longer one."""
    text = invent_noise(rng)
    while world.canonical(text) is not None:
        text = f"{text} {invent_noise(rng)}"
    return text


def _own_noise(world: World, model: str, number: int) -> str:
    """One of the model's own inventions for a topic, the same in all answers."""
    return _invented(world, random.Random(seed_of("noise", world.name, world.items[0], model, number)))


def _spelled(world: World, item: str, options: SimulationOptions, rng: random.Random) -> str:
    """The item, or a variant of it that is still understood as this item."""
    roll = rng.random
    text = item
    if options.alias_rate > roll() and item in world.other_names:
        names = world.other_names[item]
        text = names[int(roll() * len(names))]
    if options.accent_rate > roll() and not text.isascii():
        text = without_accents(text)
    if options.typo_rate > roll():
        spots = misspelling_spots(text)
        if spots:
            text = misspelled(text, spots[int(roll() * len(spots))], int(roll() * 3))
    if options.case_rate > roll():
        cases = [variant for variant in (text.upper(), text.lower(), text.title()) if variant != text]
        if cases:
            text = cases[int(roll() * len(cases))]
    return text if text == item or world.canonical(text) == item else item


def _looping(
    world: World, named: list[Sighting], size: int, options: SimulationOptions, rng: random.Random
) -> list[Sighting]:
    start = max(1, int(len(named) * rng.uniform(*_LOOP_START)))
    length = max(start + 2, int(size * rng.uniform(*_LOOP_LENGTH)))
    if options.endless_loops and rng.random() < options.endless_loops:
        length = _ENDLESS
    looped = named[:start]
    if rng.random() < _SHARE_OF_COUNTER_LOOPS:
        stem = looped[-1].text
        counted = (f"{stem} {number}" for number in range(1, length - start + 1))
        return looped + [Sighting(text=text, item=world.canonical(text)) for text in counted]
    cycle = looped[-(1 + int(rng.random() * _LONGEST_LOOP)) :]
    return looped + [cycle[turn % len(cycle)] for turn in range(length - start)]
