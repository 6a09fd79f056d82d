"""Pages in the hand and by the keyboard: on a phone, and with the focus where somebody at work expects it."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect

from tests.browser.addresses import PAGES
from tests.browser.login_form import PEOPLE, Cookies, session_cookies
from tests.browser.targets import BUTTONS, lists_without_keys, too_small
from tests.desk_process import Desk
from tests.logging_in import session_of
from tests.people import PASSWORD
from tests.publisher import Publisher

PHONE = ViewportSize(width=390, height=844)
SUBSCRIPTION = "topics/documents/subscriptions/app-timeline/"
LOOKED_AT = (*PAGES, "index/", "anomalies/sequence-skips/")
SHIFTED = """window.shifted = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true })"""
PAINTED = """new Promise((done) => new PerformanceObserver((list) => {
  if (list.getEntriesByName("first-contentful-paint").length) done();
}).observe({ type: "paint", buffered: true }))"""
FOCUSED = "document.activeElement.getAttribute('href')"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with documents, a dead letter, and a subscription that has handled some of the documents."""
    with Desk(tmp_path_factory.mktemp("desk"), people=PEOPLE) as running:
        publisher = Publisher(running)
        publisher.publish("documents", 0, 24)
        publisher.publish("documents-app-timeline-DLQ", 100)
        process = running.spawn("projection", "-m", "tests.browser.projection", "documents", "app-timeline", "3")
        assert process.wait(timeout=60) == 0
        running.processes.pop("projection")
        until_indexed(running)
        yield running


def until_indexed(desk: Desk) -> None:
    opener, _ = session_of(desk, "support", PASSWORD)
    deadline = time.monotonic() + 60
    while b'data-figure="indexed">25<' not in opener.open(desk.url, timeout=30).read():
        assert time.monotonic() < deadline, desk.log("index")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cookies(desk: Desk) -> Cookies:
    return session_cookies(desk, "support")


@pytest.fixture
def phone(chromium: Browser, cookies: Cookies) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.add_cookies(cookies)
    yield context
    context.close()


@pytest.fixture
def page(chromium: Browser, cookies: Cookies) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies(cookies)
    yield context.new_page()
    context.close()


def test_on_a_phone_the_header_is_slim_and_everything_can_be_pressed_and_any_list_walked_where_there_are_keys(
    desk: Desk, phone: BrowserContext
) -> None:
    page = phone.new_page()
    problems: list[str] = []
    for path in LOOKED_AT:
        page.goto(desk.url + path)
        above = page.eval_on_selector("main", "(main) => main.getBoundingClientRect().top + scrollY")
        found = [f"{above} pixels above the page"] if above > 0.12 * PHONE["height"] else []
        found += too_small(page)
        found += too_small(page, BUTTONS, 44)
        found += page.locator(":is(main, header) kbd:visible").all_text_contents()
        found += [f"j does not go through {list}" for list in lists_without_keys(page)]
        problems += [f"{path}: {problem}" for problem in found]
    page.goto(f"{desk.url}topics/documents/")
    expect(page.locator("td > .copy").first).to_have_css("opacity", "1")
    assert problems == []


def test_a_phones_menu_leads_everywhere_without_a_script(desk: Desk, chromium: Browser, cookies: Cookies) -> None:
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True, java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(desk.url)
    places = page.get_by_role("navigation", name="Places")
    expect(places).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    for name in ("Overview", "Aggregates", "Topics", "Subscriptions", "Audit"):
        link = places.get_by_role("link", name=name)
        expect(link).to_be_in_viewport(ratio=1)
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    expect(page.get_by_role("button", name="Log out")).to_be_in_viewport(ratio=1)
    places.get_by_role("link", name="Topics").tap()
    page.wait_for_url("**/topics/")
    expect(places).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(places.get_by_role("link", name="Overview")).to_be_focused()
    page.keyboard.press("Escape")
    expect(places).to_be_hidden()
    context.close()


def test_the_pages_face_is_inter_with_figures_of_one_width_and_nothing_moves_when_it_comes(desk: Desk, page: Page) -> None:
    fonts: list[Route] = []
    page.route("**/*.woff2", lambda route: fonts.append(route))  # noqa: PLW0108 - Playwright marks its handler
    page.add_init_script(SHIFTED)
    page.goto(f"{desk.url}subscriptions/", wait_until="domcontentloaded")
    page.evaluate(PAINTED)
    [font] = fonts
    assert font.request.url.endswith("/inter/inter-latin.woff2")
    font.continue_()
    page.evaluate("async () => { await document.fonts.load('650 14px Inter'); await document.fonts.ready; }")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("shifted") < 0.01
    assert len(fonts) == 1
    widths = page.evaluate(
        """() => ["1111111111", "8888888888"].map((figures) => {
          const word = Object.assign(document.createElement("span"), { textContent: figures });
          document.body.append(word);
          return word.getBoundingClientRect().width;
        })"""
    )
    assert widths[0] == widths[1]
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Inter")


