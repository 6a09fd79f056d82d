"""A search over a topic in real Chromium: matches stream in, and after a stop it says what it has not read."""

import json
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.login_form import log_in_by_form
from tests.desk_process import Desk

TOPIC = "documents"
EVENTS = 60_000
RARE = 2_000
"""One event among this many is searched for."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A topic that is long enough to be read for a while. Pages are sent with the first match, without waiting for more."""
    folder = tmp_path_factory.mktemp("desk")
    config = folder / "desk.toml"
    config.write_text("[limits]\npage_size = 1\n", encoding="utf-8")
    with Desk(folder, {"EVENTDESK_CONFIG": str(config)}, people=("viewer", "support")) as running:
        running.end("index")  # the search needs no index, and is not to share the processors with it
        running.manage("import_events", "-", "--topic", TOPIC, stdin=lines())
        yield running


def lines() -> bytes:
    documents = (
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "type": "DocumentShared" if number % RARE == 0 else "DocumentUploaded",
            "source": "/documents",
            "aggregatetype": "document",
            "aggregateid": f"d{number % 97}",
            "data": {"n": number, "note": "x" * 200},
        }
        for number in range(EVENTS)
    )
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    yield log_in_by_form(desk, context, "support")
    context.close()


def ask(desk: Desk, page: Page, filter: str) -> None:
    """The steps of a person who uses the keyboard only."""
    page.goto(f"{desk.url}topics/{TOPIC}/")
    page.keyboard.press("f")
    page.keyboard.type(filter)
    page.keyboard.press("Enter")
    page.wait_for_url("**filter=**")


def ids(page: Page) -> list[str | None]:
    return [row.get_attribute("data-event-id") for row in page.locator("#search-rows tr").all()]


def test_matches_stream_in_until_all_is_read(desk: Desk, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    ask(desk, page, 'type:DocumentShared data.note~"^x+$"')
    standing = page.locator("#search-standing")
    expect(standing).to_have_attribute("data-state", "running")
    at_first = len(ids(page))
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.locator("#search-rows tr").first.locator("a[data-line]").focus()
    expect(standing).to_have_attribute("data-state", "finished", timeout=120_000)
    expect(standing).to_contain_text(f"Read all {EVENTS:,} events.")
    assert at_first < EVENTS // RARE
    assert ids(page) == [f"e{number}" for number in range(EVENTS - RARE, -1, -RARE)]
    # What somebody reads does not move away beneath them while more comes.
    assert page.evaluate("document.activeElement.closest('tr')?.dataset.eventId") == f"e{EVENTS - RARE}"
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert problems == []


def test_a_search_is_stopped_and_gone_on_with(desk: Desk, page: Page) -> None:
    ask(desk, page, "type:DocumentShared data.n>=0")
    expect(page.locator("#search-standing")).to_have_attribute("data-state", "running")
    page.get_by_role("button", name="Stop").click()
    standing = page.locator("#search-standing")
    expect(standing).to_have_attribute("data-state", "stopped")
    expect(standing).to_contain_text("not complete")
    expect(standing).to_contain_text(re.compile(r"Stopped after [\d,]+ events\. Older events were not read\."))
    first = ids(page)
    read = int(str(standing.get_attribute("data-read")))
    assert 0 < read < EVENTS
    page.get_by_role("link", name="Search on from here").click()
    expect(standing).to_have_attribute("data-state", "finished", timeout=120_000)
    expect(standing).to_contain_text(f"Read the remaining {EVENTS - read:,} events.")
    assert first + ids(page) == [f"e{number}" for number in range(EVENTS - RARE, -1, -RARE)]


def test_without_javascript_a_link_brings_what_was_found_since(desk: Desk, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = log_in_by_form(desk, context, "support")
    page.goto(f"{desk.url}topics/{TOPIC}/")
    page.get_by_label("Filter", exact=True).fill("type:DocumentShared data.n>=0")
    page.get_by_role("button", name="Filter").click()
    standing = page.locator("#search-standing")
    for _ in range(200):
        if standing.get_attribute("data-state") == "finished":
            break
        page.get_by_role("link", name="Show what was found since").click()
    expect(standing).to_contain_text(f"Read all {EVENTS:,} events.")
    assert len(ids(page)) == EVENTS // RARE
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (360, "dark")])
def test_no_state_of_a_search_has_an_axe_violation_or_scrolls_sideways(
    desk: Desk, chromium: Browser, width: int, scheme: str
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = log_in_by_form(desk, context, "support")
    found: list[str] = []
    for filter in ("type:DocumentShared data.n>=0", "id:e7", "data.n>abc", "type:*"):
        ask(desk, page, filter)
        page.locator(".filter-help summary").click()
        violations = Axe().run(page).response["violations"]
        found += [f"{filter}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{filter}: wider than {width} pixels")
    context.close()
    assert found == []


def test_a_viewer_is_told_what_may_be_asked_for(desk: Desk, chromium: Browser) -> None:
    context = chromium.new_context()
    page = log_in_by_form(desk, context, "viewer")
    ask(desk, page, "data.n>=0")
    expect(page.get_by_role("alert")).to_contain_text("takes the role support")
    expect(page.locator("#search-rows tr")).to_have_count(0)
    ask(desk, page, "id:e7")
    expect(page.locator("#search-rows tr")).to_have_count(1, timeout=30_000)
    context.close()
