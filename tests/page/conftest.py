"""What the page's tests share: one browser, one service, and what must hold at the end of each test."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tester.scenario import Context
from tests.page.browsing import WAIT_MS, Browsing, NoBrowserError, launch
from tests.page.folders import write_many, write_mixed
from tests.page.hostile_items import ANSWERED
from tests.page.web_service import Api, WebService

_FAILED = pytest.StashKey[bool]()
_ARGUMENTS = ("--provider", "test", "--producers", "2", "--provider-option", "test.universe_size=20000")
MakeService = Callable[..., WebService]
MakeApi = Callable[[WebService], Api]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember whether the test itself failed, for the picture that is kept then."""
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        item.stash[_FAILED] = report.failed  # type: ignore[attr-defined]
    return report


# For the package, not the session: while Playwright is there no test can run an event loop of its own.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser of all these tests. Where there is none they are left out; in CI they fail."""
    try:
        started = launch(playwright)
    except NoBrowserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield started
    started.close()


@pytest.fixture(scope="package")
def context(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Ends all processes with these tests; fails if a service left one behind."""
    with Context(tmp_path_factory.mktemp("page"), seed=1, timeout_s=60.0, say=lambda text: None) as opened:
        yield opened


@pytest.fixture(scope="package")
def new_service(context: Context) -> MakeService:
    """Makes services: `new_service(name, *further arguments, environment=…)`. Whoever starts one stops it."""

    def made(name: str, *arguments: str, environment: dict[str, str] | None = None) -> WebService:
        return WebService(context, context.place(name), *_ARGUMENTS, *arguments, environment=environment)

    return made


@pytest.fixture(scope="package")
def service(context: Context, new_service: MakeService) -> Iterator[WebService]:
    """The service of most tests: `test` is a simulated model, `openai` answers hostile items, `anthropic` refuses."""
    hostile = context.serve(list(ANSWERED))
    refusing = context.serve(["nothing"], valid_keys=("another-key",))
    environment = {**hostile.environment("openai"), **refusing.environment("anthropic")}
    started = new_service("shared", environment=environment).start()
    yield started
    started.stop()


@pytest.fixture
def own_service(new_service: MakeService, request: pytest.FixtureRequest) -> Iterator[WebService]:
    """A service of this test alone, which may stop and break it."""
    started = new_service(request.node.name).start()
    yield started
    started.stop()


@pytest.fixture(scope="package")
def make_api(playwright: Playwright) -> Iterator[MakeApi]:
    """Makes clients of services' APIs."""
    made: list[Api] = []

    def make(service: WebService) -> Api:
        made.append(Api(playwright, service))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(service: WebService, make_api: MakeApi) -> Iterator[Api]:
    """The shared service's API; topics that still run after the test are stopped."""
    client = make_api(service)
    yield client
    client.stop_all()


@pytest.fixture
def browsing(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Browsing]:
    """Opens windows; afterwards nothing that must not happen may have happened in them."""
    windows = Browsing(browser)
    yield windows
    if request.node.stash.get(_FAILED, False):
        windows.keep_pictures(re.sub(r"\W+", "-", request.node.name))
    faults = windows.faults()
    windows.close()
    assert not faults


@pytest.fixture
def page(browsing: Browsing, service: WebService) -> Page:
    """An empty page in a light window, on the shared service."""
    return browsing.open(service.address)


@pytest.fixture(scope="package")
def many(service: WebService) -> str:
    """Id of a finished topic with 100,000 items."""
    return write_many(service.output)


@pytest.fixture(scope="package")
def mixed(service: WebService) -> str:
    """Id of a finished topic with 120 items of two models."""
    return write_mixed(service.output)
