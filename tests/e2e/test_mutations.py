from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tester import scenario
from tester.process_table import marked, poll_until
from tester.scenario import Context, Outcome, Scenario, play
from tests.e2e.mutations import MUTATIONS, PARTS, Mutation, Part, write_launcher

_TRACE_S = 1.0
"""Instead of the ten seconds that a scenario gives the rest of a trace: here it never comes."""
_GONE_S = 10.0


def _outcome(
    monkeypatch: pytest.MonkeyPatch, folder: Path, played: Scenario, mutation: Mutation | None, timeout_s: float
) -> Outcome:
    """Play a scenario with a system that may be broken; asserts that no process of it is left."""
    contexts: list[Context] = []

    class Noted(Context):
        def __enter__(self) -> Context:
            contexts.append(self)
            return super().__enter__()

    launcher = write_launcher(folder, mutation)
    monkeypatch.setattr(scenario, "command_line", lambda: [sys.executable, str(launcher)])
    monkeypatch.setattr(scenario, "Context", Noted)
    outcome = play(played, seed=1, timeout_s=timeout_s, keep=False, say=lambda text: None, root=folder)
    (context,) = contexts
    assert poll_until(lambda: not marked(context.marker), _GONE_S), marked(context.marker)
    return outcome


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(
            mutation,
            id=mutation.name,
            marks=[pytest.mark.xfail(reason=mutation.survives, strict=True)] if mutation.survives else [],
        )
        for mutation in MUTATIONS
    ],
)
def test_a_broken_product_is_noticed(mutation: Mutation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario fails, and says what is wrong, when the behaviour that it asserts is broken."""
    monkeypatch.setattr(scenario, "_TRACE_S", _TRACE_S)
    outcome = _outcome(monkeypatch, tmp_path, mutation.scenario, mutation, mutation.timeout_s)
    assert not outcome.passed, f"{mutation.scenario.name} passes though {mutation.breaks}"
    assert re.search(mutation.message, outcome.failure), outcome.failure


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_passes_with_the_product_as_it_is(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is played with a broken product passes with one that is not, started in the same way."""
    outcome = _outcome(monkeypatch, tmp_path, part, None, 60.0)
    assert outcome.passed, outcome.failure
