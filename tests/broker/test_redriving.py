"""What a copy of a letter keeps on a real broker, and that nothing is sent twice when connections break."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.copying import Copy
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NO_TIME, Message, Position
from eventstore.redrives.copies import JOB, LETTER, letter_id
from tests.broker.conftest import MakeTopic, publish_batch
from tests.namespaces import Broker
from tests.redriving import Notes, keep, messages_in, order_of, run, waiting
from tests.relay import Relay

pytestmark = pytest.mark.broker

WHEN = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
MILLISECONDS = 1_772_600_767_891


class Order(pulsar.schema.Record):  # type: ignore[misc]
    number = pulsar.schema.Integer()


def test_a_letter_keeps_everything_on_its_way_home(
    storage: PulsarStorage, topic: MakeTopic, client: Any, admin: httpx.Client
) -> None:
    """The originals' partitions are not those that their keys hash to; Python's letters have lost the event time."""
    source = topic(partitions=4)
    letters = storage.log.create_topic(f"{source.rpartition('/')[2]}-mailer-DLQ").name
    keep(storage, letters)
    schema = pulsar.schema.AvroSchema(Order)
    original = client.create_producer(f"persistent://{source}-partition-3", schema=schema)
    ids = [
        original.send(Order(number=number), partition_key=key, ordering_key="x", event_timestamp=MILLISECONDS)
        for number, key in enumerate(["a", "b", "a"])
    ]
    dead = client.create_producer(f"persistent://{letters}", schema=schema)
    for number, (key, id) in enumerate(zip(["a", "b", "a"], ids, strict=True)):
        dead.send(Order(number=number), partition_key=key, ordering_key="x", properties=_said(f"{source}-partition-3", id, 3))
    plain = client.create_producer(f"persistent://{letters}")
    plain.send(None, partition_key="gone", properties=_said(f"{source}-partition-3", ids[0], 3))
    order = order_of(storage, letters, source, source=source)
    assert order.versions == ["", "0"]
    run(storage, order, Notes())
    found = messages_in(storage, source, 3)[3:]
    there = messages_in(storage, letters)
    assert [_kept(one) for one in found] == [_kept(one) for one in there]
    assert [one.event_time for one in found] == [WHEN, WHEN, WHEN, None]
    assert [dict(one.properties) for one in found] == [{"own": "1", JOB: "job1", LETTER: letter_id(one)} for one in there]
    assert [one.schema_version for one in found] == ["0", "0", "0", ""]
    assert all(one.incarnation for one in found)
    assert waiting(storage, order) == []
    assert len(admin.get(f"schemas/{source}/schemas").json()["getSchemaResponses"]) == 1


def test_letters_of_one_entry_are_sent_in_one_window_and_acknowledged_together(
    storage: PulsarStorage, topic: MakeTopic, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.redrives.sending.MOST_LETTERS", 2)
    letters, target = f"{topic()}", topic()
    keep(storage, letters)
    for batch in range(3):
        publish_batch(client, letters, [b"%d-%d" % (batch, number) for number in range(5)])
    order = order_of(storage, letters, target, lambda message: not message.payload.startswith(b"1"))
    notes = Notes()
    run(storage, order, notes)
    assert [one.payload for one in messages_in(storage, target)] == [b"%d-%d" % (a, b) for a in (0, 2) for b in range(5)]
    assert waiting(storage, order) == [b"1-%d" % number for number in range(5)]
    assert notes.progress.done == 10


def _kept(one: Message) -> tuple[Any, ...]:
    return one.payload, one.null, one.key, one.ordering_key


def _said(topic: str, id: Any, partition: int) -> Mapping[str, str]:
    """The properties that Python's client gives a letter, and one of the event's own."""
    place = f"({id.ledger_id()},{id.entry_id()},{partition},-1)"
    return {"own": "1", "REAL_TOPIC": f"persistent://{topic}", "ORIGIN_MESSAGE_ID": place, "RECONSUMETIMES": "3"}


def test_a_publisher_that_lost_its_connection_sends_nothing_again(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client
) -> None:
    """The broker closes the topic while copies are on their way: whatever it has stored of them is there once."""
    target = topic()
    numbers = count()
    for _ in range(3):
        with (
            storage.copying.open_publisher(target, partitions=[0], mark=(JOB, "job1"), schemas={"": None}) as publisher,
            pytest.raises(StoreUnreachable),
        ):
            for sending in count():
                sent = publisher.send([_copy(b"%d" % next(numbers)) for _ in range(200)])
                if sending == 3:
                    admin.put(f"persistent/{target}/unload").raise_for_status()
                sent.settle()
    found = [int(one.payload) for one in messages_in(storage, target)]
    assert len(found) >= 3 * 3 * 200
    assert found == sorted(set(found))


def test_a_client_that_may_not_connect_again_does_not(broker: Broker, storage: PulsarStorage, topic: MakeTopic) -> None:
    """What keeps a lost producer from sending again where the thread that closes it comes too late."""
    target = topic()
    may_connect = [True]
    with Relay(int(broker.service_url.rpartition(":")[2])) as relay:
        connection = BrokerConnection(service_url=f"pulsar://127.0.0.1:{relay.port}", credentials=Credentials())
        client = connection.separate_client(lambda: may_connect[0])
        client.create_producer(f"persistent://{target}").send(b"first")
        may_connect[0] = False
        relay.sever()
        with pytest.raises(pulsar.PulsarException):
            client.create_producer(f"persistent://{topic()}")
        client.shutdown()
    assert [one.payload for one in messages_in(storage, target)] == [b"first"]


def _copy(payload: bytes) -> Copy:
    place = Position(topic="", partition=0, token="")
    return Copy(partition=0, message=Message(position=place, payload=payload, published=NO_TIME), properties={})
