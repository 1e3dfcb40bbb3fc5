"""Single questions to a model: answers are parsed, written down, and not asked for twice."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.exhaustion.asking import Question, ask_all
from benchmarks.exhaustion.closed_worlds import closed_world
from benchmarks.exhaustion.model_habits import Fresh, fresh_habits, list_questions
from benchmarks.exhaustion.real_model import RealModel, local_at
from contract.messages import Scope
from orchestrator.providers import parse_provider_options

CLEAN = RealModel("test", ("test.speed=0", "test.mess=0", "test.max_request_size=40"), {})
ELEMENTS = closed_world("elements")


def test_answers_come_in_the_order_of_their_questions_and_are_kept(tmp_path: Path) -> None:
    """What was asked once is read from the record: the model is another one by then, and the answers are the same."""
    record = tmp_path / "asked.jsonl"
    questions = [Question("chemical elements", seed) for seed in range(3)]
    first = ask_all(questions, [CLEAN], record, 2)
    assert all(len(response.items) == 40 for response in first)
    assert len({response.items for response in first}) == 3
    noisy = RealModel("test", ("test.speed=0", "test.noise_rate=1"), {})
    assert ask_all(questions[::-1], [noisy], record, 2) == first[::-1]


def test_a_question_with_a_list_or_a_part_is_another_one(tmp_path: Path) -> None:
    """Lists and parts reach the model: what is listed stays away, and names begin as asked."""
    listed = Question("chemical elements", 1, "explore", avoid=ELEMENTS.items[:20])
    lettered = Question("chemical elements", 1, "explore", Scope(prefix="C"))
    obedient = ("test.compliance_short=1", "test.compliance_long=1", "test.letter_obedience=1")
    model = RealModel(CLEAN.provider, (*CLEAN.options, *obedient), {})
    avoided, c = ask_all([listed, lettered], [model], tmp_path / "asked.jsonl", 1)
    assert not set(avoided.items) & set(ELEMENTS.items[:20])
    assert {item[0] for item in c.items} == {"C"}


def test_loops_are_counted_as_repeats(tmp_path: Path) -> None:
    """An answer that loops has few items and many repeats; one that was asked to explore is left early."""
    model = RealModel("test", (*CLEAN.options[:2], "test.loop_rate=1", "test.mess=1", "test.endless_loops=1"), {})
    whole, left = ask_all(
        [Question("chemical elements", 1), Question("chemical elements", 1, "explore")],
        [model],
        tmp_path / "asked.jsonl",
        1,
    )
    assert whole.looping
    assert whole.cut
    assert left.looping
    assert whole.repeats > 100 > left.repeats > 0
    assert left.output_tokens < whole.output_tokens


def test_the_local_model_by_its_address_is_asked_as_the_local_provider_asks() -> None:
    """No list, its prompt style, its request size, and its sampling options."""
    model = local_at("http://127.0.0.1:9/v1", "smollm2", 2048)
    options = parse_provider_options(model.options)["openai"]
    assert model.environment == {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert (options["takes_avoid_list"], options["max_request_size"], options["prompt_style"]) == (
        False,
        40,
        "numbered",
    )
    assert options["extra_body"]["presence_penalty"] == 1.5


def test_lists_are_made_of_what_the_first_answers_named_most() -> None:
    """Items of later answers are left for the comparison; long lists are filled up with the world's other items."""
    answers = [Fresh(("Iron", "Gold"), 0, 0, 9), Fresh(("Gold", "Foo"), 0, 0, 9), Fresh(("Tin",), 0, 0, 9)]
    later = [Fresh(("Neon",), 0, 0, 9)]
    questions = list_questions("elements", [*answers, *later], 2)
    assert questions[5][0].avoid == ("Gold", "Iron", "Tin", *ELEMENTS.items[:2])
    assert len(questions[100][0].avoid) == len(set(questions[100][0].avoid)) == 100
    assert len({msgspec.json.encode(question) for question in questions[5]}) == 2


def test_fresh_answers_tell_repeats_noise_and_the_repeat_curve() -> None:
    """Two answers of two elements and one invention, one element and the invention in both."""
    answers = [Fresh(("Iron", "Gold", "Foo"), 2, 1, 30), Fresh(("Gold", "foo", "Tin"), 0, 0, 30)]
    found = fresh_habits("elements", answers)
    assert found["items an answer"] == 3
    assert found["tokens an item"] == 10
    assert found["noise, %"] == pytest.approx(100 / 3)
    assert found["noise that comes again, %"] == 100
    assert found["repeats within, %"] == pytest.approx(100 * 2 / 9)
    assert found["valid distinct in 1 answer"] == 2
    assert found["valid distinct in 2 answers"] == 3
    assert "valid distinct in 5 answers" not in found
