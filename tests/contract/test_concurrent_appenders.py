"""Many publishers at the same time, in threads and in processes, while someone follows.

The follower matters: an event that becomes visible before a place that was already read would be lost to every index.
"""

import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from eventstore.drivers.routing import partition_of
from eventstore.model.errors import EventStoreError, VersionConflict
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from tests import forked
from tests.contract.appender import publish
from tests.contract.conftest import MakeTopic, OpenStorage
from tests.contract.helpers import PATIENCE, read_until, whole_log

ROOT = Path(__file__).resolve().parents[2]
EACH = 100


class Follower(threading.Thread):
    """Follows a topic's partitions with one reader each, in turn, until it has seen ``count`` events."""

    def __init__(self, storage: Storage, topic: str, partitions: int, count: int) -> None:
        super().__init__()
        self.storage, self.topic, self.partitions, self.count = storage, topic, partitions, count
        self.seen: list[list[Message]] = [[] for _ in range(partitions)]
        self.standing = threading.Event()

    def run(self) -> None:
        readers = [self.storage.log.open_reader(self.topic, n, after=Edge.EARLIEST) for n in range(self.partitions)]
        self.standing.set()

        end = time.monotonic() + PATIENCE
        while sum(map(len, self.seen)) < self.count and time.monotonic() < end:
            for reader, seen in zip(readers, self.seen, strict=True):
                seen.extend(reader.read(limit=7, timeout=0.02))
        for reader in readers:
            reader.close()


def assert_nothing_lost_or_doubled(storage: Storage, topic: str, follower: Follower, names: list[str]) -> None:
    wanted = Counter(f"{name}:{number}".encode() for name in names for number in range(EACH))
    for partition, seen in enumerate(follower.seen):
        log = list(whole_log(storage, topic, partition))
        places = [message.position for message in seen]
        assert places == sorted(places), "an event appeared behind one that had been read"
        assert places == [message.position for message in log], "the follower saw another log than the one that is there"
    assert Counter(message.payload for seen in follower.seen for message in seen) == wanted
    for name in names:
        for number in range(3):
            key = f"{name}-{number}"
            of_key = [m.payload for m in follower.seen[partition_of(key, follower.partitions)] if m.key == key]
            assert of_key == [f"{name}:{n}".encode() for n in range(number, EACH, 3)], "a key lost its order"


def test_threads_and_processes_append_while_a_follower_reads(
    storage: Storage, open_storage: OpenStorage, topic: MakeTopic, address: dict[str, str]
) -> None:
    partitions = 2
    name = topic(partitions=partitions).name
    in_threads, in_processes = ["thread-a", "thread-b"], ["process-a", "process-b"]
    names = in_threads + in_processes
    follower = Follower(open_storage(), name, partitions, len(names) * EACH)
    follower.start()
    assert follower.standing.wait(60)

    processes = [
        forked.start(
            [sys.executable, "-m", "tests.contract.appender", name, who, str(EACH)],
            cwd=ROOT,
            env={**os.environ, **address, "DJANGO_SETTINGS_MODULE": "dashboard.settings"},
        )
        for who in in_processes
    ]
    threads = [threading.Thread(target=publish, args=(open_storage(), name, who, EACH)) for who in in_threads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [process.wait(120) for process in processes] == [0, 0]
    follower.join(120)

    assert_nothing_lost_or_doubled(storage, name, follower, names)


def test_of_many_who_expect_the_same_version_one_wins(storage: Storage, open_storage: OpenStorage, topic: MakeTopic) -> None:
    if not storage.log.capabilities.expected_version:
        pytest.skip("this driver has no expected version")
    name = topic().name
    outcomes: list[Position | EventStoreError] = []
    together = threading.Barrier(4)

    def attempt(own: Storage) -> None:
        for version in range(5):
            together.wait(60)
            try:
                outcomes.extend(own.log.append(name, [NewMessage(payload=b"x", key="k")], expected_version=version))
            except VersionConflict as error:
                outcomes.append(error)
            together.wait(60)

    threads = [threading.Thread(target=attempt, args=(open_storage(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert sum(isinstance(outcome, Position) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 15
    assert len(whole_log(storage, name)) == 5


def test_two_who_append_to_the_same_partitions_in_opposite_orders_both_finish(
    storage: Storage, open_storage: OpenStorage, topic: MakeTopic
) -> None:
    name = topic(partitions=4).name
    keys = [next(f"k{n}" for n in range(1_000) if partition_of(f"k{n}", 4) == partition) for partition in range(4)]

    def attempt(own: Storage, order: list[str]) -> None:
        for _ in range(20):
            own.log.append(name, [NewMessage(payload=b"x", key=key) for key in order])

    threads = [threading.Thread(target=attempt, args=(open_storage(), order)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [len(whole_log(storage, name, partition)) for partition in range(4)] == [40] * 4


def test_a_reader_opened_while_others_append_misses_nothing_behind_its_place(
    storage: Storage, open_storage: OpenStorage, topic: MakeTopic
) -> None:
    name = topic().name
    [first] = storage.log.append(name, [NewMessage(payload=b"first", key="k")])
    writer = threading.Thread(target=publish, args=(open_storage(), name, "w", EACH))
    writer.start()
    with storage.log.open_reader(name, 0, after=first) as reader:
        seen = read_until(reader, EACH)
    writer.join(120)
    assert [m.position for m in seen] == [m.position for m in whole_log(storage, name)[1:]]
