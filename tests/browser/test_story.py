"""The whole main job as one person does it, in real Chromium, on each store."""

import json
import re
import subprocess
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import LogIn
from tests.desk_process import Desk

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
    """Let a real consumer handle so many events; answers their ids in the order in which it got them."""
    process = desk.spawn(
        "projection", "-m", "tests.browser.projection", topic, subscription, str(count), stdout=subprocess.PIPE
    )
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, desk.log("projection")
    return output.decode().split()[1:]


def test_from_the_phone_call_to_the_audit_entry(desk: Desk, log_in: LogIn) -> None:
    topic = f"documents-{uuid4().hex[:8]}"
    events = cloud_events(topic)
    desk.manage("import_events", "-", "--topic", topic, stdin=lines(events))
    assert len(projection(desk, topic, "app-timeline", HANDLED)) == HANDLED
    page = log_in(desk, "support")

    # Find the customer's document and read its history.
    page.get_by_role("link", name="Aggregates").first.click()
    page.get_by_role("link", name=re.compile("document", re.IGNORECASE)).first.click()
    mine, other = f"d-0-{topic[-6:]}", f"d-1-{topic[-6:]}"
    expect(page.locator(f'[data-aggregate-id="{other}"]')).to_have_count(1)
    page.get_by_label("Id begins with").fill(mine[:4])
    expect(page.locator(f'[data-aggregate-id="{other}"]')).to_have_count(0)
    page.locator(f'[data-aggregate-id="{mine}"] a').first.click()
    stream = page.locator("[data-event-id]")
    expected = [one["id"] for one in reversed(events) if one["aggregateid"] == mine]
    expect(stream).to_have_count(len(expected))
    assert [row.get_attribute("data-event-id") for row in stream.all()] == expected

    # Watch the topic, and see an event arrive that is published meanwhile.
    page.goto(f"{desk.url}topics/{topic}/tail/")
    expect(page.locator("#tail-state")).to_contain_text("live")
    late = event(topic, TOTAL)
    desk.manage("import_events", "-", "--topic", topic, stdin=lines([late]))
    arrived = page.locator(f'#tail-rows [data-event-id="{late["id"]}"]')
    expect(arrived).to_have_count(1)
    expect(page.locator("#tail-rows tr").first).to_have_attribute("data-event-id", str(late["id"]))
    expect(page.locator("#tail-rows tr")).to_have_count(TOTAL + 1)

    # Look at the backlog.
    waiting = TOTAL + 1 - HANDLED
    page.goto(f"{desk.url}subscriptions/")
    row = page.locator(f'tr[data-subscription="app-timeline"][data-topic$="{topic}"]')
    _reload_until_counted(page, row, waiting)
    expect(row).to_have_attribute("data-backlog", str(waiting))

    # Reset its cursor: previewed, counted, confirmed.
    row.get_by_role("link", name="app-timeline").click()
    page.get_by_label(re.compile("first event|earliest", re.IGNORECASE)).first.check()
    page.get_by_role("button", name=re.compile("preview", re.IGNORECASE)).click()
    expect(page.locator("main")).to_contain_text(re.compile(rf"\b{HANDLED}\b"))
    page.get_by_label(re.compile("^Why")).fill("SUP-8812: document not in the app")
    page.get_by_role("button", name=re.compile("^Reset app-timeline")).click()
    expect(page.locator("[data-subscription='app-timeline'][data-backlog]").first).to_have_attribute(
        "data-backlog", str(TOTAL + 1)
    )

    # The subscription receives everything again, in order.
    again = projection(desk, topic, "app-timeline", TOTAL + 1)
    assert again == [one["id"] for one in [*events, late]]
    page.goto(f"{desk.url}subscriptions/")
    expect(page.locator(f'tr[data-subscription="app-timeline"][data-topic$="{topic}"]')).to_have_attribute(
        "data-backlog", "0", timeout=20_000
    )

    # And the record says who did it, and why.
    page.goto(f"{desk.url}audit/")
    entry = page.locator("[data-act]").filter(has_text="app-timeline").filter(has_text=topic).first
    expect(entry).to_contain_text("support")
    expect(entry).to_contain_text("SUP-8812")
    expect(entry).to_contain_text(re.compile("done", re.IGNORECASE))


def _reload_until_counted(page: Page, row: Locator, waiting: int) -> None:
    """The figure is the index's, which has the last event a moment after the tail has shown it."""
    for _ in range(40):
        if row.get_attribute("data-backlog") == str(waiting):
            return
        page.wait_for_timeout(500)
        page.reload()
