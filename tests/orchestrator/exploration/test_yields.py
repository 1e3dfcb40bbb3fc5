from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import WHOLE, Scope
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.tuning import Tuning
from orchestrator.exploration.yields import Yields

SIZE = 60


def facet(name: str, parent: Arm | None = None) -> Arm:
    """A part of the topic."""
    return Arm(Way.FACET, Scope(facet=name), parent)


def test_an_arm_that_was_never_asked_is_taken_for_its_siblings() -> None:
    """The first responses of the others of its way say what its own will bring; before any, an optimistic guess."""
    yields = Yields(SIZE, Tuning())
    assert yields.expected(facet("new")) == Tuning().optimism * SIZE
    for name in "abcdef":
        yields.answered(facet(name), 30, 60, fresh=False)
    assert yields.expected(facet("new")) == 30
    assert yields.expected(Arm(Way.LETTER, Scope(prefix="A"))) == Tuning().optimism * SIZE


def test_an_answer_that_falls_short_says_that_little_is_left() -> None:
    """Of two parts that brought as many new items the one whose answer was short is expected to bring less."""
    yields = Yields(SIZE, Tuning())
    yields.answered(Arm(Way.PLAIN, WHOLE), 60, 60, fresh=True)
    full, short = facet("full"), facet("short")
    yields.answered(full, 25, 60, fresh=False)
    yields.answered(short, 25, 30, fresh=False)
    assert yields.expected(short) < 0.6 * yields.expected(full)


@pytest.mark.parametrize(
    ("usual", "falls_short"),
    [([60] * 8, True), ([60, 48, 55, 60, 44, 57, 51, 60], False), ([], False)],
    ids=["always 60", "44 to 60", "not known"],
)
def test_what_falls_short_depends_on_how_answers_usually_vary(usual: list[int], falls_short: bool) -> None:
    """55 of 60 items are few for a model that always gives 60, and nothing strange for one that gives 44 to 60."""
    yields = Yields(SIZE, Tuning())
    for items in usual:
        yields.answered(Arm(Way.PLAIN, WHOLE), 10, items, fresh=True)
    part = facet("part")
    yields.answered(part, 25, 55, fresh=False)
    assert part.short is falls_short


def test_what_asks_about_all_falls_with_what_others_find() -> None:
    """A list of known items that brought much is expected to bring less once parts have found most; a part is not."""
    unknown = 0.6
    yields = Yields(SIZE, Tuning(), lambda: unknown)
    whole, part = Arm(Way.LISTED, WHOLE), facet("part")
    for arm in (whole, part):
        yields.answered(arm, 30, 60, fresh=False)
    before = yields.expected(whole), yields.expected(part)
    unknown = 0.15
    assert (yields.expected(whole), yields.expected(part)) == (pytest.approx(before[0] / 4), before[1])
    unknown = 0.9  # a rise says that an estimate was wrong, not that there is more
    assert yields.expected(whole) == before[0]
    unknown = 0.0
    assert yields.expected(whole) == 0


def test_how_yields_fall_is_learnt() -> None:
    """Where second responses bring hardly anything, no arm's second response is expected to bring much."""
    yields = Yields(SIZE, Tuning())
    for name in "abcdefgh":
        arm = facet(name)
        yields.answered(arm, 40, 60, fresh=False)
        yields.answered(arm, 2, 60, fresh=False)
    once = facet("asked once")
    yields.answered(once, 40, 60, fresh=False)
    assert yields.expected(once) < 20


def test_splitting_is_given_up_where_parts_bring_nothing() -> None:
    """Parts of parts that bring less than their whole did are not worth a plan."""
    yields = Yields(SIZE, Tuning())
    assert yields.splitting_pays
    whole = facet("whole")
    yields.answered(whole, 20, 60, fresh=False)
    for name in "abcdefghijklmnop":
        yields.answered(facet(name, whole), 0, 60, fresh=False)
    assert not yields.splitting_pays


_RESPONSES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(0, 200), st.booleans()), max_size=60
)


@given(_RESPONSES, st.integers(0, 1000))
def test_what_is_expected_is_a_number_of_items(responses: list[tuple[int, int, int, bool]], seed: int) -> None:
    """Whatever came, expectations and draws are not negative, and no larger than what came suggests."""
    yields = Yields(SIZE, Tuning())
    arms = [Arm(Way.PLAIN, WHOLE), Arm(Way.LISTED, WHOLE), facet("a"), facet("b")]
    for number, new, more, fresh in responses:
        yields.answered(arms[number], new, new + more, fresh=fresh)
    most = max([new for _, new, _, _ in responses], default=0)
    for arm in arms:
        assert 0 <= yields.expected(arm) <= max(most, Tuning().optimism * SIZE)
        assert yields.draw(arm, random.Random(seed)) >= 0
    assert yields.responses == len(responses)
    for shown, last in ((yields.next, 8), (yields.lately, 16)):
        assert shown == (statistics.fmean([new for _, new, _, _ in responses][-last:]) if responses else SIZE)
