from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest

from tester import scenario
from tester.process_table import marked, poll_until
from tester.scenario import Context, Outcome, play
from tests.e2e.mutations import MUTATIONS, PARTS, write_launcher

_TRACE_S = 1.0
"""Instead of the ten seconds that a scenario gives the rest of a trace: of a broken one it never comes."""
_GONE_S = 10.0


def _played(name: str) -> tuple[Outcome, list[str]]:
    """Play a mutation's scenario, or a part as it is; the outcome, and the processes that it left."""
    mutation = MUTATIONS.get(name)
    played, timeout_s = (PARTS[name], 60.0) if mutation is None else (mutation.scenario, mutation.timeout_s)
    contexts: list[Context] = []

    class Noted(Context):
        def __enter__(self) -> Self:
            contexts.append(self)
            return super().__enter__()

    # Not pytest's folder: the path of a socket may have a hundred characters only.
    with TemporaryDirectory(prefix="m-", ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        launcher = write_launcher(Path(folder), mutation)
        patch.setattr(scenario, "command_line", lambda: [sys.executable, str(launcher)])
        patch.setattr(scenario, "Context", Noted)
        if mutation is not None:
            patch.setattr(scenario, "_TRACE_S", _TRACE_S)
        outcome = play(played, seed=1, timeout_s=timeout_s, keep=False, say=lambda text: None, root=Path(folder))
        poll_until(lambda: not marked(contexts[0].marker), _GONE_S)
        return outcome, [process.arguments for process in marked(contexts[0].marker)]


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_product_is_noticed(name: str) -> None:
    """A scenario fails, and says what is wrong, when the behaviour that it asserts is broken."""
    mutation = MUTATIONS[name]
    outcome, left = _played(name)
    assert not left
    assert not outcome.passed, f"{outcome.name} passes though {mutation.breaks}"
    assert re.search(mutation.message, outcome.failure), outcome.failure


@pytest.mark.parametrize("name", PARTS)
def test_a_part_passes_as_it_is(name: str) -> None:
    """What is played with a broken product passes with one that is not, started in the same way."""
    outcome, left = _played(name)
    assert not left
    assert outcome.passed, outcome.failure
