"""The tail as somebody reads it: it accounts for itself, waits while one reads, and comes back by itself."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.login_form import session_cookies
from tests.browser.tail_page import MOST_ROWS, accounted, counted, expect_state
from tests.desk_process import Desk
from tests.people import PASSWORD
from tests.publisher import Publisher

TOPIC = "documents"


@dataclass
class Running:
    """A desk, its publisher, and the cookies of two who are logged in. ``number`` is the next event's."""

    desk: Desk
    publisher: Publisher
    cookies: dict[str, list[dict[str, Any]]]
    number: int = 0

    def publish(self, count: int, topic: str = TOPIC) -> int:
        """So many more; answers the number of the last."""
        self.publisher.publish(topic, self.number, count)
        self.number += count
        return self.number - 1

    def set_role(self, name: str, role: str) -> None:
        with sqlite3.connect(self.desk.data / "desk.sqlite3", timeout=20) as database:
            database.execute("UPDATE dashboard_person SET role = ? WHERE username = ?", (role, name))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Running]:
    with Desk(tmp_path_factory.mktemp("desk"), people=("viewer", "support")) as desk:
        made = Running(desk, Publisher(desk), {})
        for name in ("support", "viewer"):
            made.cookies[name] = session_cookies(desk, chromium, name)
        made.publish(60)
        yield made


@pytest.fixture
def window(running: Running, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, name = getattr(request, "param", (1400, "support"))
    context = chromium.new_context(viewport={"width": width, "height": 700})
    context.add_cookies(running.cookies[name])  # type: ignore[arg-type]
    yield context
    context.close()


def follow(window: BrowserContext, running: Running, path: str = f"topics/{TOPIC}/tail/") -> Page:
    page = window.new_page()
    page.goto(running.desk.url + path)
    expect_state(page, "live")
    return page


def rows(page: Page) -> list[str]:
    """The ids of the events in the page, newest first."""
    found = page.eval_on_selector_all("#tail-rows tr[data-event-id]", "(rows) => rows.map((row) => row.dataset.eventId)")
    return [str(id) for id in found]


def newest(page: Page) -> str | None:
    return page.locator("#tail-rows tr").first.get_attribute("data-event-id")


def filter_by(page: Page, text: str) -> None:
    page.locator("#filter").fill(text)
    page.keyboard.press("Enter")


def expect_newest(page: Page, number: int) -> None:
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-event-id", f"e{number}", timeout=20_000)


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
"""As a browser does to a page in the background, of which Playwright knows none."""


@pytest.mark.parametrize(
    ("wait", "go_on", "why"),
    [
        (lambda page: page.keyboard.press("Space"), lambda page: page.keyboard.press("Space"), "while paused"),
        (lambda page: page.keyboard.press("j"), lambda page: page.keyboard.press("Escape"), "while you read further down"),
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
    expect(page.locator("#filter-problem")).to_contain_text("Your role sees ids, types and times")
    expect_state(page, "refused")
    page.locator("#filter").fill("aggregate:document/d1")
    page.keyboard.press("Enter")
    expect_state(page, "live")
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-aggregate-id", "d1")
    page.locator("#filter").fill("data.n:5")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-problem")).to_contain_text("Your role sees ids, types and times")
    expect_state(page, "live")


def test_several_topics_and_one_aggregate_are_followed_in_one_tail(running: Running, window: BrowserContext) -> None:
    running.publish(3, topic="scans")
    running.desk.manage("run_index", "--until-caught-up")
    page = window.new_page()
    page.goto(f"{running.desk.url}topics/")
    page.get_by_role("link", name="Watch several live").click()
    page.get_by_label(TOPIC).check()
    page.get_by_label("scans").check()
    page.get_by_label("what comes from now on").check()
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
    """A filter that cannot be used is given while the page is away: it is refused at its field."""
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
    page = follow(window, running, f"topics/{TOPIC}/tail/?from=now")
    page.evaluate(NOTE_WHAT_IS_SPOKEN)
    assert page.locator("#tail-spoken").get_attribute("role") == "status"  # polite
    for _ in range(24):
        running.publish(3)
        page.wait_for_timeout(1_000)
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
    running.desk.manage("create_user", "leaver", "--role", "support", "--password-stdin", stdin=PASSWORD.encode())
    running.cookies["leaver"] = session_cookies(running.desk, chromium, "leaver")
    here, elsewhere = chromium.new_context(), chromium.new_context()
    for context in (here, elsewhere):
        context.add_cookies(running.cookies["leaver"])  # type: ignore[arg-type]
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
    running.desk.manage("create_user", "changing", "--role", "support", "--password-stdin", stdin=PASSWORD.encode())
    running.cookies["changing"] = session_cookies(running.desk, chromium, "changing")
    context = chromium.new_context()
    context.add_cookies(running.cookies["changing"])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{running.desk.url}topics/{TOPIC}/tail/?filter=type:DocumentUploaded")
    expect_state(page, "live")
    expect(page.locator("#tail")).to_have_attribute("data-masking", "values")
    running.set_role("changing", "viewer")
    expect(page.locator("#tail")).to_have_attribute("data-masking", "masked", timeout=30_000)  # loaded again
    expect_state(page, "live")
    expect(page.locator("#filter")).to_have_value("type:DocumentUploaded")
    running.desk.end("web")
    expect_state(page, "away")
    running.set_role("changing", "support")  # while nobody was connected to be told
    running.desk.start_web()
    expect(page.locator("#tail")).to_have_attribute("data-masking", "values", timeout=30_000)
    context.close()
