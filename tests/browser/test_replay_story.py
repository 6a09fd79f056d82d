"""A customer misses a document in the app: from the search box to the report, with a second person's approval, in Chromium.

It is the demo as everybody starts it. The app's page reads its own table, which a consumer of ``app-timeline`` writes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.demo.app_table import LOST, LOST_PATIENT
from tests.browser.conftest import PATIENCE_MS
from tests.browser.waiting import until_it_has
from tests.fault.serving import SECONDS, Serving, demo_environment

PATIENCE = SECONDS * 1000
MOST_CLICKS = 12
WHY, TICKET = "Document missing in the app", "SUP-8812"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """What is waited for here runs in processes of its own, which takes its time on a slow machine."""
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(demo_environment(tmp_path)) as running:
        yield running.until_ready()


class Hand:
    """A person at a browser of their own, whose clicks are counted. A key that sends a form is one as well."""

    def __init__(self, chromium: Browser, serving: Serving, role: str) -> None:
        self.url, self.clicks = f"http://127.0.0.1:{serving.port}/", 0
        self.page: Page = chromium.new_context().new_page()
        self.page.set_default_timeout(PATIENCE)
        name, password, _ = next(line for line in serving.logins if line.endswith(f" {role}")).split()
        self.page.goto(f"{self.url}login/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(self.url)

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def search(self, text: str) -> None:
        self.clicks += 1
        box = self.page.get_by_role("searchbox", name="Find an")
        box.fill(text)
        box.press("Enter")


def test_a_missing_document_appears_in_the_app_after_a_replay_that_a_second_person_approved(
    serving: Serving, chromium: Browser
) -> None:
    app = chromium.new_context().new_page()
    support = Hand(chromium, serving, "support")
    history = f"{support.url}aggregates/patient/{LOST_PATIENT}/"
    until_it_has(support.page, f"{history}?filter=data.document%3D{LOST}", "data-event-id=")  # it is indexed
    app.context.add_cookies(support.page.context.cookies())  # type: ignore[arg-type] # as it gave them
    app.goto(f"{support.url}demo/app/{LOST_PATIENT}/")
    expect(app.locator("[data-document]")).not_to_have_count(0)
    expect(app.locator(f"[data-document='{LOST}']")).to_have_count(0)
    address = asked_for(support)
    approved(Hand(chromium, serving, "approver"), address)
    page = support.page
    expect(page.locator("#live")).to_have_attribute("data-state", "succeeded")
    expect(page.locator("[data-figure='consumed']")).to_have_text(re.compile("^All [0-9]+ consumed$"))
    expect(page.locator("[data-is-consumed='0']")).to_have_count(0)
    expect(app.locator(f"[data-document='{LOST}']")).to_be_visible(timeout=PATIENCE)
    support.click(page.get_by_role("link", name="Report", exact=True))
    expect(page.locator("main")).to_contain_text(f"Ticket{TICKET}")
    expect(page.locator("main")).to_contain_text(WHY)
    expect(page.locator("main")).to_contain_text("Approve job by approver")
    assert support.clicks <= MOST_CLICKS


def asked_for(support: Hand) -> str:
    """Ask for the replay, from the search box on; return the address of its page, where it waits for approval."""
    page = support.page
    support.search(LOST_PATIENT)
    button, found = page.locator("[data-replay-to='app-timeline']"), page.locator(f"main a[href$='/patient/{LOST_PATIENT}/']")
    expect(button.or_(found).first).to_be_visible()
    if not button.count():  # something else has this id as well
        support.click(found.first)
    support.click(button)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"of patient {LOST_PATIENT} to app-timeline")
    waits, changed = page.locator("[data-waits]"), page.locator("main").get_by_role("alert")
    for _ in range(3):  # a busy machine's index may be behind for a moment, which is a new hazard
        page.get_by_label("Reason").fill(WHY)
        page.get_by_label("Ticket").fill(TICKET)
        for box in page.locator("input[name='read']").all():
            support.click(box)
        support.click(page.get_by_role("button", name="Ask for approval"))
        expect(waits.or_(changed).first).to_be_visible()
        if waits.count():
            break
    expect(waits).to_contain_text("A second person must approve this replay.")
    expect(page.get_by_role("link", name="Review and approve")).to_have_count(0)
    return page.url


def approved(approver: Hand, address: str) -> None:
    until_it_has(approver.page, f"{address}approval/", "Approve this replay")
    approver.page.goto(address)
    approver.click(approver.page.get_by_role("link", name="Review and approve"))
    expect(approver.page.locator("main")).to_contain_text(TICKET)
    approver.click(approver.page.get_by_role("button", name="Approve this replay"))
    expect(approver.page.locator("#live")).not_to_have_attribute("data-state", "waiting for approval")
