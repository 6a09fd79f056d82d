"""Batches are one entry to the broker, and logs are ledgers that open, close and are trimmed; events are neither."""

import random
import time
from typing import Any

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import Message, NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.broker.conftest import MakeTopic, publish_batch, roll_over
from tests.contract.helpers import eventually

pytestmark = pytest.mark.broker

SHARED = SubscriptionType.SHARED


def payloads(messages: Any) -> list[bytes]:
    return [message.payload for message in messages]


def texts(first: int, behind: int) -> list[bytes]:
    return [str(number).encode() for number in range(first, behind)]


def singly(storage: PulsarStorage, topic: str, *numbers: bytes) -> None:
    for payload in numbers:
        storage.log.append(topic, [NewMessage(payload=payload)])


def receive(storage: PulsarStorage, topic: str, count: int, *, acknowledge: int = 0) -> list[Message]:
    found: list[Message] = []
    with storage.subscriptions.consume(topic, "s", type=SHARED, consumer="c") as consumer:
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            found += consumer.receive(limit=count - len(found), timeout=1)
        for message in found[:acknowledge]:
            consumer.acknowledge(message.position)
    return found


def test_the_backlog_counts_entries_and_the_log_has_events(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    for start in (0, 5, 10):
        publish_batch(client, name, texts(start, start + 5))
    storage.subscriptions.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    assert storage.subscriptions.capabilities.backlog_unit == "entries"
    assert storage.subscriptions.named(name, "s").backlog == 3
    assert payloads(storage.log.read_forward(name, 0, limit=100)) == texts(0, 15)


def test_an_acknowledged_batch_covers_each_of_its_events_and_no_other(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    for start in (0, 5, 10):
        publish_batch(client, name, texts(start, start + 5))
    receive(storage, name, 15, acknowledge=5)
    places = [message.position for message in storage.log.read_forward(name, 0, limit=100)]
    assert eventually(lambda: storage.subscriptions.named(name, "s").backlog == 2)
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert cursor.acknowledged is not None
    assert [place <= cursor.acknowledged for place in places] == [True] * 5 + [False] * 10


def test_a_batch_acknowledged_in_the_middle_is_a_hole(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    for start in (0, 5, 10):
        publish_batch(client, name, texts(start, start + 5))
    with storage.subscriptions.consume(name, "s", type=SHARED, consumer="c") as consumer:
        found: list[Message] = []
        while len(found) < 15:
            found += consumer.receive(limit=15, timeout=5)
        for message in found[5:10]:
            consumer.acknowledge(message.position)
    assert eventually(lambda: storage.subscriptions.named(name, "s").backlog == 2)
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert cursor.acknowledged is None
    [(start_place, end_place)] = cursor.holes
    assert [start_place < m.position <= end_place for m in found] == [False] * 5 + [True] * 5 + [False] * 5


def test_a_cursor_reset_into_a_batch_brings_the_whole_batch(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    publish_batch(client, name, texts(0, 5))
    publish_batch(client, name, texts(5, 10))
    receive(storage, name, 10, acknowledge=10)
    seventh = storage.log.read_forward(name, 0, limit=10)[7]
    storage.subscriptions.reset_cursor(name, "s", {0: seventh.position})
    assert payloads(receive(storage, name, 5)) == texts(5, 10)


def test_a_large_append_of_many_keys_is_batched_and_a_small_one_is_not(storage: PulsarStorage, topic: MakeTopic) -> None:
    small, large = topic(), topic()
    storage.subscriptions.create(small, "s", type=SHARED)
    storage.subscriptions.create(large, "s", type=SHARED)
    storage.log.append(small, [NewMessage(payload=b"x", key=f"k{n}") for n in range(20)])
    storage.log.append(large, [NewMessage(payload=b"x", key=f"k{n}") for n in range(2_000)])
    assert storage.subscriptions.named(small, "s").backlog == 20
    assert storage.subscriptions.named(large, "s").backlog < 200


def test_reading_backward_goes_through_ledgers_of_every_kind(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    seed = random.randrange(10**9)
    print("seed", seed)  # noqa: T201
    dice = random.Random(seed)
    name = topic()
    count = 0
    for _ in range(12):
        size = dice.choice([1, 1, 2, 7, 40])
        if dice.random() < 0.5:
            publish_batch(client, name, texts(count, count + size))
        else:
            singly(storage, name, *texts(count, count + size))
        count += size
        if dice.random() < 0.4:
            roll_over(admin, name)
    log = list(storage.log.read_forward(name, 0, limit=1_000))
    assert payloads(log) == texts(0, count)
    assert payloads(storage.log.read_backward(name, 0, limit=1_000)) == texts(0, count)[::-1]
    for _ in range(25):
        place, limit = dice.randrange(count), dice.choice([1, 3, 20, 500])
        expected = log[max(0, place - limit) : place][::-1]
        assert list(storage.log.read_backward(name, 0, before=log[place].position, limit=limit)) == expected


def test_the_ends_stay_when_the_last_ledger_is_empty(storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic) -> None:
    name = topic()
    first, *_, last = [storage.log.append(name, [NewMessage(payload=text)])[0] for text in texts(0, 4)]
    roll_over(admin, name)
    [ends] = storage.log.ends(name)
    assert (ends.first, ends.last) == (first, last)
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        singly(storage, name, b"4")
        assert payloads(reader.read(limit=10, timeout=10)) == [b"4"]
    assert storage.log.ends(name)[0].last != last


def test_what_retention_has_trimmed_is_gone_and_the_rest_is_read(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    singly(storage, name, *texts(0, 3))
    old = [message.position for message in storage.log.read_forward(name, 0, limit=10)]
    assert storage.log.ends(name)[0].first == old[0]
    roll_over(admin, name)
    admin.delete(f"persistent/{name}/truncate").raise_for_status()
    assert (storage.log.ends(name)[0].first, storage.log.ends(name)[0].last) == (None, None)
    singly(storage, name, *texts(3, 6))
    assert payloads(storage.log.read_forward(name, 0, after=old[0], limit=10)) == texts(3, 6)
    assert payloads(storage.log.read_forward(name, 0, limit=10)) == texts(3, 6)
    assert payloads(storage.log.read_backward(name, 0, limit=10)) == texts(3, 6)[::-1]
    assert dict(storage.log.fetch(old)) == {}
    assert list(storage.log.read_backward(name, 0, before=old[2], limit=10)) == []
    [ends] = storage.log.ends(name)
    assert ends.first is not None
    assert ends.first > old[2]


def test_a_cursor_before_everything_says_so_also_in_a_later_ledger(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    storage.subscriptions.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert (cursor.acknowledged, cursor.backlog, list(cursor.holes)) == (None, 0, [])
    singly(storage, name, *texts(0, 2))
    receive(storage, name, 2, acknowledge=2)
    roll_over(admin, name)
    singly(storage, name, *texts(2, 4))
    places = [message.position for message in storage.log.read_forward(name, 0, limit=10)]
    storage.subscriptions.reset_cursor(name, "s", {0: places[2]})
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert cursor.acknowledged is not None
    assert [place <= cursor.acknowledged for place in places] == [True, True, False, False]


def test_a_time_inside_a_run_of_batches_finds_the_first_event_of_its_batch(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    for start in range(0, 20, 5):
        publish_batch(client, name, texts(start, start + 5))
    log = storage.log.read_forward(name, 0, limit=100)
    for message in log:
        expected = next(each.position for each in log if each.published >= message.published)
        assert storage.log.first_since(name, 0, message.published) == expected
