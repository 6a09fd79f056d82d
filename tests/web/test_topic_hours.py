"""A topic's hours: how many events of which type each had, and links that step through them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.events import NewMessage
from tests.web.desk import TOPIC, Desk, attribute, event, text
from tests.web.searches import ended

SHOW = f"/topics/{TOPIC}/"


def test_the_topics_page_counts_its_events_by_hour_and_type(desk: Desk) -> None:
    desk.log.create_topic("patients")
    for number in range(5):
        made = event(number, type="PatientRegistered" if number % 2 else "EmailChanged")
        time = f"2024-05-01T{9 + 2 * (number // 2):02}:10:00Z"
        properties = {**made.properties, "ce_time": time}
        desk.log.append("patients", [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.log.append("patients", [NewMessage(payload=b"junk", key="k")])
    desk.index()
    answer = desk.get("/topics/patients/")
    assert (attribute(answer, "data-hours"), attribute(answer, "data-total")) == (["3"], ["5"])
    assert "Email changed 3 Patient registered 2" in text(answer).replace("  ", " ").replace("3Patient", "3 Patient")
    assert "Unrecognised format" not in text(answer), "it has no time but that of its publishing: years later"


def test_of_messages_that_fit_no_envelope_alone_the_hours_count_when_they_were_published(desk: Desk) -> None:
    desk.log.create_topic("patients")
    desk.log.append("patients", [NewMessage(payload=b"junk", key="k")] * 3)
    desk.index()
    answer = desk.get("/topics/patients/")
    assert (attribute(answer, "data-hours"), attribute(answer, "data-total")) == (["1"], ["3"])
    assert "Unrecognised format 3" in text(answer)


def test_hours_without_an_event_are_left_out_and_the_last_24_are_those_up_to_the_latest_event(desk: Desk) -> None:
    desk.log.create_topic("patients")
    for number, hour in enumerate(("01T08", "01T10", "02T09", "02T09")):
        properties = {**event(number).properties, "ce_time": f"2024-05-{hour}:10:00Z"}
        desk.log.append("patients", [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    answer = desk.get("/topics/patients/")
    assert (attribute(answer, "data-hours"), attribute(answer, "data-total")) == (["2"], ["3"])
    assert "Patient registered 3" in text(answer)
    assert "at most 2 in an hour" in text(answer)
    assert len(attribute(answer, "height")) == 2
    assert "data-hours" not in desk.get("/topics/patients/?filter=type:x").content.decode()


@pytest.mark.parametrize("time", ["9998-12-31T23:59:59Z", ""])
def test_what_claims_to_have_happened_in_the_future_takes_no_hour_from_what_did(desk: Desk, time: str) -> None:
    desk.publish(2)
    properties = {**event(7).properties, "ce_time": time or (datetime.now(UTC) + timedelta(hours=2)).isoformat()}
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    answer = desk.get(SHOW)
    assert (attribute(answer, "data-hours"), attribute(answer, "data-total")) == (["1"], ["2"])


def test_the_last_time_that_there_is_stands_for_no_time(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    properties = {name: text for name, text in event(1).properties.items() if name != "ce_time"}
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties, event_time=last)])
    desk.index()
    answer = desk.get(SHOW)
    assert answer.status_code == 200
    assert attribute(answer, "data-total") == ["1"]


def test_a_topic_without_an_indexed_event_has_no_hours(desk: Desk) -> None:
    desk.log.create_topic("patients")
    assert "data-hours" not in desk.get("/topics/patients/").content.decode()


def test_links_step_back_through_the_hours_and_leave_out_the_days_without_any(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    days = ["2024-05-01T09:10:00Z", "2024-05-01T10:10:00Z", "2024-05-20T10:10:00Z", "2024-05-21T12:00:00Z"]
    for number, time in enumerate(days):
        properties = {**event(number).properties, "ce_time": time}
        desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    seen = []
    address = SHOW
    while True:
        answer = desk.get(address)
        seen.append((attribute(answer, "data-total"), "The latest" in text(answer)))
        found = [href for href in attribute(answer, "href") if href.startswith("?before=")]
        if not found:
            break
        address = SHOW + found[0].partition("#")[0]
    assert seen == [(["1"], False), (["1"], True), (["2"], True)]
    assert attribute(desk.get(f"{SHOW}?before=nonsense"), "data-total") == ["1"]
    assert "data-total" not in desk.get(f"{SHOW}?before=2024-05-01T09:59").content.decode()


OUTLYING = ["1970-01-01T00:00:00Z", "2024-11-02T08:10:00Z", "2099-01-01T05:30:00Z"]


def test_a_few_events_far_from_all_others_do_not_decide_which_hours_are_shown_and_are_named(desk: Desk) -> None:
    publish_at(desk, [f"2011-05-{1 + number // 10:02}T{10 + number % 10}:10:00Z" for number in range(40)])
    assert "data-outlying" not in desk.get(SHOW).content.decode()
    publish_at(desk, OUTLYING, start=40)
    answer = desk.get(SHOW)
    assert attribute(answer, "data-total") == ["10"], "the last day of the forty"
    assert attribute(answer, "data-outlying") == ["1", "1", "1"]
    assert "Far from all others: 1 event at 1 Jan 1970, 00:00 and 1 event at 2 Nov 2024, 08:00." in text(answer)
    assert "In the future: 1 event at 1 Jan 2099, 05:00." in text(answer)
    links = [href for href in attribute(answer, "href") if href.startswith("?filter=time")]
    assert [attribute(ended(desk, SHOW + link), "data-event-id") for link in links] == [["e-40"], ["e-41"], ["e-42"]]


def test_what_is_said_to_happen_in_two_hours_is_in_the_future_and_not_far_from_all_others(desk: Desk) -> None:
    now = datetime.now(UTC)
    publish_at(desk, [now.isoformat()] * 29)
    publish_at(desk, [(now + timedelta(hours=2)).isoformat()], start=29)
    answer = desk.get(SHOW)
    assert "In the future: 1 event at " in text(answer)
    assert "ar from all others" not in text(answer)
    assert "up to the latest event that is not in the future that have any" in text(answer)
    assert attribute(answer, "data-total") == ["29"]


def test_the_hours_of_a_topic_follow_its_events_from_one_page_to_the_next(desk: Desk) -> None:
    for count in (1, 2, 3):
        publish_at(desk, [f"2011-05-0{count}T10:10:00Z"], start=count)
        assert f"{count} May 2011, 11:00" in text(desk.get(SHOW))


def test_the_only_events_are_shown_whatever_time_they_claim(desk: Desk) -> None:
    publish_at(desk, OUTLYING[2:] * 3)
    answer = desk.get(SHOW)
    assert (attribute(answer, "data-total"), "data-outlying" in answer.content.decode()) == (["3"], False)


def publish_at(desk: Desk, times: Sequence[str], start: int = 0) -> None:
    desk.log.create_topic(TOPIC)
    for number, time in enumerate(times, start):
        properties = {**event(number).properties, "ce_time": time}
        desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
