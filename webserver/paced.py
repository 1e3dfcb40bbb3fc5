"""What must not be done too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Paced:
    """An action that is done at once, but not more often than every `interval_s` seconds."""

    def __init__(self, interval_s: float, action: Callable[[], None]) -> None:
        self._interval_s = interval_s
        self._action = action
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        """Do it, now or as soon as it may be done again."""
        loop = asyncio.get_running_loop()
        due = self._last + self._interval_s
        if self._timer is None:
            if loop.time() >= due:
                self._act()
            else:
                self._timer = loop.call_at(due, self._act)

    def cancel(self) -> None:
        """Do not do it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _act(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        self._action()
