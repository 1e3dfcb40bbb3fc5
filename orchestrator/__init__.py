"""The deciding process, and the Python API of the whole program.

`explore(topic, …)` runs to the end and returns a `Result`; `stream(topic, …)` yields items as they are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.version import __version__

if TYPE_CHECKING:
    from orchestrator.api import ItemStream, explore, stream
    from orchestrator.composition import Seams
    from orchestrator.events import ItemFound, Result, StopReason

__all__ = ["ItemFound", "ItemStream", "Result", "Seams", "StopReason", "__version__", "explore", "stream"]

_HOMES = {
    "ItemFound": "orchestrator.events",
    "ItemStream": "orchestrator.api",
    "Result": "orchestrator.events",
    "Seams": "orchestrator.composition",
    "StopReason": "orchestrator.events",
    "explore": "orchestrator.api",
    "stream": "orchestrator.api",
}


def __getattr__(name: str) -> Any:
    """Import the API when it is first used: `orchestrator --help` must not wait for it."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