def test_j_goes_through_lists_one_after_another_and_back_finds_the_line_that_one_came_from(desk: Desk, page: Page) -> None:
    page.goto(desk.url)
    page.evaluate("delete document.getElementById('live').dataset.refresh")  # no stroke meets a list that is being replaced
    page.keyboard.press("j")
    attention = page.locator(".attention [data-line]")
    expect(attention.first).to_be_focused()
    for _ in range(attention.count()):
        page.keyboard.press("j")
    expect(page.locator("table [data-line]").first).to_be_focused()
    page.goto(f"{desk.url}audit/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    where = page.evaluate(FOCUSED)
    assert where.startswith("/audit/?act=")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/?act=*")
    page.go_back()
    expect(page.locator(f"main a[href='{where}']").first).to_be_focused()
    page.goto(f"{desk.url}topics/documents/")
    line = page.locator("[data-event-id=e5] [data-line]")
    line.click()
    page.wait_for_url("**/events/e5/**")
    page.go_back()
    expect(line).to_be_focused()
    page.evaluate("document.activeElement.blur()")  # and where the browser has kept the page as it was
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(line).to_be_focused()


def test_esc_leaves_a_field_which_keeps_its_text_and_j_goes_on(desk: Desk, page: Page) -> None:
    topic = "topics/documents/"
    for path, key, field in ((topic, "f", "#filter"), (topic, "/", "#search"), ("audit/", "", "#actor")):
        page.goto(desk.url + path)
        if key:
            page.keyboard.press(key)
        else:
            page.locator(field).focus()
        page.keyboard.type("some words")
        page.keyboard.press("Escape")
        expect(page.locator(field)).not_to_be_focused()
        expect(page.locator(field)).to_have_value("some words")
        page.keyboard.press("j")
        expect(page.locator("main [data-line]").first).to_be_focused()


def test_filling_a_field_chooses_what_it_belongs_to_and_only_what_is_chosen_is_sent(desk: Desk, page: Page) -> None:
    page.goto(desk.url + SUBSCRIPTION)
    page.get_by_label("Event id or position").fill("e3")
    expect(page.get_by_label("one event")).to_be_checked()
    page.get_by_label("Events published since").fill("2026-03-02T10:00")
    expect(page.get_by_label("a time")).to_be_checked()
    page.get_by_label("the first event").check()
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url("**/cursor-resets/new/?to=earliest")
    page.goto(f"{desk.url}tail/")
    page.get_by_label("how many").fill("7")
    expect(page.get_by_label("the last events")).to_be_checked()
    page.get_by_label("day and time").fill("2026-03-02T10:00")
    expect(page.get_by_label("what was published since a time")).to_be_checked()


def test_after_a_failed_login_the_password_can_be_typed_at_once(desk: Desk, page: Page) -> None:
    page.context.clear_cookies()
    page.goto(desk.url)
    page.get_by_label("Name").fill("support")
    page.get_by_label("Password").fill("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Wrong name or password")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_accessible_description("Wrong name or password.")
    expect(page.get_by_label("Name")).to_have_value("support")


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("Europe/Amsterdam", "4 Jan 2024, 11:15:06.700 UTC+1", "4 Jul 2024, 12:15:06.700 UTC+2"),
        ("Asia/Kathmandu", "4 Jan 2024, 16:00:06.700 UTC+5:45", "4 Jul 2024, 16:00:06.700 UTC+5:45"),
        ("America/St_Johns", "4 Jan 2024, 06:45:06.700 UTC−3:30", "4 Jul 2024, 07:45:06.700 UTC−2:30"),
        ("Africa/Abidjan", "4 Jan 2024, 10:15:06.700 UTC", "4 Jul 2024, 10:15:06.700 UTC"),
    ],
)
def test_an_exact_time_names_the_offset_of_the_readers_zone_at_that_time(
    desk: Desk, chromium: Browser, cookies: Cookies, zone: str, winter: str, summer: str
) -> None:
    context = chromium.new_context(timezone_id=zone)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{desk.url}topics/")
    shown = page.evaluate(
        """() => ["2024-01-04T10:15:06.700Z", "2024-07-04T10:15:06.700Z"].map((at) => {
          const time = Object.assign(document.createElement("time"), { dateTime: at });
          time.dataset.style = "exact";
          document.body.append(time);
          return time;
        }).map((time) => new Promise((done) => requestAnimationFrame(() => done(time.textContent)))).reduce(
          async (all, one) => [...(await all), await one], [])"""
    )
    assert shown == [winter, summer]
    context.close()
