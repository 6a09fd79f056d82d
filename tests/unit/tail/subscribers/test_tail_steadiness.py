"""Viewers that come, go and fall behind: nothing is missed or doubled, and nothing is left behind."""

import random
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from django.db import connections

from eventstore.drivers.database.log import DatabaseLog
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Topic
from eventstore.search import parse_filter
from eventstore.search.eval_context import EvalContext
from eventstore.tail import Hub, Start, ring
from eventstore.tail.reading import read_buffer
from eventstore.tail.subscriber import catchup, cursor
from eventstore.tail.subscriber import subscriber as subscribers
from eventstore.tail.subscriber.floors import Floors
from eventstore.tail.take_bounds import take_bounds
from tests.contract.helpers import soon
from tests.unit.tail.entries import numbered
from tests.unit.tail.subscribers.watching import ODD, Watch, Watching

pytestmark = pytest.mark.usefixtures("desk_databases")
EVERYTHING = take_bounds(2_000, None, complete=True)


@pytest.mark.slow
def test_a_page_that_fell_off_the_ring_is_told_of_every_event_it_passed(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "MOST_EVENTS", 40)
    monkeypatch.setattr(read_buffer, "BEAT", 0.005)
    topic = log.create_topic("documents", partitions=2)
    fast = watch(topic, Start(), complete=True)
    page, filtered = watch(topic, Start()), watch(topic, Start(), filter=ODD)
    script = watch(topic, Start(), complete=True, filter=ODD)
    for start in range(0, 300, 20):
        log.append("documents", numbered(range(start, start + 20)))
        fast.until(start + 20)
        if start == 0:
            page.take(), filtered.take(), script.take()
    assert page.until(300).counts.slow >= 200
    assert page.counts.matched == 300
    assert filtered.until(300).counts.matched == 150
    assert filtered.counts.slow >= 100
    assert sorted(script.until(300).numbers) == list(range(1, 300, 2))
    assert page.places == filtered.places == script.places == fast.places


