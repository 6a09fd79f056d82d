"""A job in Chromium: it appears, runs before one's eyes, is paused, resumed and cancelled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.login_form import session_cookies
from tests.desk_process import Desk

COUNTING = ("-m", "tests.fault.counting_worker")
SECONDS = 60_000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path, people=("support",), indexed=False) as running:
        yield running


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    context.add_cookies(session_cookies(desk, "support"))
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    yield page
    context.close()


def in_state(page: Page, state: str) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", state, timeout=SECONDS)


def test_a_job_is_watched_paused_resumed_and_cancelled(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}jobs/")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    asking = desk.spawn("asking", *COUNTING, "ask", str(desk.data), "100000", "1", "20")
    assert asking.wait(timeout=60) == 0
    desk.processes.pop("asking")
    row = page.locator("[data-job]")
    expect(row).to_contain_text("0 of 100,000 events", timeout=SECONDS)
    expect(page.locator("main")).to_contain_text("Jobs are queued, and no worker is running")
    row.get_by_role("link", name="Count").click()
    expect(page.locator("[data-unattended]")).to_be_visible()
    desk.spawn("worker", *COUNTING, "work")
    in_state(page, "running")
    expect(page.locator("[data-figure='done']")).not_to_have_text("0", timeout=SECONDS)
    expect(page.locator("[data-figure='rate']")).to_contain_text("/s", timeout=SECONDS)
    page.get_by_role("button", name="Pause").click()
    in_state(page, "paused")
    expect(page.locator("[data-note]")).to_have_text("Paused by support.")
    page.get_by_role("button", name="Resume").click()
    in_state(page, "running")
    page.locator("#cancel summary").click()
    page.get_by_label("Reason").fill("SUP-2: the wrong letters")
    page.get_by_role("button", name="Cancel this job").click()
    in_state(page, "cancelled")
    expect(page.locator("[data-note]")).to_have_text("Cancelled by support.")
    expect(page.get_by_role("button", name="Cancel this job")).to_have_count(0)
    page.get_by_role("link", name="audit entry").click()
    expect(page.locator("[data-action='count']")).to_have_attribute("data-state", "partly done")
