"""How the simulated model continues a conversation: it knows what it said, and tires."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.providers.base import Call
from producer.providers.simulated import SimulationOptions, choose_names, make_answer, universe_of, with_mess

TOPIC = "Paris attractions"
WORLD = universe_of(TOPIC)
CLEAN = with_mess(SimulationOptions(mess=0))
TIRELESS = msgspec.structs.replace(CLEAN, continuation_wear=0.0)
Said = tuple[tuple[str, ...], ...]


def items(said: Said, options: SimulationOptions = CLEAN, *, seed: int = 1, size: int = 60) -> list[str]:
    """Items of one answer."""
    call = Call("", (), 4000, topic=TOPIC, size=size, said=said)
    return [name.item for name in choose_names(WORLD, "m", options, call, random.Random(seed)) if name.item]


def head(count: int) -> tuple[str, ...]:
    """The items that a model of this name thinks of first."""
    order: dict[str, None] = {}
    for seed in range(40):
        order.update(dict.fromkeys(items((), seed=seed)[:10]))
    return tuple(order)[:count]


@pytest.mark.parametrize(("compliance", "answers"), [(0.97, 1), (0.97, 4), (0.5, 1), (0.5, 2), (1.0, 3), (0.0, 1)])
def test_said_items_are_left_out_less_and_less(compliance: float, answers: int) -> None:
    """An item that was said comes again as often as `continuation_compliance` to the power of the answers lets it."""
    options = msgspec.structs.replace(TIRELESS, continuation_compliance=compliance)
    known = head(40)
    said = (*((("unheard of",),) * (answers - 1)), known)
    # Of an answer as long as the world, every item is drawn once: what is left out was left out by obedience.
    repeats = sum(len(set(known).intersection(items(said, options, seed=seed, size=10**6))) for seed in range(40))
    assert repeats / (40 * len(known)) == pytest.approx(1 - compliance**answers, abs=0.03)


@pytest.mark.parametrize(
    ("wear", "answers", "size"), [(0.05, 0, 60), (0.05, 1, 57), (0.05, 4, 49), (0.5, 9, 1), (0, 3, 60)]
)
def test_answers_get_shorter(wear: float, answers: int, size: int) -> None:
    """Each earlier answer makes the next one shorter, and none is empty."""
    options = msgspec.structs.replace(CLEAN, continuation_wear=wear)
    assert len(items(tuple((f"nothing {number}",) for number in range(answers)), options)) == size


def test_continuing_brings_what_asking_afresh_does_not() -> None:
    """Five turns of one conversation name more than five fresh answers, though they name fewer items in all."""
    fresh = [items((), seed=seed) for seed in range(5)]
    talk: list[tuple[str, ...]] = []
    for seed in range(5):
        talk.append(tuple(items(tuple(talk), seed=seed)))
    assert sum(map(len, talk)) < sum(map(len, fresh))
    assert len(set().union(*talk)) > 1.1 * len(set().union(*fresh))


def test_other_spellings_are_recognised() -> None:
    """What was said may come back as the store spelled it."""
    options = msgspec.structs.replace(TIRELESS, continuation_compliance=1.0)
    known = head(20)
    assert not set(known).intersection(items((tuple(f"1. {name.upper()}" for name in known),), options))


@given(st.lists(st.lists(st.text(max_size=10), max_size=3).map(tuple), max_size=3).map(tuple), st.integers(0, 5))
@settings(max_examples=40)
def test_any_conversation_is_continued_repeatably(said: Said, seed: int) -> None:
    """The same call gets the same answer, whatever was said."""
    call = Call("", (), 4000, topic=TOPIC, size=5, said=said, seed=seed)
    first, second = (make_answer("m", CLEAN, call, seed) for _ in range(2))
    assert first == second
    assert first.text


def test_what_was_said_decides_the_answer() -> None:
    """Two conversations whose words join to the same text get answers of their own."""
    calls = [Call("", (), 4000, topic=TOPIC, size=30, said=said) for said in ((("a", "b"),), (("a",), ("b",)), ())]
    assert len({make_answer("m", TIRELESS, call, 1).text for call in calls}) == 3
