"""When a reader leaves, comes back, and what it gives after an error: with a fake client whose clock is a number."""

import pytest

from eventstore.drivers.pulsar.client.messages import time_of
from eventstore.drivers.pulsar.client.resuming import FEWEST_BACK
from eventstore.model.errors import StoreUnreachable
from eventstore.model.tokens import encode
from tests.broker.fake_client import LEDGER, PUBLISHED, Broker, fake_broker, read, reader_of
from tests.unit.drivers.raw_objects import Id


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return fake_broker(monkeypatch)


def test_what_a_silent_broker_delivers_late_is_read_although_the_end_stands(broker: Broker) -> None:
    for payload in (b"a", b"b", b"c"):
        broker.publish(data=payload)
    broker.silent_until = broker.now + 2
    assert read(reader_of(broker), broker, seconds=10) == [b"a", b"b", b"c"]


def test_a_broker_that_falls_silent_in_the_middle_of_a_backlog_is_read_to_the_end(broker: Broker) -> None:
    for number in range(20):
        broker.publish(data=b"%d" % number)
    reader = reader_of(broker)
    found = [message.payload for message in reader.read(limit=9, timeout=0.1)]
    broker.silent_until = broker.now + 40
    assert found + read(reader, broker, seconds=100) == [b"%d" % number for number in range(20)]


def test_the_rest_of_the_last_batch_is_read_from_a_broker_that_is_silent_at_first(broker: Broker) -> None:
    for number in range(3):
        broker.publish(Id(LEDGER, 0, number), data=b"%d" % number)
    broker.silent_until = broker.now + 2
    assert read(reader_of(broker, after=encode(LEDGER, 0, 1)), broker, seconds=10) == [b"1", b"2"]


def test_a_reader_whose_place_is_the_end_of_a_batch_stays_away(broker: Broker) -> None:
    for number in range(3):
        broker.publish(Id(LEDGER, 0, number))
    reader = reader_of(broker, after=encode(LEDGER, 0, 3))
    assert not read(reader, broker, seconds=600)
    assert (broker.opened, broker.connected) == (1, False)


def test_markers_behind_the_last_event_bring_a_reader_back_twice_a_minute_at_most(broker: Broker) -> None:
    broker.publish(data=b"a")
    broker.markers = 1
    reader = reader_of(broker)
    assert read(reader, broker, seconds=120) == [b"a"]
    before = broker.opened
    assert not read(reader, broker, seconds=600)
    assert 18 <= broker.opened - before <= 20
    broker.publish(data=b"b")
    broker.markers = 0
    broker.publish(data=b"c")
    assert read(reader, broker, seconds=1) == [b"b", b"c"]


def test_a_reader_that_has_all_stays_away(broker: Broker) -> None:
    broker.publish(data=b"a")
    reader = reader_of(broker)
    assert read(reader, broker, seconds=600) == [b"a"]
    assert (broker.opened, broker.connected) == (1, False)


def test_a_lone_event_behind_large_batches_brings_none_of_them_again(broker: Broker) -> None:
    for entry in range(20):
        for number in range(50):
            broker.publish(Id(LEDGER, entry, number))
    reader = reader_of(broker)
    assert len(read(reader, broker, seconds=600)) == 1_000
    broker.read = 0
    for entry in range(20, 23):
        broker.publish(Id(LEDGER, entry), data=b"%d" % entry)
        assert read(reader, broker, seconds=60) == [b"%d" % entry]
    assert broker.read <= 3 * 50, "at most the batch in which it had left"


def test_a_lone_event_behind_an_entry_that_gave_nothing_brings_what_may_be_woven_into_it(broker: Broker) -> None:
    for entry in (*range(10), *range(11, 15)):
        broker.publish(Id(LEDGER, entry, 0))
    reader = reader_of(broker)
    assert len(read(reader, broker, seconds=600)) == 14
    broker.publish(Id(LEDGER, 15), data=b"later")
    broker.read = 0
    assert read(reader, broker, seconds=60) == [b"later"]
    assert broker.read == FEWEST_BACK + 1, "one of the entries before the last one is missing, and there is the new one"


def test_a_reader_that_is_needed_again_soon_stays_longer(broker: Broker) -> None:
    reader, stays = reader_of(broker), []
    for _ in range(4):
        broker.publish()
        assert len(reader.read(limit=9, timeout=0.1)) == 1
        came = broker.now
        while broker.connected:
            assert not reader.read(limit=9, timeout=0.05)
        stays.append(round(broker.now - came, 1))
    assert stays == [0.5, 1.0, 2.0, 3.0]


def test_what_was_read_before_an_error_is_returned_and_the_rest_comes_again(broker: Broker) -> None:
    """The message at which the error was raised is gone from the client's queue."""
    answers: list[str | None] = [None, "made"]

    def identify(ledger: int) -> str:
        found = answers.pop(0)
        if found is None:
            raise StoreUnreachable("away")
        return found

    broker.publish(data=b"plain")
    broker.publish(data=b"with a schema", int_schema_version=0)
    reader = reader_of(broker, identify)
    assert [message.payload for message in reader.read(limit=9, timeout=0.1)] == [b"plain"]
    [message] = reader.read(limit=9, timeout=0.1)
    assert (message.payload, message.incarnation, message.published) == (b"with a schema", "made", time_of(PUBLISHED))


def test_an_error_at_the_first_message_is_raised_and_the_message_comes_again(broker: Broker) -> None:
    failures = [StoreUnreachable("away")]

    def identify(ledger: int) -> str:
        if failures:
            raise failures.pop()
        return "made"

    broker.publish(data=b"x", int_schema_version=0)
    reader = reader_of(broker, identify)
    with pytest.raises(StoreUnreachable, match="away"):
        reader.read(limit=9, timeout=0.1)
    [message] = reader.read(limit=9, timeout=0.1)
    assert (message.payload, message.incarnation, message.published) == (b"x", "made", time_of(PUBLISHED))


def test_the_topic_is_looked_up_immediately_before_each_reader_whatever_was_told_a_moment_ago(broker: Broker) -> None:
    """One that is opened after the topic has been deleted creates it anew."""
    reader = reader_of(broker)
    for payload in (b"a", b"b", b"c"):
        broker.publish(data=payload)
        assert read(reader, broker, seconds=60) == [payload]
    opened = [number for number, call in enumerate(broker.calls) if call == "open"]
    assert len(opened) == 3
    assert [broker.calls[number - 1] for number in opened] == ["look up"] * 3
