from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import WHOLE, Scope
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.overlap import Overlaps


def facet(name: str, parent: Arm | None = None) -> Arm:
    """A sub-topic."""
    return Arm(Way.FACET, Scope(facet=name), parent)


def feed(*answers: tuple[Arm, Iterable[int]]) -> None:
    """Each answer in turn, as the explorer tells of them."""
    overlaps = Overlaps()
    for arm, ids in answers:
        named = set(ids)
        overlaps.took(arm, named)
        arm.took(named)


def test_what_two_parts_name_is_shared_by_both() -> None:
    """Whoever came first; what a part repeats counts once."""
    a, b = facet("a"), facet("b")
    feed((a, [1, 2, 3, 4]), (b, [4, 5]), (b, [4, 5]), (a, [4]))
    assert (a.overlap, b.overlap) == (1 / 4, 1 / 2)


def test_a_part_that_was_split_and_its_pieces_are_one() -> None:
    """A piece names what the whole had named: that is no overlap, as what a stranger names is."""
    whole, stranger = facet("whole"), facet("stranger")
    piece = facet("piece", whole)
    feed((whole, [1, 2]), (piece, [2, 3]), (stranger, [3, 9]))
    assert (whole.overlap, piece.overlap, stranger.overlap) == (0, 1 / 2, 1 / 2)


def test_letters_do_not_overlap_with_sub_topics() -> None:
    """They are another partition of the same items; and what was asked about all of the topic is none."""
    museums, m, plain = facet("museums"), Arm(Way.LETTER, Scope(prefix="M")), Arm(Way.PLAIN, WHOLE)
    feed((plain, [1, 2]), (museums, [1, 2]), (m, [1, 2]))
    assert (museums.overlap, m.overlap, plain.overlap) == (0, 0, None)


def test_a_part_that_named_nothing_has_no_overlap() -> None:
    """It is not known, rather than none."""
    assert facet("a").overlap is None


def test_a_part_of_very_many_items_counts_each_once() -> None:
    """Also those that its avoid-list has forgotten."""
    a, b = facet("a"), facet("b")
    many = [list(range(start, start + 500)) for start in range(1, 9001, 500)]
    feed(*((a, ids) for ids in many), *((a, ids) for ids in many), (b, many[0]), (b, many[0]))
    assert len(a.named) < 9000
    assert (a.distinct_items, a.shared) == (9000, 500)
    assert (b.distinct_items, b.shared) == (500, 500)


@given(answers=st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(1, 30), max_size=8)), max_size=20))
def test_overlap_is_the_share_that_others_have_named(answers: Sequence[tuple[int, set[int]]]) -> None:
    """Whatever the order of answers."""
    arms = [facet(str(number)) for number in range(4)]
    feed(*((arms[number], ids) for number, ids in answers))
    named = [set().union(*(ids for of, ids in answers if of == number)) for number in range(4)]
    for number, arm in enumerate(arms):
        others = set().union(*(ids for other, ids in enumerate(named) if other != number))
        expected = len(named[number] & others) / len(named[number]) if named[number] else None
        assert arm.overlap == expected
