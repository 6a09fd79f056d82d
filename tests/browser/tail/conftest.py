"""A desk whose tail is watched in Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.login_form import PEOPLE, session_cookies
from tests.browser.tail.running import Running
from tests.desk_process import Desk
from tests.publisher import Publisher


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Desk(tmp_path_factory.mktemp("desk"), people=PEOPLE, indexed=False) as desk:
        made = Running(desk, Publisher(desk), {})
        for name in ("support", "viewer"):
            made.cookies[name] = session_cookies(desk, name)
        made.publish(60)
        yield made


@pytest.fixture
def window(running: Running, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, name = getattr(request, "param", (1400, "support"))
    context = chromium.new_context(viewport={"width": width, "height": 700})
    context.add_cookies(running.cookies[name])
    yield context
    context.close()
