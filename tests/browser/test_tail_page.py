"""The tail as somebody reads it: new rows wait while one reads further down, and say so where they are seen."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.desk_process import Desk
from tests.people import PASSWORD

MOST_ROWS = 500


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk")) as running:
        running.manage("create_user", "support", "--role", "support", "--password-stdin", stdin=PASSWORD.encode())
        publish(running, 0, 60)
        yield running


@pytest.fixture
def followed(desk: Desk, chromium: Browser, size: tuple[int, int]) -> Iterator[Page]:
    """The tail's page, live, in a window of this size."""
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(desk.url)
    page.get_by_label("Name").fill("support")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(desk.url)
    page.goto(f"{desk.url}topics/documents/tail/")
    expect(page.locator("#tail-state")).to_have_attribute("data-state", "live")
    yield page
    close(context)


@pytest.fixture(params=[(1400, 700), (360, 700)], ids=["wide", "narrow"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    width, height = request.param
    return width, height


def close(context: BrowserContext) -> None:
    context.close()


def publish(desk: Desk, first: int, count: int) -> None:
    events = (
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "type": "DocumentUploaded",
            "source": "/documents",
            "aggregatetype": "document",
            "aggregateid": f"d{number % 7}",
            "data": {},
        }
        for number in range(first, first + count)
    )
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    desk.manage("import_events", "-", "--topic", "documents", stdin=lines)


def newest(page: Page) -> str | None:
    return page.locator("#tail-rows tr").first.get_attribute("data-event-id")


def test_what_is_new_waits_in_sight_of_whoever_reads_further_down(
    desk: Desk, followed: Page, request: pytest.FixtureRequest
) -> None:
    first = 10_000 * (1 + request.node.name.count("narrow"))
    before = newest(followed)
    followed.evaluate("scrollTo(0, 1500)")
    reading = followed.evaluate("scrollY")
    assert reading > 500
    publish(desk, first, 7)
    pill = followed.locator("#tail-pill")
    expect(pill).to_have_text("7 new ↑")
    box = pill.bounding_box()
    assert box is not None
    width, height = followed.viewport_size["width"], followed.viewport_size["height"]  # type: ignore[index]
    assert box["y"] >= 0 and box["y"] + box["height"] <= height and box["x"] >= 0 and box["x"] + box["width"] <= width
    # In sight and not beneath the top bar: what lies at its middle is the pill itself.
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert followed.evaluate("([x, y]) => document.elementFromPoint(x, y).id", middle) == "tail-pill"
    assert newest(followed) == before
    assert followed.evaluate("scrollY") == reading
    pill.click()
    expect(pill).to_be_hidden()
    assert newest(followed) == f"e{first + 6}"


@pytest.mark.parametrize("size", [(1400, 700)], ids=["wide"])
def test_space_pauses_and_goes_on_and_the_page_keeps_so_many_rows(desk: Desk, followed: Page) -> None:
    followed.keyboard.press("Space")
    expect(followed.locator("#tail-state")).to_have_attribute("data-state", "paused")
    before = newest(followed)
    for batch in range(3):
        publish(desk, 30_000 + 250 * batch, 250)
    expect(followed.locator("#tail-counts")).to_contain_text("Published 750")
    assert newest(followed) == before
    followed.keyboard.press("Space")
    expect(followed.locator("#tail-state")).to_have_attribute("data-state", "live")
    expect(followed.locator("#tail-rows tr").first).to_have_attribute("data-event-id", "e30749")
    assert followed.locator("#tail-rows tr").count() <= MOST_ROWS
    assert followed.locator("#tail-rows tr").count() > 250
