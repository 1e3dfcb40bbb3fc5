"""`--provider local`: a small real model, installed from the package registry and served on loopback."""

from __future__ import annotations

from orchestrator.local_model.progress import Progress
from orchestrator.local_model.server import LocalModelServer
from orchestrator.local_model.serving import Installation

__all__ = ["Installation", "LocalModelServer", "Progress"]
