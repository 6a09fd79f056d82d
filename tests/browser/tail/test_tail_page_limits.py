"""The tail's page at its limits: a restart, more than can be read, and somebody who may no longer watch."""

import re
import sqlite3
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.login_form import session_cookies
from tests.browser.tail.page import accounted, counted, expect_state
from tests.browser.tail.running import TOPIC, Running, expect_newest, follow, rows


def filter_by(page: Page, text: str) -> None:
    page.locator("#filter").fill(text)
    page.keyboard.press("Enter")


def test_after_a_restart_it_goes_on_where_it_was_and_says_what_it_no_longer_shows(
    running: Running, window: BrowserContext
) -> None:
    running.publish(1, "cut")
    page = follow(window, running, "topics/cut/tail/?from=now")
    first = running.number
    expect_newest(page, running.publish(5, "cut"))
    _restart_and_go_on_without_a_gap(running, page, first)
    gone = running.number
    gap = _restart_and_miss_more_than_is_shown(running, page)
    last = running.number - 1
    _filter_and_still_see_the_gap(running, page, gap)
    _follow_the_link_to_the_gap(page, gone, first, last)


def _restart_and_go_on_without_a_gap(running: Running, page: Page, first: int) -> None:
    """An invalid filter that is entered during an outage is refused at its field."""
    running.desk.end("web")
    expect_state(page, "away")
    filter_by(page, "data.n>")
    last = running.publish(40, "cut")
    running.desk.start_web()
    expect_state(page, "live")
    expect_newest(page, last)
    expect(page.locator("#tail-rows tr")).to_have_count(45)
    assert rows(page) == [f"e{number}" for number in range(last, first - 1, -1)]  # neither gap nor double
    expect(page.locator("#tail-gone")).to_be_hidden()
    expect(page.locator("#filter-problem")).to_be_visible()
    expect(page.locator("#tail-problem")).to_be_hidden()


def _restart_and_miss_more_than_is_shown(running: Running, page: Page) -> str:
    """Returns what the page says of the gap."""
    running.desk.end("web")
    expect_state(page, "away")
    last = running.publish(6_000, "cut")
    running.desk.start_web()
    expect_state(page, "live")
    expect(page.locator("#tail-gone")).to_be_visible()
    expect_newest(page, last)
    said = counted(page)
    assert said["published"] == 6_045
    assert said["matched"] == accounted(said)
    assert said["older"] > 0
    gap = f"{said['older']:,} events are older"
    expect(page.locator("#tail-gone")).to_contain_text(gap)
    return gap


def _filter_and_still_see_the_gap(running: Running, page: Page, gap: str) -> None:
    filter_by(page, "type:DocumentScanned")
    page.wait_for_url("**filter=type%3ADocumentScanned")
    running.publish(10, "cut")
    expect(page.locator("#tail-counts")).to_contain_text("Published 10 · matched 1 · shown 1 · skipped 0")
    expect(page.locator("#tail-gone")).to_contain_text(gap)  # what the page missed it still has not shown


def _follow_the_link_to_the_gap(page: Page, gone: int, first: int, last: int) -> None:
    link = page.locator("#tail-gone a[data-topic-page]")
    target = link.get_attribute("href")
    assert target is not None and "since" in parse_qs(urlsplit(target).query)
    link.click()
    page.wait_for_url(lambda url: "since=" in url)
    there = page.eval_on_selector_all("tr[data-event-id]", "(rows) => rows.map((row) => row.dataset.eventId)")
    assert f"e{gone}" in there  # the first that was missed; and what lies before it is what this page had shown
    assert set(there) <= {f"e{number}" for number in range(first - 1, last)}


def test_a_topic_that_was_made_anew_while_the_page_was_away_is_named_and_shown_from_its_first_event(
    running: Running, window: BrowserContext
) -> None:
    old = running.publish(2, "renewed")
    page = follow(window, running, "topics/renewed/tail/")
    expect_newest(page, old)
    running.desk.end("web")
    expect_state(page, "away")
    with sqlite3.connect(running.desk.data / "store.sqlite3", timeout=20) as database:
        database.execute("UPDATE store_topic SET name = 'old' WHERE name = 'renewed'")
    new = running.publish(1, "renewed")
    running.desk.start_web()
    expect_state(page, "live")
    anew = page.locator("#tail-anew")
    expect(anew).to_contain_text("renewed was made anew while this page was away", use_inner_text=True)
    expect(page.locator("#tail-gone")).to_be_hidden()
    assert page.locator("#tail-rows tr.tail-note").inner_text() == "From here upwards: renewed, made anew"
    assert rows(page) == [f"e{new}", f"e{old}", f"e{old - 1}"]


