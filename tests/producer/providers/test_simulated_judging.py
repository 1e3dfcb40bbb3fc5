"""The simulated model as a judge of what is an item of the topic."""

import random

import msgspec
import pytest

from producer.providers.base import Call
from producer.providers.simulated import SimulationOptions, make_answer, object_to, universe_of, with_mess

TOPIC = "chemical elements"
CLEAN = with_mess(SimulationOptions(mess=0))
ELEMENTS = universe_of(TOPIC).items
NOISE = tuple(f"Unobtainable thing {number}" for number in range(100))


def objections(candidates: tuple[str, ...], judgement: float, seed: int = 1) -> list[str]:
    """What the model objects to."""
    options = msgspec.structs.replace(CLEAN, judgement=judgement)
    call = Call("", (), 4000, topic=TOPIC, mode="validate", candidates=candidates)
    return object_to(universe_of(TOPIC), options, call, random.Random(seed))


def test_a_perfect_judge_names_the_noise_and_nothing_else() -> None:
    """Other names and slips of the pen are items."""
    candidates = ("Iron", "Unobtainium", "fe", "Hydorgen", "Sure, here is a list", "1. **Gold**")
    assert objections(candidates, 1.0) == ["Unobtainium", "Sure, here is a list"]


@pytest.mark.parametrize("judgement", [0.5, 0.9])
def test_a_real_judge_errs_as_the_option_says(judgement: float) -> None:
    """Noise is overlooked with 1 - `judgement`, items are rejected with a tenth of that."""
    rounds = 60
    named = [text for seed in range(rounds) for text in objections((*ELEMENTS, *NOISE), judgement, seed)]
    rejected = sum(text in ELEMENTS for text in named)
    assert (len(named) - rejected) / (rounds * len(NOISE)) == pytest.approx(judgement, abs=0.02)
    assert rejected / (rounds * len(ELEMENTS)) == pytest.approx(0.1 * (1 - judgement), abs=0.005)


@pytest.mark.parametrize("mess", [0, 5])
def test_the_answer_repeats_the_lines_as_they_stand(mess: float) -> None:
    """One objection a line, whatever the model's habits; no sightings, for nothing is listed."""
    options = with_mess(SimulationOptions(mess=mess, cut_rate=0, judgement=1.0))
    call = Call("", (), 4000, topic=TOPIC, mode="validate", candidates=("Iron", "1) Odd  thing", "More: noise"))
    made = make_answer("m", options, call, 1)
    assert made.text == "1) Odd  thing\nMore: noise\n"
    assert made.sightings == ()
    assert made.finish_reason == "stop"


@pytest.mark.parametrize("candidates", [(), ("Iron", "Gold")])
def test_none_is_the_answer_where_all_belong(candidates: tuple[str, ...]) -> None:
    """The word that the prompt asks for."""
    options = msgspec.structs.replace(CLEAN, judgement=1.0)
    call = Call("", (), 4000, topic=TOPIC, mode="validate", candidates=candidates)
    assert make_answer("m", options, call, 1).text == "none\n"


def test_the_same_candidates_are_judged_alike_and_others_anew() -> None:
    """The seed and the candidates decide."""
    options = msgspec.structs.replace(CLEAN, judgement=0.5)

    def text(candidates: tuple[str, ...], seed: int) -> str:
        call = Call("", (), 4000, topic=TOPIC, mode="validate", candidates=candidates)
        return make_answer("m", options, call, seed).text

    assert text(NOISE, 1) == text(NOISE, 1)
    assert text(NOISE, 2) != text(NOISE, 1)
    assert text(NOISE[:99], 1) not in text(NOISE, 1)
