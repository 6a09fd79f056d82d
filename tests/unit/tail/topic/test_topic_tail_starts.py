"""How one topic's readers start: a start that fails says why, to everybody who waits for it."""

import threading

import pytest
from msgspec.structs import replace

from eventstore.config.loading import Config
from eventstore.envelope import read_event
from eventstore.model.errors import EventStoreError, StoreClosed, StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import Event, Message, Topic
from eventstore.tail import Hub, Start, topic_tail
from eventstore.tail.start import Places
from tests.contract.helpers import soon
from tests.unit.tail.topic.faulty import SECRET, Faulty, message

pytestmark = pytest.mark.usefixtures("desk_databases")


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
        assert soon(lambda: len(_at_the_gate()) == 3)
        raise StoreUnreachable("The store does not let documents be followed now.")

    def _at_the_gate() -> list[threading.Thread]:
        return [thread for thread in openers if thread.is_alive() and thread is not openers[0]]

    monkeypatch.setattr(topic_tail.TopicTail, "start", started)
    found: list[str] = []

    def open_it(number: int) -> None:
        if number:
            assert soon(lambda: bool(starts))
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
        assert soon(lambda: subscriber.has_pending)
        assert threads == ["tail documents beat"] * 2, "without an answer of the registry, each of them"
        taken = [entry for piece in subscriber.take().pieces for entry in piece.entries]
        assert [entry.event.message.schema_version for entry in taken] == [""] * 3
        assert len(threads) == 3
    finally:
        hub.close()
