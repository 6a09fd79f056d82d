"""From the overview, and from the customer's own page, to the event that blocks a subscription, in real Chromium."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LogIn
from tests.browser.login_form import PEOPLE
from tests.desk_process import Desk

STUCK_SOON = "[limits]\nstuck_after_seconds = 1\n"


def documents() -> bytes:
    """Two documents as usual, and one in which a name became an object."""
    lines = []
    for number, by in enumerate(["the hospital", "the practice", {"role": "practice"}]):
        document = {
            "specversion": "1.0",
            "id": f"e-{number}",
            "type": "DocumentUploaded",
            "source": "/documents",
            "time": f"2026-03-0{number + 1}T10:00:00Z",
            "aggregatetype": "patient",
            "aggregateid": "4711",
            "data": {"title": "Report", "uploadedBy": by},
        }
        lines.append(json.dumps(document).encode() + b"\n")
    return b"".join(lines)


def expect_the_blocking_event(page: Page) -> None:
    holder = page.locator("[data-holder]")
    expect(holder).to_be_visible()
    expect(holder.locator("[data-difference='kind of field']")).to_contain_text("uploadedBy")
    expect(holder.locator(".payload")).to_contain_text("practice")


def skip_it(page: Page) -> None:
    """From the row of the event that blocks the subscription, by its preview, to a backlog without it."""
    page.get_by_role("link", name="Skip this event…").first.click()
    expect(page.locator("h1")).to_contain_text("for app-timeline")
    expect(page.locator("[data-event-id='e-2']")).to_be_visible()
    expect(page.locator("[data-passed-over='1']")).to_be_visible()
    page.get_by_label("Reason").fill("SUP-8812: a name is no object")
    page.get_by_role("button", name="Skip 1 event for app-timeline, for good").click()
    expect(page.locator(".banner-warning")).to_contain_text("1 event never delivered")
    expect(page.locator("[data-backlog='0']").first).to_be_visible()


def undo_it(page: Page) -> None:
    """From the subscription's page, by the preview, to the page that follows the event."""
    page.get_by_role("link", name="Undo…").click()
    expect(page.locator("[data-comes='1']")).to_contain_text("1 event that the move skipped will be delivered after all")
    page.get_by_label("Reason").fill("SUP-8812: the consumer can handle it now")
    page.get_by_role("button", name="Undo: 1 event delivered after all").click()
    expect(page.locator("#followed[data-given='1'][data-over='no']")).to_be_visible()
    expect(page.locator("tr[data-aggregate='4711']")).to_contain_text(re.compile("1 (pending|stuck)"))


@pytest.mark.soak
def test_the_blocking_event_is_one_click_from_the_overview_and_one_from_the_customers_page(
    tmp_path: Path, log_in: LogIn
) -> None:
    config = tmp_path / "eventdesk.toml"
    config.write_text(STUCK_SOON)
    with Desk(tmp_path, {"EVENTDESK_CONFIG": str(config)}, people=PEOPLE) as desk:
        desk.manage("import_events", "-", "--topic", "documents", stdin=documents())
        desk.spawn("projection", "-m", "tests.browser.projection", "documents", "app-timeline", "2", "stay")
        page = log_in(desk, "support")
        page.goto(desk.url)
        item = page.locator("[data-attention='stuck']")
        expect(item).to_be_visible(timeout=60_000)
        item.get_by_role("link", name="See what’s blocking it").click()
        expect_the_blocking_event(page)
        page.goto(f"{desk.url}aggregates/patient/4711/")
        page.get_by_role("link", name="See what’s blocking app-timeline").click()
        expect_the_blocking_event(page)
        skip_it(page)
        undo_it(page)
        desk.end("projection")
        desk.spawn("mended", "-m", "tests.browser.projection", "documents", "app-timeline")
        expect(page.locator("#followed[data-over='yes']")).to_contain_text("acknowledged", timeout=60_000)
