"""Scripts that fall behind, share, leave, come back and meet the ring at random: every event once."""

import random
import threading
import time
from collections import defaultdict

import pytest
from django.db import connections

from eventstore.model.events import Topic
from eventstore.search import parse_filter
from eventstore.tail import Hub, Start
from eventstore.tail.shared import ordered_reader, reading, readings
from tests.unit.tail.entries import numbered
from tests.unit.tail.shared.conftest import Counting
from tests.unit.tail.subscribers.watching import Watching

pytestmark = pytest.mark.usefixtures("desk_databases")
EVERY_EVENT = [None, parse_filter("type:odd or type:even")]


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 12])
@pytest.mark.parametrize("total", [1_500, pytest.param(20_000, marks=pytest.mark.soak)])
def test_nothing_is_missed_or_doubled_whoever_reads_with_whom(
    log: Counting, hub: Hub, monkeypatch: pytest.MonkeyPatch, partitions: int, total: int
) -> None:
    seed = random.randrange(1_000_000)
    monkeypatch.setattr(reading, "MOST_EVENTS", 40)
    monkeypatch.setattr(reading, "AHEAD", 2)
    monkeypatch.setattr(ordered_reader, "LARGEST_READ", 10)
    monkeypatch.setattr(readings, "MOST_READINGS", 2)
    topic = log.create_topic("documents", partitions=partitions)
    done = threading.Event()
    problems: list[str] = []

    def publish() -> None:
        luck, number = random.Random(seed), 0
        while number < total:
            count = min(luck.choice([1, 20, 100]), total - number)
            log.append(topic.name, numbered(range(number, number + count), keys=40))
            number += count
            time.sleep(luck.choice([0, 0.002, 0.02]))
        done.set()
        connections.close_all()

    def watch(which: int) -> None:
        try:
            problems.extend(_watched(hub, topic, random.Random(seed + which), done, total))
        except Exception as error:
            problems.append(f"{which}: {error!r}")
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish), *(threading.Thread(target=watch, args=(which,)) for which in range(1, 6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, f"seed {seed}: {problems}"


def _watched(hub: Hub, topic: Topic, luck: random.Random, done: threading.Event, total: int) -> list[str]:
    """Watch to the end, leaving and coming back, with and without a filter, sometimes slow. Returns what went wrong."""
    places: dict[str, str] = {}
    seen: list[int] = []
    until = time.monotonic() + 60
    while len(seen) < total and time.monotonic() < until:
        start = Start(places=places)
        watching = Watching(hub.open([topic], start, lambda: None, complete=True, filter=luck.choice(EVERY_EVENT)))
        for _ in range(luck.choice([3, 30, 100])):
            watching.take()
            if luck.random() < 0.05:
                watching.subscriber.set_filter(luck.choice(EVERY_EVENT))
            time.sleep(luck.choice([0.001, 0.003] if done.is_set() else [0, 0.001, 0.005, 0.05]))
        seen += watching.numbers
        places |= watching.places
        watching.subscriber.close()
    by_key: dict[int, list[int]] = defaultdict(list)
    for number in seen:
        by_key[number % 40].append(number)
    wrong = [f"key {key} out of order" for key, numbers in by_key.items() if numbers != sorted(numbers)]
    wrong += [] if sorted(seen) == list(range(total)) else [f"{len(seen)} seen, {len(set(seen))} different, of {total}"]
    return wrong
