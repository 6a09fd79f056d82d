"""The broker becomes unreachable and returns. Pages say so, show what is still known, and recover by themselves."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scripts.local_pulsar import LocalPulsar
from tests.browser.conftest import LogIn
from tests.browser.waiting import until_it_has
from tests.desk_process import Desk
from tests.namespaces import own_namespace

pytestmark = pytest.mark.broker
TOPIC = "documents"
BACK_WITHIN = 60_000


@pytest.fixture
def desk(tmp_path: Path, own_pulsar_broker: LocalPulsar) -> Iterator[Desk]:
    with Desk(tmp_path, own_namespace(own_pulsar_broker), people=("support",)) as running:
        yield running


def publish(desk: Desk, number: int) -> None:
    document = {
        "specversion": "1.0",
        "id": f"e{number}",
        "type": "DocumentUploaded",
        "source": "/documents",
        "aggregatetype": "document",
        "aggregateid": "d1",
        "data": {"number": number},
    }
    desk.manage("import_events", "-", "--topic", TOPIC, stdin=json.dumps(document).encode())


def test_pages_say_that_the_broker_is_away_and_recover_by_themselves(
    desk: Desk, log_in: LogIn, own_pulsar_broker: LocalPulsar
) -> None:
    publish(desk, 1)
    stream = log_in(desk, "support")
    until_it_has(stream, f"{desk.url}aggregates/document/d1/", "e1")
    stream.goto(f"{desk.url}aggregates/document/d1/")
    expect(stream.locator('[data-event-id="e1"]')).to_have_count(1)
    tail = stream.context.new_page()
    tail.goto(f"{desk.url}topics/{TOPIC}/tail/")
    expect(tail.locator("#tail-state")).to_contain_text("live")

    own_pulsar_broker.stop()
    try:
        for path in ("", "topics/", f"topics/{TOPIC}/", "aggregates/document/d1/", "subscriptions/"):
            answer = stream.goto(desk.url + path)
            assert answer is not None and answer.status in (200, 503), path
            # The overview shows the figures of the last few seconds, until it keeps itself fresh.
            expect(stream.locator("main")).to_contain_text("does not answer", timeout=BACK_WITHIN)
        stream.goto(f"{desk.url}aggregates/document/d1/")
        expect(stream.locator('[data-event-id="e1"]')).to_have_count(1)
        expect(tail.locator("#tail-state")).to_contain_text("does not answer", timeout=BACK_WITHIN)
    finally:
        own_pulsar_broker.start()

    expect(stream.locator("main")).not_to_contain_text("does not answer", timeout=BACK_WITHIN)
    publish(desk, 2)
    expect(tail.locator('#tail-rows [data-event-id="e2"]')).to_have_count(1, timeout=BACK_WITHIN)
    expect(tail.locator("#tail-state")).to_contain_text("live", timeout=BACK_WITHIN)
    expect(tail.locator('#tail-rows [data-event-id="e1"]')).to_have_count(1)
