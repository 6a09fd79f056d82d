"""Messages above the broker's limit are sent in chunks: several entries, one event."""

import threading
from typing import Any

import pulsar
import pytest
from django.conf import settings
from django.test import override_settings

from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.resuming import FEWEST_BACK
from eventstore.drivers.pulsar.positions import place_of
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import InvalidMessage, InvalidPosition
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.broker.conftest import MakeTopic, publish_batch
from tests.namespaces import Broker, own_namespace
from tests.run_servers import BrokerAddress
from tests.web.desk import opened_desk

pytestmark = pytest.mark.broker

LARGE = bytes(range(256)) * 50_000  # 12.8 MB, three chunks


@pytest.fixture
def log(storage: PulsarStorage, topic: MakeTopic) -> tuple[str, list[Position]]:
    """A topic with a small, a large and a small event, and their positions."""
    name = topic()
    messages = [NewMessage(payload=payload, key="k") for payload in (b"before", LARGE, b"behind")]
    return name, list(storage.log.append(name, messages))


def test_it_comes_back_whole_and_in_its_place(storage: PulsarStorage, log: tuple[str, list[Position]]) -> None:
    name, places = log
    assert places == sorted(places)
    found = storage.log.read_forward(name, 0, limit=10)
    assert [message.position for message in found] == places
    assert [message.payload for message in found] == [b"before", LARGE, b"behind"]
    assert [message.position for message in storage.log.read_backward(name, 0, limit=10)] == places[::-1]


def test_its_position_finds_it_again_and_no_other(storage: PulsarStorage, log: tuple[str, list[Position]]) -> None:
    name, places = log
    travelled = Position.decode(places[1].encode())
    assert storage.log.fetch([travelled])[places[1]].payload == LARGE
    assert storage.log.position(name, 0, travelled.token).label == places[1].label
    assert set(storage.log.fetch(places)) == set(places)


@pytest.mark.usefixtures("desk_databases")
def test_what_a_page_or_a_tool_shows_of_its_position_finds_it_though_a_part_is_missing(
    pulsar_broker: Broker, client: Any
) -> None:
    with override_settings(**own_namespace(pulsar_broker)), opened_desk() as desk:
        topic = desk.log.create_topic(f"{settings.EVENTSTORE_NAMESPACES}/letters").name
        places = desk.log.append(topic, [NewMessage(payload=payload, key="k") for payload in (b"before", LARGE, b"behind")])
        publish_batch(client, topic, [b"one", b"two"])
        desk.index()
        for place in places:
            for copied in (f"letters-0 {place.label}", place.label):
                assert [pointer.position for pointer in desk.faces.index.at_spelled(copied, desk.faces.index.topics())] == [
                    place
                ]
        first = desk.log.read_backward(topic, 0, limit=2)[1].position
        entry = first.label.removesuffix(":0")
        assert entry != first.label
        assert [pointer.position for pointer in desk.faces.index.at_spelled(entry, desk.faces.index.topics())] == [first], (
            "its entry is a batch"
        )
        assert desk.faces.index.positions_spelled(entry, topic) == [first]


def test_reading_resumes_at_it_behind_it_and_before_it(storage: PulsarStorage, log: tuple[str, list[Position]]) -> None:
    name, places = log
    assert [m.position for m in storage.log.read_forward(name, 0, after=places[1], limit=10, inclusive=True)] == places[1:]
    assert [m.position for m in storage.log.read_forward(name, 0, after=places[1], limit=10)] == places[2:]
    assert [m.position for m in storage.log.read_backward(name, 0, before=places[1], limit=10)] == places[:1]
    assert [m.position for m in storage.log.read_backward(name, 0, before=places[2], limit=1)] == places[1:2]
    with storage.log.open_reader(name, 0, after=places[0]) as reader:
        assert reader.read(limit=1, timeout=20)[0].payload == LARGE


