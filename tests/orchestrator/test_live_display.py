"""The live display's picture of a run."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType
from rich.live import Live

from orchestrator.events import StopReason
from orchestrator.exploration import Ask
from orchestrator.reporting.live import LiveReporter
from orchestrator.run import Run
from tests.orchestrator.run_cases import Clock, alive, call, reads, still_run


def picture(run: Run, monkeypatch: pytest.MonkeyPatch, width: int = 160, height: int = 60) -> str:
    """What a person sees."""
    shown: list[RenderableType] = []
    monkeypatch.setattr(Live, "update", lambda self, content, refresh: shown.append(content))
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", str(height))
    LiveReporter(run.settings, "orchestrator --topic Fruit").started(run)
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(shown[0])
    return console.export_text()


def stop(run: Run) -> None:
    """The end has begun."""
    run.stop_reason = StopReason.INTERRUPTED


@pytest.mark.parametrize(
    ("happens", "header"),
    [
        (lambda run: None, "Fruit  running, Ctrl-C to finish · 4.0 s"),
        (lambda run: run.stats.pause(), "Fruit  paused, Ctrl-C to finish · 4.0 s"),
        (stop, "Fruit  finishing 2 open responses; Ctrl-C again ends at once · 4.0 s"),
    ],
)
def test_the_header_says_what_the_run_does(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[Run], None], header: str
) -> None:
    """Running, paused or finishing, and for how long."""
    clock = Clock()
    run = still_run(clock)
    reads(run, alive(run, 0), "test:a", 2)
    clock.now += 4
    happens(run)
    assert header in picture(run, monkeypatch)


def rows(text: str, beginning: str) -> list[list[str]]:
    """Lines of the picture that begin so, in words."""
    lines = [line.strip("│ ").split() for line in text.split("\n")]
    return [words for words in lines if words and words[0].startswith(beginning)]


def test_providers_show_whether_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked, waiting, refused for good, or given no share."""
    clock = Clock()
    run = still_run(clock, ("a", "b", "c", "d"))
    call(run, "test:a")
    run.router.states["test:b"].paused_until = clock.now + 5
    run.router.states["test:c"].disabled = "the key was refused"
    run.router.states["test:d"].weight = 0.0
    shown = rows(picture(run, monkeypatch), "test:")
    assert [words[:2] for words in shown] == [
        ["test:a", "ok"],
        ["test:b", "waiting"],
        ["test:c", "off"],
        ["test:d", "unused"],
    ]
    assert shown[0][2:] == ["0", "1", "0", "0", "1,500", "$0.5000"]


def test_producers_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each does; one that leaves says so, one that has left is not shown."""
    run = still_run(Clock(), producers=5)
    alive(run, 0)
    reads(run, alive(run, 1), "test:a")
    alive(run, 2).wanted = False
    alive(run, 3, ready=False)
    run.supervisor.producers[4].wanted = False
    shown = [(words[0], words[4]) for words in rows(picture(run, monkeypatch), "") if words[1:3] == ["·", "pid"]]
    assert shown == [("0", "idle"), ("1", "asking"), ("2", "leaving"), ("3", "starting")]


def explored(run: Run) -> None:
    """A dozen fresh responses have come: each names four new items and some known ones."""
    run.stats.providers["test:a"].cost_usd = 0.024
    run.stats.providers["test:a"].calls = 12
    for order in range(1, 13):
        run.explorer.issued(order, Ask("audit", run.explorer.plain), "test:a")
        new = [(number, f"Item {number}") for number in range(4 * order - 3, 4 * order + 1)]
        run.explorer.took(order, range(1, min(9, 4 * order - 4)), new)
        run.explorer.ended(order, complete=True)


def test_how_far_the_topic_is_explored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage with its interval, the bound on distinct items, the next call's yield and price, and the curve."""
    run = still_run(Clock())
    assert "coverage" in picture(run, monkeypatch)
    explored(run)
    coverage, found = run.explored.exploration()
    assert found is not None
    text = picture(run, monkeypatch)
    assert f"{coverage:.1%} ({found.coverage_low:.1%}–{found.coverage_high:.1%})" in text
    assert f"at most {found.distinct_at_most:.0%}" in text
    assert "4.0 new" in text
    assert "$0.00050" in text
    assert "48 items after 12 responses; after 12 more about" in text
    assert text.count("█") > 20
    assert "░" in text


@pytest.mark.parametrize(("height", "curve"), [(60, True), (27, True), (24, False), (10, False)])
def test_the_curve_is_there_where_there_is_room(monkeypatch: pytest.MonkeyPatch, height: int, curve: bool) -> None:
    """A terminal of usual height keeps what it had, and the picture is never higher than the terminal."""
    run = still_run(Clock(), ("a",), producers=2)
    alive(run, 0)
    alive(run, 1)
    explored(run)
    text = picture(run, monkeypatch, width=100, height=height)
    assert ("items after 12 responses" in text) is curve
    assert height < 20 or len(text.rstrip("\n").split("\n")) <= height


@pytest.mark.parametrize(("width", "height"), [(60, 12), (60, 20), (80, 24), (110, 30), (200, 50)])
@pytest.mark.parametrize("producers", [1, 9, 40])
def test_the_frame_is_whole_in_any_terminal(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int, producers: int
) -> None:
    """With both borders and a line to spare: what does not find room is left out, the figures never."""
    run = still_run(Clock(), ("a", "b", "c"), producers=producers)
    for index in range(producers):
        alive(run, index)
    call(run, "test:a")
    lines = picture(run, monkeypatch, width, height).rstrip("\n").split("\n")
    assert len(lines) < height - 1
    assert (lines[0][0], lines[-1][0], lines[-1].rstrip()[-1]) == ("╭", "╰", "╯")
    assert any("unique" in line for line in lines)
    assert all(len(line.rstrip()) <= width - 3 for line in lines)
