"""The tail's page for its reader: its counts add up, it waits while one reads, and it reconnects by itself."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.tail.page import MOST_ROWS, accounted, counted, expect_state
from tests.browser.tail.running import TOPIC, Running, expect_newest, follow, rows


def newest(page: Page) -> str | None:
    return page.locator("#tail-rows tr").first.get_attribute("data-event-id")


@pytest.mark.parametrize("window", [(1400, "support"), (360, "support")], ids=["wide", "narrow"], indirect=True)
def test_what_is_new_waits_in_sight_of_whoever_reads_further_down(running: Running, window: BrowserContext) -> None:
    page = follow(window, running)
    expect(page.locator("#tail-rows tr")).to_have_count(50)
    before = newest(page)
    page.evaluate("scrollTo(0, 1500)")
    reading = page.evaluate("scrollY")
    assert reading > 500
    last = running.publish(7)
    pill = page.locator("#tail-pill")
    expect(pill).to_have_text("7 new ↑")
    box = pill.bounding_box()
    assert box is not None
    width, height = page.viewport_size["width"], page.viewport_size["height"]  # type: ignore[index]
    assert box["y"] >= 0 and box["y"] + box["height"] <= height and box["x"] >= 0 and box["x"] + box["width"] <= width
    # In sight and not beneath the top bar: what lies at its middle is the pill itself.
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).id", middle) == "tail-pill"
    assert newest(page) == before
    assert page.evaluate("scrollY") == reading
    pill.click()
    expect(pill).to_be_hidden()
    expect_newest(page, last)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_rows_of_one_second_show_milliseconds(running: Running, window: BrowserContext) -> None:
    page = follow(window, running)
    expect(page.locator("#tail-rows tr")).to_have_count(50)
    page.evaluate(
        """() => {
          const rows = [...document.querySelectorAll("#tail-rows tr")].slice(0, 2).map((row) => row.cloneNode(true));
          rows.forEach((row, number) => { row.querySelector("time").dateTime = `2026-01-31T09:20:39.00${number}Z`; });
          document.querySelector("#tail-rows").append(...rows);
        }"""
    )
    expect(page.locator("table[data-burst] #tail-rows")).to_have_count(1)
    last = page.locator("#tail-rows tr:last-child time").first
    assert last.evaluate("(time) => getComputedStyle(time, '::after').content") in ('".001"', '":39.001"')


def test_space_pauses_and_goes_on_and_the_page_keeps_so_many_rows(running: Running, window: BrowserContext) -> None:
    page = follow(window, running)
    expect(page.locator("#tail-rows tr")).to_have_count(50)
    page.keyboard.press("Space")
    expect_state(page, "paused")
    before = newest(page)
    last = running.publish(450)
    expect(page.locator("#tail-counts")).to_contain_text("Published 500 · matched 500")
    last = running.publish(50)
    expect(page.locator("#tail-counts")).to_contain_text("Published 550 · matched 550")
    assert newest(page) == before
    page.keyboard.press("Space")
    expect_state(page, "live")
    expect_newest(page, last)
    said = counted(page)
    assert said["matched"] == accounted(said) == 550
    # The others are built once it is quiet: all that were given, but no more than so many.
    expect(page.locator("#tail-rows tr")).to_have_count(min(said["shown"], MOST_ROWS))
    assert page.get_by_role("img", name="Events published a second").count() == 1
    page.keyboard.press("j")
    page.keyboard.press("Space")  # also from a row in focus, where it would scroll
    expect_state(page, "paused")
    page.keyboard.press("Shift+Space")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    expect_state(page, "paused")
    page.keyboard.press("Space")
    expect_state(page, "live")


HIDE = """() => {
  const drawing = [];
  const draw = window.requestAnimationFrame;
  window.requestAnimationFrame = (work) => drawing.push(work);
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  window.unhide = () => {
    delete document.hidden;
    window.requestAnimationFrame = draw;
    drawing.forEach((work) => draw(work));
  };
}"""
"""Does what a browser does to a page in the background, which Playwright cannot do."""


@pytest.mark.parametrize(
    ("wait", "go_on", "why"),
    [
        pytest.param(
            *(lambda page: page.keyboard.press("Space"), lambda page: page.keyboard.press("Space"), "while paused"),
            marks=pytest.mark.soak,
        ),
        pytest.param(
            *(
                lambda page: page.keyboard.press("j"),
                lambda page: page.keyboard.press("Escape"),
                "while you read further down",
            ),
            marks=pytest.mark.soak,
        ),
        (lambda page: page.evaluate(HIDE), lambda page: page.evaluate("unhide()"), "in the background"),
    ],
    ids=["paused", "reading", "hidden"],
)
def test_what_passes_by_while_newer_rows_wait_is_not_called_shown(
    running: Running, window: BrowserContext, wait: Callable[[Page], None], go_on: Callable[[Page], None], why: str
) -> None:
    page = follow(window, running, f"topics/{TOPIC}/tail/?from=now&filter=type:DocumentUploaded")
    page.wait_for_timeout(2_500)  # the link leads to two seconds before what it is about
    running.publish(10)
    expect(page.locator("#tail-rows tr")).to_have_count(9)
    wait(page)
    before = page.locator("#tail-rows").bounding_box()
    first = running.number + 1  # of ten, the first is scanned
    for _ in range(5):
        last = running.publish(250)
        page.wait_for_timeout(700)
    hidden = "background" in why
    if not hidden:
        expect(page.locator("#tail-counts")).to_have_attribute("data-matched", "1134")
        expect(page.locator("#tail-pill")).to_have_text(re.compile(r"newest 500 of \d[\d,]+ ↑"))
        expect(page.locator("#tail-counts")).to_contain_text(f"passed by {why}")
        said = counted(page)
        assert said["shown"] == 9 + MOST_ROWS  # those that wait included, and that is said
        expect(page.locator("#tail-counts")).to_contain_text("shown 509, of which 500 wait")
        expect(page.locator("#tail-gone")).to_be_hidden()
        assert page.locator("#tail-rows").bounding_box() == before  # nothing moves what one reads
    go_on(page)
    expect_newest(page, last)
    expect(page.locator("#tail-counts")).to_contain_text("shown 509 · skipped")
    said = counted(page)
    assert said["matched"] == accounted(said) == 1_134
    assert said["passed"] > 0
    expect(page.locator("#tail-rows tr")).to_have_count(MOST_ROWS)
    expect(page.locator("#tail-gone")).to_contain_text(f"{said['passed']:,} events passed by {why}. Read them where they lie")
    page.locator("#tail-gone a[data-topic-page]").click()
    expect(page.locator(f'tr[data-event-id="e{first}"]')).to_be_visible()  # the first that passed by


def test_a_filter_is_changed_without_another_connection_and_refused_at_its_field(
    running: Running, window: BrowserContext
) -> None:
    page = window.new_page()
    connections: list[str] = []
    page.on("websocket", lambda socket: connections.append(socket.url))
    page.goto(f"{running.desk.url}tail/?topic={TOPIC}&from=now&filter=type:DocumentUploaded")
    expect_state(page, "live")
    first = running.number
    running.publish(10)
    expect(page.locator("#tail-rows tr")).to_have_count(9)  # of ten, one was scanned
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("data.n>")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-problem")).to_be_visible()
    expect(page.locator("#filter")).to_have_attribute("aria-invalid", "true")
    page.locator("#filter").fill("type:DocumentScanned")
    page.keyboard.press("Enter")
    page.wait_for_url("**filter=type%3ADocumentScanned")
    expect(page.locator("#filter-problem")).to_have_count(0)
    last = running.publish(20)
    expect(page.locator("#tail-counts")).to_contain_text("Published 20 · matched 2 · shown 2 · skipped 0")
    scanned = [f"e{number}" for number in range(last, first + 9, -1) if number % 10 == 0]
    assert rows(page)[:2] == scanned
    expect(page.locator(".tail-note")).to_contain_text("type:DocumentScanned")
    assert len(connections) == 1
    page.reload()
    expect(page.locator("#filter")).to_have_value("type:DocumentScanned")


@pytest.mark.parametrize("window", [(1400, "viewer")], ids=["viewer"], indirect=True)
def test_a_filter_by_what_one_may_not_see_is_refused_and_nothing_is_watched(running: Running, window: BrowserContext) -> None:
    page = window.new_page()
    page.goto(f"{running.desk.url}topics/{TOPIC}/tail/?filter=data.n:5")
    expect(page.locator("#filter-problem")).to_contain_text("masked for you")
    expect_state(page, "refused")
    page.locator("#filter").fill("aggregate:document/d1")
    page.keyboard.press("Enter")
    expect_state(page, "live")
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-aggregate-id", "d1")
    page.locator("#filter").fill("data.n:5")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-problem")).to_contain_text("masked for you")
    expect_state(page, "live")


def test_several_topics_and_one_aggregate_are_followed_in_one_tail(running: Running, window: BrowserContext) -> None:
    running.publish(3, topic="scans")
    running.desk.manage("run_index", "--until-caught-up")
    page = window.new_page()
    page.goto(f"{running.desk.url}topics/")
    page.get_by_role("link", name="Watch several live").click()
    page.get_by_label(TOPIC).check()
    page.get_by_label("scans").check()
    page.get_by_label("new events only").check()
    page.get_by_role("button", name="Watch live").click()
    expect_state(page, "live")
    aggregate = window.new_page()
    aggregate.goto(f"{running.desk.url}aggregates/document/d1/")
    aggregate.get_by_role("link", name="Watch live").click()
    expect_state(aggregate, "live")
    first = running.number
    running.publish(3)
    running.publish(3, topic="scans")
    expect(page.locator("#tail-rows tr")).to_have_count(6)
    assert sorted(rows(page)) == sorted(f"e{number}" for number in range(first, first + 6))
    expect(aggregate.locator("#tail-rows tr")).to_have_count(2)
    assert sorted(rows(aggregate)) == sorted(f"e{number}" for number in range(first, first + 6) if number % 3 == 1)
    expect(aggregate.locator("#tail-counts")).to_contain_text("Published 6 · matched 2 · shown 2 · skipped 0")
