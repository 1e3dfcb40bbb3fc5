"""The discovery curve in a few lines of a terminal: what was found as blocks, the forecast's band as shade."""

from __future__ import annotations

import bisect

from rich.text import Text

from contract.discovery import DiscoveryPoint, DiscoveryView, ForecastPoint
from orchestrator.words import count, plural

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAND, _EXPECTED = "░", "╌"
_LEAST_WIDTH = 20


def curve_lines(discovery: DiscoveryView, width: int, height: int) -> list[Text]:
    """The picture, the top line first; no lines where there is nothing to draw, or no room for it.

    Args:
        discovery: What is drawn.
        width: Columns, the whole of which is used.
        height: Lines of the picture.
    """
    if len(discovery.curve) < 2 or width < _LEAST_WIDTH or height < 1:
        return []
    now = discovery.curve[-1]
    last = discovery.forecast[-1].responses if discovery.forecast else now.responses
    most = max([now.items, *(point.high for point in discovery.forecast)])
    if not most:
        return []
    label = max(len(count(most)), len("0"))
    columns = width - label - 1
    lines = [Text(count(most).rjust(label) if row == height - 1 else " " * label) for row in range(height)]
    lines[0] = Text("0".rjust(label)) if height > 1 else lines[0]
    for line in lines:
        line.stylize("dim")
        line.append(" ")
    for column in range(columns):
        responses = last * (column + 1) / columns
        if responses <= now.responses or not discovery.forecast:
            items = _between(discovery.curve, responses)
            for row, line in enumerate(lines):
                eighths = round(8 * (items / most * height - row))
                line.append(_EIGHTHS[min(8, max(0, eighths))], style="cyan")
        else:
            point = discovery.forecast[_place(discovery.forecast, responses)]
            low, items_row, high = (_row(value, most, height) for value in (point.low, point.items, point.high))
            for row, line in enumerate(lines):
                inside = low <= row <= high
                line.append(_EXPECTED if row == items_row else _BAND if inside else " ", style="dim cyan")
    return lines[::-1]


def curve_words(discovery: DiscoveryView) -> str:
    """The same in a line."""
    now = discovery.curve[-1]
    text = f"{plural(now.items, 'item')} after {plural(now.responses, 'response')}"
    if not discovery.forecast:
        return text
    end = discovery.forecast[-1]
    return (
        f"{text}; after {count(end.responses - now.responses)} more about {count(end.items)} "
        f"({count(end.low)}–{count(end.high)})"
    )


def _row(items: int, most: int, height: int) -> int:
    return min(height - 1, int(items / most * height))


def _between(curve: tuple[DiscoveryPoint, ...], responses: float) -> float:
    """Items after so many responses, on the line that joins the curve's points."""
    after = min(len(curve) - 1, max(1, _place(curve, responses)))
    low, high = curve[after - 1], curve[after]
    share = (responses - low.responses) / max(1, high.responses - low.responses)
    return low.items + (high.items - low.items) * min(1.0, max(0.0, share))


def _place(points: tuple[DiscoveryPoint, ...] | tuple[ForecastPoint, ...], responses: float) -> int:
    """Index of the first point that is not before."""
    found = bisect.bisect_left([point.responses for point in points], responses)
    return min(len(points) - 1, found)
