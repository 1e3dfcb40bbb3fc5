"""The live display on a terminal (rich). Drawn by the run's own loop, a few times a second: no thread of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.segment import SegmentLines
from rich.table import Table
from rich.text import Text

from contract.text import printable
from orchestrator.events import Result, RunEvent
from orchestrator.reporting.base import coverage_words, items_found, log, log_event, summary_lines
from orchestrator.reporting.curve import curve_lines, curve_words
from orchestrator.settings import Settings
from orchestrator.words import count, money, plural, price_of_one, recovery_lines, span
from telemetry.logs import set_up_logging, trace_suffix

if TYPE_CHECKING:
    from orchestrator.routing import ProviderState
    from orchestrator.run import Run

_EVERY_S = 0.25
_MOST_PRODUCER_ROWS = 12
_OTHER_ROWS = 18
"""Lines of the picture beside the producers' and the curve's."""
_NARROW = 80
"""Columns below which percentages have no decimals."""
_MOST_CURVE_ROWS = 6
_FEWEST_CURVE_ROWS = 3


class _LogAbove(logging.Handler):
    """Log lines scroll by above the live display."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        style = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else "dim"
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        self._console.print(Text(f"{stamp} {printable(record.getMessage())}{trace_suffix(record)}", style=style))


class LiveReporter:
    """Figures, producers, providers and the newest items, redrawn in place; the summary stays."""

    def __init__(self, settings: Settings, command: str) -> None:
        self._settings = settings
        self._command = command
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._next = 0.0

    def __enter__(self) -> Self:
        set_up_logging(self._settings.log_level, [_LogAbove(self._console)])
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back whatever happened."""
        self._live.stop()

    def progress(self, text: str) -> None:
        """Show what takes long in place of the figures."""
        self._live.update(
            Panel(Text(text), title=Text(printable(self._settings.topic)), border_style="dim"), refresh=True
        )

    def started(self, run: Run) -> None:
        """What was repaired, and the first picture."""
        for line in recovery_lines(run.store.recovered):
            log.info("%s", line)
        self._live.update(self._picture(run), refresh=True)

    def round(self, run: Run, events: Sequence[RunEvent]) -> None:
        """Log what matters; redraw when it is time."""
        for event in events:
            log_event(event)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            self._live.update(self._picture(run), refresh=True)

    def ended(self, result: Result) -> None:
        """Replace the display by the summary."""
        self._live.update(Text(""), refresh=True)
        self._live.stop()
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        *lines, (last, command) = summary_lines(result, self._command)
        for name, text in lines:
            table.add_row(name, Text(text, style="bold" if name == "items" else ""))
        self._console.print(Text(printable(result.topic), style="bold"))
        self._console.print(table)
        # In one piece, so that it can be copied: a command cut in two would run without its limits.
        self._console.print(Text(f"{last}  {command}", style="dim"), soft_wrap=True)

    # --- the picture ---------------------------------------------------------------------------------------

    def _picture(self, run: Run) -> RenderableType:
        state = f"{'paused' if run.paused else 'running'}, Ctrl-C to finish"
        if run.stop_reason is not None:
            state = f"finishing {plural(len(run.desk.open), 'open response')}; Ctrl-C again ends at once"
        state += f" · {span(run.stats.elapsed_s)}"
        title = Text(printable(run.settings.topic), style="bold")
        title.truncate(
            max(8, min(self._console.width // 2, self._console.width - len(state) - 11)), overflow="ellipsis"
        )
        title.append(f"  {state}", style="none")
        explored = Group(self._explored(run), *self._curve(run))
        sections = [self._figures(run), explored, self._providers(run), self._producers(run)]
        newest = self._newest(run)
        if newest is not None:
            sections.append(newest)
        return self._fitting(title, sections)

    def _fitting(self, title: Text, sections: list[RenderableType]) -> RenderableType:
        """A frame with as many of these as the terminal is high; one that fills it leaves lines behind when it goes."""
        while True:
            body = [part for section in sections for part in (Text(""), section)][1:]
            # Narrower than the terminal: its echo of Ctrl-C must not wrap, or a line of the picture stays behind.
            frame = Panel(Group(*body), title=title, border_style="cyan", width=max(20, self._console.width - 3))
            lines = self._console.render_lines(frame, pad=False)
            if len(sections) == 1 or len(lines) < self._console.height - 1:
                return SegmentLines(lines, new_lines=True)
            sections.pop()

    def _figures(self, run: Run) -> RenderableType:
        stats = run.stats
        return _strip(
            {
                "unique items": items_found(run),
                "new a minute": f"{stats.items_per_minute:,.0f}",
                "share new": "–" if stats.share_new is None else f"{stats.share_new:.0%}",
                "calls": _calls(run) + (f" ({count(stats.failures)} failed)" if stats.failures else ""),
                "tokens": count(stats.input_tokens + stats.output_tokens),
                "cost": money(stats.cost_usd),
            }
        )

    def _explored(self, run: Run) -> RenderableType:
        coverage, explored = run.explored.exploration()
        price = None if explored is None else explored.next_price_usd
        digits = 0 if self._console.width < _NARROW else 1
        return _strip(
            {
                "coverage": "–" if explored is None else coverage_words(coverage, explored, digits=digits),
                "of distinct items": "–" if explored is None else f"at most {explored.distinct_at_most:.0%}",
                "next call brings": "–" if explored is None else f"{explored.next_yield:.1f} new",
                "next item costs": "–" if price is None else price_of_one(price),
            }
        )

    def _curve(self, run: Run) -> list[RenderableType]:
        """The discovery curve, where the terminal has room for it below everything else."""
        discovery = run.explored.discovery()
        rows = self._console.height - _OTHER_ROWS - len(run.stats.providers) - self._producer_rows(run) - 2
        if discovery is None or rows < _FEWEST_CURVE_ROWS:
            return []
        lines = curve_lines(discovery, max(20, self._console.width - 3) - 4, min(rows, _MOST_CURVE_ROWS))
        return [Text(""), *lines, Text(curve_words(discovery), style="dim", justify="center")] if lines else []

    def _producer_rows(self, run: Run) -> int:
        """Lines of the table of producers, without its head."""
        producers = sum(one.wanted or one.handle is not None for one in run.supervisor.producers)
        return max(1, min(_MOST_PRODUCER_ROWS, producers, self._console.height - _OTHER_ROWS))

    def _providers(self, run: Run) -> RenderableType:
        table = Table(expand=True, box=None, header_style="dim", pad_edge=False)
        table.add_column("provider", ratio=2, overflow="ellipsis", no_wrap=True)
        for name in ("state", "open", "calls", "new", "known", "tokens", "cost"):
            table.add_column(name, justify="right" if name != "state" else "left", no_wrap=True)
        for name, figures in run.stats.providers.items():
            state = run.router.states[name]
            table.add_row(
                Text(name),
                _health(state, run.stats.clock()),
                count(state.in_flight),
                count(figures.calls),
                count(figures.new),
                count(figures.duplicate),
                count(figures.input_tokens + figures.output_tokens),
                money(figures.cost_usd),
            )
        return table

    def _producers(self, run: Run) -> RenderableType:
        table = Table(expand=True, box=None, header_style="dim", pad_edge=False)
        table.add_column("producer", ratio=2, no_wrap=True)
        for name in ("state", "open", "calls", "new", "known"):
            table.add_column(name, justify="right" if name != "state" else "left", no_wrap=True)
        producers = [one for one in run.supervisor.producers if one.wanted or one.handle is not None]
        rows = self._producer_rows(run)
        for producer in producers[:rows]:
            figures = run.stats.producers[producer.index]
            state = "starting" if not producer.ready else "asking" if producer.open_orders else "idle"
            state = "leaving" if producer.leaving else state
            restarts = f" (replaced {producer.restarts}×)" if producer.restarts else ""
            table.add_row(
                Text(f"{producer.index} · pid {producer.pid or '–'}{restarts}"),
                Text(state, style="green" if state == "asking" else "dim"),
                count(len(producer.open_orders)),
                count(figures.calls),
                count(figures.new),
                count(figures.duplicate),
            )
        if len(producers) > rows:
            table.add_row(Text(f"… and {len(producers) - rows} more", style="dim"))
        return table

    def _newest(self, run: Run) -> RenderableType | None:
        latest = list(run.stats.latest)
        if not latest:
            return None
        text = Text("newest  ", style="dim", no_wrap=False)
        text.append(" · ".join(reversed(latest)), style="none")
        text.truncate(max(20, (self._console.width - 6) * 3), overflow="ellipsis")
        return text


def _strip(figures: dict[str, str]) -> RenderableType:
    """Figures side by side, each above its name."""
    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in figures:
        grid.add_column(justify="center")
    grid.add_row(*(Text(value, style="bold") for value in figures.values()))
    grid.add_row(*(Text(name, style="dim") for name in figures))
    return grid


def _health(state: ProviderState, now: float) -> Text:
    """Whether a provider is asked now."""
    if state.disabled is not None:
        return Text("off", style="red")
    if not state.weight:
        return Text("unused", style="dim")
    return Text("waiting", style="yellow") if state.paused_until > now else Text("ok", style="green")


def _calls(run: Run) -> str:
    """Calls so far, and of how many where that is known."""
    iterations = run.settings.iterations
    wanted = "" if iterations is None else f" of {count(iterations * run.settings.producers)}"
    return count(run.stats.calls) + wanted
