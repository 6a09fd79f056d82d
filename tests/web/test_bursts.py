"""Lists of events show milliseconds where neighbours would show the same second, in all rows alike."""

from collections.abc import Iterator, Sequence

import pytest

from eventstore.model.events import NewMessage
from tests.web.desk import TOPIC, Desk, attribute, event, opened_desk

LISTS = [f"/topics/{TOPIC}/", "/aggregates/patient/4711/", "/events/e-0/", "/aggregates/?q=one"]


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def publish_at(desk: Desk, times: Sequence[str]) -> None:
    desk.log.create_topic(TOPIC)
    for number, time in enumerate(times):
        properties = {**event(number).properties, "ce_time": time, "ce_correlationid": "one"}
        desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()


def lists_with_milliseconds(desk: Desk) -> list[str]:
    return [url for url in LISTS if " data-burst" in desk.get(url).content.decode()]


def test_where_events_burst_every_list_of_them_shows_milliseconds(desk: Desk) -> None:
    publish_at(desk, ["2024-05-01T09:00:01.123Z", "2024-05-01T09:00:01.456Z", "2024-05-01T09:10:00Z"])
    assert lists_with_milliseconds(desk) == LISTS
    rows = desk.get(f"/topics/{TOPIC}/").content.decode().partition("<tbody")[2]
    assert {":01.123", ":01.456", ":00.000"} <= set(attribute(desk.get(f"/topics/{TOPIC}/"), "data-fine"))
    assert rows.count("data-fine") >= 3


def test_where_they_do_not_no_list_does(desk: Desk) -> None:
    publish_at(desk, ["2024-05-01T09:00:01.123Z", "2024-05-01T09:01:01.123Z", "2024-05-01T09:02:01.123Z"])
    assert lists_with_milliseconds(desk) == []
