"""Web mode in a user's own tests, with the real service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FREE = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}


def test_the_testing_pages_example_of_web_mode_passes(tmp_path: Path) -> None:
    """The block on web mode of docs/testing.md passes in pytest as it stands, and leaves no process."""
    (block,) = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "test_example.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "test_example.py"]
    environment = {**_FREE, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
