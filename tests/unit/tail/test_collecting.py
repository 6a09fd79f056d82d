"""In a crowd of readers, the sealing thread reads for the partitions' own threads, which wait; and they go on in time."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventstore.model.events import Message
from eventstore.tail.reading import read_buffer
from eventstore.tail.reading.collecting import CROWD, MANY, QUIET_BEATS
from eventstore.tail.reading.read_buffer import FULL_BYTES, MOST_FULL, ReadBuffer
from tests.contract.helpers import soon
from tests.unit.tail.entries import message


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_buffer, "BEAT", 0.002)


class Partition:
    """A partition, what arrives in it, and its thread, which leaves it to the sealing one."""

    def __init__(self, buffer: ReadBuffer, number: int) -> None:
        self.buffer, self.number = buffer, number
        self.arrives: list[Sequence[Message] | None] = []
        """What each collecting finds; nothing after the last."""
        self.left = len(buffer.collecting._left)
        self.thread = threading.Thread(target=buffer.collecting.wait, args=(self.collect,))
        self.thread.start()
        assert soon(lambda: len(buffer.collecting._left) > self.left or not self.thread.is_alive())

    def collect(self) -> Sequence[Message] | None:
        return self.arrives.pop(0) if self.arrives else []

    def message(self, number: int, *, size: int = 10) -> Message:
        made = message(number, size=size, partition=self.number)
        return replace(made, published=made.published + timedelta(seconds=number))

    @property
    def is_left(self) -> bool:
        return self.thread.is_alive()


@pytest.fixture
def buffer() -> Iterator[ReadBuffer]:
    made = ReadBuffer({})
    yield made
    made.close()
    made.collecting.take_back()


@pytest.fixture
def chunks(buffer: ReadBuffer) -> Iterator[Sequence[Message]]:
    """The chunks after one to which a crowd has handed over."""
    for partition in range(CROWD):
        buffer.add([message(1, partition=partition)])
    made = buffer.sealed()
    assert len(next(made)) == CROWD
    return made


def numbers(messages: Sequence[Message]) -> list[tuple[int, int]]:
    return [(one.position.partition, int(one.position.token)) for one in messages]


def test_few_readers_read_on_by_themselves(buffer: ReadBuffer) -> None:
    for partition in range(CROWD - 1):
        buffer.add([message(1, partition=partition)])
    next(buffer.sealed())
    assert not Partition(buffer, 0).is_left


def test_what_arrives_is_sealed_by_time_each_partition_in_its_own_order(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    one, two = Partition(buffer, 1), Partition(buffer, 2)
    one.arrives = [[one.message(3), one.message(9), one.message(8)]]
    two.arrives = [[two.message(2), two.message(5)]]
    buffer.add([message(0, partition=0)])
    assert numbers(next(chunks)) == [(0, 0), (2, 2), (1, 3), (2, 5), (1, 9), (1, 8)]
    assert buffer.handed_in()[0] == CROWD + 6
    assert {number: buffer.handed_in()[1][number] for number in (1, 2)} == {1: "000008", 2: "000005"}
    assert one.is_left
    assert two.is_left


def test_after_a_beat_without_an_event_all_are_read_by_their_own_threads_again(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    left = [Partition(buffer, number) for number in range(3)]

    def read_again() -> None:
        for one in left:
            one.thread.join()
        buffer.add([message(7)])

    reader = threading.Thread(target=read_again)
    reader.start()
    assert numbers(next(chunks)) == [(0, 7)]
    reader.join()
    assert not Partition(buffer, 0).is_left, "one that hands over is no crowd"


@pytest.mark.parametrize("how", ["has to be read", "much came"])
def test_one_that_its_own_thread_has_to_read_is_taken_back_alone(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]], how: str
) -> None:
    one, two = Partition(buffer, 1), Partition(buffer, 2)
    one.arrives = [None] if how == "has to be read" else [[one.message(number) for number in range(MANY + 1)]]
    two.arrives = [[two.message(1)], [two.message(2)]]
    assert numbers(next(chunks))[-1] in [(2, 1), (1, MANY)]
    one.thread.join()
    assert two.is_left
    assert numbers(next(chunks)) == [(2, 2)]


def test_one_in_which_nothing_comes_for_some_beats_is_taken_back_so_that_its_reader_may_leave(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    quiet, busy = Partition(buffer, 1), Partition(buffer, 2)
    busy.arrives = [[busy.message(number)] for number in range(QUIET_BEATS)]
    for _ in range(QUIET_BEATS - 1):
        next(chunks)
        assert quiet.is_left
    next(chunks)
    quiet.thread.join()
    assert busy.is_left


def test_what_was_too_much_for_one_collecting_comes_first_and_at_once_the_next_time(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_buffer, "BEAT", 10_000.0)
    one, two = Partition(buffer, 1), Partition(buffer, 2)
    one.arrives = [[one.message(1, size=MOST_FULL * FULL_BYTES)], [one.message(2)]]
    two.arrives = [[two.message(3, size=MOST_FULL * FULL_BYTES)]]
    assert [numbers(next(chunks)) for _ in range(2)] == [[(1, 1)], [(2, 3)]]
    assert one.is_left
    assert two.is_left


def test_a_thread_goes_on_only_once_what_was_collected_is_ahead_of_what_it_reads_next(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    one = Partition(buffer, 1)
    one.arrives = [[one.message(number) for number in range(MANY + 1)]]
    assert len(buffer.collecting.collect()[1]) == MANY + 1
    one.thread.join(timeout=0.02)
    assert one.is_left
    buffer.collecting.settle()
    one.thread.join()


def test_a_buffer_that_is_closed_lets_all_threads_go_and_takes_no_other(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    left = [Partition(buffer, number) for number in range(3)]
    buffer.close()
    assert next(chunks, None) is None
    buffer.collecting.take_back()
    for one in left:
        one.thread.join()
    assert not Partition(buffer, 0).is_left


def test_a_thread_that_leaves_its_partition_to_a_sleeping_sealer_wakes_it(
    buffer: ReadBuffer, chunks: Iterator[Sequence[Message]]
) -> None:
    found: list[Sequence[Message]] = []
    sealer = threading.Thread(target=lambda: found.append(next(chunks)))
    sealer.start()
    threading.Thread(target=buffer.collecting.wait, args=(lambda: [message(5, partition=1)],)).start()
    sealer.join()
    assert numbers(found[0]) == [(1, 5)]
