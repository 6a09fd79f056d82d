"""Signing in through a real Keycloak in Chromium, under the desk's own policy: forms, open pages, and the way out."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.looks import WIDE, look, wrong_in_any_look
from tests.browser.masked import patient
from tests.browser.tail.page import expect_state
from tests.desk_process import Desk
from tests.signin.browsing import GROUPS
from tests.signin.realm import PASSWORD, Realm

BUTTON = "Sign in with Keycloak"
CLOSED = re.compile("you may no longer watch|none of your groups there gives a role|Your sign-in has ended")
"""What a page says whose tail was closed, or which opened itself again as its viewer's role changed. It shows where to sign in
if another page was told before that no role is left."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, realm: Realm) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("signed-in")
    config = folder / "groups.toml"
    config.write_text(GROUPS, encoding="utf-8")
    with Desk(folder, {**realm.environment(), "EVENTDESK_CONFIG": str(config)}, people=("support",), indexed=False) as desk:
        desk.manage("import_events", "-", "--topic", "patients", stdin=patient(4711))
        realm.is_of(desk.url)
        yield desk


def sign_in(page: Page, desk: Desk, name: str, path: str = "topics/") -> None:
    """From a page of the desk, by the button and Keycloak's form, back to that page."""
    page.goto(f"{desk.url}{path}")
    page.get_by_role("button", name=BUTTON).click()
    page.locator("#username").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()
    page.wait_for_url(f"{desk.url}{path}")


def is_well(page: Page) -> None:
    """In all looks; afterwards it is wide again."""
    assert list(wrong_in_any_look(page)) == []
    look(page, *WIDE)


def test_a_removed_group_closes_pages_at_the_next_request_and_an_open_tail_by_itself(
    desk: Desk, realm: Realm, context: BrowserContext
) -> None:
    lena = f"lena-{uuid4().hex[:8]}"  # another one at each try: a name that is taken gets a number
    realm.person(lena, "desk-support", "desk-viewers")
    page, refused = context.new_page(), list[str]()
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    sign_in(page, desk, lena)
    expect(page.locator(".who")).to_have_text(f"{lena} · support")
    tail = context.new_page()
    tail.goto(f"{desk.url}topics/patients/tail/")
    expect_state(tail, "live")
    realm.leave(lena, "desk-support")
    page.reload()
    expect(page.locator(".who")).to_have_text(f"{lena} · viewer")
    realm.leave(lena, "desk-viewers")
    expect(tail.locator("body")).to_contain_text(CLOSED, timeout=40_000)
    page.get_by_role("link", name="Overview").click()
    # The page says so if it is the first to ask after the group was removed, and otherwise shows where to sign in.
    said = page.get_by_role("heading", name="Not allowed").or_(page.get_by_role("button", name=BUTTON))
    expect(said).to_be_visible()
    is_well(page)
    page.goto(f"{desk.url}topics/")
    expect(page.get_by_role("button", name=BUTTON)).to_be_visible()
    assert [text for text in refused if "Content Security Policy" in text] == []


def test_it_works_without_script_and_a_disabled_person_is_out_at_the_next_request(
    desk: Desk, realm: Realm, chromium: Browser
) -> None:
    realm.person("mara", "desk-viewers")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, desk, "mara", "topics/patients/")
    expect(page.locator(".who")).to_have_text("mara · viewer")
    realm.change("mara", enabled=False)
    page.reload()
    expect(page.get_by_role("status")).to_have_text("Your sign-in has ended. Sign in again.")
    expect(page.get_by_role("button", name=BUTTON)).to_be_visible()
    context.close()


def test_a_logout_leads_out_of_the_provider_too(desk: Desk, realm: Realm, context: BrowserContext) -> None:
    realm.person("nils", "desk-viewers")
    page = context.new_page()
    page.goto(desk.url)
    is_well(page)
    sign_in(page, desk, "nils")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Logged out")).to_be_visible()
    is_well(page)
    page.get_by_role("link", name="Log in again").click()
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_url(desk.url)  # without a password: the login at the provider has not ended
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log out of Keycloak").click()
    page.locator("#kc-logout").click()
    page.wait_for_url(f"{desk.url}login/")
    assert realm.sessions("nils") == []
