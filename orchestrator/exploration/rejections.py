"""Which share of the items that were found lately was judged not to belong."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest

WINDOW = 200
"""So many of the judged items that were found last say it: what was invented long ago tells nothing of now."""
_PRIOR = 10
"""As many items are taken to have been judged to belong before anything was."""


class Rejections:
    """Fed with what is judged, in any order; items have rising numbers in the order of their discovery.

    Attributes:
        share: See the module; 0 to 1.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._verdicts: dict[int, bool] = {}

    def judged(self, valid: Iterable[int], rejected: Iterable[int]) -> None:
        """Note items that were judged to belong, and such that do not."""
        self._verdicts.update(dict.fromkeys(valid, False))
        self._verdicts.update(dict.fromkeys(rejected, True))
        newest = nlargest(WINDOW, self._verdicts)
        self._verdicts = {item: self._verdicts[item] for item in newest}
        self.share = sum(self._verdicts.values()) / (len(newest) + _PRIOR)
