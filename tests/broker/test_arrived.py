"""What a reader gives without waiting, and when it has to be read instead: with a fake client."""

import pulsar
import pytest

from tests.broker.fake_client import LEDGER, Broker, fake_broker, read, reader_of


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return fake_broker(monkeypatch)


def test_what_has_arrived_is_given_without_waiting_or_asking(broker: Broker) -> None:
    broker.publish(data=b"a")
    broker.publish(data=b"b")
    reader, began = reader_of(broker), broker.now
    calls = list(broker.calls)
    assert [len(reader.arrived(limit=limit) or ()) for limit in (0, 1, 9, 9)] == [0, 1, 1, 0]
    assert reader.arrived(limit=9) == []
    assert (broker.now, broker.calls) == (began, calls)
    broker.publish(data=b"c")
    assert [message.payload for message in reader.read(limit=9, timeout=0.1)] == [b"c"]


def test_a_reader_that_has_left_or_lost_its_connection_does_not_tell_what_has_arrived(broker: Broker) -> None:
    broker.publish(data=b"a")
    reader = reader_of(broker)
    assert read(reader, broker, seconds=10) == [b"a"]
    assert reader.arrived(limit=9) is None, "it has left"
    broker.publish(data=b"b")
    broker.publish(data=b"c")
    assert len(reader.read(limit=1, timeout=0.1)) == 1
    broker.fails = pulsar.AlreadyClosed
    assert reader.arrived(limit=9) is None
    broker.fails = None
    assert read(reader, broker, seconds=10) == [b"c"]


def test_a_message_of_which_the_broker_has_to_be_asked_is_left_to_the_next_read(broker: Broker) -> None:
    asked: list[int] = []

    def identify(ledger: int) -> str:
        asked.append(ledger)
        return "made"

    broker.publish(data=b"plain")
    broker.publish(data=b"with a schema", int_schema_version=0)
    broker.publish(data=b"later", int_schema_version=0)
    reader = reader_of(broker, identify)
    assert [message.payload for message in reader.arrived(limit=9) or ()] == [b"plain"]
    assert (reader.arrived(limit=9), asked) == (None, [])
    [message] = reader.read(limit=1, timeout=0.1)
    assert (message.payload, message.incarnation, asked) == (b"with a schema", "made", [LEDGER])
    assert [message.payload for message in reader.arrived(limit=9) or ()] == [b"later"], "the ledger is known by now"


def test_a_reader_whose_queue_was_half_full_has_to_be_read_and_one_with_another_share_connects_then(broker: Broker) -> None:
    reader = reader_of(broker)
    broker.publish()
    assert read(reader, broker, seconds=0.2)
    queue = broker.queue
    for count, opens in ((queue // 2 + 1, 0), (queue, 1)):
        for _ in range(count):
            broker.publish()
        opened = broker.opened
        assert len(reader.arrived(limit=9_999) or ()) == count
        assert reader.arrived(limit=9_999) is None
        broker.publish()
        assert len(reader.read(limit=9_999, timeout=0.1)) == 1
        assert broker.opened == opened + opens
        assert reader.arrived(limit=9_999) == []
