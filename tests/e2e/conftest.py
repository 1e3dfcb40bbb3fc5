"""What the process-level tests share: a context whose processes end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tester.scenario import Context

TIMEOUT_S = 60.0


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A tester's context in the test's own folder; it fails the test if a process is left behind."""
    with Context(tmp_path, seed=1, timeout_s=TIMEOUT_S, say=lambda text: None) as opened:
        yield opened
