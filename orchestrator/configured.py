"""`python -m orchestrator.configured`: exit code 0 if a provider is configured in the environment or `.env`.

For scripts that choose a provider when none is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contract.errors import OrchestratorError
from orchestrator.api_keys import EnvironmentKeys
from orchestrator.providers import VENDORS
from orchestrator.settings import read_environment


def is_configured(directory: Path) -> bool:
    """Whether a key, a base URL or `ORCHESTRATOR_PROVIDER` is set."""
    environment = read_environment(directory)
    keys = EnvironmentKeys(environment)
    if environment.get("ORCHESTRATOR_PROVIDER", "").strip():
        return True
    return any(keys.get(vendor) or environment.get(f"{vendor.upper()}_BASE_URL", "").strip() for vendor in VENDORS)


if __name__ == "__main__":
    try:
        sys.exit(0 if is_configured(Path.cwd()) else 1)
    except OrchestratorError:
        sys.exit(0)  # the command itself will say what is wrong
