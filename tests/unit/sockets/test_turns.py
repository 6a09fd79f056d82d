"""Sockets that are woken together make their frames a few at a time, and the event loop runs in between."""

import asyncio

from dashboard.sockets.tail.turns import MAX_PARALLEL, Turn

SOCKETS = 3 * MAX_PARALLEL + 1


def test_between_a_few_frames_that_are_written_at_once_the_event_loop_runs() -> None:
    at: list[int] = []

    async def work() -> None:
        rounds, over = [0], asyncio.Event()

        async def one() -> None:
            async with Turn():
                at.append(rounds[0])

        async def count() -> None:
            while not over.is_set():
                rounds[0] += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await asyncio.gather(*(one() for _ in range(SOCKETS)))
        over.set()
        await counting

    asyncio.run(work())
    assert len(at) == SOCKETS
    assert all(at.count(number) <= MAX_PARALLEL for number in at)


def test_a_frame_that_waits_to_be_written_keeps_its_place_and_a_failed_one_gives_it_back() -> None:
    async def work() -> list[int]:
        written, made = asyncio.Event(), list[int]()

        async def one(number: int) -> None:
            async with Turn():
                made.append(number)
                await written.wait()
                raise ConnectionError

        tasks = [asyncio.create_task(one(number)) for number in range(SOCKETS)]
        for _ in range(10):
            await asyncio.sleep(0)
        held = len(made)
        written.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [held, len(made)]

    assert asyncio.run(work()) == [MAX_PARALLEL, SOCKETS]
