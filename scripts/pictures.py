"""Make the README's pictures of the page: docs/page.png, page-dark.png, page-phone.png, topics.png. Needs Chromium.

.venv/bin/python scripts/pictures.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parent.parent / "docs"
TOPICS = {
    "Programming languages": ["test.universe_size=5000", "test.speed=0.2"],
    "Paris attractions": ["test.universe_size=5000", "test.speed=0.15"],
    "Chemical elements": ["test.speed=0.3"],
}
LOOKS = {
    "page": ("/topics/programming-languages", 1280, 900, "light"),
    "page-dark": ("/topics/programming-languages", 1280, 900, "dark"),
    "page-phone": ("/topics/programming-languages", 390, 844, "dark"),
    "topics": ("/", 1280, 640, "light"),
}
GROWTH_S = 45
"""So long the topics grow before their pictures are taken."""


def start(address: str, topic: str, options: list[str]) -> None:
    """Start a topic."""
    body = {"topic": topic, "options": {"producers": 3, "provider_options": options, "max_cost_usd": 2.5}}
    request = urllib.request.Request(  # noqa: S310 - our own service
        f"{address}/api/v1/topics", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request).close()  # noqa: S310


def take(page: Page, name: str, address: str, path: str) -> None:
    """Take one picture."""
    page.goto(address + path)
    page.get_by_text("Live").first.wait_for()
    page.wait_for_timeout(3000)
    page.screenshot(path=DOCS / f"{name}.png")


def main() -> None:
    """Take them all."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "orchestrator", "--port", "0", "--provider", "test"]
        service = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            assert service.stdout is not None  # noqa: S101 - it was asked for
            found = re.search(r"http://\S+", service.stdout.readline())
            address = found.group(0) if found else sys.exit("the service does not start")
            for topic, options in TOPICS.items():
                start(address, topic, options)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                browser.new_page().wait_for_timeout(GROWTH_S * 1000)
                for name, (path, width, height, scheme) in LOOKS.items():
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme="dark" if scheme == "dark" else "light",
                    )
                    take(context.new_page(), name, address, path)
                    context.close()
                browser.close()
        finally:
            service.terminate()
            service.wait()


if __name__ == "__main__":
    main()
