"""Curves over tokens, read from a run's own files."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.exhaustion.real_runs import tokens_used
from benchmarks.exhaustion.token_curve import Answer, answers_of, at_tokens, curve_of
from contract.messages import Scope
from orchestrator import explore

FIND = {"a": "A", "b": "B", "c": "C", "b too": "B"}.get
ANSWERS = [
    Answer("plain", 40, 100, ("a", "x")),
    Answer("plan", 40, 60, ("c",)),
    Answer("facet", 40, 200, ("a", "b", "b too", "y")),
]


def test_a_curve_counts_items_of_the_world_once_and_leaves_plans_out() -> None:
    """Two names of one item are one; what a plan names is no item; tokens are those of all answers."""
    assert curve_of(ANSWERS, FIND) == [(0, 0, 0, 0), (140, 1, 2, 1), (240, 1, 2, 2), (480, 2, 5, 3)]


def test_tokens_of_prompts_are_weighted() -> None:
    """At a quarter, 40 tokens of a prompt count as 10."""
    assert [point.tokens for point in curve_of(ANSWERS, FIND, 0.25)] == [0, 110, 180, 390]


def test_between_two_ends_of_answers_the_curve_is_straight() -> None:
    """Half of an answer's tokens have brought half of what it brought."""
    curve = curve_of(ANSWERS, FIND)
    assert at_tokens(curve, 70) == (70, 0.5, 1, 0.5)
    assert at_tokens(curve, 360) == (360, 1.5, 3.5, 2.5)


def test_behind_its_end_a_curve_stays_where_it_was() -> None:
    """A run that stopped early has what it had."""
    assert at_tokens(curve_of(ANSWERS, FIND), 1000) == (1000, 2, 5, 3)
    assert at_tokens(curve_of([], FIND), 1000) == (1000, 0, 0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sets(st.sampled_from("abcxyz"))), max_size=8),
    st.floats(0, 100),
    st.floats(0, 100),
)
def test_more_tokens_never_have_brought_less(
    drawn: list[tuple[int, int, set[str]]], first: float, second: float
) -> None:
    """The curve does not fall, even where answers cost nothing."""
    curve = curve_of([Answer("plain", read, written, tuple(items)) for read, written, items in drawn], FIND)
    low, high = (at_tokens(curve, budget) for budget in sorted((first, second)))
    assert all(less <= more for less, more in zip(low, high, strict=True))


def test_a_runs_answers_are_read_from_its_files(tmp_path: Path) -> None:
    """Ways, tokens, items with their later sightings, and what was refused, agree with what the run says of itself."""
    result = explore(
        "chemical elements",
        provider="test",
        provider_options=("test.speed=0", "test.repeat_rate=0.2"),
        producers=1,
        concurrency=1,
        iterations=14,
        seed=4,
        output=tmp_path / "run",
    )
    answers = answers_of(tmp_path / "run")
    assert len(answers) == 14
    assert {"plain", "listed"} <= {answer.way for answer in answers}
    assert len({item for answer in answers for item in answer.items}) == result.unique
    assert sum(len(answer.items) for answer in answers) == result.unique + result.duplicates
    assert sum(answer.input_tokens + answer.output_tokens for answer in answers) == tokens_used(tmp_path / "run")
    assert sum(answer.repeats for answer in answers) > 14
    refused = sum(answer.repeats + answer.refused + len(answer.rejected) for answer in answers)
    assert refused == result.refused
    assert all(answer.scope == Scope() for answer in answers if answer.way == "plain")


def test_a_folder_without_a_run_has_used_nothing(tmp_path: Path) -> None:
    """Before a run has made its database, and for a file that is none yet, no tokens are counted."""
    assert tokens_used(tmp_path) == 0
    (tmp_path / "run.db").touch()
    assert tokens_used(tmp_path) == 0
