"""Many subscribers come back to a tail that must be started: what they missed is read once, and nothing is lost or
duplicated."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow
from eventstore.model.events import Message, Topic
from eventstore.search import parse_filter
from eventstore.tail import Counts, Hub, Start, TailSubscriber, restart_backfill
from tests.contract.helpers import soon
from tests.unit.tail import entries

pytestmark = pytest.mark.usefixtures("desk_databases")


class Counted(DatabaseLog):
    """The embedded store, counting the messages that it was asked to read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self._counting = threading.Lock()

    def read_forward(self, *arguments: Any, **options: Any) -> Sequence[Message]:
        found = super().read_forward(*arguments, **options)
        with self._counting:
            self.read += len(found)
        return found


numbered = partial(entries.numbered, keys=17)


@pytest.fixture
def log() -> Counted:
    return Counted()


@pytest.fixture
def topic(log: Counted) -> Topic:
    made = log.create_topic("documents", partitions=3)
    log.append("documents", numbered(range(-30, 0)))
    return made


def places_now(log: Counted, topic: Topic) -> Start:
    return Start(places={f"{topic.name}#{end.partition}": end.last.token if end.last else "" for end in log.ends(topic.name)})


class Back:
    """A subscriber that comes back."""

    def __init__(self, subscriber: TailSubscriber) -> None:
        self.subscriber = subscriber
        self.numbers: list[int] = []
        self.counts = Counts()

    def until(self, published: int) -> "Back":
        def there() -> bool:
            take = self.subscriber.take()
            self.counts = take.counts
            self.numbers += [int(entry.message.payload) for piece in take.pieces for entry in piece.entries]
            return self.counts.published >= published

        assert soon(there), self.counts
        return self


COUNT = 600


@pytest.mark.slow
@pytest.mark.parametrize("complete", [True, False])
def test_what_many_missed_is_read_once(log: Counted, topic: Topic, hub: Hub, complete: bool) -> None:
    start = places_now(log, topic)
    log.append(topic.name, numbered(range(COUNT)))
    several = [Back(hub.open([topic], start, lambda: None, complete=True)) for _ in range(5)]
    last = Back(hub.open([topic], start, lambda: None, complete=complete))
    log.append(topic.name, numbered(range(COUNT, COUNT + 50)))
    for back in (*several, last):
        back.until(COUNT + 50)
        assert sorted(back.numbers) == list(range(COUNT + 50))
        assert back.counts == Counts(published=COUNT + 50, matched=COUNT + 50, shown=COUNT + 50)
    if complete:
        assert log.read <= COUNT + 50, "a page, which is given it bit by bit, reads for itself"


def test_who_was_a_little_before_or_behind_the_first_gets_what_it_missed_and_no_more(
    log: Counted, topic: Topic, hub: Hub
) -> None:
    early = places_now(log, topic)
    log.append(topic.name, numbered(range(100)))
    first = places_now(log, topic)
    log.append(topic.name, numbered(range(100, 300)))
    late = places_now(log, topic)
    log.append(topic.name, numbered(range(300, 400)))
    odd = parse_filter("type:odd")
    opened = [(100, first, None), (0, early, None), (300, late, None), (0, early, odd), (300, late, odd), (400, Start(), None)]
    watching = [
        (begin, filter, Back(hub.open([topic], start, lambda: None, complete=True, filter=filter)))
        for begin, start, filter in opened
    ]
    log.append(topic.name, numbered(range(400, 450)))
    for begin, filter, back in watching:
        back.until(450 - begin)
        expected = range(begin, 450)
        assert sorted(back.numbers) == [number for number in expected if filter is None or number % 2]
        assert back.counts.published == len(expected)
        assert (back.counts.matched, back.counts.older) == (len(back.numbers), 0)


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["too many", "too large", "trimmed", "unnamed"])
def test_what_is_too_much_or_may_be_gone_is_left_to_those_who_were_there(
    log: Counted, topic: Topic, hub: Hub, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    start = places_now(log, topic)
    log.append(topic.name, numbered(range(COUNT)))
    gone = 0
    match cause:
        case "too many":
            monkeypatch.setattr(restart_backfill, "MOST_EVENTS", COUNT - 1)
        case "too large":
            monkeypatch.setattr(restart_backfill, "MOST_BYTES", COUNT)
        case "trimmed":
            assert start.places
            place = log.position(topic.name, 0, start.places[f"{topic.name}#0"])
            kept = log.read_forward(topic.name, 0, after=place, limit=10)[9].position
            gone = _trim(log, topic, kept.token)
        case _:
            assert start.places
            start = Start(places={key: token for key, token in start.places.items() if not key.endswith("#1")})
    back = Back(hub.open([topic], start, lambda: None, complete=True))
    (tail,) = back.subscriber.tails
    assert tail.ring.next_number == 0 and tail.read_to()[0] == 0
    if cause == "unnamed":
        past = len([number for number in range(-30, 0) if _partition_of(log, topic, number) == 1])
        assert sorted(back.until(COUNT + past).numbers)[past:] == list(range(COUNT))
    else:
        assert len(back.until(COUNT - gone).numbers) == COUNT - gone


def _trim(log: Counted, topic: Topic, token: str) -> int:
    """Remove everything of the first partition before this event, and return how many missed events are gone."""
    before = log.read_forward(topic.name, 0, limit=1_000)
    number = [message.position.token for message in before].index(token)
    lost = [message for message in before[:number] if int(message.payload) >= 0]
    rows = MessageRow.objects.filter(partition__topic__name=topic.name, partition__number=0).order_by("number")
    MessageRow.objects.filter(pk__in=[row.pk for row in rows[:number]]).delete()
    return len(lost)


def _partition_of(log: Counted, topic: Topic, number: int) -> int:
    for partition in range(topic.partitions):
        payloads = [int(message.payload) for message in log.read_forward(topic.name, partition, limit=1_000)]
        if number in payloads:
            return partition
    raise AssertionError(number)


def test_events_of_several_partitions_lie_in_the_ring_by_time(log: Counted, topic: Topic, hub: Hub) -> None:
    start = places_now(log, topic)
    for number in range(60):
        log.append(topic.name, numbered(range(number, number + 1)))
    back = Back(hub.open([topic], start, lambda: None, complete=True)).until(60)
    assert back.numbers == list(range(60))
