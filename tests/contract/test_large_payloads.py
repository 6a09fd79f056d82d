"""However many events a caller takes together, their bytes are bounded."""

import time

import pytest

from eventstore.model.events import NewMessage
from eventstore.model.log import READ_BYTES, Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import PATIENCE, payloads, read_until, whole_log
from tests.parts import subscriptions_of

MEGABYTES = 3_000_000
MOST = READ_BYTES // MEGABYTES + 1
"""How many of these events fill the bound."""

LARGE = [bytes([number]) * MEGABYTES for number in range(MOST + 3)]


@pytest.fixture
def log(storage: Storage, topic: MakeTopic) -> str:
    """A topic with more bytes than one call returns."""
    name = topic().name
    for payload in LARGE:
        storage.log.append(name, [NewMessage(payload=payload, key="k")])
    return name


def test_a_reader_ends_a_call_early_and_loses_nothing(storage: Storage, log: str) -> None:
    with storage.log.open_reader(log, 0, after=Edge.EARLIEST) as reader:
        found = payloads(read_until(reader, 1))
        time.sleep(1)  # a driver that fetches ahead has everything by now, and could return it
        while len(found) < len(LARGE):
            more = payloads(reader.read(limit=1000, timeout=20))
            assert 0 < len(more) <= MOST
            found += more
    assert found == LARGE


def test_a_consumer_ends_a_call_early_and_loses_nothing(storage: Storage, log: str) -> None:
    for kind in list(SubscriptionType)[:4]:
        check_consumer(storage, log, kind)


def check_consumer(storage: Storage, log: str, kind: SubscriptionType) -> None:
    with subscriptions_of(storage).consume(log, f"of {kind}", type=kind, consumer="c") as consumer:
        found: list[bytes] = []
        while len(found) < len(LARGE):
            more = consumer.receive(limit=1000, timeout=20)
            assert 0 < len(more) <= MOST
            for message in more:
                consumer.acknowledge(message.position)
            found += payloads(more)
        assert found == LARGE
        assert list(consumer.receive(limit=1000, timeout=0.2)) == []


def test_what_does_not_fit_any_more_is_not_held_by_the_one_who_did_not_get_it(storage: Storage, log: str) -> None:
    with (
        subscriptions_of(storage).consume(log, "s", type=SubscriptionType.SHARED, consumer="one") as one,
        subscriptions_of(storage).consume(log, "s", type=SubscriptionType.SHARED, consumer="two") as two,
    ):
        found = [*payloads(one.receive(limit=1000, timeout=20)), *payloads(two.receive(limit=1000, timeout=1))]
        end = time.monotonic() + PATIENCE
        while len(found) < len(LARGE) and time.monotonic() < end:
            found += payloads(two.receive(limit=1000, timeout=0.2))
            found += payloads(one.receive(limit=1000, timeout=0.2))
    assert sorted(found) == LARGE


def test_an_event_that_is_larger_than_the_bound_comes_alone(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    messages = [NewMessage(payload=payload) for payload in (b"", b"x" * (READ_BYTES + 1), b"behind")]
    for message in messages:
        storage.log.append(name, [message])
    with storage.log.open_reader(name, 0, after=Edge.EARLIEST) as reader:
        assert payloads(read_until(reader, 3)) == [message.payload for message in messages]


def test_a_piece_of_the_log_ends_with_the_event_that_makes_its_bytes_full_and_is_never_cut_otherwise(
    storage: Storage, log: str
) -> None:
    assert payloads(whole_log(storage, log)) == LARGE
    assert payloads(storage.log.read_backward(log, 0, limit=1000)) == LARGE[::-1]
    for most in (1, MEGABYTES, MEGABYTES + 1, 3 * MEGABYTES):
        check_pieces(storage, log, most)
    never = (len(LARGE) + 1) * MEGABYTES
    assert payloads(storage.log.read_forward(log, 0, limit=1000, most_bytes=never)) == LARGE
    assert payloads(storage.log.read_backward(log, 0, limit=1000, most_bytes=never)) == LARGE[::-1]
    assert payloads(storage.log.read_forward(log, 0, limit=2, most_bytes=never)) == LARGE[:2]
    assert payloads(storage.log.read_backward(log, 0, limit=2, most_bytes=never)) == LARGE[:-3:-1]


def check_pieces(storage: Storage, log: str, most: int) -> None:
    count = -(-most // MEGABYTES)
    assert payloads(storage.log.read_forward(log, 0, limit=1000, most_bytes=most)) == LARGE[:count]
    assert payloads(storage.log.read_backward(log, 0, limit=1000, most_bytes=most)) == LARGE[::-1][:count]
    second, last = (
        storage.log.read_forward(log, 0, limit=2)[1].position,
        storage.log.read_backward(log, 0, limit=1)[0].position,
    )
    rest = storage.log.read_forward(log, 0, after=second, inclusive=True, limit=1000, most_bytes=most)
    assert payloads(rest) == LARGE[1 : 1 + count]
    assert payloads(storage.log.read_backward(log, 0, before=last, limit=1000, most_bytes=most)) == LARGE[-2::-1][:count]
