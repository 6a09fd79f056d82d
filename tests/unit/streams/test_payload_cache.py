"""What pages have read is kept for a minute, within its bounds. The least recently used is dropped first."""

import random
import threading
import tracemalloc
from dataclasses import dataclass

from eventstore.model.events import Message, Position
from eventstore.streams.payload_cache import FRESH_SECONDS, PayloadCache, size_of
from tests.unit.messages import PUBLISHED


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def place(number: int) -> Position:
    return Position(topic="public/default/patients", partition=0, token=f"{number:08}")


def message(number: int, payload: bytes = b"{}") -> Message:
    return Message(
        position=place(number), payload=payload, published=PUBLISHED, key="4711", properties={"ce_id": f"e-{number}"}
    )


def test_what_was_kept_is_known_and_nothing_else() -> None:
    cache = PayloadCache(most_bytes=100_000)
    cache.keep([message(1), message(2)])
    assert cache.known([place(1), place(3)]) == {place(1): message(1)}
    assert cache.known([]) == {}


def test_after_a_minute_the_store_is_asked_again() -> None:
    clock = Clock()
    cache = PayloadCache(most_bytes=100_000, clock=clock)
    cache.keep([message(1)])
    clock.seconds = FRESH_SECONDS - 1
    assert cache.known([place(1)])
    clock.seconds = FRESH_SECONDS
    assert not cache.known([place(1)])
    assert len(cache) == cache.bytes == 0


def test_looking_at_it_again_does_not_make_it_fresh() -> None:
    clock = Clock()
    cache = PayloadCache(most_bytes=100_000, clock=clock)
    cache.keep([message(1)])
    for clock.seconds in range(0, int(FRESH_SECONDS), 10):
        assert cache.known([place(1)])
    clock.seconds = FRESH_SECONDS
    assert not cache.known([place(1)])


def test_its_age_counts_from_the_beginning_of_the_reading() -> None:
    clock = Clock(seconds=100)
    cache = PayloadCache(most_bytes=100_000, clock=clock)
    begun = cache.now()
    clock.seconds += FRESH_SECONDS
    cache.keep([message(1)], read=begun)
    assert not cache.known([place(1)])


def test_the_one_that_was_not_used_for_longest_goes_first() -> None:
    cache = PayloadCache(most_bytes=1_000_000, most_messages=3)
    cache.keep([message(1), message(2), message(3)])
    cache.known([place(1)])
    cache.keep([message(4)])
    assert set(cache.known(place(number) for number in range(5))) == {place(1), place(3), place(4)}


def test_a_message_that_would_push_out_many_is_not_kept() -> None:
    cache = PayloadCache(most_bytes=100_000)
    cache.keep([message(1), message(2, bytes(30_000))])
    assert set(cache.known([place(1), place(2)])) == {place(1)}
    cache.keep([message(1, bytes(30_000))])
    assert not cache.known([place(1)]), "the old one would be shown in its place"


def test_with_no_room_nothing_is_kept() -> None:
    cache = PayloadCache(most_bytes=0)
    cache.keep([message(1)])
    assert len(cache) == cache.bytes == 0


def test_keeping_the_same_again_counts_once() -> None:
    cache = PayloadCache(most_bytes=100_000)
    for _ in range(10):
        cache.keep([message(1)])
    assert cache.bytes == size_of(message(1))


def test_any_use_stays_within_the_bounds() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    cache = PayloadCache(most_bytes=50_000, most_messages=40)
    for _ in range(3_000):
        if rng.random() < 0.5:
            cache.keep([message(rng.randrange(200), bytes(rng.randrange(20_000)))])
        else:
            cache.known([place(rng.randrange(200))])
        assert cache.bytes <= 50_000
        assert len(cache) <= 40
    kept = cache.known(place(number) for number in range(200))
    assert cache.bytes == sum(size_of(found) for found in kept.values())


def test_the_size_that_it_counts_is_not_below_what_it_takes() -> None:
    cache = PayloadCache(most_bytes=1_000_000_000)
    tracemalloc.start()
    cache.keep(message(number, bytes([number % 256]) * 500) for number in range(3_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= cache.bytes <= 3 * taken


def test_many_threads_at_once_leave_it_sound() -> None:
    cache = PayloadCache(most_bytes=60_000, most_messages=50)
    wrong: list[Position] = []

    def use(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(2_000):
            number = rng.randrange(100)
            cache.keep([message(number)])
            wrong.extend(position for position, found in cache.known([place(number)]).items() if found.position != position)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = cache.known(place(number) for number in range(100))
    assert not wrong
    assert cache.bytes == sum(size_of(found) for found in kept.values()) <= 60_000
