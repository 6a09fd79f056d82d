"""As privacy officer in real Chromium: the answer to a request for erasure, and forgetting the searchable values."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.appointments import appointments
from tests.browser.login_form import session_cookies
from tests.browser.waiting import until_it_has
from tests.desk_process import Desk

PAGE = "aggregates/patient/4711/"
NAME = "erika@example.org"
CONFIG = """
[[searchable]]
topics = ["appointments"]
name = "email"
path = "email"
hashed = false
"""
OFFICER = "privacy"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Three appointments, and a copy of two of them in a replay topic."""
    config = tmp_path / "desk.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with Desk(tmp_path, {"EVENTDESK_CONFIG": str(config)}, people=(OFFICER,)) as running:
        running.manage("import_events", "-", "--topic", "appointments", stdin=appointments([{"email": NAME}] * 3))
        running.manage("import_events", "-", "--topic", "appointments-replay", stdin=appointments([{"email": NAME}] * 2))
        yield running


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    context.add_cookies(session_cookies(desk, OFFICER))
    page = context.new_page()
    yield page
    context.close()


def test_an_officer_answers_a_request_and_forgets_the_values(desk: Desk, page: Page) -> None:
    until_it_has(page, f"{desk.url}{PAGE}", "3 events")
    page.goto(f"{desk.url}{PAGE}")
    page.get_by_role("link", name="Erasure…").click()
    expect(page.locator("[data-total='3']")).to_be_visible()
    expect(page.locator("[data-copies-in='appointments-replay']")).to_have_attribute("data-copies", "2")
    expect(page.locator("[data-values='3']")).to_contain_text("email")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    told = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert told["searchable_values"]["by_name"] == {"email": 3}
    page.get_by_role("link", name="Forget searchable values…").click()
    page.get_by_label("Ticket").fill("DSR-17")
    page.get_by_label("Reason").fill("asked by letter")
    page.get_by_role("button", name="Forget searchable values").click()
    expect(page.locator("[data-forgotten='yes']")).to_have_attribute("data-values", "0")
    expect(page.locator("[data-to-do='done']").first).to_be_visible()
    assert NAME not in page.content()
