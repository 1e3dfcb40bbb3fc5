"""The lives of processes, as a trace tells them."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from contract import spans as names
from tester.checks import CheckError
from tester.trace import Trace
from tester.trace.lifecycle import (
    died_by,
    exited,
    killed_pids,
    no_leaked_pids,
    orchestrator_killed,
    producers_ready,
    producers_started,
    restarted,
)
from tests.tester.trace.build import Run, changed

CALM = Run(producers=3, orders=1)
KILLED = Run(producers=3, orders=1, killed=True)


def with_failed_spawn() -> Trace:
    """A run one of whose producers never became ready."""
    spawn = CALM.trace.select(name=names.SPAWN).last
    return CALM.with_other(spawn, msgspec.structs.replace(spawn, status="error"))


@pytest.mark.parametrize(
    ("use", "count"),
    [
        (lambda: producers_started(CALM.trace, 3), 3),
        (lambda: producers_started(KILLED.trace, 3), 4),
        (lambda: producers_ready(CALM.trace), 3),
        (lambda: producers_ready(KILLED.trace, 3), 4),
        (lambda: producers_ready(with_failed_spawn(), 2), 2),
        (lambda: died_by(KILLED.trace, "SIGKILL"), 1),
        (lambda: died_by(KILLED.trace, "SIGKILL", 1), 1),
        (lambda: died_by(CALM.trace, "SIGKILL", 0), 0),
        (lambda: exited(CALM.trace), 3),
        (lambda: exited(KILLED.trace, apart_from=died_by(KILLED.trace, "SIGKILL")), 3),
        (lambda: restarted(KILLED.trace), 1),
        (lambda: restarted(KILLED.trace, 1), 1),
        (lambda: restarted(CALM.trace, 0), 0),
    ],
)
def test_lives_are_as_told(use: Callable[[], list[object]], count: int) -> None:
    """What holds returns the spans that show it."""
    assert len(use()) == count


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: producers_started(CALM.trace, 2), "producers started: expected 2, saw 3 (3 processes)"),
        (lambda: producers_started(KILLED.trace, 4), "producers started: expected 4, saw 3 (4 processes)"),
        (lambda: producers_ready(with_failed_spawn()), "producers ready: expected 3, saw 2"),
        (lambda: died_by(CALM.trace, "SIGKILL"), "with app.exit.signal=SIGKILL: expected at least 1, saw 0"),
        (lambda: died_by(KILLED.trace, "SIGTERM"), "with app.exit.signal=SIGTERM: expected at least 1, saw 0"),
        (lambda: died_by(KILLED.trace, "SIGKILL", 2), "expected exactly 2, saw 1"),
        (lambda: exited(KILLED.trace), "expected each with process.exit.code=0, saw 1 of 4 otherwise"),
        (lambda: exited(CALM.trace, 3), "expected each with process.exit.code=3, saw 3 of 3 otherwise"),
        (lambda: exited(Trace([])), "expected at least 1, saw 0"),
        (lambda: restarted(CALM.trace), "restarts of a producer: expected at least 1, saw 0"),
        (lambda: restarted(KILLED.trace, 2), "restarts of a producer: expected exactly 2, saw 1"),
        (lambda: no_leaked_pids(CALM.trace, [7, 1010]), "that are alive: expected none, saw pid 1010"),
        (lambda: no_leaked_pids(CALM.trace, {100}), "that are alive: expected none, saw pid 100"),
    ],
)
def test_lives_otherwise_are_explained(use: Callable[[], object], message: str) -> None:
    """What does not hold says what was expected and what was seen."""
    with pytest.raises(CheckError, match=re.escape(message)):
        use()


def test_a_pid_of_which_no_span_came_is_leaked_too() -> None:
    """The orchestrator's word on a child is enough."""
    trace = Trace(one for one in CALM.spans if one.pid != 1020)
    with pytest.raises(CheckError, match="pid 1020"):
        no_leaked_pids(trace, {1020})
    no_leaked_pids(CALM.trace, {7, 8})


def test_the_killed_are_those_told_and_those_given() -> None:
    """An exit by a signal tells its pid; nonsense in its place is nobody's pid."""
    assert killed_pids(CALM.trace) == frozenset()
    assert killed_pids(KILLED.trace, [5]) == {5, 1000}
    death = died_by(KILLED.trace, "SIGKILL").one()
    assert killed_pids(KILLED.with_other(death, changed(death, app__child__pid="?"))) == frozenset()


def test_the_orchestrator_is_known_by_its_pid() -> None:
    """It was killed if its pid is given, or if not one of its spans came and somebody was killed."""
    assert orchestrator_killed(CALM.trace, {100})
    assert not orchestrator_killed(CALM.trace, {1000})
    unheard = Trace(one for one in CALM.spans if one.service != names.ORCHESTRATOR)
    assert orchestrator_killed(unheard, {100})
    assert not orchestrator_killed(unheard, ())
