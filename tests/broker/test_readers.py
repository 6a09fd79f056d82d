"""Our readers leave nothing behind on the broker, and are never taken for someone's backlog."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.drivers.pulsar.client import closing, prefetch, raw_readers, reader
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from tests.broker.conftest import MakeTopic, publish_batch
from tests.contract.helpers import eventually

pytestmark = pytest.mark.broker


def subscriptions(admin: httpx.Client, topic: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = admin.get(f"persistent/{topic}/stats").json()["subscriptions"]
    return found


LOOKS: dict[str, Callable[[PulsarStorage, str], object]] = {
    "forward": lambda storage, topic: storage.log.read_forward(topic, 0, limit=3),
    "backward": lambda storage, topic: storage.log.read_backward(topic, 0, limit=3),
    "fetch": lambda storage, topic: storage.log.fetch([storage.log.ends(topic)[0].last or pytest.fail("no last event")]),
    "ends": lambda storage, topic: storage.log.ends(topic),
    "since": lambda storage, topic: storage.log.first_since(
        topic, 0, storage.log.read_forward(topic, 0, limit=1)[0].published
    ),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_leaves_no_subscription(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, look: str) -> None:
    name = topic()
    storage.log.append(name, [NewMessage(payload=str(n).encode()) for n in range(10)])
    LOOKS[look](storage, name)
    assert eventually(lambda: subscriptions(admin, name) == {})


def test_an_open_reader_is_not_durable_and_has_our_name(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> None:
    name = topic()
    storage.log.append(name, [NewMessage(payload=b"1")])
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST):
        [(own, told)] = subscriptions(admin, name).items()
        assert own.startswith("eventdesk-reader-")
        assert told["isDurable"] is False
        assert list(storage.subscriptions.of_topic(name)) == []
    assert eventually(lambda: subscriptions(admin, name) == {})


class Watched:
    """The native part of a reader or consumer. Notes the thread in which it is closed."""

    def __init__(self, own: Any, closed_in: list[int]) -> None:
        self._own, self._closed_in = own, closed_in

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def close_async(self, done: Callable[[Any], None] | None) -> None:
        self._closed_in.append(threading.get_ident())
        self._own.close_async(done)

    def close(self) -> None:
        self._closed_in.append(threading.get_ident())
        self._own.close()


def receiving_thread(client: pulsar.Client) -> int:
    """The thread in which this client gets answers, unless they come too soon."""
    found: list[int] = []
    while not found or found[-1] == threading.get_ident():
        answered = threading.Event()

        def answer(result: Any, partitions: Any, answered: threading.Event = answered) -> None:
            found.append(threading.get_ident())
            answered.set()

        client._client.get_topic_partitions_async("persistent://public/default/any-partition-0", answer)
        assert answered.wait(20)
    return found[-1]


def test_readers_and_consumers_are_closed_in_the_one_thread_that_receives(
    client: pulsar.Client, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the client's heap is damaged if the first chunk of a message arrives in the same moment (``closing``)."""
    one, sharded = topic(), topic(partitions=2)
    closed_in: list[int] = []
    for _ in range(2):
        reader = client.create_reader(f"persistent://{one}", pulsar.MessageId.earliest)
        monkeypatch.setattr(reader, "_reader", Watched(reader._reader, closed_in))
        closing.close_reader(reader)
        for name in (one, sharded):
            consumer = client.subscribe(f"persistent://{name}", "mail")
            monkeypatch.setattr(consumer, "_consumer", Watched(consumer._consumer, closed_in))
            closing.close_consumer(consumer)
    assert closed_in == [receiving_thread(client)] * 6
    assert client._consumers == []
    assert subscriptions(admin, one)["mail"]["consumers"] == []


def test_what_is_open_is_closed_before_the_connection_is(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same thread, too: a reader that is read at that moment may get its first chunk."""
    name = topic()
    closed_in: list[int] = []
    storage.log.append(name, [NewMessage(payload=b"1")])
    storage.log.open_reader(name, 0, after=Edge.EARLIEST)
    client = storage._cluster.connection.client()
    receiving = receiving_thread(client)
    [reader] = client._consumers
    monkeypatch.setattr(reader, "_reader", Watched(reader._reader, closed_in))
    storage.close()
    assert closed_in[0] == receiving  # the guard closes it again


@pytest.mark.parametrize("batch", [True, False])
def test_readers_share_what_is_fetched_ahead_and_give_everything_once(
    storage: PulsarStorage, client: Any, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    """The share is so small that a second reader halves it, and each reconnects on its way, also inside a batch."""
    monkeypatch.setattr(prefetch, "TOGETHER", 40)
    name = topic()
    expected = [b"%d" % number for number in range(500)]
    if batch:
        for start in range(0, 500, 50):
            publish_batch(client, name, expected[start : start + 50])
    else:
        storage.log.append(name, [NewMessage(payload=payload) for payload in expected])
    opened: list[int] = []
    open_raw = raw_readers.open_raw

    def noted(*given: Any, **more: Any) -> Any:
        opened.append(more["queue"])
        return open_raw(*given, **more)

    monkeypatch.setattr(reader, "open_raw", noted)
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as first:
        seen = [message.payload for message in first.read(limit=7, timeout=10)]
        with ExitStack() as others:
            for _ in range(4):
                others.enter_context(storage.log.open_reader(name, 0, after=Edge.EARLIEST))
            seen += [message.payload for message in first.read(limit=60, timeout=10)]
            assert opened[0] == 40
            assert opened[-1] == 40 // 5, "the first has made room for the others"
        while len(seen) < 500:
            seen += [message.payload for message in first.read(limit=100, timeout=10)]
        assert opened[-1] == 40, "and has it back"
    assert seen == expected


def test_a_storage_that_is_closed_leaves_no_reader(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> None:
    name = topic()
    storage.log.append(name, [NewMessage(payload=b"1")])
    storage.log.open_reader(name, 0, after=Edge.EARLIEST)
    storage.close()
    assert eventually(lambda: subscriptions(admin, name) == {})
