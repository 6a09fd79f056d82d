"""No form makes an address that the server cannot take: it says so at the field. In Chromium, with forms that have a text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.login_form import PEOPLE, session_cookies
from tests.desk_process import Desk
from tests.publisher import Publisher

LONG = "ก" * 2_000
"""Nine bytes a letter in an address, and fewer characters than each field takes."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), people=PEOPLE) as running:
        Publisher(running).publish("documents", 0, 20, size=100)
        yield running


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies(session_cookies(desk, "support"))
    yield context.new_page()
    context.close()


FIELDS = {
    "topics/documents/": ["#search", "#filter"],
    "topics/documents/tail/": ["#filter"],
    "audit/": ["#actor", "#on", "#text"],
}


@pytest.mark.parametrize("path", FIELDS)
def test_a_form_whose_address_would_be_too_long_says_so_and_stays(desk: Desk, page: Page, path: str) -> None:
    page.goto(f"{desk.url}{path}")
    for selector in FIELDS[path]:
        field = page.locator(selector)
        before = page.url
        field.fill(LONG)
        field.press("Enter")
        message = field.evaluate("(field) => field.validationMessage")
        assert "too long for an address" in message, selector
        assert page.url == before
        field.fill("")
        assert field.evaluate("(field) => field.validationMessage") == ""


def test_after_it_was_shortened_the_form_is_sent(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}topics/documents/")
    field = page.locator("#filter")
    field.fill(LONG)
    field.press("Enter")
    field.fill("type:x")
    field.press("Enter")
    page.wait_for_url("**filter=type*")


def test_an_address_that_was_pasted_in_full_and_is_too_long_shows_a_page(desk: Desk, page: Page) -> None:
    answer = page.goto(f"{desk.url}topics/documents/?filter={'x' * 20_000}")
    assert answer is not None
    assert answer.status == 414
    expect(page.locator("h1")).to_have_text("This address is too long")


def test_a_filter_that_fits_the_address_and_not_the_pages_links_is_refused_in_words(desk: Desk, page: Page) -> None:
    answer = page.goto(f"{desk.url}topics/documents/?filter={'%E0%B8%81' * 1_200}")
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("#filter-problem")).to_contain_text("encoded it has 10,800 bytes, and 8,192 fit")


FORM = """([fields, size]) => {
  const form = Object.assign(document.createElement("form"), { id: "made", innerHTML: fields });
  document.body.prepend(form);
  form.elements.long.value = "x".repeat(size);
}"""
HIDDEN = '<input type="hidden" name="long">'


def test_a_form_with_nothing_to_shorten_says_so_at_its_button(desk: Desk, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{desk.url}topics/documents/")
    before = page.url
    page.evaluate(FORM, [f"{HIDDEN}<button>Send</button>", 9_000])
    page.click("#made button")
    assert "too long for an address" in page.eval_on_selector("#made button", "(button) => button.validationMessage")
    assert (page.url, errors) == (before, [])


@pytest.mark.parametrize("field", ['<input type="number" name="n">', '<input type="radio" name="r" checked>'])
def test_where_a_hidden_field_is_the_long_one_any_change_takes_the_message_away(desk: Desk, page: Page, field: str) -> None:
    page.goto(f"{desk.url}topics/documents/")
    page.evaluate(FORM, [f'{HIDDEN}{field}<input type="checkbox"><button>Send</button>', 9_000])
    invalid = page.locator("#made > :invalid")
    page.click("#made button")
    expect(invalid).to_have_count(1)
    page.check("#made [type=checkbox]")
    expect(invalid).to_have_count(0)
