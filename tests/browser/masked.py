"""A desk on which everybody sees masked values, with two patients, for tests of reveals and cases in a browser."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.login_form import session_cookies
from tests.desk_process import Desk

VALUE = "Erika Mustermann"
PEOPLE = ("support", "privacy", "viewer")
CONFIG = """
[masking]
clear_for = []

[[masking.rule]]
path = "data.name"
show = "hidden"

[reveals]
emergency = true

[stories]
PatientRegistered = "Patient {data.name} registered"
"""


@contextmanager
def masked_desk(folder: Path) -> Iterator[Desk]:
    config = folder / "masked.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with Desk(folder, {"EVENTDESK_CONFIG": str(config)}, people=PEOPLE) as desk:
        desk.manage("import_events", "-", "--topic", "patients", stdin=b"".join(map(patient, (4711, 4712))))
        yield desk


def patient(number: int) -> bytes:
    document = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "type": "PatientRegistered",
        "source": "/patients",
        "time": "2026-11-20T10:00:00Z",
        "aggregatetype": "patient",
        "aggregateid": str(number),
        "data": {"name": VALUE},
    }
    return json.dumps(document).encode() + b"\n"


def story(desk: Desk, number: int = 4711) -> str:
    return f"{desk.url}aggregates/patient/{number}/"


@contextmanager
def logged_in(desk: Desk, chromium: Browser, name: str) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(20_000)
    context.add_cookies(session_cookies(desk, name))
    yield context
    context.close()


def reveal_all(page: Page, ticket: str = "SUP-1") -> None:
    """From an aggregate's page to the same page with everything revealed."""
    page.locator(".actions").get_by_role("link", name="Reveal").click()
    page.get_by_label("Reason").fill("the patient asks")
    page.get_by_label("Ticket").fill(ticket)
    page.get_by_role("button", name="Reveal", exact=True).click()


def sql(desk: Desk, statement: str, *values: object) -> None:
    """Change the desk's own database as another program would."""
    with closing(sqlite3.connect(desk.data / "desk.sqlite3", timeout=20)) as database, database:
        database.execute(statement, values)
