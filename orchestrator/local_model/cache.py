"""Where the local model is kept, and what makes one machine's binary unfit for another."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from pathlib import Path

from contract.errors import ConfigurationError

_VECTOR_FLAGS = ("sse", "avx", "fma", "f16c", "bmi", "amx", "asimd", "sve")


def default_cache() -> Path:
    """Where downloads are kept: ORCHESTRATOR_CACHE, else the user's cache folder (XDG)."""
    if chosen := os.environ.get("ORCHESTRATOR_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    folder = Path(base) if Path(base).is_absolute() else Path("~/.cache").expanduser()
    return folder / "topic-orchestrator"


def usable_cache(cache: Path) -> Path:
    """Create the cache folder if need be and check that it can be written.

    Raises:
        ConfigurationError: It cannot.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except OSError as error:
        raise ConfigurationError(
            f"the cache folder {cache} cannot be written ({error.strerror}); set ORCHESTRATOR_CACHE to one that can"
        ) from error


def processor() -> str:
    """Platform, machine and vector instructions: what decides whether a binary runs."""
    flags: list[str] = []
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("flags", "Features")):
                flags = line.partition(":")[2].split()
                break
    vector = sorted(flag for flag in flags if flag.startswith(_VECTOR_FLAGS))
    return " ".join([platform.system(), platform.machine(), *vector])
