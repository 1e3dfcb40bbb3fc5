"""A real headless Chromium, and a guard that notes whatever must never happen in a page."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Playwright, Request, WebSocket
from playwright.sync_api import Error as PlaywrightError

from tests.page.looks import LIGHT, Look, picture

WAIT_MS = 20_000
"""For whatever is waited for: a machine that is busy with other things is slow."""
SPACING = "\u202f"
"""Between thousands, as the page writes them."""

# The shell has the same engine without a desktop's windows: a seventh less processor time.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The pop-ups of the address bar are pages of their own, which cost each window half of its processor time.
_UNUSED = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    *("HttpsUpgrades", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding"),
)
_ARGUMENTS = (
    # Nothing but the service itself can be reached, whatever page or browser may try.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    f"--disable-features={','.join(_UNUSED)}",
)
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


class NoBrowserError(Exception):
    """There is no Chromium on this machine. The message is one line."""


def find_chromium() -> str:
    """The browser's program: what the variable CHROMIUM names, else the first one that is installed.

    Raises:
        NoBrowserError: There is none.
    """
    given = os.environ.get("CHROMIUM")
    found = shutil.which(given) if given else next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        what = f"CHROMIUM={given} is no program" if given else "Chromium is not installed"
        raise NoBrowserError(f"{what}; scripts/test.sh installs it, or on Debian: apt-get install chromium")
    return found


def launch(playwright: Playwright) -> Browser:
    """Start the browser.

    Raises:
        NoBrowserError: There is none.
    """
    program = find_chromium()
    # Chromium refuses to build its sandbox as root.
    sandbox = os.geteuid() != 0
    return playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS), chromium_sandbox=sandbox)


class Guard:
    """Notes what must not happen in a window: errors, broken policies, requests to anywhere else, dialogs.

    Args:
        context: The window.
        address: Of the service, the only place that may be called.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self._seen: list[str] = []
        self._allowed: list[str] = []
        self._place = urlsplit(address).netloc
        context.on("console", self._console)
        context.on("weberror", lambda error: self._seen.append(f"uncaught: {error.error}"))
        context.on("request", self._request)
        context.on("dialog", self._dialog)
        context.on("page", self._page)
        context.add_init_script(_TELL_VIOLATIONS)

    def allow(self, pattern: str) -> None:
        """Something that this test brings about by itself is no fault."""
        self._allowed.append(pattern)

    def faults(self) -> list[str]:
        """What has happened and was not allowed."""
        return [seen for seen in self._seen if not any(re.search(pattern, seen) for pattern in self._allowed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._seen.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        self._called("request", request.url)

    def _called(self, what: str, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self._place:
            self._seen.append(f"{what} to another place: {url}")

    def _dialog(self, dialog: Dialog) -> None:
        self._seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _page(self, page: Page) -> None:
        def opened(socket: WebSocket) -> None:
            self._called("WebSocket", socket.url)

        page.on("websocket", opened)
        page.on("crash", lambda _: self._seen.append("the page crashed"))


class Browsing:
    """The windows of one test, each with its guard.

    Args:
        browser: Shared by all tests; windows share nothing.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._windows: list[tuple[BrowserContext, Guard]] = []

    def open(self, address: str, look: Look = LIGHT) -> Page:
        """An empty page of a new window; paths are those of the service at `address`."""
        context = self._browser.new_context(
            base_url=address,
            viewport={"width": look.width, "height": look.height},
            color_scheme=look.scheme,
            has_touch=look.touch,
            is_mobile=look.touch,
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="UTC",
        )
        context.set_default_timeout(WAIT_MS)
        self._windows.append((context, Guard(context, address)))
        return context.new_page()

    def allow(self, pattern: str) -> None:
        """In all windows: something that this test brings about by itself is no fault."""
        for _, guard in self._windows:
            guard.allow(pattern)

    def faults(self) -> list[str]:
        """What has happened in any window and was not allowed."""
        return [fault for _, guard in self._windows for fault in guard.faults()]

    def keep_pictures(self, name: str) -> None:
        """Pictures of all pages as they are now, for a test that has failed."""
        pages = (page for context, _ in self._windows for page in context.pages)
        for number, page in enumerate(pages, 1):
            try:
                picture(page, f"failed-{name}-{number}")
            except PlaywrightError:
                continue  # a page that crashed has none

    def close(self) -> None:
        """Close all windows."""
        for context, _ in self._windows:
            context.close()


@contextmanager
def banner_seen(page: Page) -> Iterator[None]:
    """Within it the banner of a lost connection must have been on the page, however short."""
    page.evaluate("""() => {
        const banner = document.querySelector("[data-testid=connection-banner]");
        window.bannerSeen = new Promise((resolve) => {
            new MutationObserver(() => { if (!banner.hidden) resolve(banner.textContent); })
                .observe(banner, { attributes: true, childList: true, subtree: true });
        });
    }""")
    yield
    assert "Connection lost" in page.evaluate("window.bannerSeen")
