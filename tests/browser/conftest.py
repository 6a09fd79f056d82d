"""Real headless Chromium, driven by Playwright. Tests are skipped if it is not installed, and fail in CI."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.login_form import PEOPLE, log_in_by_form
from tests.desk_process import Desk
from tests.namespaces import own_namespace
from tests.pulsar_stores import broker_of

BY_PLAYWRIGHT = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
]
"""The features that Playwright switches off. Chromium takes the last such list alone, so these are given again."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=" + ",".join(["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", *BY_PLAYWRIGHT]),
]
"""Without a sandbox, because containers and CI run as root, and without services that contact other hosts.

Each window makes two pages of its own for the suggestions below the address, which nobody sees here. Without them a new window
takes a quarter of a second of a processor instead of half a second and more.
"""

LogIn = Callable[[Desk, str], Page]
WITHOUT_WINDOWS = "chromium-headless-shell"
"""Chromium without all that belongs to windows: it takes half of the processor time. Debian has it as a package."""
WHOLE = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 20_000
"""How long a page may take to show what is expected of it: a machine may be five times slower than one at rest."""

expect.set_options(timeout=PATIENCE_MS)


def chromium_program(*, whole: bool = False) -> str:
    """The browser of these tests. ``whole``: as people have it."""
    for name in WHOLE if whole else (WITHOUT_WINDOWS, *WHOLE):
        if found := shutil.which(name):
            return found
    reason = "the browser tests need Chromium (Debian: apt-get install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """While Playwright's loop runs in this thread, nothing else here can use Django or asyncio."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for each module."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, timezone_id="Europe/Amsterdam")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(params=["embedded", pytest.param("pulsar", marks=pytest.mark.broker)])
def store_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """The store that the desk uses."""
    broker = broker_of(request)
    return own_namespace(broker) if broker else {}


@pytest.fixture
def desk(tmp_path: Path, store_environment: dict[str, str]) -> Iterator[Desk]:
    """A running desk with one person of each role."""
    with Desk(tmp_path, store_environment, people=PEOPLE) as running:
        yield running


@pytest.fixture
def log_in(context: BrowserContext) -> LogIn:
    """``log_in(desk, "support")`` returns the page of a person who has just logged in through the form."""

    def by_the_form(desk: Desk, name: str) -> Page:
        return log_in_by_form(desk, context, name)

    return by_the_form
