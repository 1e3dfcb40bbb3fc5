"""The shipped closed lists are what the script makes from the packages."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from producer.providers.simulated.closed_lists import FOLDER

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_worlds.py"
LARGEST_FOLDER = 400_000


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_worlds", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.mark.parametrize("name", ["elements", "territories", "languages", "lexers", "airports"])
def test_a_shipped_list_is_what_the_script_makes(script: ModuleType, name: str) -> None:
    """Nobody edits a list by hand, and an update of a source is noticed."""
    assert (FOLDER / f"{name}.txt").read_text(encoding="utf-8") == script.render(script.WORLDS[name]())


def test_a_list_with_two_items_of_one_key_is_refused(script: ModuleType) -> None:
    """Items that nobody could tell apart never reach a file."""
    with pytest.raises(ValueError, match="same key"):
        script.render({"Rye": [], "The RYE": []})


def test_other_names_that_mean_two_things_are_left_out(script: ModuleType) -> None:
    """An alias stands for exactly one item and is no item itself."""
    assert script.render({"Rye": ["R", "Oats"], "Oats": ["R", "O", "o", " "]}) == "Rye\nOats\tO\n"


def test_the_lists_are_small_and_their_licences_are_told() -> None:
    """At most 400 kB in all; every source's copyright line is there."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= LARGEST_FOLDER
    told = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    for owner in ("Unicode, Inc.", "the Babel Team", "the respective authors", "Mike Borsetti", "public domain"):
        assert owner in told
    assert all(path.name in told for path in FOLDER.glob("*.txt"))
