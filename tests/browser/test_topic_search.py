"""A search over a topic in real Chromium: matches stream in, and after a stop it says what it has not read."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.login_form import PEOPLE, Cookies, session_cookies
from tests.browser.looks import WIDE, look, wrong_in_either_look
from tests.desk_process import Desk
from tests.publisher import Publisher

TOPIC = "documents"
EVENTS = 20_000
RARE = 1_000
"""One event among this many is searched for."""
RARE_ONES = 'data.secret~"000</b>x+$"'
"""The filter for them. It looks into each payload, so that the search goes on for a while: more than a second."""
FOUND = [f"e{number}" for number in range(EVENTS - RARE, 0, -RARE)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A topic that is long enough to be read for a while. Pages are sent with the first match, without waiting for more."""
    folder = tmp_path_factory.mktemp("desk")
    config = folder / "desk.toml"
    config.write_text("[limits]\npage_size = 1\n", encoding="utf-8")
    with Desk(folder, {"EVENTDESK_CONFIG": str(config)}, people=PEOPLE, indexed=False) as running:
        Publisher(running).publish(TOPIC, 0, EVENTS, size=1_000)
        yield running


@pytest.fixture(scope="module")
def cookies(desk: Desk) -> Cookies:
    return session_cookies(desk, "support")


@pytest.fixture
def page(cookies: Cookies, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies(cookies)
    yield context.new_page()
    context.close()


def ask(desk: Desk, page: Page, filter: str) -> None:
    """The steps of a person who uses the keyboard only."""
    page.goto(f"{desk.url}topics/{TOPIC}/")
    page.keyboard.press("f")
    page.keyboard.type(filter)
    page.keyboard.press("Enter")
    page.wait_for_url("**filter=**")


def ids(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all("#search-rows tr", "(rows) => rows.map((row) => row.dataset.eventId)")
    return found


def test_matches_stream_in_until_all_is_read(desk: Desk, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    ask(desk, page, RARE_ONES)
    standing = page.locator("#search-standing")
    expect(standing).to_have_attribute("data-state", "running")
    at_first = len(ids(page))
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.locator("#search-rows tr").first.locator("a[data-line]").focus()
    expect(standing).to_have_attribute("data-state", "finished", timeout=120_000)
    expect(standing).to_contain_text(f"Read all {EVENTS:,} events.")
    assert at_first < len(FOUND)
    assert ids(page) == FOUND
    # What somebody reads does not move away beneath them while more comes.
    assert page.evaluate("document.activeElement.closest('tr')?.dataset.eventId") == FOUND[0]
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert problems == []


def test_a_search_is_stopped_and_gone_on_with(desk: Desk, page: Page) -> None:
    ask(desk, page, RARE_ONES)
    expect(page.locator("#search-standing")).to_have_attribute("data-state", "running")
    page.get_by_role("button", name="Stop").click()
    standing = page.locator("#search-standing")
    expect(standing).to_have_attribute("data-state", "stopped")
    expect(standing).to_contain_text("not complete")
    expect(standing).to_contain_text(re.compile(r"Stopped after [\d,]+ events\. Older events were not read\."))
    first = ids(page)
    read = int(str(standing.get_attribute("data-read")))
    assert 0 < read < EVENTS
    page.get_by_role("link", name="Continue this search").click()
    expect(standing).to_have_attribute("data-state", "finished", timeout=120_000)
    expect(standing).to_contain_text(f"Read the remaining {EVENTS - read:,} events.")
    assert first + ids(page) == FOUND


def test_without_javascript_a_link_brings_what_was_found_since(desk: Desk, chromium: Browser, cookies: Cookies) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{desk.url}topics/{TOPIC}/")
    page.get_by_label("Filter", exact=True).fill(RARE_ONES)
    page.get_by_role("button", name="Filter").click()
    standing = page.locator("#search-standing")
    for _ in range(200):
        if standing.get_attribute("data-state") == "finished":
            break
        page.get_by_role("link", name="Show what was found since").click()
    expect(standing).to_contain_text(f"Read all {EVENTS:,} events.")
    assert ids(page) == FOUND
    context.close()


def test_no_state_of_a_search_has_an_axe_violation_or_scrolls_sideways(desk: Desk, page: Page) -> None:
    found: list[str] = []
    for filter in (RARE_ONES, "id:e7", "data.n>abc", "type:*"):
        look(page, *WIDE)
        ask(desk, page, filter)
        page.locator(".filter-help summary").click()
        found += wrong_in_either_look(page)
    assert found == []


def test_a_viewer_is_told_what_may_be_asked_for(desk: Desk, chromium: Browser) -> None:
    context = chromium.new_context()
    context.add_cookies(session_cookies(desk, "viewer"))
    page = context.new_page()
    ask(desk, page, "data.n>=0")
    expect(page.get_by_role("alert")).to_contain_text("requires the role support")
    expect(page.locator("#search-rows tr")).to_have_count(0)
    ask(desk, page, "id:e7")
    expect(page.locator("#search-rows tr")).to_have_count(1, timeout=30_000)
    context.close()
