"""Answers of the simulated model: determinism, obedience, and each bad habit present at rate 1 and absent at 0."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import producer
from contract.messages import Scope
from producer.providers.base import Call
from producer.providers.simulated import Answer, SimulationOptions, World, make_answer, universe_of, with_mess
from producer.providers.simulated.choosing import Sighting, choose_names
from producer.providers.simulated.matching import match_key
from producer.providers.simulated.popularity import compliance

CLEAN = with_mess(SimulationOptions(mess=0))
TOPIC = "Paris attractions"


def answer(
    options: SimulationOptions = CLEAN,
    *,
    seed: int = 1,
    topic: str = TOPIC,
    size: int = 60,
    avoid: tuple[str, ...] = (),
    max_output_tokens: int = 4000,
    model: str = "m",
) -> Answer:
    """One answer to a call."""
    call = Call("", (), max_output_tokens=max_output_tokens, topic=topic, size=size, avoid=avoid)
    return make_answer(model, options, call, seed)


def habit(**rates: object) -> SimulationOptions:
    """A clean model with some habits."""
    return msgspec.structs.replace(CLEAN, **rates)


def lines_of(text: str) -> list[str]:
    """Lines of an answer, without the end's empty one."""
    return text.rstrip("\n").split("\n")


def test_a_clean_answer_is_one_distinct_item_a_line() -> None:
    """Without mess the lines are items of the world, drawn without replacement, as many as asked for."""
    made = answer()
    lines = lines_of(made.text)
    assert len(set(lines)) == 60
    assert set(lines) <= set(universe_of(TOPIC).items)
    assert made.finish_reason == "stop"
    assert [sighting.item for sighting in made.sightings] == lines


def test_the_same_call_has_the_same_answer_and_another_seed_another() -> None:
    """Seed, topic, size, avoid-list and model decide the text."""
    options = SimulationOptions()
    first = answer(options)
    assert answer(options) == first
    others = [
        answer(options, seed=2),
        answer(options, size=61),
        answer(options, avoid=("x",)),
        answer(options, model="n"),
        answer(options, topic="Rome attractions"),
    ]
    assert all(other.text != first.text for other in others)


def test_answers_to_the_whole_topic_stay_what_they_were() -> None:
    """What scopes, plans and judgements added draws nothing where none is asked for: figures stay comparable."""
    avoid = universe_of(TOPIC).items[:20]
    calls = [Call("", (), 4000, topic=TOPIC, size=60, avoid=listed) for listed in ((), avoid)]
    texts = [make_answer("m", with_mess(SimulationOptions()), call, seed).text for call in calls for seed in range(20)]
    assert hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16] == "acf435d63082ddd8"


def test_answers_are_the_same_in_every_process() -> None:
    """Neither hash salt nor process changes a byte."""
    script = (
        "from producer.providers.base import Call; from producer.providers.simulated import *; import sys\n"
        "call = Call('', (), max_output_tokens=4000, topic='Cafés 🗼', size=60, avoid=('a', 'b'))\n"
        "text = ''.join(make_answer('m', SimulationOptions(mess=5), call, seed).text for seed in range(10))\n"
        "sys.stdout.buffer.write(text.encode())"
    )
    root = str(Path(producer.__file__).parents[1])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": root},
            check=True,
            capture_output=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 5_000


def test_popular_items_come_more_often() -> None:
    """Over many answers the head of the model's order is seen far more than its tail."""
    seen = Counter(s.item for seed in range(200) for s in answer(seed=seed, size=30).sightings)
    items = universe_of(TOPIC).items
    head, tail = sum(seen[item] for item in items[:100]), sum(seen[item] for item in items[-100:])
    assert head > 5 * tail > 0


