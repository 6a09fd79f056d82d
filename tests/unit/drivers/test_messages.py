"""From the client's object to a message: whatever the client returns, and wherever it fails, there is a message."""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.envelope import read_event
from eventstore.model.events import NO_TIME, Message
from tests.unit.drivers.raw_objects import Id, RawObject

NINE = 1_714_554_000_000
"""2024-05-01, 9 o'clock, in milliseconds since 1970."""
HLC = 1_732_865_000_000 << 16
"""A hybrid logical clock: milliseconds in the upper bits, a counter in the lower ones."""
BITS = st.integers(min_value=0, max_value=2**64 - 1)
PARTS = ("partition_key", "properties", "event_timestamp", "data", "publish_timestamp", "int_schema_version",
         "producer_name", "has_null_value", "encryption_context")  # fmt: skip


def read(**parts: Any) -> Message:
    return Messages("public/default/hlc", 0).of(RawObject(**parts))


def failing(error: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


def not_text() -> Any:
    b"\xff".decode()


def test_a_publish_time_is_the_publishers_to_the_millisecond() -> None:
    message = read(publish_timestamp=NINE + 123)
    assert message.published == datetime(2024, 5, 1, 9, 0, 0, 123_000, tzinfo=UTC)
    assert message.notes == ()


@pytest.mark.parametrize(
    ("wire", "written"), [(HLC, str(HLC)), (2**64 - 5, "-5"), (0, "0"), (253_402_300_799_999, "253402300799999")]
)
def test_a_publish_time_that_is_none_is_unknown_and_a_note_says_what_was_written(wire: int, written: str) -> None:
    message = read(publish_timestamp=wire)
    assert message.published == NO_TIME
    assert message.notes == (
        f"Its publish time is unknown: its publisher wrote {written}, which is not a time in milliseconds since 1970.",
    )


def test_every_message_of_a_batch_has_the_note() -> None:
    messages = Messages("public/default/hlc", 0)
    batch = [messages.of(RawObject(id=Id(7, 3, place), publish_timestamp=HLC)) for place in range(3)]
    after = messages.of(RawObject(id=Id(7, 4, 0), publish_timestamp=NINE))
    assert [message.published for message in batch] == [NO_TIME] * 3
    assert len({message.notes for message in batch}) == 1
    assert (after.published.year, after.notes) == (2024, ())


def test_an_event_time_that_is_none_is_left_out_and_a_note_says_so() -> None:
    message = read(event_timestamp=2**63 + 1)
    assert message.event_time is None
    assert "-9223372036854775807" in message.notes[0]
    assert read(event_timestamp=0).notes == (), "no event time was written"


def test_the_event_of_a_message_without_any_time_has_an_unknown_one_and_all_notes() -> None:
    event = read_event(read(publish_timestamp=HLC, properties=envelope()))
    assert (event.problem, event.time) == ("", NO_TIME)
    assert len(event.notes) == 2
    assert "its time is unknown" in event.notes[1]


def test_an_event_that_has_a_time_of_its_own_keeps_it() -> None:
    event = read_event(read(publish_timestamp=HLC, properties=envelope(ce_time="2024-05-01T09:00:00Z")))
    assert event.time == datetime(2024, 5, 1, 9, tzinfo=UTC)
    assert len(event.notes) == 1


@pytest.mark.parametrize("part", ["partition_key", "properties", "producer_name"])
def test_what_is_no_text_becomes_a_replacement_character_and_a_note_says_so(part: str) -> None:
    message = read(**{part: not_text})
    assert message.problem == ""
    shown = {"partition_key": message.key, "properties": message.properties, "producer_name": message.producer}[part]
    assert "\ufffd" in shown  # type: ignore[operator]
    assert (message.notes != ()) == (part != "producer_name")


@pytest.mark.parametrize("part", PARTS)
def test_a_message_on_which_the_client_fails_keeps_its_position_and_says_why(part: str) -> None:
    message = read(**{"data": b"" if part == "has_null_value" else b"{}", part: failing(RuntimeError("secret payload"))})
    event = read_event(message)
    assert message.position.label == "7:3"
    assert "RuntimeError" in event.problem
    assert "secret" not in event.problem
    assert event.id == message.position.encode()


@pytest.mark.parametrize("version", [struct.pack(">q", 7), struct.pack(">q", 200)])
def test_a_schema_version_is_a_number_of_eight_bytes(version: bytes) -> None:
    message = read(int_schema_version=int.from_bytes(version), schema_version=version.decode)
    assert (message.schema_version, message.notes) == (str(int.from_bytes(version)), ())


@pytest.mark.parametrize("version", [b"\x00", b"7", b"\xff\x00", b"123456789"])
def test_a_schema_version_of_other_bytes_is_left_out_because_the_client_makes_up_a_number(version: bytes) -> None:
    message = read(int_schema_version=3_675_069_754_746_894_456, schema_version=version.decode)
    assert message.schema_version == ""
    assert "schema version is left out" in message.notes[0]


def test_its_neighbours_in_the_batch_are_unaffected() -> None:
    messages = Messages("public/default/hlc", 0)
    broken = RawObject(id=Id(7, 3, 1), partition_key=failing(RuntimeError()))
    found = [messages.of(one) for one in (RawObject(id=Id(7, 3, 0)), broken, RawObject(id=Id(7, 3, 2)))]
    assert [bool(message.problem) for message in found] == [False, True, False]
    assert found[0].published == found[2].published


def test_a_batch_of_which_the_client_cannot_tell_the_publish_time_is_not_given_another_ones() -> None:
    messages = Messages("public/default/hlc", 0)
    messages.of(RawObject(id=Id(7, 2, 0), publish_timestamp=NINE))
    broken = failing(RuntimeError())
    found = [messages.of(RawObject(id=Id(7, 3, place), publish_timestamp=broken)) for place in range(2)]
    assert [message.published for message in found] == [NO_TIME, NO_TIME]
    assert [bool(message.problem) for message in found] == [True, False]
    assert all(message.notes for message in found)


def test_nothing_that_is_logged_holds_a_payload(caplog: pytest.LogCaptureFixture) -> None:
    read(data=failing(ValueError("secret payload")))
    assert "secret" not in caplog.text


@given(published=BITS, happened=BITS)
def test_any_64_bits_are_a_time_or_none(published: int, happened: int) -> None:
    message = read(publish_timestamp=published, event_timestamp=happened)
    for time in (message.published, message.event_time):
        if time is not None:
            assert time - timedelta(days=1) < time < time + timedelta(days=1), "every time zone can show it"
    assert message.problem == ""
    assert (message.published == NO_TIME) == any("publish time" in note for note in message.notes)


def envelope(**more: str) -> Mapping[str, str]:
    return {"ce_id": "e-1", "ce_type": "T", "ce_source": "/s", "ce_specversion": "1.0", "ce_aggregateid": "a", **more}
