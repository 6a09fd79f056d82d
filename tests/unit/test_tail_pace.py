"""Frames keep step with the tail: who falls out of it falls in again."""

import asyncio
import time

import pytest

from dashboard.sockets.tail import pace
from dashboard.sockets.tail.pace import Pace


class Tail:
    """Says when its last chunk came: some time ago."""

    def __init__(self) -> None:
        self.news, self.chunk_at = asyncio.Event(), time.monotonic() - 1

    def falls_in(self, pace: Pace) -> "asyncio.Task[None]":
        return asyncio.create_task(pace.fall_in(self.news, lambda: self.chunk_at))


async def has_ended(task: "asyncio.Task[None]") -> bool:
    """By now, without anything new."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


def test_who_would_be_served_late_in_every_beat_waits_once_for_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FRAME_EVERY", 3_600.0)

    async def work() -> list[bool]:
        tail, viewer = Tail(), Pace()
        falling_in = tail.falls_in(viewer)
        found = [await has_ended(falling_in)]
        tail.news.set()  # an acknowledgement, and no chunk
        found.append(await has_ended(falling_in))
        tail.chunk_at = time.monotonic()
        tail.news.set()
        found.append(await has_ended(falling_in))
        tail.chunk_at = time.monotonic() - 1
        return [*found, await has_ended(tail.falls_in(viewer))]

    assert asyncio.run(work()) == [False, False, True, True]


@pytest.mark.parametrize(("late", "frames"), [(3_600.0, 7_200.0), (0.0, 0.5)])
def test_neither_who_is_served_at_the_beat_waits_nor_who_has_had_nothing_for_long(
    monkeypatch: pytest.MonkeyPatch, late: float, frames: float
) -> None:
    monkeypatch.setattr(pace, "LATE_IN_A_BEAT", late)
    monkeypatch.setattr(pace, "FRAME_EVERY", frames)

    async def work() -> bool:
        return await has_ended(Tail().falls_in(Pace()))

    assert asyncio.run(work())


def test_no_chunk_for_the_length_of_a_frame_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        tail = Tail()
        tail.chunk_at = time.monotonic() - pace.FRAME_EVERY / 2
        await tail.falls_in(Pace())

    asyncio.run(work())
