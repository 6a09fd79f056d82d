"""What is appended is there, complete and in order."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstore.drivers.routing import partition_of
from eventstore.model.errors import InvalidMessage, NotSupported, VersionConflict
from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import numbered, payloads, texts, whole_log

PAYLOADS = {
    "empty": b"",
    "every byte": bytes(range(256)),
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "five megabytes": b"x" * 5_000_000,
    "deeply nested": b"[" * 10_000 + b"]" * 10_000,
    "a script": b"<script>alert(1)</script>",
}
KEYS = ["a/b", "..", "%2F", "~", "  ", "ключ", "🦊", "<script>alert(1)</script>", "a\nb", "k" * 4_000]
PROPERTIES = {
    "position": "0",
    "ledgerId": "1",
    "ce_id": "an id of its own",
    "empty": "",
    "ключ 🦊": "значение 🦊",
    "<script>": "</script><script>alert(1)</script>",
    "lines": "one\ntwo\r\nthree\ttabbed",
    "right to left": "\u202eabc\u202c",
    "long": "v" * 10_000,
}


def test_a_message_comes_back_as_it_was_appended(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    event_time = datetime(2024, 2, 29, 12, 34, 56, 789_000, tzinfo=UTC)
    new = NewMessage(payload=b"{}", key="patient_1", properties={"ce_id": "1", "ce_type": "t"}, event_time=event_time)

    [position] = storage.log.append(name, [new])

    [message] = whole_log(storage, name)
    assert message.position == position
    assert (message.position.topic, message.position.partition) == (name, 0)
    assert (message.payload, message.key) == (b"{}", "patient_1")
    assert dict(message.properties) == {"ce_id": "1", "ce_type": "t"}
    assert message.event_time == event_time


def test_the_publish_time_is_this_moment_in_utc(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=b"")])
    [message] = whole_log(storage, name)
    assert message.published.utcoffset() == timedelta(0)
    assert abs(message.published - datetime.now(UTC)) < timedelta(minutes=5)


def test_what_was_not_given_is_not_there(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=b"bare")])
    [message] = whole_log(storage, name)
    assert message.key is None
    assert dict(message.properties) == {}
    assert message.event_time is None


def test_the_positions_are_answered_in_the_order_of_the_messages(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(5))
    assert [message.position for message in whole_log(storage, name)] == list(positions)
    assert list(positions) == sorted(positions)
    assert len(set(positions)) == 5
    assert all(position.label for position in positions)


def test_appending_nothing_writes_nothing(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    assert list(storage.log.append(name, [])) == []
    assert list(whole_log(storage, name)) == []


def test_three_thousand_messages_of_one_call_keep_their_order(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(3_000))
    assert payloads(whole_log(storage, name)) == texts(3_000)
    assert list(positions) == sorted(positions)


def test_later_calls_come_behind_earlier_ones(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    for start in range(0, 30, 3):
        storage.log.append(name, numbered(3, start=start))
    assert payloads(whole_log(storage, name)) == texts(30)


@pytest.mark.parametrize("what", PAYLOADS)
def test_a_payload_comes_back_byte_for_byte(storage: Storage, topic: MakeTopic, what: str) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=PAYLOADS[what], key="k")])
    [message] = whole_log(storage, name)
    assert message.payload == PAYLOADS[what]


def test_properties_come_back_character_for_character(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [position] = storage.log.append(name, [NewMessage(payload=b"x", properties=PROPERTIES)])
    [message] = whole_log(storage, name)
    assert dict(message.properties) == PROPERTIES
    assert message.position == position


def test_keys_come_back_character_for_character(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=b"x", key=key) for key in KEYS])
    assert [message.key for message in whole_log(storage, name)] == KEYS


def test_a_key_goes_where_javas_client_would_send_it(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=4).name
    keys = [f"patient_{number}" for number in range(40)] + ["ключ", "🦊", "a/b"]
    positions = storage.log.append(name, [NewMessage(payload=key.encode(), key=key) for key in keys])
    assert [position.partition for position in positions] == [partition_of(key, 4) for key in keys]
    for partition in range(4):
        expected = [key for key in keys if partition_of(key, 4) == partition]
        assert [message.key for message in whole_log(storage, name, partition)] == expected


def test_messages_without_a_key_are_in_some_partition_each(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=3).name
    positions = storage.log.append(name, numbered(30, key=None))
    found = {message.position: message.payload for number in range(3) for message in whole_log(storage, name, number)}
    assert [found[position] for position in positions] == texts(30)
    assert len(found) == 30


@pytest.mark.parametrize("text", ["nul \x00 inside", "half a pair \ud83e"], ids=["NUL", "lone surrogate"])
@pytest.mark.parametrize("place", ["key", "property", "property name"])
def test_text_that_a_store_cannot_hold_is_refused_whole(storage: Storage, topic: MakeTopic, text: str, place: str) -> None:
    name = topic().name
    bad = {
        "key": NewMessage(payload=b"bad", key=text),
        "property": NewMessage(payload=b"bad", properties={"p": text}),
        "property name": NewMessage(payload=b"bad", properties={text: "v"}),
    }[place]
    try:
        storage.log.append(name, [NewMessage(payload=b"good"), bad])
    except InvalidMessage as error:
        assert text not in str(error)
        assert list(whole_log(storage, name)) == []
    else:
        kept = whole_log(storage, name)[-1]
        assert (kept.key, dict(kept.properties)) == (bad.key, dict(bad.properties))


def test_an_expected_version_that_is_met_lets_the_append_through(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    if not storage.log.capabilities.expected_version:
        with pytest.raises(NotSupported):
            storage.log.append(name, numbered(1), expected_version=0)
        return
    storage.log.append(name, numbered(3, key="other"))
    storage.log.append(name, numbered(2, key="k"), expected_version=0)
    storage.log.append(name, numbered(1, key="k", start=2), expected_version=2)
    assert [m.payload for m in whole_log(storage, name, partition_of("k", 2)) if m.key == "k"] == texts(3)


@pytest.mark.parametrize("expected", [0, 1, 3, -1])
def test_an_expected_version_that_is_not_met_writes_nothing(storage: Storage, topic: MakeTopic, expected: int) -> None:
    if not storage.log.capabilities.expected_version:
        pytest.skip("this driver has no expected version")
    name = topic().name
    storage.log.append(name, numbered(2))
    with pytest.raises(VersionConflict):
        storage.log.append(name, numbered(2, start=2), expected_version=expected)
    assert payloads(whole_log(storage, name)) == texts(2)


def test_an_expected_version_is_about_one_key(storage: Storage, topic: MakeTopic) -> None:
    if not storage.log.capabilities.expected_version:
        pytest.skip("this driver has no expected version")
    name = topic().name
    with pytest.raises(InvalidMessage):
        storage.log.append(name, [*numbered(1, key="a"), *numbered(1, key="b")], expected_version=0)
    with pytest.raises(InvalidMessage):
        storage.log.append(name, numbered(1, key=None), expected_version=0)
    assert list(whole_log(storage, name)) == []


def test_known_ids_are_those_that_the_topic_holds(storage: Storage, topic: MakeTopic) -> None:
    name, other = topic(partitions=2).name, topic().name
    if not storage.log.capabilities.detects_known_ids:
        with pytest.raises(NotSupported):
            storage.log.known_ids(name, ["1"])
        return
    ids = [f"id-{number}" for number in range(1_200)] + ["🦊/..", "i" * 5_000]
    storage.log.append(name, [NewMessage(payload=b"", key=an_id, properties={"ce_id": an_id}) for an_id in ids])
    storage.log.append(other, [NewMessage(payload=b"", properties={"ce_id": "elsewhere"})])
    assert storage.log.known_ids(name, []) == set()
    assert storage.log.known_ids(name, [*ids, "absent", "elsewhere"]) == set(ids)
    assert storage.log.known_ids(other, ["id-1", "elsewhere"]) == {"elsewhere"}
