"""What the README says is what happens."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from tester.scenarios import GROUPS, SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FREE = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}


def test_the_python_example_runs(tmp_path: Path) -> None:
    """The README's Python block runs as it stands, at the top level of a script without a main guard."""
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(block)
    environment = {**_FREE, "PYTHONPATH": str(ROOT), "ORCHESTRATOR_PROVIDER_OPTIONS": "test.speed=0"}
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "output").glob("*/attributes.txt")
    assert sum(len(path.read_text().splitlines()) for path in lines) >= 100


def test_every_option_of_the_readme_exists() -> None:
    """Options in the README's commands and tables are options of the command."""
    shown = subprocess.run([sys.executable, "-m", "orchestrator", "--help"], cwd=ROOT, capture_output=True, text=True)
    others = "".join(
        subprocess.run(
            [sys.executable, "-m", "orchestrator", name, "--help"], cwd=ROOT, capture_output=True, text=True
        ).stdout
        for name in ("export", "plan")
    )
    known = set(re.findall(r"--[a-z-]+", shown.stdout + others)) | {"--scenario"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def test_the_testing_pages_example_passes(tmp_path: Path) -> None:
    """The Python block of docs/testing.md passes in pytest as it stands, with the real command."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "test_example.py").write_text(block)
    environment = {**_FREE, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "test_example.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_every_name_of_the_testing_page_exists() -> None:
    """The modules that docs/testing.md names have the functions that it names beside them."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    points = re.findall(r"^- \*\*\w+\*\* \(`(tester\.trace\.\w+)`\)(.*?)(?=^- |^$)", page, re.MULTILINE | re.DOTALL)
    assert len(points) == 4
    for module, text in points:
        for name in re.findall(r"`([a-z_]+)(?:\(.*?\))?`", text.partition(":")[2]):
            assert len(name) == 1 or hasattr(import_module(module), name), name


def test_every_scenario_of_the_testing_page_exists() -> None:
    """Scenarios that docs/testing.md names are there, and none that there is is missing from it."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    rows = page.partition("## Scenarios")[2].partition("##")[0]
    cells = [row.split("|")[1] for row in rows.splitlines() if row.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)}
    assert named - set(GROUPS) | {one for group in GROUPS.values() for one in group} == set(SCENARIOS)
