from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import Identity
from orchestrator.curation.validation import BATCH_SIZE, Candidate, next_batch, verdict


def candidates(*texts: str) -> list[Candidate]:
    """Candidates in the order of their finding, each named once."""
    return [Candidate(number, text, 1) for number, text in enumerate(texts, 1)]


CITIES = candidates("Paris", "Lyon", "The Beatles", "Nice", "C#", "Toulouse")


@pytest.mark.parametrize(
    ("answer", "rejected", "believed", "strangers"),
    [
        ([], (), True, 0),
        (["", " "], (), True, 0),
        (["None of them."], (), True, 0),
        (["N/A"], (), True, 0),
        (["The Beatles"], ("The Beatles",), True, 0),
        (["1. beatles", "- c#"], ("The Beatles", "C#"), True, 0),
        (["Beatles", "beatles"], ("The Beatles",), True, 0),
        (["Here are those that do not belong:", "The Beatles"], ("The Beatles",), True, 1),
        (["C"], (), False, 1),
        (["Madonna", "Elvis"], (), False, 2),
        (["Paris", "Lyon", "Nice"], ("Paris", "Lyon", "Nice"), True, 0),
        (["Paris", "Lyon", "Nice", "Toulouse"], (), False, 0),
    ],
)
def test_how_much_of_an_answer_is_believed(
    answer: list[str], rejected: tuple[str, ...], believed: bool, strangers: int
) -> None:
    """Lines are candidates by their keys; an answer that names most of them, or only others, is not believed."""
    found = verdict(CITIES, answer, Identity.NORMALIZED)
    assert (tuple(one.text for one in found.rejected), found.believed, found.strangers) == (
        rejected,
        believed,
        strangers,
    )


def test_an_item_called_none_can_be_named() -> None:
    """The words by which a model says that all belong are a candidate where one is called so."""
    assert [one.text for one in verdict(candidates("None", "Ohio"), ["none"], Identity.NORMALIZED).rejected] == ["None"]


def test_singletons_and_new_items_come_first() -> None:
    """Items that one answer alone named come first, the newest before the older; judged ones never."""
    known = [
        Candidate(1, "a", 1),
        Candidate(2, "b", 5),
        Candidate(3, "c", 1),
        Candidate(4, "d", 2),
        Candidate(5, "e", 1),
    ]
    assert [one.id for one in next_batch(known, {5})] == [3, 1, 4, 2]
    assert [one.id for one in next_batch(known, set(), 2)] == [5, 3]
    assert next_batch(known, {1, 2, 3, 4, 5}) == ()


@given(st.lists(st.integers(1, 3), max_size=120), st.integers(-5, 500))
def test_batches_are_never_too_long_and_come_to_an_end(counts: list[int], size: int) -> None:
    """Judging batch after batch reaches every item once."""
    known = [Candidate(number, f"item {number}", count) for number, count in enumerate(counts, 1)]
    judged: set[int] = set()
    while batch := next_batch(known, judged, size):
        assert len(batch) <= BATCH_SIZE
        assert not judged & {one.id for one in batch}
        judged |= {one.id for one in batch}
    assert len(judged) == len(known)


@given(st.lists(st.text(max_size=20), max_size=30), st.lists(st.text(max_size=20), max_size=30))
def test_any_answer_is_read(texts: list[str], answer: list[str]) -> None:
    """No answer fails, and never more than half of the candidates are rejected."""
    found = verdict(candidates(*texts), answer, Identity.NORMALIZED)
    assert 2 * len(found.rejected) <= len(texts)


@pytest.mark.parametrize(("doubted", "believed"), [(0, True), (2, True), (3, False), (8, False)])
def test_controls_say_whether_an_answer_is_believed(doubted: int, believed: bool) -> None:
    """With items that are known to belong among them, any number of the others may be named, but few of those."""
    asked = candidates(*(f"Noise {number}" for number in range(8)), *(f"City {number}" for number in range(8)))
    controls = {one.id for one in asked if one.text.startswith("City")}
    answer = [f"Noise {number}" for number in range(8)] + [f"City {number}" for number in range(doubted)]
    found = verdict(asked, answer, Identity.NORMALIZED, controls)
    assert found.believed is believed
    assert [one.text for one in found.rejected] == (answer[:8] if believed else [])


def test_few_controls_say_nothing() -> None:
    """Three items that are known to belong do not make an answer right that names all the others."""
    asked = candidates(*(f"Noise {number}" for number in range(8)), "Paris", "Lyon", "Nice")
    answer = [f"Noise {number}" for number in range(8)]
    assert not verdict(asked, answer, Identity.NORMALIZED, {9, 10, 11}).believed
