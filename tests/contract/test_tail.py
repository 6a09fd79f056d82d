"""A reader follows one partition and leaves no trace."""

import threading

import pytest
from msgspec.structs import replace

from eventstore.drivers.routing import partition_of
from eventstore.model.errors import StoreClosed
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from tests.contract.conftest import MakeTopic, OpenStorage
from tests.contract.helpers import numbered, payloads, read_until, texts
from tests.parts import subscriptions_of


def test_a_reader_at_the_latest_edge_misses_nothing_later_and_gives_nothing_earlier(
    storage: Storage, topic: MakeTopic
) -> None:
    name = topic().name
    storage.log.append(name, numbered(3))
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        storage.log.append(name, numbered(4, start=3))
        assert payloads(read_until(reader, 4)) == texts(4, start=3)
        assert list(reader.read(limit=10, timeout=0.1)) == []


def test_a_reader_at_the_latest_edge_of_an_empty_partition_gets_the_first_event(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        storage.log.append(name, numbered(1))
        assert payloads(read_until(reader, 1)) == [b"0"]


def test_a_reader_at_the_earliest_edge_gives_the_whole_log_and_then_follows(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(3))
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        assert payloads(read_until(reader, 3)) == texts(3)
        storage.log.append(name, numbered(2, start=3))
        assert payloads(read_until(reader, 2)) == texts(2, start=3)


def test_a_reader_gives_at_most_the_limit_and_nothing_when_there_is_nothing(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        assert list(reader.read(limit=5, timeout=0.05)) == []
        storage.log.append(name, numbered(12))
        sizes: list[int] = []
        while sum(sizes) < 12:
            sizes.append(len(reader.read(limit=5, timeout=5)))
            assert 1 <= sizes[-1] <= 5


def test_a_reader_gives_what_read_forward_gives(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=b"p", key="k", properties={"position": "x"})])
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        [followed], [read] = read_until(reader, 1), storage.log.read_forward(name, 0, limit=1)
        assert replace(followed, incarnation="") == replace(read, incarnation="")
        assert followed.incarnation in ("", storage.log.incarnation(name, 0))


def test_a_reader_sees_its_own_partition_only(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    keys = [f"k{number}" for number in range(20)]
    with storage.log.open_reader(name, 1, after=Edge.LATEST) as reader:
        storage.log.append(name, [NewMessage(payload=b"", key=key) for key in keys])
        expected = [key for key in keys if partition_of(key, 2) == 1]
        assert [message.key for message in read_until(reader, len(expected))] == expected
        assert list(reader.read(limit=10, timeout=0.1)) == []


def test_readers_do_not_disturb_each_other_and_are_nobodys_subscription(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(5))
    with (
        storage.log.open_reader(name, 0, after=Edge.EARLIEST) as one,
        storage.log.open_reader(name, 0, after=Edge.EARLIEST) as two,
    ):
        assert payloads(read_until(one, 5)) == texts(5)
        assert payloads(read_until(two, 5)) == texts(5)
        assert list(subscriptions_of(storage).of_topic(name)) == []
    assert list(subscriptions_of(storage).of_topic(name)) == []


def test_a_reader_in_a_thread_follows_another_storages_appends(
    storage: Storage, open_storage: OpenStorage, topic: MakeTopic
) -> None:
    name = topic().name
    found: list[bytes] = []
    standing = threading.Event()

    def follow() -> None:
        with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
            standing.set()
            found.extend(payloads(read_until(reader, 50)))

    thread = threading.Thread(target=follow)
    thread.start()
    assert standing.wait(30)
    writer = open_storage()
    for start in range(0, 50, 10):
        writer.log.append(name, numbered(10, start=start))
    thread.join(60)
    assert found == texts(50)


def test_a_closed_reader_says_so_and_closes_twice(storage: Storage, topic: MakeTopic) -> None:
    reader = storage.log.open_reader(topic().name, 0, after=Edge.EARLIEST)
    reader.close()
    reader.close()
    with pytest.raises(StoreClosed):
        reader.read(limit=1, timeout=0)
