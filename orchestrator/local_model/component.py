"""A part of the installation: a folder that is either complete, and says so in `installed.json`, or is not there.

A component is filled in a temporary folder and renamed into place in one step, so that nothing half done is ever taken
for finished. The marker lists every file with its size, which finds what a power cut or a clean-up tool has damaged
without reading 98 MB at each start.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

MARKER = "installed.json"


def publish(folder: Path, final: Path, facts: dict[str, str]) -> None:
    """Make the filled `folder` the component `final`, replacing what is there.

    Args:
        folder: Complete content, on the same file system as `final`.
        final: Where the component lives.
        facts: What the marker shall also tell (package, version, checksum).

    Raises:
        OSError: The files cannot be written.
    """
    sizes: dict[str, int] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
        with path.open("rb") as file:
            os.fsync(file.fileno())
    with (folder / MARKER).open("w", encoding="utf-8") as marker:
        json.dump({"files": sizes, **facts}, marker, indent=1)
        marker.flush()
        os.fsync(marker.fileno())
    if final.exists():
        shutil.rmtree(final)
    folder.rename(final)


def facts_of(final: Path) -> dict[str, Any] | None:
    """What the marker tells, or None if the component is missing, incomplete or damaged."""
    try:
        marker = json.loads((final / MARKER).read_bytes())
        whole = all((final / name).stat().st_size == size for name, size in marker["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return marker if whole else None
