"""Messages that hold several events, over every driver: each event once, for every reader, from every place."""

import threading
from collections.abc import Callable, Sequence

import pytest

from eventstore.config.loading import Config
from eventstore.cursors.resets import plan_reset
from eventstore.envelope import read_event
from eventstore.index.check.run import check_topic
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.model.events import Event, Message, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.scanning import partition_reader
from eventstore.scanning.scan import Scan, ScanRequest
from eventstore.search import parse_filter
from eventstore.tail import Hub, Start, TailSubscriber
from tests.batches import Numbers, in_a_batch, members_of
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import read_until, receive_until
from tests.indexing import pointers
from tests.namespaces import own_namespace
from tests.parts import subscriptions_of
from tests.run_servers import BrokerAddress

SIZES = (3, 0, 1, 2, 0, 7, 4)
"""Members of each message; 0: it is an event by itself. The log begins and ends with a batch."""
EVENTS = sum(size or 1 for size in SIZES)


@pytest.fixture
def address(address: dict[str, str]) -> dict[str, str]:
    """On a broker, a namespace of its own: the index follows all that is watched, and other tests publish a lot."""
    if "PULSAR_ADMIN_URL" not in address:
        return address
    broker = BrokerAddress(service_url=address["EVENTSTORE_URL"], admin_url=address["PULSAR_ADMIN_URL"])
    return {**address, **own_namespace(broker)}


def filled(storage: Storage, topic: str) -> Numbers:
    """Publish the first five messages one by one and the others in one call: on a broker, in an entry together."""
    numbers = Numbers()
    for size in SIZES:
        numbers.batch(size) if size else numbers.single()
    for message in numbers.messages[:5]:
        storage.log.append(topic, [message])
    storage.log.append(topic, numbers.messages[5:])
    assert len(numbers.ids) == EVENTS
    return numbers


def ids(messages: Sequence[Message]) -> list[str]:
    return [read_event(message).id for message in messages]


