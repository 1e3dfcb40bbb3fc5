"""The live display's picture of a run."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType
from rich.live import Live

from orchestrator.events import StopReason
from orchestrator.reporting.live import LiveReporter
from orchestrator.run import Run
from tests.orchestrator.run_cases import Clock, alive, call, reads, still_run


def picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a person sees."""
    shown: list[RenderableType] = []
    monkeypatch.setattr(Live, "update", lambda self, content, refresh: shown.append(content))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("LINES", "60")
    LiveReporter(run.settings, "orchestrator --topic Fruit").started(run)
    console = Console(file=io.StringIO(), width=160, record=True)
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
