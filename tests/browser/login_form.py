"""Logging in as a person does, through the form; and without the browser, for tests of what comes after it."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.desk_process import Desk
from tests.logging_in import session_of
from tests.people import PASSWORD

Cookies = Sequence[Any]
"""What ``BrowserContext.add_cookies`` takes."""
PEOPLE = ("viewer", "support", "approver", "admin")
"""On every desk of these tests: the run makes its migrated databases once for each choice of people."""


def log_in_by_form(desk: Desk, context: BrowserContext, name: str) -> Page:
    """Open the desk, fill in the form, and return the page once it shows the overview."""
    page = context.new_page()
    page.goto(desk.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(desk.url)
    return page


def session_cookies(desk: Desk, name: str) -> Cookies:
    """Log in without the browser, and return the session's cookies."""
    _, cookies = session_of(desk, name, PASSWORD)
    as_set = {"url": desk.url, "httpOnly": True, "sameSite": "Lax"}
    return [{"name": cookie.name, "value": cookie.value, **as_set} for cookie in cookies]
