"""A desk with a publisher beside it, and the tail's page on it."""

import sqlite3
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.login_form import Cookies
from tests.browser.tail.page import expect_state
from tests.desk_process import Desk
from tests.publisher import Publisher

TOPIC = "documents"


@dataclass
class Running:
    """A desk, its publisher, and the cookies of two logged-in people. ``number`` is the number of the next event."""

    desk: Desk
    publisher: Publisher
    cookies: dict[str, Cookies]
    number: int = 0

    def publish(self, count: int, topic: str = TOPIC) -> int:
        """Publish this many more events. Returns the number of the last."""
        self.publisher.publish(topic, self.number, count)
        self.number += count
        return self.number - 1

    def set_role(self, name: str, role: str) -> None:
        with sqlite3.connect(self.desk.data / "desk.sqlite3", timeout=20) as database:
            database.execute("UPDATE dashboard_person SET role = ? WHERE username = ?", (role, name))


def follow(window: BrowserContext, running: Running, path: str = f"topics/{TOPIC}/tail/") -> Page:
    page = window.new_page()
    page.goto(running.desk.url + path)
    expect_state(page, "live")
    return page


def rows(page: Page) -> list[str]:
    """The ids of the events in the page, newest first."""
    found = page.eval_on_selector_all("#tail-rows tr[data-event-id]", "(rows) => rows.map((row) => row.dataset.eventId)")
    return [str(id) for id in found]


def expect_newest(page: Page, number: int) -> None:
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-event-id", f"e{number}", timeout=20_000)