@pytest.mark.parametrize("listed", [20, 300, 1500])
def test_obedience_is_what_the_options_say(listed: int) -> None:
    """The share of listed items that are left out, measured in answers that name all they can, is `compliance`."""
    avoid = tuple(item.upper() for item in universe_of(TOPIC).items[:listed])
    rounds = max(4, 2000 // listed)
    kept = 0
    for seed in range(rounds):
        named = {s.item for s in answer(seed=seed, size=2000, avoid=avoid, max_output_tokens=100_000).sightings}
        kept += sum(item in named for item in universe_of(TOPIC).items[:listed])
    assert 1 - kept / (listed * rounds) == pytest.approx(compliance(listed, CLEAN), abs=0.02)


def test_variants_on_the_avoid_list_are_understood() -> None:
    """A model that always obeys leaves out what is listed under another name or with a slip."""
    options = habit(compliance_short=1.0, compliance_long=1.0)
    avoid = ("HELIUM", "fe", "1. Hydorgen", "noise that nobody said")
    named = {s.item for s in answer(options, topic="chemical elements", size=118, avoid=avoid).sightings}
    assert len(named) == 115
    assert not named & {"Helium", "Iron", "Hydrogen"}


def test_an_exhausted_world_gives_a_shorter_answer() -> None:
    """A model that knows 118 things names 118 when asked for 500."""
    made = answer(topic="chemical elements", size=500)
    assert len(lines_of(made.text)) == 118
    assert made.finish_reason == "stop"


def repeats(text: str) -> bool:
    """Whether a line comes twice."""
    lines = [line for line in lines_of(text) if line]
    return len(set(lines)) < len(lines)


def is_json(text: str) -> bool:
    """Whether the text is a JSON array, perhaps fenced."""
    return isinstance(json.loads(re.sub(r"^```(?:json)?$", "", text, flags=re.MULTILINE)), list)


def has_noise(text: str) -> bool:
    """Whether some line is no item."""
    return any(universe_of(TOPIC).canonical(line) is None for line in lines_of(text))


def has_line(pattern: str) -> Callable[[str], bool]:
    """Whether some line matches."""
    return lambda text: re.search(pattern, text, flags=re.MULTILINE) is not None


HABITS: dict[str, tuple[dict[str, float], Callable[[str], bool]]] = {
    "case": ({"case_rate": 1}, has_line(r"^[a-zé ]+$|^[A-ZÉ ]+$")),
    "noise": ({"noise_rate": 1}, has_noise),
    "repeats": ({"repeat_rate": 0.9}, repeats),
    "loop": ({"loop_rate": 1}, lambda text: repeats(text) or has_line(r" 9$")(text)),
    "marks": ({"marks_rate": 1}, has_line(r"^(?:\d+[.)] |[-*•] |\*\*)")),
    "description": ({"description_rate": 1}, has_line(r"\w(?:: | [–—-] )\w")),
    "parenthesis": ({"parenthesis_rate": 1}, has_line(r" \([^)]+\)$")),
    "preamble": ({"preamble_rate": 1}, has_line(r"\A(?:Sure|Here|Certainly)")),
    "closing": ({"closing_rate": 1}, has_line(r"^(?:Let me|I hope|Note|These)[^\n]*\n\Z")),
    "blank lines": ({"blank_lines_rate": 1}, has_line(r"\n\n")),
    "json": ({"json_rate": 1}, lambda text: text[0] in "[`" and is_json(text)),
    "commas": ({"comma_rate": 1}, has_line(r"\w, \w")),
    "foreign line": ({"foreign_line_rate": 1}, has_line(r"^(?:Voici|Aquí|以下|Hier)")),
    "early stop": ({"early_stop_rate": 1}, lambda text: len(lines_of(text)) < 60),
    "overrun": ({"overrun_rate": 1}, lambda text: 60 < len(lines_of(text)) <= 180),
    "off topic": ({"off_topic_rate": 1}, lambda text: not any(map(universe_of(TOPIC).canonical, lines_of(text)))),
    "rambling": ({"rambling_rate": 1}, lambda text: len(lines_of(text)[-1]) > 1000),
    "cut": ({"cut_rate": 1}, lambda text: not text.endswith("\n")),
}


@pytest.mark.parametrize("name", HABITS)
def test_a_habit_is_there_at_rate_1_and_gone_at_0(name: str) -> None:
    """Each habit shows in every answer at its highest rate, and in none of a clean model."""
    rates, shows = HABITS[name]
    for seed in range(8):
        assert shows(answer(habit(**rates), seed=seed).text)
        assert not shows(answer(seed=seed).text)


def test_spelling_habits_show_at_rate_1_and_not_at_0() -> None:
    """Slips, dropped accents and other names replace the item's own spelling, and are still understood."""
    for topic, name in ((TOPIC, "typo_rate"), (TOPIC, "accent_rate"), ("countries", "alias_rate")):
        own = [s for s in answer(topic=topic).sightings if s.text != s.item]
        varied = [s for s in answer(habit(**{name: 1}), topic=topic).sightings if s.text != s.item]
        assert own == []
        assert len(varied) >= 3
        assert all(universe_of(topic).canonical(s.text) == s.item for s in varied)


def test_dropped_accents_leave_no_accent() -> None:
    """At rate 1 a name with accents is written without."""
    text = answer(habit(accent_rate=1), topic="Paris attractions", size=300).text
    assert "Théâtre" not in text
    assert "Theatre" in text


def test_noise_never_comes_twice() -> None:
    """Invented names are distinct over all answers and mean no item."""
    noise = [s.text for seed in range(50) for s in answer(habit(noise_rate=1), seed=seed).sightings]
    assert len(set(noise)) == len(noise) == 3000


def test_a_models_own_inventions_come_again() -> None:
    """With `noise_again` a model has some 150 inventions for a topic; another model has others; none is an item."""
    options = habit(noise_rate=1, noise_again=1)
    first, again = (
        {s.text for seed in seeds for s in answer(options, seed=seed).sightings} for seeds in ((1, 2), (3, 4))
    )
    other = {s.text for s in answer(options, model="other").sightings}
    assert len(first & again) > 10
    assert not first & other
    assert not any(universe_of(TOPIC).canonical(text) for text in first | again)
    assert len({s.text for seed in range(100) for s in answer(options, seed=seed).sightings}) <= 150


def test_an_endless_loop_ends_at_the_answers_limit_only() -> None:
    """The answer is as long as it may be, and says so."""
    options = habit(loop_rate=1, endless_loops=1)
    for seed in range(10):
        made = answer(options, seed=seed, max_output_tokens=1000)
        assert made.finish_reason == "length"
        assert len(made.text) == 4000
        assert len(set(lines_of(made.text)[:-1])) < len(lines_of(made.text)) or " 9" in made.text


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"list_confusion": 1}, Call("", "", 4000, topic=TOPIC, size=60, avoid=("Foo",))),
        ({"scope_confusion": 1}, Call("", "", 4000, topic=TOPIC, size=60, scope=Scope(prefix="B"))),
        ({"scope_confusion": 1}, Call("", "", 4000, topic=TOPIC, size=60, scope=Scope(facet="museums"))),
        ({"scope_confusion": 1}, Call("", "", 4000, topic=TOPIC, size=60, scope=Scope(besides=("museums",)))),
    ],
)
def test_a_model_is_confused_by_what_it_does_not_understand(given: dict[str, float], asked: Call) -> None:
    """A list or a part of the topic brings noise alone; the whole topic is listed as ever."""
    world = universe_of(TOPIC)
    confused = lines_of(make_answer("m", habit(**given), asked, 1).text)
    assert not any(map(world.canonical, confused))
    whole = Call("", "", 4000, topic=TOPIC, size=60)
    assert len(set(map(world.canonical, lines_of(make_answer("m", habit(**given), whole, 1).text)))) == 60


