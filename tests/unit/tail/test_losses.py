"""What a subscriber that reads the store by itself gets, and is told while the store is away, trims, or has more."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.envelope import read_event
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, NewMessage, Topic
from eventstore.tail import Counts, Hub, Start, TailSubscriber
from eventstore.tail import ring as rings
from eventstore.tail import start as starts
from eventstore.tail.reading import read_buffer
from eventstore.tail.shared import readings
from eventstore.tail.subscriber import catchup
from eventstore.tail.topic_tail import TopicTail
from tests.contract.helpers import soon
from tests.parts import StorageOver
from tests.unit.tail.trimming import Trimming

pytestmark = pytest.mark.usefixtures("desk_databases")

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


class Failing:
    """``read_forward`` of a store that answers this many times, and then no more until it is told to."""

    def __init__(self, log: DatabaseLog, answers: int) -> None:
        self._read, self.answers, self.asked = log.read_forward, answers, 0

    def __call__(self, *arguments: Any, **options: Any) -> Sequence[Message]:
        self.asked += 1
        if self.answers == 0:
            raise StoreUnreachable("The store does not answer now.")
        self.answers -= 1
        return self._read(*arguments, **options)


@pytest.fixture
def log() -> Trimming:
    return Trimming()


@pytest.fixture
def hub(log: Trimming, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(catchup, "SMALLEST_READ", 3)
    monkeypatch.setattr(catchup, "LARGEST_READ", 5)
    monkeypatch.setattr(catchup, "SECONDS_A_TAKE", 20.0)
    monkeypatch.setattr(readings, "MOST_READINGS", 0)
    made = Hub(log=log, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()


@pytest.fixture
def topic(log: Trimming) -> Topic:
    return log.create_topic("documents")


def numbered(count: int, start: int = 0) -> list[NewMessage]:
    return [NewMessage(payload=str(number).encode(), key="k") for number in range(start, start + count)]


def index(log: Trimming) -> None:
    index_until_caught_up(
        Following(storage=StorageOver(log), config=Config(), stop=threading.Event(), on_batch=lambda *_: None)
    )


class Watching:
    def __init__(self, subscriber: TailSubscriber) -> None:
        self.subscriber, self.numbers, self.counts = subscriber, list[int](), Counts()
        self.places: dict[str, str] = {}

    def take(self) -> str:
        take = self.subscriber.take()
        self.numbers += [int(entry.message.payload) for piece in take.pieces for entry in piece.entries]
        self.places.update(take.places)
        self.counts = counts = take.counts
        assert counts.matched == counts.shown + counts.sampled + counts.slow + (counts.older or 0)
        return take.state

    def until(self, newest: int) -> "Watching":
        def is_there() -> bool:
            return self.take() == "live" and newest in self.numbers

        assert soon(is_there), (self.numbers[-3:], self.counts)
        return self


@pytest.mark.parametrize("complete", [False, True])
def test_what_was_read_before_the_store_went_away_is_given(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    log.append(topic.name, numbered(40))
    monkeypatch.setattr(rings, "MOST_EVENTS", 1)
    watching = Watching(hub.open([topic], Start(places={}), lambda: None, complete=complete))
    failing = Failing(log, answers=2)
    monkeypatch.setattr(log, "read_forward", failing)
    assert watching.take() == "catching up"
    assert watching.numbers == list(range(8)), "two reads, and the third failed"
    assert (watching.counts.shown, watching.places) == (8, {"documents#0": _token(log, topic, 7)})
    assert watching.take() == "away"
    assert watching.counts.shown == 8
    failing.answers = 1_000
    assert watching.until(39).numbers == list(range(40))


@pytest.mark.slow
@pytest.mark.parametrize("indexed", [True, False])
def test_nothing_left_of_what_was_missed_is_counted_or_said(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    monkeypatch.setattr(rings, "MOST_EVENTS", 2)
    log.append(topic.name, numbered(10))
    places = {"documents#0": log.read_forward(topic.name, 0, limit=4)[3].position.token}
    follower = Watching(hub.open([topic], Start(), lambda: None, complete=True))
    for number in range(10, 16):
        log.append(topic.name, numbered(1, start=number))
        follower.until(number)
    if indexed:
        index(log)
    log.trim(topic.name, 16)
    page = Watching(hub.open([topic], Start(places=places), lambda: None)).until(15)
    assert page.numbers == [14, 15], "the ring has them still"
    assert page.counts.older == (10 if indexed else None)
    assert page.counts.published == (12 if indexed else 2)


@pytest.mark.parametrize("indexed", [True, False])
def test_what_is_trimmed_while_a_slow_script_reads_is_counted_or_said(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    monkeypatch.setattr(catchup, "EVENTS_COMPLETE", 5)
    log.append(topic.name, numbered(60))
    if indexed:
        index(log)
    script = Watching(hub.open([topic], Start(since=FIRST), lambda: None, complete=True))
    script.take()
    had = len(script.numbers)
    assert 0 < had < 20
    assert script.counts.older == 0
    log.trim(topic.name, 50)
    script.until(59)
    assert script.numbers == [*range(had), *range(50, 60)]
    assert script.counts.older == (50 - had if indexed else None)
    assert script.counts.published == (60 if indexed else had + 10)


def test_a_place_that_was_trimmed_itself_with_nothing_behind_it_is_no_loss(log: Trimming, hub: Hub, topic: Topic) -> None:
    log.append(topic.name, numbered(10))
    index(log)
    log.trim(topic.name, 5)
    places = {"documents#0": _token(log, topic, 4)}
    page = Watching(hub.open([topic], Start(places=places), lambda: None)).until(9)
    assert (page.numbers, page.counts) == ([5, 6, 7, 8, 9], Counts(published=5, matched=5, shown=5))


def _token(log: Trimming, topic: Topic, number: int) -> str:
    labelled = log.labelled(topic.name, 0, str(number))
    assert labelled is not None
    return labelled.token


def test_what_is_trimmed_is_counted_once_by_a_page_that_also_skips(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MOST_MISSED", 20)
    monkeypatch.setattr(catchup, "MOST_KEPT", 10)
    log.append(topic.name, numbered(100))
    index(log)
    place = _token(log, topic, 9)
    log.trim(topic.name, 50)
    page = Watching(hub.open([topic], Start(places={"documents#0": place}), lambda: None)).until(99)
    assert page.numbers == list(range(90, 100))
    assert page.counts == Counts(published=90, matched=90, shown=10, older=80)


def test_an_outage_between_two_topics_counts_nothing_twice(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = log.create_topic("other")
    for one in (topic, other):
        log.append(one.name, numbered(20))
    index(log)
    places = {f"{one.name}#0": _token(log, one, 4) for one in (topic, other)}
    for one in (topic, other):
        log.trim(one.name, 10)
    page = Watching(hub.open([topic, other], Start(places=places), lambda: None))
    failing = Failing(log, answers=1)
    monkeypatch.setattr(log, "read_forward", failing)
    assert page.take() == "away"
    failing.answers = 1_000
    page.until(19)
    assert sorted(page.numbers) == sorted([*range(10, 20), *range(10, 20)])
    assert page.counts == Counts(published=30, matched=30, shown=20, older=10)


def test_a_page_goes_over_to_a_ring_that_alone_has_what_waits(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "NEAR", 5)
    log.append(topic.name, numbered(4))
    follower = Watching(hub.open([topic], Start(), lambda: None, complete=True))
    log.append(topic.name, numbered(30, start=4))
    follower.until(33)
    log.trim(topic.name, 34)
    page = Watching(hub.open([topic], Start(places={"documents#0": _token(log, topic, 3)}), lambda: None))
    page.take()
    assert page.take() == "live"
    assert page.until(33).numbers == list(range(4, 34))


@pytest.mark.slow
def test_what_a_start_asked_for_is_given_however_much_it_is(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MOST_MISSED", 20)
    monkeypatch.setattr(catchup, "MOST_KEPT", 10)
    positions = log.append(topic.name, numbered(120))
    wanted = [Start(since=FIRST), Start(position=positions[0]), Start(last=120)]
    for start in wanted:
        page = Watching(hub.open([topic], start, lambda: None)).until(119)
        assert (page.numbers, page.counts.older) == (list(range(120)), 0)
    back = Watching(hub.open([topic], Start(places={}), lambda: None)).until(119)
    assert back.numbers == list(range(110, 120))


@pytest.mark.slow
def test_a_page_that_does_not_come_nearer_is_taken_to_the_end(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "MOST_MISSED", 20)
    monkeypatch.setattr(catchup, "MOST_KEPT", 10)
    monkeypatch.setattr(catchup, "NEAR", 1)
    monkeypatch.setattr(catchup, "EVENTS_OF_A_PAGE", 5)
    monkeypatch.setattr(rings, "MOST_EVENTS", 8)
    monkeypatch.setattr(read_buffer, "BEAT", 0.005)
    log.append(topic.name, numbered(10))
    page = Watching(hub.open([topic], Start(last=10), lambda: None))
    (tail,) = page.subscriber.tails
    for published in range(10, 310, 15):
        log.append(topic.name, numbered(15, start=published))
        assert soon(partial(_has_sealed, tail, published + 5))
        page.take()
    page.until(309)
    assert page.numbers[:10] == list(range(10))
    assert page.counts.older is None, "the store counts entries, and nothing is indexed"
    assert page.numbers == sorted(set(page.numbers))


def _has_sealed(tail: TopicTail, events: int) -> bool:
    return tail.ring._events == events


def test_large_events_bound_how_far_back_a_start_reads(
    log: Trimming, hub: Hub, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "MOST_LAST_BYTES", 1_000)
    log.append(topic.name, [NewMessage(payload=b"1".rjust(300), key="k") for _ in range(20)])
    page = Watching(hub.open([topic], Start(last=10), lambda: None))
    page.until(1)
    assert page.counts.published == 3
