"""What the process-level tests share: a context whose processes end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tester.scenario import Context

TIMEOUT_S = 120.0
"""For one command: the retries of `faults` alone wait for half a minute, and on a busy machine all takes longer."""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A tester's context in the test's own folder; it fails the test if a process is left behind."""
    with Context(tmp_path, seed=1, timeout_s=TIMEOUT_S, say=lambda text: None) as opened:
        yield opened
