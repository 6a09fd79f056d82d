"""What a mapping can say beyond sources: units and formats of times, source, subject and extensions, and its order."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.config.loading import parse_config
from eventstore.envelope import read_event
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.events import Event
from tests.examples import examples
from tests.unit.envelope.test_mapping import mappings, read
from tests.unit.messages import CE, DOCUMENT, PUBLISHED, json, message

TYPE = 'type = { from = "value", value = "X" }'
STANDS = ": the publish time stands in for it."


def timed(ts: Any, how: str = "") -> Event:
    return read(f'{TYPE}\nid = {{ from = "key" }}\ntime = {{ from = "json", path = "ts"{how} }}', json({"ts": ts}))


@pytest.mark.parametrize(
    ("unit", "ts", "time"),
    [
        ("seconds", 1732865000, datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
        ("seconds", "1732865000.123456789", datetime(2024, 11, 29, 7, 23, 20, 123456, tzinfo=UTC)),
        ("milliseconds", 1732865000000, datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
        ("milliseconds", "1732865000001", datetime(2024, 11, 29, 7, 23, 20, 1000, tzinfo=UTC)),
        ("milliseconds", 0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("milliseconds", -1, datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("milliseconds", 1.732865e12, datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
        ("microseconds", 1732865000000001, datetime(2024, 11, 29, 7, 23, 20, 1, tzinfo=UTC)),
        ("nanoseconds", 1732865000000001999, datetime(2024, 11, 29, 7, 23, 20, 1, tzinfo=UTC)),
        ("milliseconds", "2024-11-29T07:23:20Z", datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
    ],
)
def test_a_number_is_a_time_in_the_declared_unit(unit: str, ts: Any, time: datetime) -> None:
    event = timed(ts, f', unit = "{unit}"')
    assert (event.time, event.notes) == (time, ())


@pytest.mark.parametrize(
    ("ts", "why"),
    [
        ("2024-11-29 07:23:20", "The event's time is not a number of milliseconds since 1970"),
        ("yesterday", "The event's time is not a number of milliseconds since 1970"),
        ("1" * 26, "The event's time is not a number of milliseconds since 1970"),
        (253402300800000, "The event's time lies outside the years 2 to 9998, which are all that can be kept"),
        (10**24, "The event's time lies outside the years 2 to 9998, which are all that can be kept"),
        ("1e99", "The event's time lies outside the years 2 to 9998, which are all that can be kept"),
    ],
)
def test_what_is_no_time_in_the_unit_is_stood_in_for_with_a_note(ts: Any, why: str) -> None:
    event = timed(ts, ', unit = "milliseconds"')
    assert (event.time, event.notes) == (PUBLISHED, (why + STANDS,))


@pytest.mark.parametrize(
    ("format", "ts", "time"),
    [
        ("%d.%m.%Y %H:%M:%S", "29.11.2024 07:23:20", datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-11-29T08:23:20+0100", datetime(2024, 11, 29, 7, 23, 20, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-11-29 07:23:20.5", datetime(2024, 11, 29, 7, 23, 20, 500000, tzinfo=UTC)),
        ("%Y%m%d", "20241129", datetime(2024, 11, 29, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_by_the_declared_format_and_is_utc_without_a_zone(format: str, ts: str, time: datetime) -> None:
    event = timed(ts, f', format = "{format}"')
    assert (event.time, event.notes) == (time, ())


@pytest.mark.parametrize("ts", ["29.11.2024", "x" * 5000, "31.02.2024 00:00:00"])
def test_what_does_not_have_the_format_is_stood_in_for_with_a_note(ts: str) -> None:
    event = timed(ts, ', format = "%d.%m.%Y %H:%M:%S"')
    assert event.notes == ("The event's time does not have the format that its topic's mapping declares" + STANDS,)


@settings(max_examples=examples(200), deadline=None, print_blob=True)
@given(
    ts=st.integers() | st.floats() | st.text(max_size=40) | st.from_regex(r"-?[0-9]{1,30}([.][0-9]{1,30})?(e-?[0-9]{1,4})?"),
    how=st.sampled_from(["", ', unit = "seconds"', ', unit = "nanoseconds"', ', format = "%Y-%m-%d %z"', ', format = "%c"']),
)
def test_no_value_of_a_time_breaks_the_reading(ts: Any, how: str) -> None:
    event = timed(ts, how)
    assert (event.problem, event.time.utcoffset() is not None, 1 < event.time.year < 9999) == ("", True, True)


def test_source_subject_and_extensions_are_filled() -> None:
    event = read(
        TYPE
        + """
        source = { from = "value", value = "/shop" }
        subject = { from = "json", path = "about" }
        extensions.tenant = { from = "property", name = "tenant" }
        extensions.traceparent = { from = "json", path = "trace" }
        """,
        json({"about": "s-1"}),
        properties={"tenant": "south"},
    )
    assert (event.problem, event.source, event.subject) == ("", "/shop", "s-1")
    assert event.attributes == {"tenant": "south"}


def test_a_group_fills_source_and_subject_too() -> None:
    event = read('type = { from = "key", pattern = "(?P<type>[A-Z]+)-(?P<subject>.*)" }', key="A-b")
    assert (event.type, event.subject, event.aggregate_id) == ("A", "b", "A-b")


def test_a_mapping_that_is_asked_before_the_envelope_wins_and_leaves_the_rest_to_it() -> None:
    text = 'before = "envelope"\ntype = { from = "json", path = "t" }\nid = { from = "key" }'
    assert read(text, b'{"t": "mapped"}', properties=CE).type == "mapped"
    assert read(text, json(DOCUMENT | {"t": "mapped"})).type == "mapped"
    assert read(text, b"{}", properties=CE).type == "PatientRegistered"
    assert read(text, json(DOCUMENT)).type == "PatientRegistered"
    assert read(text, b"{}").problem == "unrecognised format: its topic's mapping finds no type in it"
    assert read_event(message(b'{"t": "mapped"}', properties=CE, topic="other"), mappings(text)).type == "PatientRegistered"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('time = { from = "key", unit = "minutes" }', "'minutes' is none of the words expected here: seconds, milliseconds"),
        (
            'time = { from = "key", unit = "seconds", format = "%Y%m%d" }',
            "time.format: a time has a unit or a format: keep one",
        ),
        ('time = { from = "key", format = "%Q" }', "time.format: expected a format of strptime with a whole date"),
        ('time = { from = "key", format = "%H:%M" }', "time.format: expected a format of strptime with a whole date"),
        ('time = { from = "key", format = "soon" }', "time.format: expected a format of strptime with a whole date"),
        ('time = { from = "key", format = "%" }', "time.format: expected a format of strptime with a whole date"),
        ('id = { from = "key", unit = "seconds" }', "id.unit: only a time has a unit"),
        ('id = { from = "key", format = "%Y" }', "id.format: only a time has a format"),
        ('before = "everything"', "'everything' is none of the words expected here: envelope"),
        ('form = "debezum"', "'debezum' is none of the words expected here: debezium, debezium-outbox, kurrentdb, spring"),
        ('extensions.Tenant = { from = "key" }', "extensions.Tenant: expected the name of a CloudEvents attribute"),
        ('extensions.subject = { from = "key" }', "extensions.subject: subject is not an extension"),
        ('extensions.a = { from = "key", pattern = "(?P<id>.)" }', "extensions.a.pattern: an extension takes the whole text"),
        ('extensions.a = { from = "json" }', 'extensions.a.path: from = "json" needs path'),
        ('source = { from = "somewhere" }', "'somewhere' is none of the words expected here: key, ordering_key"),
    ],
)
def test_what_a_mapping_cannot_say_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_config(f'[[mapping]]\ntopics = ["a"]\n{TYPE}\n{line}\n', "desk.toml")
    assert "desk.toml, line 4: mapping[0]." in str(caught.value)
    assert said in str(caught.value)
