"""What an installation or a start tells the person who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

REPORT_INTERVAL_S = 0.25
"""Seconds between two reports of the same step."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report.

    Attributes:
        step: What is being done, a short constant phrase: a display keeps one line for each.
        text: Detail for people, e.g. `41 of 68 MB`; may be empty.
        fraction: Share of the step that is done, 0.0 to 1.0, or None where it is not known.
        done_bytes: Bytes fetched, in a step that fetches.
        total_bytes: Bytes to fetch, in a step that fetches.
    """

    step: str
    text: str = ""
    fraction: float | None = None
    done_bytes: int | None = None
    total_bytes: int | None = None

    def __str__(self) -> str:
        """One line for a log or a display."""
        return f"{self.step}: {self.text}" if self.text else self.step

    @classmethod
    def of_bytes(cls, step: str, done: int, total: int) -> Progress:
        """A report of a download; `done` may overshoot (temporary copies) and is capped."""
        done = min(done, total)
        text = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if done < total else "checking"
        return cls(step, text, done / total if total else None, done, total)


Report = Callable[[Progress], None]
"""Receives every `Progress`; called in the thread that installs or starts, about four times a second."""


def ignore(_progress: Progress) -> None:
    """The `Report` of a caller who does not want any."""
