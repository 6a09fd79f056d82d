"""Every page in light and dark, wide and narrow, without JavaScript, by keyboard, and without axe violations."""

import re
from collections.abc import Iterator, Sequence
from urllib.error import HTTPError
from urllib.request import OpenerDirector

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard import urls
from tests.browser.addresses import EVENT, EVERY_PAGE, FOREIGN, LOGIN, NO_PAGES, NOT_FOUND, WITH_A_SEARCH, names_of
from tests.browser.box_examples import BROKEN, FOUND, SOUND
from tests.browser.furnished import furnished_desk
from tests.browser.login_form import Cookies, session_cookies
from tests.browser.looks import MEASURE, WIDE, look, wrong_at_any_width, wrong_in_any_look
from tests.browser.tail.page import expect_state
from tests.desk_process import Desk
from tests.logging_in import session_of
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1_800)  # one test looks at all pages, several times


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with furnished_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture(scope="module")
def session_cookie(desk: Desk) -> Cookies:
    return session_cookies(desk, "support")


OTHERS = ("viewer", "approver", "admin")


def open_context(chromium: Browser, cookies: Cookies, **options: object) -> BrowserContext:
    context = chromium.new_context(**options)  # type: ignore[arg-type]
    context.add_cookies(cookies)
    return context


def open_on(page: Page, desk: Desk, path: str) -> None:
    look(page, *WIDE)
    page.goto(desk.url + path)
    if path.endswith("/tail/"):
        expect_state(page, "live")
        expect(page.locator("#tail-rows tr")).to_have_count(8)
    if path == WITH_A_SEARCH:
        expect(page.locator("#search-standing")).to_have_attribute("data-state", "finished")


def test_no_page_has_an_axe_violation_or_a_wrong_box_at_any_width(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    for path in (*EVERY_PAGE, NOT_FOUND):
        open_on(page, desk, path)
        # by their markup, the foreign ones are like others
        problems += wrong_at_any_width(page) if path in FOREIGN else wrong_in_any_look(page)
    context.clear_cookies()
    page.goto(desk.url + LOGIN)
    problems += wrong_in_any_look(page)
    context.close()
    assert problems == []


@pytest.mark.soak
def test_what_other_roles_see_differently_has_no_wrong_box_either(desk: Desk, chromium: Browser) -> None:
    support, *openers = (session_of(desk, role, PASSWORD)[0] for role in ("support", *OTHERS))
    known = {path: [structure(support, desk.url + path)] for path in EVERY_PAGE}
    problems: list[str] = []
    for role, opener in zip(OTHERS, openers, strict=True):
        context = open_context(chromium, session_cookies(desk, role))
        page = context.new_page()
        look(page, *WIDE)
        for path in EVERY_PAGE:
            seen = structure(opener, desk.url + path)
            if not path or seen not in known[path]:
                known[path].append(seen)
                page.goto(desk.url + path)
                problems += wrong_at_any_width(page)
        context.close()
    assert problems == []


def structure(opener: OpenerDirector, url: str) -> Sequence[str]:
    """The tags below a page's head, in order, with their classes. Where they are alike, so are the boxes."""
    try:
        text = opener.open(url, timeout=30).read().decode()
    except HTTPError as refused:
        text = refused.read().decode()
    return re.findall(r'<(?:!--|/?[a-z0-9]+(?: class="[^"]*")?)', text.partition("<main")[2])


def test_every_page_of_the_url_table_is_looked_at() -> None:
    looked_at = names_of((*EVERY_PAGE, LOGIN))
    assert looked_at | set(NO_PAGES) == {pattern.name for pattern in urls.urlpatterns}
    assert not looked_at & set(NO_PAGES)


def test_the_measure_finds_each_kind_of_wrong_box_and_no_other(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 800, "height": 900})
    page.set_content(BROKEN)
    assert sorted(page.evaluate(MEASURE, 800)) == sorted(FOUND)
    page.set_content(SOUND)
    assert page.evaluate(MEASURE, 800) == []
    page.close()


def test_every_page_works_without_javascript(desk: Desk, chromium: Browser, session_cookie: Cookies) -> None:
    context = open_context(chromium, session_cookie, java_script_enabled=False)
    page = context.new_page()
    page.goto(desk.url)
    for name in ("Topics", "Aggregates", "Subscriptions", "Audit"):
        page.get_by_role("navigation", name="Places").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"{desk.url}aggregates/document/d1/")
    page.locator(f'[data-event-id="{EVENT}"] a').first.click()
    expect(page.locator("main")).to_contain_text("88-12")
    context.close()


def test_nothing_moves_while_a_page_is_loaded_and_its_chart_is_drawn_when_it_is_looked_at(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie, viewport={"width": 412, "height": 823})
    page = context.new_page()
    subscription = f"{desk.url}topics/documents/subscriptions/app-timeline/"
    page.goto(f"{subscription}waiting/")
    assert shifted(page) < 0.05  # a late font moves letters: 0.005 at most were seen
    page.goto(f"{desk.url}topics/documents/tail/")
    expect(page.locator("#tail-rows tr")).to_have_count(8)
    expect(page.locator("#tail-kept")).to_be_visible()
    assert shifted(page) < 0.03
    page.goto(subscription)
    chart, library = page.locator("[data-chart]"), page.locator("head script[src*=uPlot]")
    expect(chart).to_contain_text("when it comes into view")
    expect(library).to_have_count(0)
    chart.get_by_role("button", name="6 hours").scroll_into_view_if_needed()
    page.mouse.wheel(0, 400)
    expect(chart.locator("figure canvas").first).to_be_visible()
    expect(library).to_have_count(1)
    context.close()


