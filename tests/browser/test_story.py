"""The main job from start to end, as one person does it, in real Chromium and on each store."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import LogIn
from tests.browser.waiting import PATIENCE, until_it_has
from tests.desk_process import Desk
from tests.pulsar_stores import on_each_pulsar

TOTAL = 12
HANDLED = 5


def cloud_events(topic: str) -> list[dict[str, object]]:
    """Twelve events of two documents: enough to tell order, aggregates and backlog apart."""
    return [event(topic, number) for number in range(TOTAL)]


def event(topic: str, number: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{topic}-e{number}",
        "type": "DocumentUploaded" if number < 2 else "DocumentShared",
        "source": "/documents",
        "time": f"2026-03-01T10:00:{number:02d}Z",
        "datacontenttype": "application/json",
        "aggregatetype": "document",
        "aggregateid": f"d-{number % 2}-{topic[-6:]}",
        "data": {"step": number, "note": f"the note {number}"},
    }


def lines(events: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def projection(desk: Desk, topic: str, subscription: str, count: int) -> list[str]:
    """Let a real consumer handle this many events. Returns their ids in the order in which it got them."""
    process = desk.spawn(
        "projection", "-m", "tests.browser.projection", topic, subscription, str(count), stdout=subprocess.PIPE
    )
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, desk.log("projection")
    return output.decode().split()[1:]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What the story is about: a topic, its first twelve events, and the one that is published later."""

    desk: Desk
    page: Page
    topic: str
    events: list[dict[str, object]]
    late: dict[str, object]

    @property
    def mine(self) -> str:
        """The customer's document."""
        return f"d-0-{self.topic[-6:]}"

    @property
    def subscription(self) -> Locator:
        return self.page.locator(f'tr[data-subscription="app-timeline"][data-topic$="{self.topic}"]')


@pytest.mark.parametrize("store_environment", ["embedded", *on_each_pulsar()], indirect=True)
def test_from_the_phone_call_to_the_audit_entry(desk: Desk, log_in: LogIn) -> None:
    topic = f"documents-{uuid4().hex[:8]}"
    events = cloud_events(topic)
    desk.manage("import_events", "-", "--topic", topic, stdin=lines(events))
    assert len(projection(desk, topic, "app-timeline", HANDLED)) == HANDLED
    story = Story(desk=desk, page=log_in(desk, "support"), topic=topic, events=events, late=event(topic, TOTAL))

    find_the_customers_document_and_read_its_history(story)
    watch_the_topic_and_see_an_event_arrive(story)
    look_at_the_backlog(story)
    reset_its_cursor(story)
    see_everything_received_again_in_order(story)
    find_out_from_the_record_who_did_it_and_why(story)


def find_the_customers_document_and_read_its_history(story: Story) -> None:
    page, mine, other = story.page, story.mine, f"d-1-{story.topic[-6:]}"
    for document, last in ((mine, story.events[-2]), (other, story.events[-1])):
        until_it_has(page, f"{story.desk.url}aggregates/document/{document}/", str(last["id"]))
    page.get_by_role("link", name="Aggregates").first.click()
    page.get_by_role("link", name=re.compile("document", re.IGNORECASE)).first.click()
    expect(page.locator(f'[data-aggregate-id="{other}"]')).to_have_count(1)
    page.get_by_label("Id begins with").fill(mine[:4])
    expect(page.locator(f'[data-aggregate-id="{other}"]')).to_have_count(0)
    page.locator(f'[data-aggregate-id="{mine}"] a').first.click()
    stream = page.locator("[data-event-id]")
    expected = [one["id"] for one in reversed(story.events) if one["aggregateid"] == mine]
    expect(stream).to_have_count(len(expected))
    assert [row.get_attribute("data-event-id") for row in stream.all()] == expected


def watch_the_topic_and_see_an_event_arrive(story: Story) -> None:
    page, late = story.page, story.late
    page.goto(f"{story.desk.url}topics/{story.topic}/tail/")
    expect(page.locator("#tail-state")).to_contain_text("live")
    story.desk.manage("import_events", "-", "--topic", story.topic, stdin=lines([late]))
    arrived = page.locator(f'#tail-rows [data-event-id="{late["id"]}"]')
    expect(arrived).to_have_count(1)
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-event-id", str(late["id"]))
    expect(page.locator("#tail-rows tr")).to_have_count(TOTAL + 1)


def look_at_the_backlog(story: Story) -> None:
    waiting = TOTAL + 1 - HANDLED
    story.page.goto(f"{story.desk.url}subscriptions/")
    _reload_until_counted(story.page, story.subscription, waiting)
    expect(story.subscription).to_have_attribute("data-backlog", str(waiting))


def reset_its_cursor(story: Story) -> None:
    """Preview, count, and confirm a reset."""
    page = story.page
    story.subscription.get_by_role("link", name="app-timeline").click()
    page.get_by_label(re.compile("first event|earliest", re.IGNORECASE)).first.check()
    page.get_by_role("button", name=re.compile("preview", re.IGNORECASE)).click()
    expect(page.locator("main")).to_contain_text(re.compile(rf"\b{HANDLED}\b"))
    page.get_by_label(re.compile("^Reason")).fill("SUP-8812: document not in the app")
    page.get_by_role("button", name=re.compile("^Reset app-timeline")).click()
    expect(page.locator("[data-subscription='app-timeline'][data-backlog]").first).to_have_attribute(
        "data-backlog", str(TOTAL + 1)
    )


def see_everything_received_again_in_order(story: Story) -> None:
    again = projection(story.desk, story.topic, "app-timeline", TOTAL + 1)
    assert again == [one["id"] for one in [*story.events, story.late]]
    story.page.goto(f"{story.desk.url}subscriptions/")
    expect(story.subscription).to_have_attribute("data-backlog", "0", timeout=20_000)


def find_out_from_the_record_who_did_it_and_why(story: Story) -> None:
    page = story.page
    page.goto(f"{story.desk.url}audit/")
    entry = page.locator("[data-act]").filter(has_text="app-timeline").filter(has_text=story.topic).first
    expect(entry).to_contain_text("support")
    expect(entry).to_contain_text("SUP-8812")
    expect(entry).to_contain_text(re.compile("done", re.IGNORECASE))


def _reload_until_counted(page: Page, row: Locator, waiting: int) -> None:
    """Reload until the figure is right. It comes from the index, which has the last event a moment after the tail, and the
    poller sees a new subscription at its next look."""
    until = time.monotonic() + PATIENCE
    counted = row.and_(page.locator(f"[data-backlog='{waiting}']"))
    while not counted.count() and time.monotonic() < until:
        page.wait_for_timeout(500)
        page.reload()
