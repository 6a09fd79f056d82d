"""What pages get of events by their pointers: from the store or from memory, and never another event than the indexed one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest

from eventstore.envelope import read_event
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.events import Event, Message, NewMessage, Position
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas
from eventstore.streams.payload_cache import FRESH_SECONDS, PayloadCache
from eventstore.streams.rows import Missing, Row, Rows
from tests.contract.conftest import MakeTopic
from tests.unit.streams.test_payload_cache import Clock


class Fetching:
    """Wraps a storage's ``fetch`` and counts what it is asked for."""

    def __init__(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Position] = []
        self.away = False
        self.refused = ""
        fetch = storage.log.fetch

        def counted(positions: Sequence[Position]) -> Mapping[Position, Message]:
            if self.away:
                raise StoreUnreachable("The store does not answer.")
            if any(position.topic == self.refused for position in positions):
                raise StoreRefused("The broker does not allow this.")
            self.asked += positions
            return fetch(positions)

        monkeypatch.setattr(storage.log, "fetch", counted)


def published(storage: Storage, topic: str, count: int) -> list[Pointer]:
    """Publish this many events, and return the pointers that an index would have of them."""
    messages = [
        NewMessage(
            payload=b"%d" % number,
            key="4711",
            properties={"ce_specversion": "1.0", "ce_id": f"e-{number}", "ce_type": "T", "ce_source": "/s"},
        )
        for number in range(count)
    ]
    places = storage.log.append(topic, messages)
    found = storage.log.fetch(places)
    return [pointer(found[place], f"e-{number}") for number, place in enumerate(places)]


def pointer(message: Message, event_id: str) -> Pointer:
    return Pointer(
        position=message.position,
        ordinal=0,
        event_id=event_id,
        type="T",
        time=message.published,
        published=message.published,
        size=len(message.payload),
        version=1,
    )


def rows_of(storage: Storage, cache: PayloadCache | None = None) -> Rows:
    cache = PayloadCache(most_bytes=1_000_000) if cache is None else cache
    return Rows(log=storage.log, read=read_event, cache=cache)


def test_each_pointer_gets_its_event_in_the_order_asked(storage: Storage, topic: MakeTopic) -> None:
    pointers = published(storage, topic().name, 5)
    chosen = [pointers[3], pointers[0], pointers[3]]
    rows = rows_of(storage).of(chosen)
    assert [(row.event.id, row.event.data, row.missing) for row in rows if row.event] == [
        ("e-3", b"3", Missing.NOTHING),
        ("e-0", b"0", Missing.NOTHING),
        ("e-3", b"3", Missing.NOTHING),
    ]
    assert [row.pointer for row in rows] == chosen
    assert rows_of(storage).of([]) == []


