"""Lighthouse has nothing to say of any page, and finds it fast. Needs Node 18.16 or newer with npm."""

import os
from collections.abc import Iterator, Sequence

import pytest

from scripts.lighthouse import FORMS, LighthouseProblem, measured, missing_points, require_node
from tests.browser.addresses import EVERY_PAGE, LOGIN
from tests.browser.conftest import FLAGS, chromium_program
from tests.browser.furnished import furnished_desk
from tests.browser.login_form import Cookies, session_cookies
from tests.desk_process import Desk

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def node() -> None:
    """Tests are skipped if Node is not installed, and fail in CI."""
    try:
        require_node()
    except LighthouseProblem as problem:
        if os.environ.get("CI") == "true":
            pytest.fail(str(problem))
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def desk(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with furnished_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", FORMS)
def test_every_page_has_enough_points_in_each_category(desk: Desk, form: str) -> None:
    cookies = session_cookies(desk, "support")
    missing = [*points(desk, [LOGIN], form, ()), *points(desk, EVERY_PAGE, form, cookies)]
    assert not missing, "\n".join(["", *missing])


def points(desk: Desk, pages: Sequence[str], form: str, cookies: Cookies) -> Iterator[str]:
    """A line for each page and category that has too few."""
    urls = [desk.url + page for page in pages]
    for result in measured(urls, form, chromium=chromium_program(whole=True), flags=FLAGS, cookies=cookies):
        print(form, f"/{result['url'].removeprefix(desk.url)}", result["scores"])  # noqa: T201 -- how near it was
        for line in missing_points(result, form):
            yield f"{form} /{result['url'].removeprefix(desk.url)} {line}"
