"""A message on which its reading fails is an unreadable event, and nothing of it is logged."""

from typing import Any

import pytest
from msgspec.structs import replace

from eventstore.envelope import read_event
from eventstore.model.errors import StoreClosed
from eventstore.model.events import Message
from tests.unit.messages import CE, DOCUMENT, json, message


def test_a_message_on_which_its_reading_fails_is_an_unreadable_event(caplog: pytest.LogCaptureFixture) -> None:
    def decode(message: Message) -> Any:
        raise KeyError("secret payload")

    written = replace(message(b'{"a": 1}', properties=CE), schema_version="3")
    event = read_event(written, decode=decode)
    assert event.problem.startswith("cannot be read: Eventdesk cannot handle something in it (KeyError at test_unforeseen.py:")
    assert (event.id, event.data, event.stream) == (written.position.encode(), written.payload, None)
    assert "secret" not in caplog.text + event.problem


def test_a_registry_that_is_away_is_no_messages_fault() -> None:
    def decode(message: Message) -> Any:
        raise StoreClosed("closed")

    with pytest.raises(StoreClosed):
        read_event(replace(message(properties=CE), schema_version="3"), decode=decode)


def test_the_notes_of_a_message_are_those_of_its_event_as_well() -> None:
    written = replace(message(properties=CE), notes=("Something is unknown.",))
    assert read_event(written).notes[0] == "Something is unknown."


def test_a_message_that_the_driver_could_not_read_is_no_event_by_any_mapping() -> None:
    broken = replace(message(json(DOCUMENT)), problem="cannot be read: it is a test")
    assert read_event(broken).problem == "cannot be read: it is a test"
