from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.rejections import WINDOW, Rejections


def test_before_anything_is_judged_everything_belongs() -> None:
    """And one verdict alone does not say that nothing does."""
    rejections = Rejections()
    assert rejections.share == 0
    rejections.judged((), [1])
    assert rejections.share < 0.1


def test_only_what_was_found_last_counts() -> None:
    """Whenever it was judged."""
    rejections = Rejections()
    rejections.judged(range(WINDOW + 1, 2 * WINDOW + 1), ())
    rejections.judged((), range(1, WINDOW + 1))
    assert rejections.share == 0


@given(verdicts=st.lists(st.booleans(), max_size=WINDOW))
def test_it_is_the_share_of_those_judged(verdicts: list[bool]) -> None:
    """With ten valid ones beside them."""
    rejections = Rejections()
    for item, rejected in enumerate(verdicts, 1):
        rejections.judged(() if rejected else [item], [item] if rejected else ())
    assert rejections.share == pytest.approx(sum(verdicts) / (len(verdicts) + 10))
