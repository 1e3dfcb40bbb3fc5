"""The tester: starts the real processes from outside, collects what they did, and asserts.

For scenarios of your own, in pytest or anywhere::

    config = OrchestratorConfig.builder().topic("test_topic").producers(3).iterations(10).build()
    async with Collector() as collector, ServiceConstellation(collector.endpoint) as constellation:
        await constellation.start_orchestrator(config)
        topic = await Topic.wait_for_topic("test_topic", collector, timeout=30)
        topic.assert_completed().assert_min_attributes(20).assert_no_errors().print_summary()

Web mode is `constellation.start_service()`, and its `client()` starts and steers topics; see `tester.web_client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tester.checks import CheckError
    from tester.collector import Collector
    from tester.command import NotInstalledError
    from tester.config import ConfigBuilder, ConfigError, OrchestratorConfig
    from tester.constellation import Service, ServiceConstellation, WebService
    from tester.fake_provider import FakeProvider
    from tester.topic import Topic
    from tester.trace import Span, Spans, Trace
    from tester.web_client import RefusedError, WebClient

__all__ = [
    "CheckError",
    "Collector",
    "ConfigBuilder",
    "ConfigError",
    "FakeProvider",
    "NotInstalledError",
    "OrchestratorConfig",
    "RefusedError",
    "Service",
    "ServiceConstellation",
    "Span",
    "Spans",
    "Topic",
    "Trace",
    "WebClient",
    "WebService",
]

_HOMES = {
    "CheckError": "tester.checks",
    "Collector": "tester.collector",
    "ConfigBuilder": "tester.config",
    "ConfigError": "tester.config",
    "FakeProvider": "tester.fake_provider",
    "NotInstalledError": "tester.command",
    "OrchestratorConfig": "tester.config",
    "RefusedError": "tester.web_client",
    "Service": "tester.constellation",
    "ServiceConstellation": "tester.constellation",
    "Span": "tester.trace",
    "Spans": "tester.trace",
    "Topic": "tester.topic",
    "Trace": "tester.trace",
    "WebClient": "tester.web_client",
    "WebService": "tester.constellation",
}


def __getattr__(name: str) -> Any:
    """Import what is used when it is first used: `tester --help` must not wait for it."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
