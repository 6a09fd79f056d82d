"""What tests of the tail's page have in common: somebody who is logged in, and what the page says of itself."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.desk_process import Desk
from tests.people import PASSWORD

MOST_ROWS = 500


def logged_in(desk: Desk, chromium: Browser, name: str) -> list[dict[str, Any]]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(desk.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(desk.url)
    cookies = [dict(cookie) for cookie in context.cookies()]
    context.close()
    return cookies


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("#tail-state")).to_have_attribute("data-state", state, timeout=30_000)


def counted(page: Page) -> dict[str, int]:
    """What the page says of itself."""
    said = page.eval_on_selector("#tail-counts", "(line) => ({...line.dataset})")
    return {name: int(value) for name, value in said.items()}


def accounted(said: dict[str, int]) -> int:
    """Of those that matched: shown, or skipped for a reason."""
    return said["shown"] + said["sampled"] + said["slow"] + said["older"] + said["passed"]
