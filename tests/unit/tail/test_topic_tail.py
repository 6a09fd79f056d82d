"""One topic's readers: what they report of a store that is away, of faults, and of a start that fails."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.envelope import read_event
from eventstore.model.errors import EventStoreError, StoreClosed, StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import Event, Message, NewMessage, Position, Topic
from eventstore.model.log import Reader
from eventstore.tail import Hub, Start, topic_tail
from eventstore.tail.start import Places
from tests.contract.helpers import eventually

pytestmark = pytest.mark.usefixtures("desk_databases")

SECRET = "patient 4711"


class Faulty(DatabaseLog):
    """The embedded store with partitions that cannot be read: they raise what ``fault`` returns."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[int] = set()
        self.fault: Callable[[], Exception] = lambda: StoreUnreachable("The store does not answer now.")
        self.opened = 0
        self.may_open, self.may_answer = threading.Event(), threading.Event()
        self.may_open.set()
        self.may_answer.set()
        self.answers = True

    def open_reader(self, topic: str, partition: int, *, after: Any) -> Reader:
        self.opened += 1
        assert self.may_open.wait(30)
        self._fail_where_broken(partition)
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read

        def reading(*, limit: int, timeout: float) -> Sequence[Message]:
            self._fail_where_broken(partition)
            return read(limit=limit, timeout=min(timeout, 0.02))

        reader.read = reading  # type: ignore[method-assign]
        return reader

    def ping(self) -> str:
        assert self.may_answer.wait(30)
        if not self.answers:
            raise StoreUnreachable("The store does not answer now.")
        return super().ping()

    def _fail_where_broken(self, partition: int) -> None:
        if partition in self.broken:
            raise self.fault()


@pytest.fixture
def log() -> Faulty:
    return Faulty()


@pytest.fixture
def topic(log: Faulty) -> Topic:
    return log.create_topic("documents", partitions=2)


def message(number: int, version: str = "") -> Message:
    return Message(
        position=Position(topic="documents", partition=0, token=f"{number:06d}"),
        payload=b"{}",
        published=datetime(2026, 1, 1, tzinfo=UTC),
        schema_version=version,
    )


def test_a_partition_that_cannot_be_read_is_said_however_well_the_others_are(log: Faulty, topic: Topic, hub: Hub) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    assert subscriber.take().state == "live"
    log.broken = {1}
    assert eventually(lambda: subscriber.take().state == "away")
    log.append(topic.name, [NewMessage(payload=b"1", key=f"k{number}") for number in range(20)])
    assert eventually(lambda: tail.ring.next_number > 0)
    assert subscriber.take().state == "away", "what the other partition gave says nothing of this one"
    tail._probe_store()
    assert tail.away, "nor does a store that answers"
    log.broken = set()
    assert eventually(lambda: subscriber.take().state == "live")


def test_a_store_that_is_slow_to_answer_delays_no_event(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)
    log.may_answer.clear()
    time.sleep(0.2)
    try:
        log.append(topic.name, [NewMessage(payload=b"1", key=f"k{number}") for number in range(20)])
        assert eventually(lambda: subscriber.take().counts.published == 20)
    finally:
        log.may_answer.set()


def test_a_store_that_gives_events_is_not_said_to_be_away_whatever_it_answers(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 30.0)
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,) = subscriber.tails
    log.answers = False
    tail._probe_store()
    assert tail.away, "a silent store is asked, and does not answer"
    log.append(topic.name, [NewMessage(payload=b"1", key="k")])
    assert eventually(lambda: not tail.away)
    tail._probe_store()
    assert not tail.away
    tail._last_read_at -= 60
    tail._probe_store()
    assert tail.away, "it gave something a while ago"


@pytest.mark.parametrize("error", [UnknownTopic, StoreClosed])
def test_a_topic_that_is_gone_ends_its_tail(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: type[EventStoreError]
) -> None:
    monkeypatch.setattr(topic_tail, "PROBE_SECONDS", 0.02)
    subscriber = hub.open([topic], Start(), lambda: None)

    def gone(name: str) -> Topic:
        raise error("It is gone.")

    monkeypatch.setattr(log, "topic", gone)
    assert eventually(lambda: subscriber.ended)


def test_a_refusal_to_answer_changes_nothing(log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)

    def refuse(name: str) -> Topic:
        raise StoreRefused("No permission to ask.")

    monkeypatch.setattr(log, "topic", refuse)
    subscriber.tails[0]._probe_store()
    assert not subscriber.tails[0].away and not subscriber.ended


def readers_of(topic: Topic) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"tail {topic.name} ")]