def test_it_can_be_both_ends(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    [place] = storage.log.append(name, [NewMessage(payload=LARGE)])
    [ends] = storage.log.ends(name)
    assert (ends.first, ends.last) == (place, place)
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        [later] = storage.log.append(name, [NewMessage(payload=b"later")])
        assert [message.position for message in reader.read(limit=10, timeout=10)] == [later]


def test_a_cursor_reset_to_it_brings_it_again(storage: PulsarStorage, log: tuple[str, list[Position]]) -> None:
    name, places = log
    storage.subscriptions.create(name, "s", type=SubscriptionType.SHARED, start=Edge.LATEST)
    storage.subscriptions.reset_cursor(name, "s", {0: places[1]})
    with storage.subscriptions.consume(name, "s", type=SubscriptionType.SHARED, consumer="c") as consumer:
        [message] = consumer.receive(limit=1, timeout=20)
        assert message.position == places[1]
        assert message.payload == LARGE
        consumer.acknowledge(message.position)
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert cursor.acknowledged is not None
    assert [place <= cursor.acknowledged for place in places] == [True, True, False]


def test_many_chunks_before_a_page_are_read_backward(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    places = [storage.log.append(name, [NewMessage(payload=payload)])[0] for payload in (LARGE, LARGE, LARGE, b"end")]
    for cut in range(4):
        assert [m.position for m in storage.log.read_backward(name, 0, before=places[cut], limit=2)] == places[
            max(0, cut - 2) : cut
        ][::-1]


@pytest.fixture
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes readers reconnect after every read, as if their share of the prefetched messages had changed."""
    monkeypatch.setattr(FetchAhead, "note", lambda ahead, share, **read: True)


@pytest.fixture
def woven(pulsar_broker: BrokerAddress, storage: PulsarStorage, client: Any, topic: MakeTopic) -> tuple[str, list[Message]]:
    """A topic in which another publisher's events lie between the chunks of a large one, and all its events."""
    beside = pulsar.Client(pulsar_broker.service_url)  # with a connection of its own
    for _ in range(20):
        name = topic()
        settings = {"batching_enabled": False, "block_if_queue_full": True}
        large = client.create_producer(f"persistent://{name}", chunking_enabled=True, **settings)
        small = beside.create_producer(f"persistent://{name}", **settings)
        small.send(b"before")
        sending = threading.Thread(target=large.send, args=(LARGE,))
        sending.start()
        while sending.is_alive():
            small.send(b"between")
        small.send(b"behind")
        found = storage.log.read_forward(name, 0, limit=10_000)
        (whole,) = [message for message in found if message.payload == LARGE]
        if any(place_of(whole.position.token).first_entry < _entry(one) < _entry(whole) for one in found):
            beside.close()
            return name, list(found)
    beside.close()
    pytest.fail("no event came between two chunks")


def _entry(message: Message) -> tuple[int, int]:
    place = place_of(message.position.token)
    return place.ledger, place.entry


def test_what_goes_on_between_two_chunks_gets_the_whole_all_the_same(
    storage: PulsarStorage, woven: tuple[str, list[Message]]
) -> None:
    name, log = woven
    places = [message.position for message in log]
    end = next(number for number, message in enumerate(log) if message.payload == LARGE)
    begun = place_of(places[end].token).first_entry
    inside = [number for number, message in enumerate(log[:end]) if begun < _entry(message)]
    for number in inside[: FEWEST_BACK - 2]:
        with storage.log.open_reader(name, 0, after=places[number]) as reader:
            found: list[Position] = []
            while len(found) < len(places) - number - 1:
                read = reader.read(limit=100, timeout=20)
                assert read, "an event is missing"
                found += [message.position for message in read]
        assert found == places[number + 1 :]


def test_whoever_connects_anew_between_two_chunks_gets_the_whole_all_the_same(
    storage: PulsarStorage, woven: tuple[str, list[Message]], always_anew: None
) -> None:
    name, log = woven
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        found: list[Position] = []
        while len(found) < len(log):
            read = reader.read(limit=1, timeout=20)
            assert read, "an event is missing"
            found += [message.position for message in read]
    assert found == [message.position for message in log]


def test_a_reader_behind_a_position_brings_nothing_again_whatever_lies_before_it(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    publish_batch(client, name, [b"%d" % number for number in range(30)])
    places = storage.log.append(name, [NewMessage(payload=b"x") for _ in range(5)])
    log = [message.position for message in storage.log.read_forward(name, 0, limit=100)]
    for number in (0, 7, 29, 30, 33):
        with storage.log.open_reader(name, 0, after=log[number]) as reader:
            assert reader.read(limit=1, timeout=20)[0].position == log[number + 1]
    with storage.log.open_reader(name, 0, after=places[-1]) as reader:
        assert reader.read(limit=1, timeout=0.5) == []


@pytest.mark.parametrize("spoil", ["flip", "cut", "other", "long", "capitals"])
def test_a_spoilt_chunk_position_is_refused(storage: PulsarStorage, log: tuple[str, list[Position]], spoil: str) -> None:
    name, places = log
    numbers, _, chunk = places[1].token.partition("h")
    spoilt = {
        "flip": chunk[:-2] + "zz",
        "cut": chunk[:3],
        "other": chunk.replace(chunk[2:4], "7f", 1),
        "long": chunk + "00" * 500,
        "capitals": "AB" + chunk,
    }[spoil]
    with pytest.raises(InvalidPosition):
        storage.log.position(name, 0, f"{numbers}h{spoilt}")


def test_properties_that_no_entry_can_hold_are_refused_before_all_else(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    huge = NewMessage(payload=b"x", properties={"note": "v" * 5_000_000})
    with pytest.raises(InvalidMessage, match="4 MiB"):
        storage.log.append(name, [NewMessage(payload=b"good"), huge])
    assert list(storage.log.read_forward(name, 0, limit=1)) == []
