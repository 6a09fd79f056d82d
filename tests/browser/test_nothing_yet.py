"""Pages on which there is nothing yet show what comes, without a reload by hand."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LogIn
from tests.browser.test_story import cloud_events, lines, projection
from tests.desk_process import Desk

TOPIC = "documents"


@pytest.mark.parametrize("store_environment", ["embedded"], indirect=True)
def test_empty_lists_fill_as_soon_as_something_is_there(desk: Desk, log_in: LogIn) -> None:
    page = log_in(desk, "support")
    context = page.context
    topics, tails, subscriptions = page, context.new_page(), context.new_page()
    for opened, path in ((topics, "topics/"), (tails, "tail/"), (subscriptions, "subscriptions/")):
        opened.goto(f"{desk.url}{path}")
        expect(opened.locator("#nothing-yet")).to_be_visible()

    desk.manage("import_events", "-", "--topic", TOPIC, stdin=lines(cloud_events(TOPIC)))
    projection(desk, TOPIC, "app-timeline", 1)

    topics.bring_to_front()  # a page that nobody sees asks for nothing
    expect(topics.locator("[data-topic]").first).to_contain_text(TOPIC)
    tails.bring_to_front()
    expect(tails.get_by_label(TOPIC)).to_be_visible()
    subscriptions.bring_to_front()
    expect(subscriptions.locator("tr[data-subscription='app-timeline']")).to_be_visible()
