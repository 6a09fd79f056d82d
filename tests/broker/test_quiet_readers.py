"""When a reader leaves, comes back, and what it gives after an error: with a fake client whose clock is a number."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulsar
import pytest

from eventstore.drivers.pulsar.client import reader as following
from eventstore.drivers.pulsar.client.asked_topics import End
from eventstore.drivers.pulsar.client.messages import Messages, time_of
from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.reader import PulsarReader
from eventstore.drivers.pulsar.client.resuming import FEWEST_BACK, Begin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.model.errors import StoreUnreachable
from eventstore.model.tokens import encode
from tests.unit.drivers.raw_objects import Id, RawObject

LEDGER, PUBLISHED = 7, 1_714_554_000_000


class Broker:
    """A partition, its clock, and what answers for it: the client, the admin API and the news of arrivals."""

    def __init__(self) -> None:
        self.now, self.silent_until = 100.0, 0.0
        self.log: list[RawObject] = []
        self.markers = self.opened = self.read = 0
        self.calls: list[str] = []
        self.connected = False
        self.is_connected = lambda: True
        self.connection = SimpleNamespace(check_open=lambda: None, lost=lambda: None)
        self._reader = self

    def publish(self, id: Id | None = None, **parts: Any) -> None:
        self.log.append(RawObject(id=id or Id(LEDGER, len(self.log)), publish_timestamp=PUBLISHED, **parts))

    def entries(self) -> int:
        return (self.log[-1].message_id().entry_id() + 1 if self.log else 0) + self.markers

    def look_up(self) -> dict[str, Any]:
        self.calls.append("look up")
        return self.told()

    def told(self) -> dict[str, Any]:
        entries = self.entries()
        known = [{"ledgerId": LEDGER, "entries": entries}]
        return {"lastConfirmedEntry": f"{LEDGER}:{entries - 1}", "ledgers": known, "state": "LedgerOpened"}

    def end(self) -> End:
        entries = self.entries()
        return (LEDGER, entries - 1) if entries else None

    # -- the client

    def open(self, connection: Any, log: Any, start: Any, **given: Any) -> Any:
        self.next = 0 if start is None else self._place(start.entry_id(), given["inclusive"])
        self.opened, self.connected = self.opened + 1, True
        self.calls.append("open")
        return self

    def _place(self, entry: int, inclusive: bool) -> int:
        """Return where the reader begins; one that begins behind a message of a batch gets the whole batch."""
        ids = [raw.message_id() for raw in self.log]
        return sum(id.entry_id() < entry or (not inclusive and id.entry_id() == entry and id.batch_index() < 0) for id in ids)

    def close(self, reader: Any) -> None:
        self.connected = False

    def read_next(self, milliseconds: int) -> RawObject:
        if self.next == len(self.log) or self.now < self.silent_until:
            self.now += milliseconds / 1000
            raise pulsar.Timeout
        self.next, self.read = self.next + 1, self.read + 1
        return self.log[self.next - 1]

    # -- the news

    def end_since(self, moment: float) -> tuple[End]:
        return (self.end(),)

    def await_end(self, is_news: Callable[[End], bool], deadline: float) -> Any:
        if is_news(self.end()):
            return self.told()
        self.now = max(self.now, deadline)
        return None

    def leave(self) -> None:
        return

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(following, "time", made)
    monkeypatch.setattr(following, "open_raw", made.open)
    monkeypatch.setattr(following, "close_raw", made.close)
    return made


def reader_of(broker: Any, identify: Callable[[int], str] | None = None, after: str = "") -> PulsarReader:
    broker.log_name = TopicName(tenant="public", namespace="default", local="t")
    source: Any = SimpleNamespace(connection=broker.connection, log=broker.log_name, look_up=broker.look_up)
    begin = Begin(start=None, inclusive=True, token=after, internals=broker.look_up())
    return PulsarReader(source, Messages("t", 0, identify), begin, FetchAhead(), broker)


def read(reader: PulsarReader, broker: Broker, *, seconds: float) -> list[bytes]:
    found: list[bytes] = []
    until = broker.now + seconds
    while broker.now < until:
        found += [message.payload for message in reader.read(limit=9, timeout=0.1)]
    return found


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
