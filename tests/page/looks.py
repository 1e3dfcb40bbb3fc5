"""The three ways in which the page is looked at, and what must hold in each state of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults  # type: ignore[import-untyped]
from playwright.sync_api import Locator, Page

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "page"
"""Where the tests leave their pictures; not part of the repository."""

_AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}


class Look(NamedTuple):
    """A window and its colours."""

    name: str
    scheme: Literal["light", "dark"]
    width: int
    height: int
    touch: bool = False


LIGHT = Look("light", "light", 1280, 800)
DARK = Look("dark", "dark", 1280, 800)
PHONE = Look("phone", "light", 390, 844, touch=True)

in_every_look = pytest.mark.parametrize("look", [LIGHT, DARK, PHONE], ids=lambda look: look.name)


def press(target: Locator, look: Look) -> None:
    """Touch it where the window is one that is touched, else click."""
    if look.touch:
        target.tap()
    else:
        target.click()


def examine(page: Page, look: Look, state: str, part: str = "html") -> None:
    """What must hold in each state: axe-core finds nothing, nothing sticks out sideways. A picture is kept.

    Args:
        page: The page in this state.
        look: How it was opened.
        state: For the picture's name.
        part: A selector; axe-core looks at nothing else. For a state that differs in this part only.
    """
    picture(page, f"{look.name}-{state}")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    results = AxeResults(page.evaluate("([part, options]) => axe.run(part, options)", [part, _AXE_OPTIONS]))
    assert results.violations_count == 0, f"{state}: {results.generate_report()}"
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= look.width, f"{state}: the page is {width} pixels wide, the window {look.width}"


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page; of the window where a dialog is over it."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.evaluate("scrollTo(0, 0)")  # what sticks to the window's edge would stand in the middle of the picture
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=page.get_by_role("dialog").count() == 0)
