"""What of one aggregate is where, on every store: events, copies by replays, dead letters, and what each subscription had."""

import json

from eventstore.desk import Desk
from eventstore.envelope import read_event
from eventstore.model.events import NewMessage, Topic, TopicKind
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, mark_of
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, receive_until, whole_log
from tests.indexing import index
from tests.parts import subscriptions_of
from tests.planted import as_dead_letter, cloud_event
from tests.stream_check import looking

SHARED, MINE, OTHER = SubscriptionType.SHARED, "o-1", "o-2"


def copy_of(original: NewMessage, mark: str, job: str) -> NewMessage:
    properties = {**(original.properties or {}), REPLAY_ID: job, REPLAY_OF: mark}
    return NewMessage(payload=original.payload, key=original.key, properties=properties)


def index_all(storage: Storage, topic: Topic) -> None:
    for number in range(topic.partitions):
        index([read_event(message) for message in whole_log(storage, topic.name, number)], topic=topic, partition=number)


def acknowledge(storage: Storage, topic: Topic, name: str, which: set[str]) -> None:
    """Receive everything, and acknowledge the events with these ids."""
    count = len(whole_log(storage, topic.name))
    with subscriptions_of(storage).consume(topic.name, name, type=SHARED, consumer="worker") as consumer:
        for message in receive_until(consumer, count):
            if message.properties["ce_id"] in which:
                consumer.acknowledge(message.position)


def test_the_answer_is_complete_against_the_truth(storage: Storage, topic: MakeTopic) -> None:
    orders = topic()
    replay, dead = (storage.log.create_topic(f"{orders.name}{suffix}") for suffix in ("-replay", "-mailer-DLQ"))
    assert (replay.kind, dead.kind) == (TopicKind.REPLAY, TopicKind.DEAD_LETTER)
    events = [cloud_event(f"{orders.name}-{n}", OTHER if n == 3 else MINE, minute=n) for n in range(6)]
    there = subscriptions_of(storage)
    for name in ("all", "some", "late"):
        there.create(orders.name, name, type=SHARED, start=Edge.EARLIEST)
    there.create(replay.name, "again", type=SHARED, start=Edge.EARLIEST)
    places = append_singly(storage, orders.name, events)
    marks = [mark_of(message.position) for message in whole_log(storage, orders.name)]
    append_singly(storage, replay.name, [copy_of(events[n], marks[n], "r-1") for n in (0, 1, 3)])
    append_singly(storage, replay.name, [copy_of(events[0], marks[0], "r-2")])
    append_singly(storage, dead.name, [as_dead_letter(events[n], places[n].label) for n in (2, 3)])
    for each in (orders, replay, dead):
        index_all(storage, each)
    ids = [f"{orders.name}-{n}" for n in range(6)]
    acknowledge(storage, orders, "all", set(ids))
    acknowledge(storage, orders, "some", {ids[1], ids[2], ids[3]})
    acknowledge(storage, replay, "again", {ids[1]})
    desk = looking(storage)
    assert eventually(lambda: _answer(desk, orders.name)["subscriptions"] == _expected(orders, replay))
    answer = _answer(desk, orders.name)
    assert answer["events"] == [[orders.name, 5, 0]]
    assert answer["copies"] == {replay.name: ["replay", 3, 2, {"r-1": 2, "r-2": 1}], dead.name: ["dead-letter", 1, 1, {}]}


def _expected(orders: Topic, replay: Topic) -> dict[str, list[int]]:
    """Events of the aggregate that each subscription has had, and all of them."""
    return {
        f"{orders.name} all": [5, 5],
        f"{orders.name} some": [2, 5],
        f"{orders.name} late": [0, 5],
        f"{replay.name} again": [1, 3],
    }


def _answer(desk: Desk, topic: str) -> dict[str, object]:
    erasure = desk.erasure
    copies = erasure.copies("order", MINE)
    mine = [one for one in copies.topics if one.topic.startswith(topic)]
    readers = erasure.readers("order", MINE, [topic], mine)
    found = {
        "events": [(one.topic, one.events, one.trimmed) for one in erasure.events("order", MINE) if one.topic == topic],
        "copies": {one.topic: (one.kind.value, one.copies, one.events, dict(one.replays)) for one in mine},
        "subscriptions": {
            f"{one.topic} {one.name}": (one.done, one.events) for one in readers.readers if not one.of_the_store
        },
    }
    answer: dict[str, object] = json.loads(json.dumps(found))
    return answer
