"""Logging in as a person does: through the form."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.desk_process import Desk
from tests.people import PASSWORD


def log_in_by_form(desk: Desk, context: BrowserContext, name: str) -> Page:
    """Open the desk, fill in the form, and return the page once it shows the overview."""
    page = context.new_page()
    page.goto(desk.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(desk.url)
    return page


def session_cookies(desk: Desk, chromium: Browser, name: str) -> list[dict[str, Any]]:
    """Log in within a context of its own, and return that context's cookies."""
    context = chromium.new_context()
    log_in_by_form(desk, context, name)
    cookies = [dict(cookie) for cookie in context.cookies()]
    context.close()
    return cookies