def test_a_tail_stops_a_while_after_its_last_subscriber_has_gone(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (hub.open([topic], Start(), lambda: None) for _ in range(2))
    (tail,) = first.tails
    first.close()
    tail._left_at -= 2 * topic_tail.LINGER_SECONDS
    time.sleep(0.2)
    assert not tail.stopped, "somebody watches still"
    monkeypatch.setattr(topic_tail, "LINGER_SECONDS", 0.1)
    second.close()
    assert eventually(lambda: tail.stopped and not readers_of(topic))
    assert not hub._tails, "it would keep its ring"
    opened = log.opened
    assert hub.open([topic], Start(), lambda: None).tails[0] is not tail
    assert log.opened == 2 * opened


def test_a_subscriber_that_comes_soon_after_the_last_has_gone_finds_the_same_readers(
    log: Faulty, topic: Topic, hub: Hub
) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    (tail,), opened = subscriber.tails, log.opened
    subscriber.close()
    assert not tail.watched
    time.sleep(0.2)
    again = hub.open([topic], Start(), lambda: None)
    assert again.tails[0] is tail
    assert log.opened == opened
    log.append(topic.name, [NewMessage(payload=b"1", key="k")])
    assert eventually(lambda: again.take().counts.published == 1)


def test_a_fault_in_a_reader_ends_the_tail_and_tells_nothing_of_the_events(
    log: Faulty, topic: Topic, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = hub.open([topic], Start(), lambda: None)
    log.fault = lambda: ValueError(SECRET)
    with caplog.at_level(logging.ERROR):
        log.broken = {1}
        assert eventually(lambda: subscriber.ended)
        assert eventually(lambda: "ValueError" in caplog.text)
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("error", [UnknownTopic, StoreClosed])
def test_a_start_that_cannot_succeed_says_why_at_once(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: type[EventStoreError]
) -> None:
    monkeypatch.setattr(topic_tail, "READY_SECONDS", 10_000.0)
    log.broken, log.fault = {0, 1}, lambda: error("This is why.")
    with pytest.raises(error, match="This is why"):
        hub.open([topic], Start(), lambda: None)
    log.fault = lambda: ValueError(SECRET)
    with pytest.raises(StoreUnreachable):
        hub.open([topic], Start(), lambda: None)
    assert not hub._tails
    log.broken = set()
    assert hub.open([topic], Start(), lambda: None).take().state == "live"


def test_a_start_that_the_store_refuses_says_so(log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_tail, "READY_SECONDS", 0.3)
    log.broken, log.fault = {1}, lambda: StoreRefused("No permission to read this topic.")
    with pytest.raises(StoreRefused, match="No permission"):
        hub.open([topic], Start(), lambda: None)


def test_a_tail_that_ends_as_it_starts_is_not_kept(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = topic_tail.TopicTail.start

    def start_and_end(tail: topic_tail.TopicTail, places: Places) -> None:
        start(tail, places)
        tail.stop()

    monkeypatch.setattr(topic_tail.TopicTail, "start", start_and_end)
    assert hub._tail_of(topic, {}).stopped
    assert not hub._tails, "it would keep its ring"
    monkeypatch.undo()
    assert not hub.open([topic], Start(), lambda: None).ended


def test_subscribers_that_wait_for_a_start_that_fails_share_its_failure(
    log: Faulty, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[str] = []
    pending = threading.Semaphore(0)

    def started(tail: topic_tail.TopicTail, places: Places) -> None:
        starts.append(tail.topic.name)
        for _ in range(3):
            assert pending.acquire(timeout=30)
        assert eventually(lambda: len(_at_the_gate()) == 3)
        raise StoreUnreachable("The store does not let documents be followed now.")

    def _at_the_gate() -> list[threading.Thread]:
        return [thread for thread in openers if thread.is_alive() and thread is not openers[0]]

    monkeypatch.setattr(topic_tail.TopicTail, "start", started)
    found: list[str] = []

    def open_it(number: int) -> None:
        if number:
            assert eventually(lambda: bool(starts))
            pending.release()
        with pytest.raises(StoreUnreachable) as raised:
            hub.open([topic], Start(), lambda: None)
        found.append(str(raised.value))

    openers = [threading.Thread(target=open_it, args=(number,)) for number in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert found == ["The store does not let documents be followed now."] * 4
    assert len(starts) == 1
    monkeypatch.undo()
    assert hub.open([topic], Start(), lambda: None).take().state == "live", "a later subscriber tries again"


def test_what_has_a_schema_is_parsed_by_the_tail_itself(log: Faulty, topic: Topic) -> None:
    """Asking the registry takes time, and a subscriber's take must not wait for it."""
    threads: list[str] = []

    def read(read: Message) -> Event:
        threads.append(threading.current_thread().name)
        return read_event(replace(read, schema_version=""), Config().mappings)

    hub = Hub(log=log, read=read)
    try:
        subscriber = hub.open([topic], Start(), lambda: None)
        subscriber.tails[0].publish([message(1), message(2, "7"), message(3, "7")])
        assert eventually(lambda: subscriber.has_pending)
        assert threads == ["tail documents beat"] * 2, "without an answer of the registry, each of them"
        taken = [entry for piece in subscriber.take().pieces for entry in piece.entries]
        assert [entry.event.message.schema_version for entry in taken] == [""] * 3
        assert len(threads) == 3
    finally:
        hub.close()
