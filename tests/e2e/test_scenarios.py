from __future__ import annotations

from pathlib import Path

import pytest

from tester.scenario import play
from tester.scenarios import SCENARIOS
from tests.e2e.conftest import TIMEOUT_S


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_holds(name: str, tmp_path: Path) -> None:
    """Every scenario of the tester passes with the real command, and leaves no process behind."""
    said: list[str] = []
    outcome = play(SCENARIOS[name], seed=1, timeout_s=TIMEOUT_S, keep=True, say=said.append, root=tmp_path)
    assert outcome.passed, f"{outcome.failure}\nfiles and logs: {outcome.folder}\n" + "\n".join(said[-20:])