def test_a_rambling_answer_has_its_list_and_reaches_its_limit() -> None:
    """The items come first, and then talk until the limit cuts it."""
    made = answer(habit(rambling_rate=1), max_output_tokens=1000)
    assert made.finish_reason == "length"
    assert len(made.text) == 4000
    assert lines_of(made.text)[:60] == [sighting.text for sighting in made.sightings]


@pytest.mark.parametrize(("confusion", "shares"), [(0, {0}), (1, {1})])
def test_a_confused_plan_names_items(confusion: float, shares: set[float]) -> None:
    """A model that does not understand what a plan is lists the topic's items, as if asked afresh."""
    items = set(universe_of(TOPIC).items)
    options = habit(plan_confusion=confusion)
    for seed in range(5):
        call = Call("", "", 4000, topic=TOPIC, size=40, mode="plan")
        named = lines_of(make_answer("m", options, call, seed).text)
        assert {float(name in items) for name in named} == shares


@pytest.mark.parametrize("topic", ["chemical elements", TOPIC])
def test_a_cut_answer_ends_inside_a_line(topic: str) -> None:
    """The last line is the beginning of the line that an uncut answer has there, whichever the seed."""
    for seed in range(60):
        made = answer(habit(cut_rate=1), topic=topic, seed=seed)
        whole = "\n".join(sighting.text for sighting in made.sightings) + "\n"
        assert whole.startswith(made.text)
        assert "\n" not in whole[len(made.text) - 1 : len(made.text) + 1]
        assert made.finish_reason == "length"


