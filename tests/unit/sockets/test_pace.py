"""Frames keep in step with the tail: late sockets align again, and none sends more than ten frames a second."""

import asyncio
import random
from collections import Counter
from types import SimpleNamespace

import pytest

from dashboard.sockets.tail import pace
from dashboard.sockets.tail.pace import ALIGN_EVERY, FOR_EACH_SOCKET, FRAME_EVERY, LATE_IN_BEAT, TOGETHER, Pace

LATE = (LATE_IN_BEAT + FRAME_EVERY) / 2


class Clock:
    """A clock that moves only when the test moves it or something sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


class Tail:
    """A tail whose last chunk came ``ago`` seconds ago."""

    def __init__(self, clock: Clock, ago: float) -> None:
        self.news, self.clock, self.chunk_at = asyncio.Event(), clock, clock.now - ago

    def align(self, pace: Pace) -> "asyncio.Task[None]":
        return asyncio.create_task(pace.align_to_beat(self.news, lambda: self.chunk_at))

    def chunk_comes(self) -> None:
        self.chunk_at = self.clock.now
        self.news.set()


async def has_ended(task: "asyncio.Task[None]") -> bool:
    """Whether the task has ended without anything new."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


def waits(clock: Clock, ago: float, own_pace: Pace | None = None) -> bool:
    """Whether a socket that is served ``ago`` seconds after a chunk waits for the next one, which then comes."""

    async def work() -> bool:
        tail = Tail(clock, ago)
        aligning = tail.align(own_pace or Pace(lambda: 1))
        waiting = not await has_ended(aligning)
        tail.chunk_comes()
        await aligning
        return waiting

    return asyncio.run(work())


@pytest.mark.parametrize(("ago", "waiting"), [(0.0, False), (LATE_IN_BEAT / 2, False), (LATE, True), (FRAME_EVERY, False)])
def test_only_who_is_late_in_a_beat_waits_for_the_next(clock: Clock, ago: float, waiting: bool) -> None:
    assert waits(clock, ago) is waiting


def test_an_acknowledgement_is_no_chunk(clock: Clock) -> None:
    async def work() -> list[bool]:
        tail = Tail(clock, LATE)
        aligning = tail.align(Pace(lambda: 1))
        tail.news.set()
        found = [await has_ended(aligning)]
        tail.chunk_comes()
        return [*found, await has_ended(aligning)]

    assert asyncio.run(work()) == [False, True]


def test_one_waits_once_a_second_at_most(clock: Clock) -> None:
    own_pace = Pace(lambda: 1)
    assert waits(clock, LATE, own_pace)
    clock.now += ALIGN_EVERY / 2
    assert not waits(clock, LATE, own_pace)
    clock.now += ALIGN_EVERY
    assert waits(clock, LATE, own_pace)


def test_a_chunk_that_does_not_come_is_not_waited_for_any_longer(clock: Clock) -> None:
    async def work() -> list[bool]:
        tail = Tail(clock, LATE)
        aligning = tail.align(Pace(lambda: 1))
        found = [await has_ended(aligning)]
        await aligning
        return found

    assert asyncio.run(work()) == [False]


def test_in_a_crowd_none_waits_for_a_chunk(clock: Clock) -> None:
    assert not waits(clock, LATE, Pace(lambda: 1_000))


def test_a_thousand_sockets_get_fewer_frames_each(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    own_pace, sent = Pace(lambda: 1_000), list[float]()

    async def work() -> None:
        for _ in range(20):
            await own_pace.next()
            sent.append(clock.now)

    asyncio.run(work())
    assert sent[-1] - sent[0] == pytest.approx(19 * 1_000 * FOR_EACH_SOCKET)


def test_a_thousand_that_are_woken_together_send_their_next_frames_a_few_at_a_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    due: list[float] = []

    async def sleep(seconds: float) -> None:
        due.append(clock.now + seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    every = 1_000 * FOR_EACH_SOCKET

    async def work() -> None:
        for own_pace in [Pace(lambda: 1_000) for _ in range(1_000)]:
            clock.now += 0.000_01
            await own_pace.next()

    began = clock.now
    asyncio.run(work())
    assert all(began < at <= began + 1.1 * every for at in due)
    together = Counter(round(at, 6) for at in due)
    assert max(together.values()) <= TOGETHER + 1
    assert len(together) < 1.2 * 1_000 / TOGETHER


def test_in_a_crowd_what_there_was_no_room_for_does_not_wait_as_long(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    own_pace = Pace(lambda: 1_000)
    began = clock.now
    asyncio.run(own_pace.next(more=True))
    assert clock.now - began <= FRAME_EVERY + 1e-6
    asyncio.run(own_pace.next())
    asyncio.run(own_pace.next())
    assert clock.now - began > 1_000 * FOR_EACH_SOCKET


@pytest.mark.parametrize("seed", range(5))
def test_there_are_ten_frames_a_second_at_most_whatever_making_one_takes(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    sent: list[float] = []

    async def work() -> None:
        own_pace = Pace(lambda: 1)
        for _ in range(500):
            clock.now += chance.choice((0.0, 0.0, 0.02, 0.09, 0.3))
            sent.append(clock.now)
            await own_pace.next()

    asyncio.run(work())
    for count in (10, 100):  # who was late may be early by half a frame
        times = zip(sent, sent[count:], strict=False)
        assert min(last - first for first, last in times) > (count - 1) * FRAME_EVERY - FRAME_EVERY / 2 - 1e-6
