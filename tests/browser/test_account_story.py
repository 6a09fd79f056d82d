"""An admin who needs a second factor: set up by its QR page, asked for at the next login, and the pages that an admin has."""

import os
import re
from base64 import b32decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import WIDE, look, wrong_in_either_look
from tests.desk_process import Desk
from tests.people import PASSWORD
from tests.web.second_factor import code_of

CONFIG = """
[access]
second_factor = ["admin"]
"""
SHOTS = os.environ.get("SHOTS", "")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "access.toml").write_text(CONFIG, encoding="utf-8")
    with Desk(tmp_path, {"EVENTDESK_CONFIG": str(tmp_path / "access.toml")}, people=("admin",), indexed=False) as running:
        yield running


def test_an_admin_sets_up_a_second_factor_gives_its_code_and_makes_and_revokes_a_token(desk: Desk, chromium: Browser) -> None:
    page = chromium.new_context().new_page()
    password(page, desk)
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    assert page.locator("svg.qr").bounding_box()
    looked_at(page, "enrol")
    secret = b32decode(page.locator("[data-secret]").inner_text().replace(" ", "")).hex()
    page.get_by_label("Give the code").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("[data-code]")).to_have_count(10)
    recovery = page.locator("[data-code]").first.inner_text()
    looked_at(page, "codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{desk.url}topics/")
    tokens(page)
    sign_out_everywhere(page)
    password(page, desk)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code of your app").fill("000000x")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong code")
    looked_at(page, "code")
    page.get_by_label("Code of your app").fill(recovery)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{desk.url}topics/")
    own_account(page)


def password(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}topics/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def tokens(page: Page) -> None:
    page.get_by_role("link", name="admin · admin").click()
    page.get_by_role("link", name="API tokens").click()
    page.get_by_role("link", name="Make token…").click()
    page.get_by_label("Name", exact=True).fill("nightly-export")
    page.get_by_label("Only these topics").fill("documents*")
    page.get_by_label("Reason").fill("Export for SUP-1")
    looked_at(page, "token-new")
    page.get_by_role("button", name="Make token").click()
    assert re.fullmatch(r"edk_[\w-]{43}", page.locator("[data-token-text]").inner_text())
    looked_at(page, "token-made")
    page.get_by_role("link", name="I have copied it").click()
    looked_at(page, "tokens")
    page.get_by_role("link", name="Revoke nightly-export").click()
    page.get_by_label("Reason").fill("Leaked")
    looked_at(page, "token-revoke")
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator("[data-token='nightly-export']")).to_contain_text("revoked")


def sign_out_everywhere(page: Page) -> None:
    page.get_by_role("link", name="admin · admin").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def own_account(page: Page) -> None:
    page.get_by_role("link", name="admin · admin").click()
    expect(page.locator("[data-factor='on']")).to_contain_text("9 recovery codes left")
    expect(page.locator("[data-session]")).to_contain_text("on Linux")
    looked_at(page, "account")
    page.get_by_role("link", name="Recovery codes, or remove…").click()
    looked_at(page, "factor")
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Change password…").click()
    looked_at(page, "password")


def looked_at(page: Page, name: str) -> None:
    page.evaluate("scrollTo(0, 0)")  # or what is typed below has scrolled the page under its head
    assert list(wrong_in_either_look(page)) == []
    for width, scheme in ((1440, "light"), (1024, "dark"), (390, "light")) if SHOTS else ():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    look(page, *WIDE)
