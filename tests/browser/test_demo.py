"""The demo as a newcomer meets it: nothing is accused but what is planted, and that is explained to its event."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fault.serving import ROOT, Serving, demo_environment
from tests.logging_in import fill_in

PLANTED = "app-timeline"
SUBSCRIPTIONS = (
    "documents/subscriptions/app-timeline",
    "patients/subscriptions/search-index",
    "appointments/subscriptions/mailer",
)
CALM = {"healthy", "idle", "catching up", "no consumers"}
"""States of the others. A consumer takes a moment to connect."""
ALARMS = {"stuck", "trimmed", "held-back", "mistake"}
"""What the overview lists of subscriptions."""
TOLD = f'data-attention="stuck" data-subscription="{PLANTED}"'


@contextmanager
def fresh_demo(data: Path, stuck_after: int) -> Iterator[Serving]:
    """A demo that begins now, with an installation's own limit."""
    config = data / "demo.toml"
    original = (ROOT / "examples" / "demo.toml").read_text(encoding="utf-8")
    config.write_text(re.sub(r"stuck_after_seconds = \d+", f"stuck_after_seconds = {stuck_after}", original), encoding="utf-8")
    with Serving(demo_environment(data, EVENTDESK_CONFIG=str(config))) as serving:
        yield serving.until_ready()


def login(serving: Serving) -> tuple[str, str]:
    name, password, _ = next(line for line in serving.logins if line.endswith(" support")).split()
    return name, password


def logged_in(serving: Serving) -> OpenerDirector:
    opener = build_opener(HTTPCookieProcessor())
    name, password = login(serving)
    url = f"http://127.0.0.1:{serving.port}/login/"
    fill_in(opener, url, form=url, fields={"username": name, "password": password})
    return opener


def values(page: str, attribute: str) -> list[str]:
    return re.findall(rf'\b{attribute}="([^"]*)"', page)


def accusations(opener: OpenerDirector, url: str) -> tuple[list[str], bool]:
    """What the pages say against anything but the planted problem, and whether they tell that one."""
    overview = opener.open(url, timeout=30).read().decode()
    items = re.findall(r'<li data-attention="([^"]+)"(?: data-subscription="([^"]+)")?', overview)
    wrong = [f"the overview: {kind} {name}" for kind, name in items if kind in ALARMS and (kind, name) != ("stuck", PLANTED)]
    for path in SUBSCRIPTIONS:
        page = opener.open(f"{url}topics/{path}/", timeout=30).read().decode()
        state = values(page, "data-state")[0]
        found = list(zip(values(page, "data-finding"), values(page, "data-certainty"), strict=True))
        if not path.endswith(PLANTED):
            wrong += [f"{path}: {state}"] if state not in CALM else []
            wrong += [f"{path}: {kind} {sure}" for kind, sure in found]
        elif state not in CALM | {"stuck"} or any(kind != "holds" for kind, _ in found):
            wrong.append(f"{path}: {state} {found}")
    return wrong, ("stuck", PLANTED) in items


@pytest.mark.soak
def test_a_fresh_demo_accuses_nothing_but_what_is_planted_at_any_second_of_its_first_minute(tmp_path: Path) -> None:
    with fresh_demo(tmp_path, stuck_after=20) as serving:
        opener, url = logged_in(serving), f"http://127.0.0.1:{serving.port}/"
        begun, wrong, told = time.monotonic(), list[str](), False
        while (after := time.monotonic() - begun) < 60:
            found, told = accusations(opener, url)
            wrong += [f"after {after:.0f} s: {one}" for one in found]
            time.sleep(max(0.0, 1.0 - (time.monotonic() - begun - after)))
        assert wrong == []
        assert told, "the planted one"


def test_the_stuck_demo_subscription_is_explained_to_its_event_in_two_clicks_and_from_the_customer_in_one(
    tmp_path: Path, context: BrowserContext
) -> None:
    """With the demo's own limit: a shorter one is reached by consumers that only wait for a busy machine."""
    with fresh_demo(tmp_path, stuck_after=20) as serving:
        opener, url = logged_in(serving), f"http://127.0.0.1:{serving.port}/"
        serving.until(lambda: TOLD in opener.open(url, timeout=30).read().decode(), "it is called stuck")
        page = in_a_browser(serving, context, url)
        page.locator(f"[data-attention='stuck'][data-subscription='{PLANTED}'] a.button").click()
        expect(page.locator("[data-diagnosis='stuck']")).to_contain_text("Events wait, a consumer is connected")
        holder = page.locator("[data-holder]").first
        expect(holder).to_contain_text("uploadedBy")
        poisonous = holder.get_attribute("data-holder")
        holder.locator("h3 a").click()
        expect(page.locator("h1")).to_contain_text("Document uploaded")
        page.goto(f"{url}aggregates/patient/4711/")
        page.locator("[data-not-yet]").get_by_role("link", name=f"See what’s blocking {PLANTED}").click()
        expect(page.locator(f"[data-holder='{poisonous}']")).to_be_in_viewport()


def in_a_browser(serving: Serving, context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    name, password = login(serving)
    page.goto(f"{url}login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_contain_text("Needs attention")
    return page
