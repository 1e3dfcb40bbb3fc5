from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.shares import share_out

# No test fails for being slow: these machines are shared. What hangs is ended by pytest's own time-out.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

# Where the tests run in the background of a shell Ctrl-C is ignored, and so it would be by every command they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the tests, none begins a long one last."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = share_out(items, workers)


@pytest.fixture(autouse=True)
def log_levels_stay_as_they_are() -> Iterator[None]:
    """A command that a test calls in this process sets levels (`--quiet`), and the next test would lose its records."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