def test_of_more_than_can_be_read_it_shows_a_sample_and_says_so_and_how_far_it_is_behind(
    running: Running, window: BrowserContext
) -> None:
    page = follow(window, running, f"topics/{TOPIC}/tail/?from=now")
    expect(page.locator("#tail-sample")).to_be_hidden()
    running.publish(1)
    expect(page.locator("#tail-state")).to_have_text(re.compile(r"live · \d+ (ms|s) behind"))
    expect(page.locator("#tail-state")).to_have_text(re.compile(r"live$"))  # what it was says nothing of now
    running.publish(4_000)
    expect(page.locator("#tail-sample")).to_be_visible()
    expect(page.locator("#tail-sample")).to_have_text(re.compile(r"showing a sample, about 1 in \d+"))
    expect(page.locator("#tail-counts")).to_contain_text(re.compile(r"matched 4,001 .*sampled for the eye"))
    said = counted(page)
    assert said["matched"] == accounted(said) == 4_001
    expect(page.locator("#tail-sample")).to_be_hidden(timeout=15_000)


NOTE_WHAT_IS_SPOKEN = """() => {
  window.spoken = [];
  const line = document.getElementById("tail-spoken");
  new MutationObserver(() => spoken.push([performance.now(), line.textContent])).observe(line, { childList: true });
}"""


def test_counts_are_read_aloud_now_and_then_and_rows_never(running: Running, window: BrowserContext) -> None:
    window.clock.install()
    page = follow(window, running, f"topics/{TOPIC}/tail/?from=now")
    page.evaluate(NOTE_WHAT_IS_SPOKEN)
    assert page.locator("#tail-spoken").get_attribute("role") == "status"  # polite
    for _ in range(24):
        expect_newest(page, running.publish(3))
        page.clock.fast_forward(1_000)  # the page's clock alone, which goes on besides
    spoken = page.evaluate("spoken")
    assert len(spoken) >= 2
    assert all(re.fullmatch(r"Published \d+ · matched \d+ · shown \d+ · skipped 0", text) for _, text in spoken)
    times = [at for at, _ in spoken]
    assert all(later - earlier >= 10_000 for earlier, later in pairwise(times))
    loud = page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert not any(
        page.locator("#tail-rows").evaluate("(rows, other) => other.contains(rows)", one) for one in loud.element_handles()
    )


def test_whoever_may_no_longer_watch_is_told_so_and_keeps_nothing_on_the_screen(running: Running, chromium: Browser) -> None:
    cookies = session_cookies(running.desk, "approver")
    here, elsewhere = chromium.new_context(), chromium.new_context()
    for context in (here, elsewhere):
        context.add_cookies(cookies)
    page = here.new_page()
    connections: list[str] = []
    page.on("websocket", lambda socket: connections.append(socket.url))
    page.goto(f"{running.desk.url}topics/{TOPIC}/tail/")
    expect(page.locator("#tail-rows tr")).to_have_count(50)
    page.keyboard.press("Space")
    running.publish(3)
    expect(page.locator("#tail-pill")).to_have_text("3 new ↑")
    other = elsewhere.new_page()
    other.goto(running.desk.url)
    other.get_by_role("button", name="Log out").click()
    expect_state(page, "refused")
    expect(page.locator("#tail-state")).to_contain_text("you may no longer watch: log in again")
    expect(page.locator("#tail-rows tr")).to_have_count(0)  # whoever sees this screen now may be somebody else
    expect(page.locator("#tail-pill")).to_be_hidden()
    expect(page.locator("#tail-empty")).to_contain_text("were taken away")
    page.wait_for_timeout(3_000)
    assert len(connections) == 1  # what is refused for good is not tried again
    here.close()
    elsewhere.close()


def test_rows_that_came_before_a_role_was_changed_do_not_outlive_it(running: Running, chromium: Browser) -> None:
    running.set_role("admin", "support")
    context = chromium.new_context()
    context.add_cookies(session_cookies(running.desk, "admin"))
    page = context.new_page()
    page.goto(f"{running.desk.url}topics/{TOPIC}/tail/?filter=type:DocumentUploaded")
    expect_state(page, "live")
    expect(page.locator("#tail")).to_have_attribute("data-masking", "values")
    running.set_role("admin", "viewer")
    expect(page.locator("#tail")).to_have_attribute("data-masking", "masked", timeout=30_000)  # loaded again
    expect_state(page, "live")
    expect(page.locator("#filter")).to_have_value("type:DocumentUploaded")
    running.desk.end("web")
    expect_state(page, "away")
    running.set_role("admin", "support")  # while nobody was connected to be told
    running.desk.start_web()
    expect(page.locator("#tail")).to_have_attribute("data-masking", "values", timeout=30_000)
    context.close()