@pytest.mark.slow
def test_while_the_store_is_away_a_subscriber_says_so_and_then_goes_on(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = log.create_topic("documents")
    log.append("documents", numbered(range(10)))
    page = watch(topic, Start(places={}))
    with monkeypatch.context() as patched:
        patched.setattr(log, "read_forward", _away)
        assert page.take().state == "away"
        assert not page.subscriber.has_pending, "it is not asked again at once"
    assert soon(lambda: page.subscriber.has_pending)
    assert page.until(10).numbers == list(range(10))
    assert page.take().state == "live"
    page.subscriber.tails[0].stop()
    assert page.subscriber.ended and not page.subscriber.has_pending


@pytest.mark.slow
def test_much_that_waits_is_given_a_takes_worth_at_a_time_and_said_to_take_long(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_buffer, "FULL_EVENTS", 4)
    monkeypatch.setattr(cursor, "CHUNKS_A_TAKE", 5)
    monkeypatch.setattr(cursor, "MANY_CHUNKS", 9)
    monkeypatch.setattr(cursor, "MOST_PENDING", 60)
    monkeypatch.setattr(subscribers, "MOST_PENDING", 60)
    one, other = log.create_topic("one"), log.create_topic("other")
    page, script = watch([one, other], Start()), watch([one, other], Start(), complete=True)
    odd = watch([one, other], Start(), complete=True, filter=parse_filter("type:none"))
    for watching in (page, script, odd):
        watching.take()
        assert not watching.subscriber.takes_long
    for topic in (one, other):
        log.append(topic.name, numbered(range(120)))
    assert soon(lambda: [tail.ring.next_number for tail in script.subscriber.tails] == [30, 30])
    assert script.subscriber.takes_long and page.subscriber.takes_long
    built = [len(of_cursor.slices(script.subscriber._counts, EVERYTHING)) for of_cursor in script.subscriber._cursors]
    assert max(built) <= 5, "what is not given now is not made ready now"
    assert script.take().state == "catching up", "what comes next would keep the loop from others"
    assert odd.take().counts.published <= 40
    assert sorted(script.until(240).numbers) == sorted([*range(120), *range(120)])
    assert odd.until(240).counts.matched == 0
    assert page.until(240).counts.slow >= 100
    assert (page.counts.matched, page.counts.shown <= 60) == (240, True)
    assert not any(watching.subscriber.takes_long for watching in (page, script, odd))
    assert page.places == script.places == odd.places


def test_what_overlaps_is_cut_off_without_looking_into_an_event_again(
    log: DatabaseLog, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = log.create_topic("documents")
    first = watch(topic, Start(), filter=ODD)
    log.append("documents", numbered(range(300)))
    assert first.until(300).numbers == list(range(1, 300, 2))
    looked: list[EvalContext] = []

    def is_odd(result: EvalContext) -> bool:
        looked.append(result)
        return result.event.type == "odd"

    counted = replace(parse_filter("type:odd or type:none"), _on_event=is_odd)
    script = watch(topic, Start(), filter=counted, complete=True)
    (of_topic,) = script.subscriber._cursors
    (chunk, *_) = of_topic.tail.ring.since(0).chunks
    of_topic.floors = Floors({0: chunk.entries[9].message.position.token})
    for _ in range(3):
        rest = of_topic._rest_slices(chunk)
    assert len(looked) == len(chunk.entries)
    given = [entry.message.payload for one in rest for entry in one.slice.piece.entries]
    assert given == [str(number).encode() for number in range(11, len(chunk.entries), 2)]


def _away(*arguments: object, **options: object) -> list[Message]:
    raise StoreUnreachable("The store does not answer now.")


def test_a_subscriber_that_was_closed_takes_nothing_and_leaves_nothing_behind(log: DatabaseLog, watch: Watch) -> None:
    topic = log.create_topic("documents")
    page = watch(topic, Start(), filter=ODD)
    (tail,) = page.subscriber.tails
    log.append("documents", numbered(range(3)))
    assert soon(lambda: tail.ring.next_number > 0)
    page.subscriber.close()
    page.subscriber.set_filter(parse_filter("type:even"))
    assert not page.take().pieces
    assert not tail.watched
    assert [dict(chunk.results) for chunk in tail.ring.since(0).chunks] == [{}]


@pytest.mark.slow
@pytest.mark.parametrize("total", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_nothing_is_missed_or_doubled_whatever_subscribers_do(
    log: DatabaseLog, hub: Hub, monkeypatch: pytest.MonkeyPatch, total: int
) -> None:
    """Rings and chunks are small, so that subscribers fall back and come back all the time, in threads as in a server."""
    seed = random.randrange(1_000_000)
    monkeypatch.setattr(ring, "MOST_EVENTS", 60)
    monkeypatch.setattr(read_buffer, "FULL_EVENTS", 7)
    monkeypatch.setattr(read_buffer, "BEAT", 0.004)
    monkeypatch.setattr(catchup, "NEAR", 20)
    topics = [log.create_topic("one", partitions=2), log.create_topic("two")]
    done = threading.Event()

    def publish() -> None:
        luck = random.Random(seed)
        number = 0
        while number < total:
            count = min(luck.choice([1, 3, 40]), total - number)
            log.append(luck.choice(topics).name, numbered(range(number, number + count)))
            number += count
            time.sleep(luck.choice([0, 0, 0.003, 0.02]))
        done.set()
        connections.close_all()

    problems: list[str] = []

    def watch(which: int) -> None:
        try:
            problems.extend(_watched(hub, topics, random.Random(seed + which), done, total, complete=which % 2 == 0))
        except Exception as error:
            problems.append(f"{which}: {error!r}")
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish), *(threading.Thread(target=watch, args=(which,)) for which in range(4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, f"seed {seed}: {problems}"


def _watched(
    hub: Hub, topics: list[Topic], luck: random.Random, done: threading.Event, total: int, *, complete: bool
) -> list[str]:
    """Watch from the beginning to the end, leaving and coming back, changing the filter, pausing. Returns what went wrong."""
    every_event = [None, parse_filter("type:odd or type:even"), parse_filter("source:/s")]
    places: dict[str, str] = {}
    seen: list[int] = []
    passed = 0
    while passed < total:
        subscriber = hub.open(topics, Start(places=places), lambda: None, complete=complete, filter=luck.choice(every_event))
        watching = Watching(subscriber)
        for _ in range(luck.choice([1, 5, 30])):
            watching.take()
            if luck.random() < 0.1:
                subscriber.set_filter(luck.choice(every_event))
            time.sleep(luck.choice([0.001, 0.005] if done.is_set() else [0, 0.001, 0.01, 0.1]))
        watching.take()
        passed += watching.counts.published
        seen += watching.numbers
        places |= watching.places
        subscriber.close()
    doubled = [number for number, times in Counter(seen).items() if times > 1]
    wrong = [f"doubled {doubled[:5]}"] if doubled else []
    wrong += [f"{passed} of {total} passed"] if passed != total else []
    wrong += [f"only {len(seen)} seen"] if complete and len(seen) != total else []
    return wrong
