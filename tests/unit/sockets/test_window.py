"""How much is on its way to a client: little if it never reads, large frames if it does."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from dashboard.privacy import AccessProfile
from dashboard.running import memory
from dashboard.sockets.tail import pace, sender
from dashboard.sockets.tail.frames import Framing
from dashboard.sockets.tail.sender import FrameSender
from dashboard.sockets.tail.window import FIRST_ROOM, LATE, MARKS_AT_ONCE, MOST_ROOM, MOST_UNACKNOWLEDGED, Window
from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.envelope import read_event
from eventstore.model.events import NewMessage
from eventstore.tail import Hub, Start, TailSubscriber
from eventstore.tail.shared import readings
from tests.contract.helpers import soon

A_VIEWER = 100 * 1024
EVENTS = 3_000


# -- the window


def test_with_three_frames_on_their_way_there_is_no_fourth_however_small() -> None:
    window = Window()
    marks = []
    for _ in range(MOST_UNACKNOWLEDGED):
        assert window.fits(1)
        marks.append(window.send(1, 0.0))
    assert not window.fits()
    assert window.acknowledge(1, marks[0], 0.1)
    assert window.fits()


def test_marks_are_random_texts_of_twelve_characters() -> None:
    window = Window()
    marks = [window.send(1, 0.0) for _ in range(3 * MARKS_AT_ONCE)]
    assert len(set(marks)) == len(marks)
    assert {len(mark) for mark in marks} == {12}


def test_there_is_room_for_what_was_acknowledged_up_to_a_bound() -> None:
    window, sent = Window(), list[int]()
    while window.room < MOST_ROOM:
        sent.append(window.room)
        mark = window.send(sent[-1], 0.0)
        assert not window.fits()
        window.acknowledge(window.sent, mark, 0.1)
    assert sent == [FIRST_ROOM << times for times in range(len(sent))]
    mark = window.send(MOST_ROOM, 1.0)
    window.acknowledge(window.sent, mark, 1.1)
    assert window.room == MOST_ROOM


def test_what_is_larger_than_every_bound_goes_alone() -> None:
    window = Window()
    mark = window.send(10, 0.0)
    assert not window.fits(2 * MOST_ROOM)
    window.acknowledge(1, mark, 0.1)
    assert window.fits(2 * MOST_ROOM)


def test_who_takes_long_is_back_at_the_beginning() -> None:
    window = Window()
    window.acknowledge(1, window.send(FIRST_ROOM, 0.0), 1.0)
    assert window.room == 2 * FIRST_ROOM
    window.acknowledge(2, window.send(FIRST_ROOM, 2.0), 2.1 + LATE)
    assert window.room == FIRST_ROOM


def test_the_mark_of_a_later_frame_acknowledges_those_before_it() -> None:
    window = Window()
    marks = [window.send(5, 0.0) for _ in range(3)]
    assert len(set(marks)) == 3
    assert window.acknowledge(3, marks[2], 0.1)
    assert (window.acknowledged, window.bytes) == (3, 0)
    assert window.acknowledge(2, "anything", 0.2), "it is acknowledged already"


@pytest.mark.parametrize("number", [-1, 0, 1, 2, 3, 99])
@pytest.mark.parametrize("mark", ["", "made-up", "\ud800", "of another frame"])
def test_who_does_not_know_the_mark_of_a_frame_acknowledges_nothing(number: int, mark: str) -> None:
    window = Window()
    marks = [window.send(5, 0.0), window.send(5, 0.0)]
    other = {1: marks[1], 2: marks[0]}.get(number, marks[0])
    assert not window.acknowledge(number, other if mark == "of another frame" else mark, 0.1)
    assert (window.acknowledged, window.bytes, window.sent) == (0, 10, 2)


# -- the sender


@pytest.fixture
def storage(desk_databases: None) -> DatabaseStorage:
    made = DatabaseStorage()
    made.log.create_topic("documents")
    return made


@pytest.fixture
def hub(storage: DatabaseStorage) -> Iterator[Hub]:
    made = Hub(log=storage.log, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()


def publish(storage: DatabaseStorage) -> None:
    for start in range(0, EVENTS, 500):
        storage.log.append("documents", [an_event(number) for number in range(start, start + 500)])


def an_event(number: int) -> NewMessage:
    properties = {"ce_id": str(number), "ce_type": "t", "ce_source": "/s", "ce_specversion": "1.0"}
    return NewMessage(payload=json.dumps({"text": "x" * 480}).encode(), key="k", properties=properties)


class Reader:
    """A client of this subscriber that acknowledges each frame, or none."""

    def __init__(self, subscriber: TailSubscriber, *, for_scripts: bool, acknowledges: bool) -> None:
        self.subscriber, self.acknowledges = subscriber, acknowledges
        self.texts: list[str] = []
        self.tasks: set[asyncio.Task[object]] = set()
        framing = Framing(whole_events=for_scripts, profile=AccessProfile(name="support", sees_values=True))
        self.sender = FrameSender(framing, self._receive, self._spawn)

    async def _receive(self, texts: Sequence[bytes]) -> None:
        self.texts.append(text := b"".join(texts).decode())
        if self.acknowledges:
            frame = json.loads(text)
            assert self.sender.acknowledge(frame["frame"], frame["mark"])

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        self.tasks.add(asyncio.create_task(work))

    def read(self, done: Callable[[], bool], seconds: float) -> None:
        async def work() -> None:
            self.sender.wake_up = asyncio.Event()
            sending = asyncio.create_task(self.sender.run(self.subscriber))
            until = asyncio.get_running_loop().time() + seconds
            while not done() and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(0.01)
                self.sender.wake_up.set()
            sending.cancel()

        asyncio.run(work())

    @property
    def sizes(self) -> list[int]:
        return [len(text.encode()) for text in self.texts]

    @property
    def count(self) -> int:
        return sum(json.loads(text)["count"] for text in self.texts)


@pytest.mark.slow
@pytest.mark.parametrize("start", [Start(last=10_000), Start()])
@pytest.mark.parametrize("for_scripts", [True, False])
def test_one_that_never_reads_is_sent_little_and_little_is_kept_for_it(
    storage: DatabaseStorage, hub: Hub, monkeypatch: pytest.MonkeyPatch, start: Start, for_scripts: bool
) -> None:
    monkeypatch.setattr(pace, "FRAME_EVERY", 0.01)
    if not start.now:
        publish(storage)
    subscriber = hub.open([storage.log.topic("documents")], start, lambda: None, complete=for_scripts)
    if start.now:
        publish(storage)
        assert soon(lambda: subscriber.tails[0].read_to()[0] == EVENTS and subscriber.has_pending)
    reader = Reader(subscriber, for_scripts=for_scripts, acknowledges=False)
    reader.read(lambda: bool(reader.texts), 30.0)  # the first frame of a process takes longer than the others
    reader.read(lambda: False, 1.0)
    kept = sum(len(text) for content in reader.sender.outbox for text in content.texts)
    assert reader.count > 0
    assert len(reader.texts) <= MOST_UNACKNOWLEDGED
    assert sum(reader.sizes) <= FIRST_ROOM
    assert sum(reader.sizes) + kept <= A_VIEWER


@pytest.mark.slow
def test_one_that_reads_gets_every_event_soon_and_large_frames(
    storage: DatabaseStorage, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FRAME_EVERY", 0.01)
    publish(storage)
    subscriber = hub.open([storage.log.topic("documents")], Start(last=10_000), lambda: None, complete=True)
    reader = Reader(subscriber, for_scripts=True, acknowledges=True)
    reader.read(lambda: reader.count == EVENTS, 20)
    events = [event["id"] for text in reader.texts for event in json.loads(text)["events"]]
    assert events == [str(number) for number in range(EVENTS)]
    assert reader.sizes[0] <= FIRST_ROOM
    assert max(reader.sizes) > 256 * 1024


@pytest.mark.slow
def test_while_frames_go_out_what_they_took_of_the_memory_is_given_back(
    storage: DatabaseStorage, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FRAME_EVERY", 0.01)
    given_back = threading.Event()
    monkeypatch.setattr(memory, "is_due", lambda: not given_back.is_set())
    monkeypatch.setattr(memory, "trim_heap", given_back.set)
    publish(storage)
    subscriber = hub.open([storage.log.topic("documents")], Start(last=10_000), lambda: None, complete=True)
    reader = Reader(subscriber, for_scripts=True, acknowledges=True)
    reader.read(given_back.is_set, 20)
    assert given_back.is_set()
    assert reader.texts


@pytest.mark.slow
def test_a_tail_that_has_ended_waits_for_nobody_that_does_not_read(
    storage: DatabaseStorage, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FRAME_EVERY", 0.01)
    monkeypatch.setattr(sender, "ENDS_WITHIN", 0.2)
    publish(storage)
    subscriber = hub.open([storage.log.topic("documents")], Start(last=10_000), lambda: None, complete=True)
    reader = Reader(subscriber, for_scripts=True, acknowledges=False)

    async def work() -> None:
        reader.sender.wake_up = asyncio.Event()
        sending = asyncio.create_task(reader.sender.run(subscriber))
        await asyncio.sleep(0.5)
        assert not sending.done()
        subscriber.tails[0].stop()
        reader.sender.wake_up.set()
        await asyncio.wait_for(sending, 20)

    asyncio.run(work())
    assert reader.texts


@pytest.mark.slow
def test_whoever_is_cut_off_within_its_first_take_knows_where_every_partition_began(
    storage: DatabaseStorage, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MOST_READINGS", 0)
    topic = storage.log.create_topic("several", partitions=3)
    storage.log.append("several", [NewMessage(payload=b"x" * 30_000, key=f"k{number}") for number in range(20)])
    subscriber = hub.open([topic], Start(last=10), lambda: None, complete=True)
    reader = Reader(subscriber, for_scripts=True, acknowledges=False)
    reader.read(lambda: bool(reader.texts), 20)
    first = json.loads(reader.texts[0])
    assert reader.sender.outbox, "there is more to come of this take"
    keys = {f"several#{partition}" for partition in range(3)}
    assert set(first["places"]) == keys | {f"incarnation {key}" for key in keys}
    again = hub.open([topic], Start(places=first["places"]), lambda: None, complete=True)
    rest = Reader(again, for_scripts=True, acknowledges=True)
    rest.read(lambda: reader.count + rest.count >= 10, 20)
    assert first["count"] + sum(json.loads(text)["count"] for text in rest.texts) == 10
