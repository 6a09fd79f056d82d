"""From a dead letter on the overview to its redrive, and to its acknowledgement by its consumer, in real Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.appointments import appointments
from tests.browser.login_form import session_cookies
from tests.browser.waiting import until_it_has
from tests.desk_process import Desk

DEAD = "appointments-mailer-DLQ"
SECONDS = 60_000
WHY = "SUP-8812: the mailbox takes mail again"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Three appointments, all handled by the mailer, which gave up two of them."""
    with Desk(tmp_path, people=("support",)) as running:
        running.manage(
            "import_events", "-", "--topic", "appointments", stdin=appointments({"room": number} for number in range(3))
        )
        running.manage("import_events", "-", "--topic", DEAD, stdin=appointments({"room": number} for number in range(2)))
        handle(running, 3)
        yield running


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    context.add_cookies(session_cookies(desk, "support"))
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    yield page
    context.close()


def handle(desk: Desk, count: int) -> None:
    """Let the mailer handle so many events, and disconnect."""
    consumer = desk.spawn("projection", "-m", "tests.browser.projection", "appointments", "mailer", str(count))
    assert consumer.wait(timeout=60) == 0
    desk.processes.pop("projection")


def confirm(page: Page, button: str) -> None:
    page.get_by_label("Reason").fill(WHY)
    page.get_by_role("button", name=button).click()


def test_a_dead_letter_is_redriven_and_handled_by_its_consumer(desk: Desk, page: Page) -> None:
    page.goto(desk.url)
    page.locator("[data-attention='dead-letters'] a[href*='/mailer/dead-letters/']").first.click()
    page.get_by_role("link", name="Keep them…").click()
    confirm(page, "Make eventdesk-redrive")
    letters = f"{desk.url}topics/appointments/subscriptions/mailer/dead-letters/"
    until_it_has(page, letters, 'data-waiting="2"', "Redrive all…")
    page.goto(letters)
    page.get_by_role("link", name="Redrive all…").click()
    expect(page.locator("[data-redrive='2']")).to_contain_text("2 letters of 1 aggregate will be sent to the original topic")
    confirm(page, "Redrive 2 letters")
    expect(page.locator("#live")).to_have_attribute("data-state", "queued", timeout=SECONDS)
    desk.spawn("worker", "manage.py", "run_jobs")
    expect(page.locator("#live")).to_have_attribute("data-state", "succeeded", timeout=SECONDS)
    handle(desk, 2)
    until_it_has(page, f"{desk.url}topics/appointments/subscriptions/mailer/", 'data-backlog="0"')
    page.goto(letters)
    expect(page.get_by_role("heading", name="No letter waits")).to_be_visible()
    page.goto(desk.url)
    expect(page.locator("[data-attention='dead-letters']")).to_have_count(0, timeout=SECONDS)