def test_every_event_is_read_once_from_every_place(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    numbers = filled(storage, name)
    whole = storage.log.read_forward(name, 0, limit=100)
    assert ids(whole) == numbers.ids
    assert members_of(whole)[:4] == [(1, 3), (2, 3), (3, 3), (0, 0)]
    assert storage.log.fetch([one.position for one in whole]) == {one.position: one for one in whole}
    assert [one.position for one in whole] == sorted(one.position for one in whole)
    (ends,) = storage.log.ends(name)
    assert (ends.first, ends.last) == (whole[2].position, whole[-1].position)
    assert storage.log.first_since(name, 0, whole[0].published) == whole[0].position
    for number, one in enumerate(whole):
        at = Position.decode(one.position.encode())
        assert storage.log.position(name, 0, at.token).label == one.position.label
        assert storage.log.labelled(name, 0, one.position.label) == at
        assert list(storage.log.read_forward(name, 0, after=at, limit=100)) == whole[number + 1 :]
        assert list(storage.log.read_forward(name, 0, after=at, inclusive=True, limit=4)) == whole[number : number + 4]
        assert list(storage.log.read_backward(name, 0, before=at, limit=100)) == whole[:number][::-1]
        assert list(storage.log.read_backward(name, 0, before=at, limit=2)) == whole[max(0, number - 2) : number][::-1]
    assert list(storage.log.read_backward(name, 0, limit=100)) == whole[::-1]
    assert list(storage.log.read_forward(name, 0, after=whole[0].position.beginning, limit=2)) == whole[:2]


@pytest.mark.parametrize("most", [1, 150, 400, 1_000, 100_000])
def test_fewer_events_than_asked_for_mean_the_end_or_that_they_fill_the_bytes(
    storage: Storage, topic: MakeTopic, most: int
) -> None:
    """The events of a batch are smaller together than their message: brackets and commas are nobody's."""
    name = topic().name
    numbers = filled(storage, name)

    def to_the_end(read: Callable[[Position | None], Sequence[Message]]) -> list[Message]:
        got: list[Message] = []
        while True:
            found = read(got[-1].position if got else None)
            got += found
            if len(found) < 6 and sum(len(one.payload) for one in found) < most:
                return got

    forward = to_the_end(lambda at: storage.log.read_forward(name, 0, after=at, limit=6, most_bytes=most))
    backward = to_the_end(lambda at: storage.log.read_backward(name, 0, before=at, limit=6, most_bytes=most))
    assert (ids(forward), ids(backward)) == (numbers.ids, numbers.ids[::-1])


def test_a_reader_goes_on_inside_a_message_and_gives_no_more_than_asked_for(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    numbers = filled(storage, name)
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        found: list[Message] = []
        while len(found) < EVENTS:
            piece = reader.read(limit=2, timeout=5)
            assert 1 <= len(piece) <= 2
            found += piece
    assert ids(found) == numbers.ids
    for number in (0, 1, 2, 3, 8, 11, 14, 17, EVENTS - 1):
        with storage.log.open_reader(name, 0, after=found[number].position) as reader:
            assert ids(read_until(reader, EVENTS - 1 - number)) == numbers.ids[number + 1 :]
            assert list(reader.read(limit=1, timeout=0)) == []


def test_the_index_the_check_the_search_and_the_tail_see_every_event(
    storage: Storage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = topic()
    numbers = filled(storage, made.name)
    stopped = threading.Event()
    small = Following(storage=storage, config=Config(), stop=stopped, on_batch=lambda *_: stopped.set(), batch=2)
    while queries.partition_row(made.name, 0) is None or len(pointers(made.name)) < EVENTS:  # each time as a new process
        stopped.clear()
        index_until_caught_up(small)
    found = pointers(made.name)
    assert [one.event_id for one in found] == numbers.ids
    assert [one.position for one in found] == [one.position for one in storage.log.read_forward(made.name, 0, limit=100)]
    assert [(one.aggregate_id, one.version) for one in found] == [(f"p{n % 5}", n // 5 + 1) for n in range(EVENTS)]
    (report,) = check_topic(storage, Config(), made, lambda _: None, threading.Event())
    assert (report.difference, report.indexed) == ("", EVENTS)

    for piece in ("SMALLEST", "FIRST", "LARGEST", "FIRST_FORWARD"):
        monkeypatch.setattr(partition_reader, piece, 4)
    for newest_first in (True, False):
        matches = searched(storage, ScanRequest(topic=made, filter=parse_filter("data.n>=0"), newest_first=newest_first))
        events = [event.id for event in matches if event.message.member]
        assert events == [id for id in (numbers.ids[::-1] if newest_first else numbers.ids) if id not in ("e3", "e4", "e7")]

    hub = Hub(log=storage.log, read=read_event)
    try:
        for number in (None, 0, 1, 2, 10, EVENTS - 2):
            start = Start(last=EVENTS) if number is None else Start(position=found[number].position)
            subscriber = hub.open([made], start, lambda: None, complete=True)
            assert tailed(subscriber, EVENTS - (number or 0)) == numbers.ids[number or 0 :]
            subscriber.close()
    finally:
        hub.close()


def test_a_cursor_reset_to_a_member_delivers_its_whole_message_and_the_plan_counts_all_of_it(
    storage: Storage, topic: MakeTopic
) -> None:
    name, subscriptions = topic().name, subscriptions_of(storage)
    numbers = Numbers()
    for size in (2, 3, 0):
        storage.log.append(name, [numbers.batch(size) if size else numbers.single()])
    index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda *_: None))
    with subscriptions.consume(name, "s", type=SubscriptionType.EXCLUSIVE, consumer="c") as consumer:
        for message in receive_until(consumer, 3):
            consumer.acknowledge(message.position)
    events = storage.log.read_forward(name, 0, limit=10)
    for number in (2, 3, 4):
        plan = plan_reset(storage.log, subscriptions, name, "s", events[number].position)
        assert (plan.again, plan.passed_over) == (4, 0)
    subscriptions.reset_cursor(name, "s", plan.targets())
    subscriptions.reset_cursor(name, "s", {0: events[3].position})
    with subscriptions.consume(name, "s", type=SubscriptionType.EXCLUSIVE, consumer="c") as consumer:
        assert [message.payload for message in receive_until(consumer, 2)] == [new.payload for new in numbers.messages[1:]]


def test_two_batches_in_one_call_keep_their_members_apart(storage: Storage, topic: MakeTopic) -> None:
    name, numbers = topic().name, Numbers()
    documents = [numbers.document() for _ in range(2)]
    positions = storage.log.append(name, [in_a_batch(documents), in_a_batch(documents)])
    found = storage.log.read_forward(name, 0, limit=10)
    assert ids(found) == ["e0", "e1", "e0", "e1"]
    assert [one.position for one in found] == [positions[0].inside(1), positions[0], positions[1].inside(1), positions[1]]


def searched(storage: Storage, request: ScanRequest) -> list[Event]:
    found: list[Event] = []

    def kept(event: Event) -> Event:
        found.append(event)
        return event

    scan = Scan(storage.log, request, read=read_event, keep=kept)
    scan.start()
    scan.join(60)
    assert not scan.running
    return found


def tailed(subscriber: TailSubscriber, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found += [entry.event.id for piece in subscriber.take().pieces for entry in piece.entries]
    return found