def shifted(page: Page) -> float:
    """How much the page's parts have moved so far without anybody's doing, as browsers measure it."""
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    moved = """new Promise((tell) => {
        let sum = 0;
        new PerformanceObserver((list) => { for (const { value } of list.getEntries()) sum += value; })
            .observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => setTimeout(() => tell(sum)));
    })"""
    return float(page.evaluate(moved))


def test_the_keyboard_is_enough(desk: Desk, chromium: Browser, session_cookie: Cookies) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    page.goto(desk.url)
    page.keyboard.press("/")
    page.keyboard.type("d1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/aggregates/document/d1/**")
    page.keyboard.press("j")
    assert focused_row(page) == "e5"  # the newest is the one that is open already
    page.keyboard.press("j")
    assert focused_row(page) == "e3"
    page.keyboard.press("k")
    assert focused_row(page) == "e5"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    context.close()


def test_enter_on_the_open_line_goes_on_to_its_event_and_back_leads_to_it(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{desk.url}aggregates/document/")
    page.goto(f"{desk.url}aggregates/document/d1/")
    page.wait_for_load_state("networkidle")
    for _ in range(3):
        page.keyboard.press("j")
    expect(page.locator("[data-detail]")).to_have_attribute("data-detail", "e1")
    page.wait_for_url("**/aggregates/document/d1/?event=*")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/e1/**")
    page.go_back()
    page.wait_for_url("**/aggregates/document/d1/?event=*")
    expect(page.locator("[data-detail]")).to_have_attribute("data-detail", "e1")
    page.go_back()  # walking left no trace: one step back is the list
    page.wait_for_url("**/aggregates/document/")
    context.close()
    assert problems == []


def focused_row(page: Page) -> object:
    return page.evaluate("document.activeElement.closest('[data-event-id]')?.dataset.eventId")


def test_a_viewer_sees_neither_payloads_nor_acts(desk: Desk, chromium: Browser) -> None:
    context = open_context(chromium, session_cookies(desk, "viewer"))
    page = context.new_page()
    for path in (f"events/{EVENT}/", "aggregates/document/d1/", "topics/documents/", "topics/documents/tail/"):
        page.goto(desk.url + path)
        assert "88-12" not in page.content()
    page.goto(f"{desk.url}topics/documents/subscriptions/app-timeline/")
    expect(page.get_by_role("button", name="Preview")).to_have_count(0)
    answer = page.goto(f"{desk.url}topics/documents/subscriptions/app-timeline/cursor-resets/new/?to=earliest")
    assert answer is not None and answer.status == 403
    context.close()


def test_from_the_overview_to_what_was_noticed_and_from_its_event_to_the_copies(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie, java_script_enabled=False)
    page = context.new_page()
    page.goto(desk.url)
    page.get_by_role("link", name="1 sequence number skips some").click()
    page.get_by_role("link", name="Order changed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order changed")
    expect(page.locator("main")).to_contain_text("2 is followed by 5: 2 missing")
    page.goto(f"{desk.url}events/clean-2/")
    page.locator("[data-copy]").first.locator("a").click()
    expect(page.locator("main")).to_contain_text("This is a copy in a derived topic")
    page.locator("[data-originals] a").click()
    expect(page.locator(".event")).to_have_attribute("data-event-id", "clean-2")
    expect(page.locator(".event")).to_have_attribute("data-version", "2")
    context.close()


def test_the_focus_stays_where_it_is_while_the_overview_keeps_itself_fresh(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    page.clock.install()
    page.goto(desk.url)
    for link in ("a[href='/anomalies/']", "[data-anomaly] a >> nth=1", "[data-lines] td a"):
        link_of_now = page.locator(f"#live {link}").first
        link_of_now.focus()
        where = link_of_now.get_attribute("href")
        page.evaluate("document.getElementById('live').dataset.old = 'yes'")
        for seconds in (1, 5):  # it looks each half a second for what has been there for five
            page.clock.fast_forward(1_000 * seconds)
        expect(page.locator("#live:not([data-old])")).to_have_count(1, timeout=20_000)
        expect(page.locator(f"#live {link}").first).to_be_focused()
        assert page.evaluate("document.activeElement.getAttribute('href')") == where
    context.close()


def test_the_indexs_page_keeps_itself_fresh(desk: Desk, chromium: Browser, session_cookie: Cookies) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    page.goto(f"{desk.url}index/")
    row = page.locator('[data-topic="fresh-ones"]')
    expect(row).to_have_count(0)
    planting = desk.spawn("fresh", "-m", "tests.browser.planting", "fresh-ones")
    assert planting.wait(timeout=60) == 0
    desk.processes.pop("fresh")
    expect(row).to_have_attribute("data-state", "up to date", timeout=60_000)
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    context.close()


def test_from_the_overview_to_a_dead_letter_that_is_buried_and_its_record(
    desk: Desk, chromium: Browser, session_cookie: Cookies
) -> None:
    context = open_context(chromium, session_cookie)
    page = context.new_page()
    page.goto(desk.url)
    page.locator('[data-topic="documents-app-timeline-DLQ"] a').first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters of app-timeline")
    waiting = page.locator("[data-letter]")
    before = waiting.count()
    waiting.last.get_by_role("checkbox").check()
    page.get_by_role("button", name="Bury chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bury 1 dead letter")
    page.get_by_label("Reason").fill("SUP-1: the practice has closed")
    page.get_by_role("button", name="Bury 1 letter").click()
    expect(page.get_by_text("1 letter of documents-app-timeline-DLQ buried.")).to_be_visible()
    expect(waiting).to_have_count(before - 1)
    page.goto(f"{desk.url}audit/")
    expect(page.locator("main")).to_contain_text("Bury dead letters")
    context.close()
