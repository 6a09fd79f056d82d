"""Times of events: what is read, what is not, and what stands in for it."""

from datetime import UTC, datetime

import pytest

from eventstore.envelope import read_event
from tests.unit.messages import CE, PUBLISHED, message


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T09:20:39Z", datetime(2026, 1, 31, 9, 20, 39, tzinfo=UTC)),
        ("2026-01-31t09:20:39z", datetime(2026, 1, 31, 9, 20, 39, tzinfo=UTC)),
        ("2026-01-31T09:20:39.123456789+01:00", datetime(2026, 1, 31, 8, 20, 39, 123456, tzinfo=UTC)),
        ("2026-01-31T09:20:39.5-11:30", datetime(2026, 1, 31, 20, 50, 39, 500000, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_rfc_3339_has_them(text: str, time: datetime) -> None:
    event = read_event(message(properties=CE | {"ce_time": text}))
    assert (event.time, event.notes) == (time, ())


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "2026-01-31", "20260131T092039Z", "2026-02-30T00:00:00", "2026-02-30T00:00:00Z", "2026-W05-6T00:00:00Z",
        "2026-01-31 09:20:39Z", "2026-01-31T09:20:39Z\n", "٢026-01-31T09:20:39Z", "2026-01-31T09:20:39+0000", "1732865000000",
        "9999-13-31T23:59:59Z", "2016-12-31T22:59:60Z", "2016-12-31T23:59:61Z",
    ],
)  # fmt: skip
def test_any_other_time_is_stood_in_for_with_a_note(text: str) -> None:
    event = read_event(message(properties=CE | {"ce_time": text}))
    assert event.time == PUBLISHED
    assert event.notes == ("The event's time is not an RFC 3339 time: the publish time stands in for it.",)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T09:20:39", datetime(2026, 1, 31, 9, 20, 39, tzinfo=UTC)),
        ("1969-07-20T20:17:40.25", datetime(1969, 7, 20, 20, 17, 40, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_taken_as_utc_with_a_note(text: str, time: datetime) -> None:
    event = read_event(message(properties=CE | {"ce_time": text}))
    assert event.time == time
    assert event.notes == ("The event's time names no zone: it is taken as UTC.",)


@pytest.mark.parametrize(
    "text", ["2016-12-31T23:59:60Z", "2016-12-31t18:59:60.75-05:00", "2017-01-01T00:59:60.000000001+01:00"]
)
def test_a_leap_second_is_the_last_microsecond_before_it_with_a_note(text: str) -> None:
    event = read_event(message(properties=CE | {"ce_time": text}))
    assert event.time == datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert event.notes == ("The event's time is a leap second: the last microsecond before it stands in for it.",)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999Z"]
)
def test_a_time_at_either_end_of_the_calendar_is_stood_in_for_with_a_note_that_is_true(text: str) -> None:
    event = read_event(message(properties=CE | {"ce_time": text}))
    assert event.time == PUBLISHED
    said = "The event's time lies outside the years 2 to 9998, which are all that can be kept"
    assert event.notes == (f"{said}: the publish time stands in for it.",)


@pytest.mark.parametrize("year", [1, 9999])
def test_an_event_time_at_either_end_of_all_time_is_none(year: int) -> None:
    found = read_event(message(event_time=datetime(year, 12, 31, 23, 30, tzinfo=UTC)))
    assert found.time == PUBLISHED
    assert found.notes == ("There is no time in this event: the publish time stands in for it.",)


def test_the_messages_event_time_stands_in_before_the_publish_time() -> None:
    when = datetime(2020, 2, 29, tzinfo=UTC)
    event = read_event(message(properties=CE, event_time=when))
    assert event.time == when
    assert event.notes == ("There is no time in this event: the message's event time stands in for it.",)