def chosen(world: World, options: SimulationOptions, seed: int) -> list[Sighting]:
    """Names of an answer from a world made by hand."""
    alike = msgspec.structs.replace(options, zipf_exponent=0.0)
    return choose_names(world, "m", alike, Call("", (), 4000, size=30), random.Random(seed))


def test_a_slip_that_makes_another_item_is_not_made() -> None:
    """Of "Kerren" and "Keren", which one slip turns into each other, only slips that stay clear are said."""
    world = World("tiny", {match_key(item): item for item in ("Kerren", "Keren", "Kernen")}, {})
    said = [sighting for seed in range(50) for sighting in chosen(world, habit(typo_rate=1), seed)]
    assert any(sighting.text != sighting.item for sighting in said)
    assert all(world.canonical(sighting.text) == sighting.item for sighting in said)


def test_noise_that_happens_to_be_an_item_is_made_longer() -> None:
    """An invented name that the world has is not said as noise."""
    noise = chosen(World("tiny", {"x": "X"}, {}), habit(noise_rate=1), seed=1)[0].text
    world = World("tiny", {match_key(noise): noise}, {})
    first = chosen(world, habit(noise_rate=1), seed=1)[0]
    assert first.text.startswith(noise)
    assert world.canonical(first.text) is None


@pytest.mark.parametrize("limit", [0, 1, 10, 100])
def test_the_token_limit_cuts_the_answer(limit: int) -> None:
    """No more than four characters a token are sent; the finish reason says so."""
    made = answer(max_output_tokens=limit)
    assert len(made.text) == 4 * limit
    assert made.finish_reason == "length"


def test_names_with_commas_stand_alone_among_commas() -> None:
    """In comma-separated lines a name that has a comma itself has its line to itself."""
    options = habit(comma_rate=1, world="airports")
    made = answer(options, size=2000, max_output_tokens=100_000)
    with_comma = {sighting.text for sighting in made.sightings if "," in sighting.text}
    assert len(with_comma) > 5
    assert with_comma <= set(lines_of(made.text))


def test_a_call_without_a_size_gets_an_answer_of_60() -> None:
    """A caller that does not say how many gets the usual number."""
    assert len(answer(size=0).sightings) == 60


def test_two_models_answer_from_their_own_orders() -> None:
    """Different models name different favourites, and fully correlated ones the same."""

    def favourites(model: str, correlation: float) -> set[str | None]:
        options = habit(model_correlation=correlation)
        seen = Counter(s.item for seed in range(40) for s in answer(options, seed=seed, model=model).sightings)
        return {item for item, _ in seen.most_common(30)}

    assert len(favourites("one", 0.3) & favourites("two", 0.3)) < 15
    assert len(favourites("one", 1.0) & favourites("two", 1.0)) > 20


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    topic=st.sampled_from(["elements", "territories", "languages", "lexers", "airports", "generated"]),
    mess=st.sampled_from([1, 5, 100]),
)
def test_everything_said_is_understood(seed: int, topic: str, mess: float) -> None:
    """Every line of every style leads back to the item that was meant, and noise to none."""
    options = with_mess(
        SimulationOptions(world=topic, mess=mess, json_rate=0, comma_rate=0, cut_rate=0, preamble_rate=0)  # type: ignore[arg-type]
    )
    options = msgspec.structs.replace(options, closing_rate=0.0, foreign_line_rate=0.0, noise_rate=0.1, repeat_rate=0.1)
    made = answer(options, seed=seed, topic="anything", size=40, max_output_tokens=100_000)
    world = universe_of("anything", options)
    lines = [line for line in lines_of(made.text) if line]
    assert [world.canonical(line) for line in lines] == [sighting.item for sighting in made.sightings]
    assert [world.canonical(sighting.text) for sighting in made.sightings] == [s.item for s in made.sightings]


@settings(max_examples=60, deadline=None)
@given(
    topic=st.text(max_size=40),
    seed=st.integers(),
    size=st.integers(0, 30),
    avoid=st.lists(st.text(max_size=20), max_size=5),
)
def test_any_call_has_an_answer(topic: str, seed: int, size: int, avoid: list[str]) -> None:
    """No topic, seed or avoid-list breaks the model, however messy."""
    options = with_mess(SimulationOptions(universe_size=20, mess=3))
    made = answer(options, topic=topic, seed=seed, size=size, avoid=tuple(avoid))
    assert made == answer(options, topic=topic, seed=seed, size=size, avoid=tuple(avoid))
    assert made.sightings or avoid
