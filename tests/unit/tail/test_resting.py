"""When a thread that reads a partition rests, and what it takes afterwards."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from eventstore.model.errors import ToldOnce
from eventstore.model.events import Message
from eventstore.model.log import Edge
from eventstore.tail.reading import read_buffer
from eventstore.tail.reading.partition_follower import BUSY_SECONDS, PartitionFollower
from eventstore.tail.reading.read_buffer import BEAT, READ_BEFORE, ReadBuffer
from tests.unit.tail.entries import message


class Queue:
    """A reader with what has arrived: ``None`` once it has to be read instead."""

    incarnation = ""

    def __init__(self, *arrived: Sequence[Message] | None) -> None:
        self.left = list(arrived)

    def arrived(self, *, limit: int) -> Sequence[Message] | None:
        if not self.left or self.left[0] is None:
            return None
        return self.left.pop(0) if limit else []

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        raise AssertionError("it is not read")

    def call_on_news(self, call: Callable[[], None]) -> bool:
        return False

    def __enter__(self) -> "Queue":
        return self

    def __exit__(self, *error: object) -> None: ...

    def close(self) -> None: ...


def follower() -> PartitionFollower:
    return PartitionFollower(0, Edge.EARLIEST, ToldOnce(logging.getLogger(__name__), "A test"))


def test_after_a_rest_it_takes_what_came_meanwhile() -> None:
    rested, reader, began = follower(), Queue([message(1), message(2)], []), time.monotonic()
    assert rested.rest(reader, 500, 0.05, threading.Event()) == [message(1), message(2)]
    assert time.monotonic() - began >= 0.05
    assert rested.place == message(2).position
    assert list(rested.rest(reader, 500, 0.01, threading.Event())) == [], "nothing came"


def test_it_does_not_rest_where_the_next_chunk_is_due() -> None:
    for seconds in (0.0, -1.0):
        reader = Queue([message(1)])
        assert list(follower().rest(reader, 500, seconds, threading.Event())) == []
        assert len(reader.left) == 1


def test_it_does_not_rest_at_a_reader_that_cannot_tell_what_has_arrived() -> None:
    began = time.monotonic()
    assert list(follower().rest(Queue(None), 500, 30.0, threading.Event())) == []
    assert time.monotonic() - began < 15


def test_after_a_rest_in_which_its_queue_was_half_filled_it_reads_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    rested = follower()
    assert len(rested.rest(Queue([message(1)], None), 500, 0.01, threading.Event())) == 1
    reader = Queue([message(2)], [])
    assert list(rested.rest(reader, 500, 0.01, threading.Event())) == []
    now[0] += BUSY_SECONDS
    assert len(rested.rest(reader, 500, 0.01, threading.Event())) == 1


def test_a_rest_ends_with_the_tail() -> None:
    stop, began = threading.Event(), time.monotonic()
    stop.set()
    follower().rest(Queue([]), 500, 30.0, stop)
    assert time.monotonic() - began < 15


def test_a_reader_may_rest_until_shortly_before_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_buffer, "BEAT", 30.0)
    buffer = ReadBuffer({0: ""})
    assert buffer.rest() < 0, "an event after a pause is sealed at once"
    buffer.add([message(1)])
    sealed = buffer.sealed()
    assert len(next(sealed)) == 1
    assert 25 < buffer.rest() <= 30 - READ_BEFORE
    buffer.add([message(number) for number in range(read_buffer.CALM + 1)])
    buffer._take({})
    assert buffer.rest() == 0, "the next chunk may be full before it is due"
    buffer.close()
    assert BEAT > 2 * READ_BEFORE