def test_what_was_just_read_comes_from_memory_for_a_minute(
    storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointers = published(storage, topic().name, 3)
    clock, fetching = Clock(), Fetching(storage, monkeypatch)
    rows = rows_of(storage, PayloadCache(most_bytes=1_000_000, clock=clock))
    first = rows.of(pointers[:2])
    assert rows.of(pointers)[:2] == first
    assert fetching.asked == [pointer.position for pointer in pointers]
    clock.seconds = FRESH_SECONDS
    rows.of(pointers[:1])
    assert fetching.asked[3:] == [pointers[0].position]


def test_another_event_at_the_position_is_not_shown(storage: Storage, topic: MakeTopic) -> None:
    [sound] = published(storage, topic().name, 1)
    message = storage.log.fetch([sound.position])[sound.position]
    rows = rows_of(storage)
    for _ in range(2):  # from the store, and from memory
        [row] = rows.of([pointer(message, "e-other")])
        assert (row.event, row.missing) == (None, Missing.OTHER)
        assert row.pointer is not None
        assert row.pointer.event_id == "e-other"


def test_where_the_position_stood_in_for_an_id_there_is_none_to_compare(storage: Storage, topic: MakeTopic) -> None:
    [sound] = published(storage, topic().name, 1)
    message = storage.log.fetch([sound.position])[sound.position]
    [row] = rows_of(storage).of([pointer(message, sound.position.encode())])
    assert row.event is not None
    assert row.event.id == "e-0"


def test_what_the_store_no_longer_holds_is_trimmed_and_the_others_come(storage: Storage, topic: MakeTopic) -> None:
    old, new = topic().name, topic().name
    gone, sound = published(storage, old, 2)[1], published(storage, new, 1)[0]
    gone = replace(gone, position=storage.log.position(new, 0, gone.position.token))
    rows = rows_of(storage).of([gone, sound])
    assert [row.missing for row in rows] == [Missing.TRIMMED, Missing.NOTHING]
    assert rows[0].pointer == gone


def test_a_topic_that_is_not_there_any_more_is_trimmed(storage: Storage, topic: MakeTopic) -> None:
    [sound] = published(storage, topic().name, 1)
    place = storage.log.position("public/default/never-was", 0, sound.position.token)
    [row] = rows_of(storage).of([replace(sound, position=place)])
    assert (row.event, row.missing) == (None, Missing.TRIMMED)


def test_while_the_store_is_away_memory_still_answers(
    storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointers = published(storage, topic().name, 2)
    rows, fetching = rows_of(storage), Fetching(storage, monkeypatch)
    rows.of(pointers[:1])
    fetching.away = True
    assert [row.missing for row in rows.of(pointers)] == [Missing.NOTHING, Missing.AWAY]


def test_an_event_whose_schema_cannot_be_asked_for_now_is_no_other_event(storage: Storage, topic: MakeTopic) -> None:
    [indexed] = published(storage, topic().name, 1)
    error: list[Exception] = [StoreUnreachable("away")]

    class Registry:
        def schema(self, topic: str, version: str) -> None:
            raise error[0]

    def read(message: Message) -> Event:
        bare = msgspec.structs.replace(message, properties={}, schema_version="0")
        return read_event(bare, (), Schemas(Registry()).decoded)

    def row() -> Row:
        [row] = Rows(log=storage.log, read=read, cache=PayloadCache(most_bytes=1_000)).of([indexed])
        return row

    assert (row().event, row().missing) == (None, Missing.AWAY)
    error[0] = StoreRefused("no")
    assert (row().event, row().missing) == (None, Missing.OTHER)


def test_an_event_whose_key_cannot_be_decoded_now_is_not_shown_with_another_aggregate(
    storage: Storage, topic: MakeTopic
) -> None:
    [indexed] = published(storage, topic().name, 1)

    class Registry:
        def schema(self, topic: str, version: str) -> None:
            raise StoreUnreachable("away")

    def read(message: Message) -> Event:
        return read_event(msgspec.structs.replace(message, schema_version="0"), (), Schemas(Registry()).decoded)

    rows = Rows(log=storage.log, read=read, cache=PayloadCache(most_bytes=1_000))
    assert [row.missing for row in rows.of([indexed])] == [Missing.NOTHING]
    assert [row.missing for row in rows.of([replace(indexed, aggregate_id="device-1")])] == [Missing.AWAY]


def test_a_topic_that_the_store_refuses_takes_nothing_from_the_others(
    storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    open, closed = published(storage, topic().name, 2), published(storage, topic().name, 2)
    fetching = Fetching(storage, monkeypatch)
    fetching.refused = closed[0].position.topic
    rows = Rows(log=storage.log, read=lambda message: read_event(message, ()), cache=PayloadCache(most_bytes=1_000))
    found = rows.of([open[0], closed[0], open[1], closed[1]])
    assert [row.missing for row in found] == [Missing.NOTHING, Missing.REFUSED, Missing.NOTHING, Missing.REFUSED]
    assert [row.event.data if row.event else None for row in found] == [b"0", None, b"1", None]
    fetching.away = True
    assert [row.missing for row in rows.of(closed)] == [Missing.AWAY, Missing.AWAY]
