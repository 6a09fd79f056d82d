"""What was revealed goes from an open page at once, whatever ends the reveal, with a connection and without one."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.masked import VALUE, logged_in, masked_desk, reveal_all, sql, story
from tests.browser.waiting import until_it_has
from tests.desk_process import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with masked_desk(tmp_path_factory.mktemp("masked")) as running:
        yield running


@pytest.fixture
def context(desk: Desk, chromium: Browser) -> Iterator[BrowserContext]:
    sql(desk, "UPDATE dashboard_person SET role = 'support', is_active = 1 WHERE username = 'support'")
    with logged_in(desk, chromium, "support") as context:
        yield context


def opened(desk: Desk, context: BrowserContext) -> Page:
    """A page that shows the value."""
    page = context.new_page()
    until_it_has(page, story(desk), "4711")
    page.goto(story(desk))
    assert VALUE not in page.content()
    reveal_all(page)
    expect(page.locator("#detail")).to_contain_text(VALUE)
    assert VALUE not in page.title()
    return page


def is_gone(page: Page) -> None:
    """The value is nowhere in the page, titles and attributes included. Asked anew while the page is being loaded again."""
    expect(page.locator("body")).not_to_contain_text(VALUE)
    page.wait_for_function("value => !document.documentElement.outerHTML.includes(value)", arg=VALUE)


def by_logout(desk: Desk, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto(desk.url)
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_label("Password")).to_be_visible()


def by_role(desk: Desk, context: BrowserContext) -> None:
    sql(desk, "UPDATE dashboard_person SET role = 'viewer' WHERE username = 'support'")


def by_disabling(desk: Desk, context: BrowserContext) -> None:
    sql(desk, "UPDATE dashboard_person SET is_active = 0 WHERE username = 'support'")


def by_hand(desk: Desk, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto(desk.url)
    other.get_by_role("button", name="End now").click()
    expect(other.locator("[data-reveal]")).to_have_count(0)


def by_time(desk: Desk, context: BrowserContext) -> None:
    sql(desk, "UPDATE dashboard_reveal SET ends = ? WHERE ended IS NULL", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}")


@pytest.mark.parametrize("end", [by_logout, by_role, by_disabling, by_hand, by_time])
def test_an_open_page_hides_it_at_once(
    desk: Desk, context: BrowserContext, end: Callable[[Desk, BrowserContext], None]
) -> None:
    page = opened(desk, context)
    end(desk, context)
    is_gone(page)


@pytest.mark.parametrize("end", [by_logout, by_role, by_hand])
def test_a_page_whose_websocket_is_refused_asks_and_hides_it(
    desk: Desk, context: BrowserContext, end: Callable[[Desk, BrowserContext], None]
) -> None:
    context.route_web_socket("**/reveals/live/", lambda socket: socket.close(code=1011))
    page = opened(desk, context)
    end(desk, context)
    is_gone(page)


def test_closing_the_case_hides_it_on_an_open_page(desk: Desk, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto(f"{desk.url}cases/new/")
    other.get_by_label("Ticket").fill("SUP-1")
    other.get_by_label("Reason").fill("the patient asks")
    other.get_by_role("button", name="Open case").click()
    page = opened(desk, context)
    other.get_by_role("button", name="Close case").click()
    is_gone(page)


def test_without_a_connection_the_page_hides_it_by_its_own_clock_and_nothing_comes_back(
    desk: Desk, context: BrowserContext
) -> None:
    page = opened(desk, context)
    soon = datetime.now(UTC) + timedelta(seconds=4)
    sql(desk, "UPDATE dashboard_reveal SET ends = ? WHERE ended IS NULL", f"{soon:%Y-%m-%d %H:%M:%S.%f}")
    page.reload()
    expect(page.locator("#detail")).to_contain_text(VALUE)
    context.set_offline(True)
    is_gone(page)
    expect(page.locator("#reveal-ended")).to_be_visible()
    context.set_offline(False)
    page.goto(desk.url)
    page.go_back()
    is_gone(page)
