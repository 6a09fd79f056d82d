"""Messages that could not be read are found by their key, which may be an aggregate's id."""

import pytest
from msgspec.structs import replace

from eventstore.index.lookup.anomaly_lookup import unreadable_with_key
from eventstore.model.events import UNREADABLE_KEY, Event, Topic, TopicKind
from tests.indexing import event, index, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")
PATIENTS = Topic(name="patients")
BAD = "is no JSON"


def found(key: str, *topics: str) -> list[str]:
    return [pointer.position.token for pointer in unreadable_with_key(key, topics or ("patients",), 20)]


def with_key(one: Event, key: str | None) -> Event:
    return replace(one, message=replace(one.message, key=key))


def test_an_unreadable_message_is_found_by_its_key_in_the_topics_asked_for() -> None:
    events = [event(0), event(1, problem=BAD), event(2, problem=BAD, aggregate=("", "other")), event(3, problem=BAD)]
    index(events, topic=PATIENTS)
    index([event(0, topic="users", problem=BAD)], topic=Topic(name="users"))
    assert found("4711") == [events[1].position.token, events[3].position.token]
    assert len(found("4711", "patients", "users")) == 3
    assert found("4712") == []
    assert [(pointer.key, pointer.original) for pointer in pointers()] == [("", ""), ("4711", ""), ("other", ""), ("4711", "")]


def test_keys_that_are_no_text_or_too_long_or_missing_find_nothing() -> None:
    keys = [None, "", UNREADABLE_KEY, "\ud800", "x" * 1_025]
    index([with_key(event(number, problem=BAD), key) for number, key in enumerate(keys)], topic=PATIENTS)
    assert [pointer.key for pointer in pointers()] == [""] * 5


def test_a_copys_original_is_not_taken_for_a_key() -> None:
    letters = Topic(name="patients-mailer-DLQ", kind=TopicKind.DEAD_LETTER)
    index([event(0, topic=letters.name, problem=BAD, properties={"replayof": "4711"})], topic=letters)
    assert found("4711", letters.name) == []
    assert [(pointer.key, pointer.original) for pointer in pointers(letters.name)] == [("", "4711")]
