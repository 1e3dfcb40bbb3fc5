from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.shares import share_out

# No test fails for being slow: these machines are shared. What hangs is ended by pytest's own time-out.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the tests, none begins a long one last."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = share_out(items, workers)
