"""What the readers of a process fetch ahead: bounded together, however many there are, without slowing down a single one."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from eventstore.drivers.pulsar.client import prefetch
from eventstore.drivers.pulsar.client.prefetch import (
    AT_ONCE,
    FEWEST,
    LONGEST,
    MUCH,
    TOGETHER,
    TOGETHER_BYTES,
    UNKNOWN,
    FetchAhead,
    PrefetchShare,
)
from tests.contract.helpers import soon


def entries_of(size: int) -> dict[str, int]:
    return {"numberOfEntries": 1_000, "totalSize": 1_000 * size}


def opened(ahead: FetchAhead, count: int, size: int) -> list[PrefetchShare]:
    return [ahead.join(entries_of(size)) for _ in range(count)]


def settle(ahead: FetchAhead, shares: Sequence[PrefetchShare], *, size: int, in_an_entry: int = 1) -> int:
    """Let every reader read several times what fills its queue, and return how many reconnections that takes."""
    return sum(
        ahead.note(share, read=LONGEST, size=LONGEST * size, in_an_entry=in_an_entry) for _ in range(5) for share in shares
    )


def test_one_reader_has_what_catching_up_needs() -> None:
    assert FetchAhead().join(entries_of(500)).queue == LONGEST
    assert FetchAhead().join(entries_of(128 * 1024)).queue > LONGEST // MUCH, "a batch of the client's usual size"


@pytest.mark.parametrize("size", [500, 100_000, 5_000_000])
@pytest.mark.parametrize("count", [1, 10, 100, 1_000])
def test_all_together_never_hold_more_than_is_allowed_and_a_few_each(count: int, size: int) -> None:
    ahead = FetchAhead()
    shares: list[PrefetchShare] = []
    for _ in range(count):
        shares.append(ahead.join(entries_of(size)))
        held = sum(share.queue for share in shares)
        assert held <= TOGETHER + FEWEST * len(shares)
        assert held * size <= TOGETHER_BYTES + FEWEST * len(shares) * size
    settle(ahead, shares, size=size)
    held = sum(share.queue for share in shares)
    assert held <= TOGETHER + FEWEST * count
    assert held * size <= TOGETHER_BYTES + FEWEST * count * size
    assert min(share.queue for share in shares) >= FEWEST


def test_those_that_were_first_give_back_what_others_need() -> None:
    ahead = FetchAhead()
    shares = opened(ahead, 100, 500)
    assert shares[0].queue == LONGEST
    settle(ahead, shares, size=500)
    queues = [share.queue for share in shares]
    assert min(queues) > 25
    assert max(queues) <= 2 * TOGETHER // 100


def test_what_is_given_back_is_given_to_those_that_are_behind() -> None:
    ahead = FetchAhead()
    shares = opened(ahead, 100, 500)
    settle(ahead, shares, size=500)
    for share in shares[1:]:
        ahead.leave(share)
    assert not ahead.note(shares[0], read=3, size=1_500, in_an_entry=1), "whoever is not behind needs no more"
    assert ahead.note(shares[0], read=LONGEST, size=LONGEST * 500, in_an_entry=1)
    assert shares[0].queue == LONGEST


def test_batches_are_told_from_large_messages_by_reading_them() -> None:
    ahead = FetchAhead()
    shares = opened(ahead, 4, 128 * 1024)
    assert shares[-1].queue < LONGEST
    settle(ahead, shares, size=500, in_an_entry=256)
    assert all(MUCH * share.queue > LONGEST for share in shares)


def test_small_messages_before_large_ones_do_not_make_it_forget_how_large_entries_are() -> None:
    ahead = FetchAhead()
    share = ahead.join(entries_of(1_000_000))
    settle(ahead, [share], size=100)
    assert share.queue * 1_000_000 <= TOGETHER_BYTES


def test_shares_that_stay_about_the_same_cost_no_connection() -> None:
    ahead = FetchAhead()
    shares = opened(ahead, 30, 20_000)
    settle(ahead, shares, size=20_000)
    assert settle(ahead, shares, size=20_000) == 0
    for size in (15_000, 25_000, 8_000, 22_000):
        assert settle(ahead, shares[:3], size=size) <= 3


def test_of_a_partition_that_nobody_knows_little_is_fetched_until_its_messages_are_seen() -> None:
    ahead = FetchAhead()
    share = ahead.join({})
    assert share.queue * UNKNOWN <= TOGETHER_BYTES
    settle(ahead, [share], size=300)
    assert share.queue == LONGEST


def test_whoever_leaves_takes_nothing_along() -> None:
    ahead = FetchAhead()
    for _ in range(50):
        shares = opened(ahead, 20, 100_000)
        settle(ahead, shares, size=90_000)
        for share in shares:
            ahead.leave(share)
    assert ahead.join(entries_of(500)).queue == LONGEST
    assert (ahead._readers, ahead._messages) == (1, LONGEST)


def test_of_many_readers_that_come_together_only_some_connect_at_once_and_the_first_leave_the_others_their_shares() -> None:
    """If each had what is free when it connects, most would connect a second time."""
    ahead, count = FetchAhead(), 300
    shares: list[PrefetchShare] = []
    connecting, most = 0, 0
    all_come, lock = threading.Event(), threading.Lock()

    def connect() -> None:
        nonlocal connecting, most
        with ahead.turn():
            with lock:
                connecting += 1
                most = max(most, connecting)
            assert all_come.wait(30)
            shares.append(ahead.join(entries_of(500)))
            with lock:
                connecting -= 1

    threads = [threading.Thread(target=connect) for _ in range(count)]
    for thread in threads:
        thread.start()
    assert soon(lambda: len(ahead._coming) == count and most == AT_ONCE)
    all_come.set()
    for thread in threads:
        thread.join()
    assert most == AT_ONCE
    assert not ahead._coming
    assert {share.queue for share in shares} <= set(range(TOGETHER // count, 2 * TOGETHER // count))
    assert settle(ahead, shares, size=500) == 0


def test_a_reader_does_not_wait_long_for_those_that_get_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "TURN_SECONDS", 0.01)
    ahead = FetchAhead()
    with ExitStack() as stuck:
        for _ in range(AT_ONCE):
            stuck.enter_context(ahead.turn())
        with ahead.turn():
            pass
    with ExitStack() as others:
        for _ in range(AT_ONCE):
            others.enter_context(ahead.turn())
        assert not ahead._turns.acquire(blocking=False), "one that came out of turn gave none back"
