"""Tables of figures, for the terminal and as JSON in `benchmarks/output/`."""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

OUTPUT = Path(__file__).parent / "output"


class Figure(NamedTuple):
    """A named number."""

    name: str
    value: float


class Table:
    """Rows of figures with a headline that says what they mean and what is aimed at.

    Args:
        name: Of its file.
        headline: For people.
        benchmark: Which benchmark makes it, where that has another name.
    """

    def __init__(self, name: str, headline: str, benchmark: str = "") -> None:
        self.name = name
        self.headline = headline
        self.benchmark = benchmark or name
        self.rows: list[tuple[str, tuple[Figure, ...]]] = []

    def add(self, row: str, *figures: Figure) -> None:
        """Add one row."""
        self.rows.append((row, figures))

    def text(self) -> str:
        """The table for the terminal."""
        columns = list(dict.fromkeys(figure.name for _, figures in self.rows for figure in figures))
        width = max([len(row) for row, _ in self.rows] + [6])
        lines = [f"\n{self.name}: {self.headline}", " ".join([" " * width, *(f"{name:>24}" for name in columns)])]
        for row, figures in self.rows:
            values = {figure.name: _number(figure.value) for figure in figures}
            lines.append(" ".join([f"{row:<{width}}", *(f"{values.get(name, ''):>24}" for name in columns)]))
        return "\n".join(lines)

    def save(self) -> Path:
        """Write `benchmarks/output/<name>.json` with the machine's kind."""
        data: dict[str, Any] = {
            "name": self.name,
            "headline": self.headline,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "command": f"python -m benchmarks {self.benchmark}",
            "rows": [
                {"row": row, **{figure.name: round(figure.value, 4) for figure in figures}}
                for row, figures in self.rows
            ],
        }
        OUTPUT.mkdir(exist_ok=True)
        path = OUTPUT / f"{self.name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")
        return path

    def show(self) -> None:
        """Print and save."""
        sys.stdout.write(self.text() + "\n")
        sys.stdout.flush()
        self.save()


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
