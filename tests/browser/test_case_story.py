"""A case from its ticket to its exported file, and the privacy officer's month of reveals, as people do it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import wrong_in_either_look
from tests.browser.masked import VALUE, logged_in, masked_desk, reveal_all, story
from tests.browser.waiting import until_it_has
from tests.desk_process import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with masked_desk(tmp_path) as running:
        yield running


def test_a_case_from_its_ticket_to_its_file_and_the_privacy_officer_s_month(desk: Desk, chromium: Browser) -> None:
    with logged_in(desk, chromium, "support") as context:
        work_on_a_case(desk, context.new_page())
    with logged_in(desk, chromium, "viewer") as context:
        page = context.new_page()
        page.goto(story(desk, 4712))
        reveal_all(page, "SUP-8813")
        expect(page.locator("#detail")).to_contain_text(VALUE)
    with logged_in(desk, chromium, "privacy") as context:
        look_at_the_month(desk, context.new_page())


def work_on_a_case(desk: Desk, page: Page) -> None:
    until_it_has(page, story(desk), "4711")
    page.goto(desk.url)
    page.get_by_role("link", name="Audit").click()
    page.get_by_role("link", name="Cases").click()
    page.get_by_role("link", name="Open a case…").click()
    page.get_by_label("Ticket").fill("SUP-8812")
    page.get_by_label("Reason").fill("the patient asks who registered her")
    page.get_by_role("button", name="Open case").click()
    page.goto(story(desk))
    reveal_all(page, "SUP-8812")
    expect(page.locator("#detail")).to_contain_text(VALUE)
    page.locator("header").get_by_role("link", name="SUP-8812").click()
    page.get_by_label("Note").fill("Called back")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("[data-entry]")).to_have_count(6)
    assert list(wrong_in_either_look(page)) == []
    export(page)
    page.get_by_role("button", name="Show to print").click()
    expect(page.locator("h1")).to_contain_text("File of case")
    assert list(wrong_in_either_look(page)) == []
    page.go_back()
    page.get_by_role("button", name="Close case").click()
    expect(page.locator("main")).to_contain_text("its reveals have ended")


def export(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    file = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    actions = [entry.get("action", "note") for entry in file["entries"]]
    assert [action for action in actions if action != "note"][:4] == ["open_case", "look", "reveal", "look"]
    assert file["ticket"] == "SUP-8812"
    assert VALUE not in json.dumps(file)


def look_at_the_month(desk: Desk, page: Page) -> None:
    page.goto(desk.url)
    expect(page.locator("[data-emergency]")).to_contain_text("viewer")
    assert list(wrong_in_either_look(page)) == []
    page.get_by_role("button", name="I have seen this").click()
    page.goto(f"{desk.url}audit/")
    page.get_by_role("link", name="Reveals").click()
    expect(page.locator("[data-figure='reveals']")).to_have_text("2")
    expect(page.locator("[data-count-of='support']")).to_have_text("1")
    expect(page.locator("[data-count-of='4711']")).to_contain_text("1")
    expect(page.locator("[data-emergency]")).to_have_count(0)
    assert list(wrong_in_either_look(page)) == []
    page.locator("[data-reveal-line]").filter(has_text="SUP-8812").get_by_role("link", name="case").click()
    expect(page.locator("h1")).to_contain_text("SUP-8812")
