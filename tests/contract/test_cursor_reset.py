"""A cursor is moved: everything from there on is delivered again, and nothing else moves."""

import threading

import pytest
from django.db import connections

from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import LeaseLost
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, numbered, payloads, receive_until, texts
from tests.contract.test_subscriptions import acknowledged, backlog_becomes
from tests.parts import subscriptions_of

SHARED = SubscriptionType.SHARED


def handle_all(storage: Storage, topic: str, count: int) -> None:
    """Let the subscription ``s`` handle the topic's ``count`` events."""
    with subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="c") as consumer:
        for message in receive_until(consumer, count):
            consumer.acknowledge(message.position)
    assert backlog_becomes(storage, topic, "s", 0)


def received_by_a_new_consumer(storage: Storage, topic: str, count: int) -> list[bytes]:
    with subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="later") as consumer:
        found = payloads(receive_until(consumer, count))
        assert list(consumer.receive(limit=10, timeout=0.2)) == []
        return found


def test_the_event_at_the_position_is_the_next_one(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(8))
    left = 8
    for place in (0, 1, 4, 7):
        handle_all(storage, name, left)
        subscriptions_of(storage).reset_cursor(name, "s", {0: positions[place]})
        left = 8 - place
        assert backlog_becomes(storage, name, "s", left)
        assert acknowledged(storage, name, "s", positions) == [True] * place + [False] * left
        assert received_by_a_new_consumer(storage, name, left) == texts(left, start=place)


def test_a_position_that_travelled_as_text_resets_the_same(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(4))
    handle_all(storage, name, 4)
    subscriptions_of(storage).reset_cursor(name, "s", {0: Position.decode(positions[2].encode())})
    assert received_by_a_new_consumer(storage, name, 2) == texts(2, start=2)


def test_to_the_earliest_edge_everything_comes_again(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(5))
    handle_all(storage, name, 5)
    subscriptions_of(storage).reset_cursor(name, "s", {0: Edge.EARLIEST})
    assert backlog_becomes(storage, name, "s", 5)
    assert received_by_a_new_consumer(storage, name, 5) == texts(5)


def test_to_the_latest_edge_nothing_is_left_but_what_comes_later(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(5))
    subscriptions_of(storage).create(name, "s", type=SHARED, start=Edge.EARLIEST)
    subscriptions_of(storage).reset_cursor(name, "s", {0: Edge.LATEST})
    assert backlog_becomes(storage, name, "s", 0)
    append_singly(storage, name, numbered(2, start=5))
    assert received_by_a_new_consumer(storage, name, 2) == texts(2, start=5)


def test_it_moves_forward_as_well(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(6))
    subscriptions_of(storage).create(name, "s", type=SHARED, start=Edge.EARLIEST)
    subscriptions_of(storage).reset_cursor(name, "s", {0: positions[4]})
    assert received_by_a_new_consumer(storage, name, 2) == texts(2, start=4)


def test_acknowledgements_beyond_it_are_forgotten(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(6))
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        receive_until(consumer, 6)
        for place in (0, 1, 3, 5):
            consumer.acknowledge(positions[place])
    assert backlog_becomes(storage, name, "s", 2)
    subscriptions_of(storage).reset_cursor(name, "s", {0: positions[1]})
    assert backlog_becomes(storage, name, "s", 5)
    assert acknowledged(storage, name, "s", positions) == [True] + [False] * 5
    assert received_by_a_new_consumer(storage, name, 5) == texts(5, start=1)


def test_partitions_that_are_not_named_stay(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=3).name
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(30)])
    handle_all(storage, name, 30)
    of_one = [position for position in positions if position.partition == 1]
    subscriptions_of(storage).reset_cursor(name, "s", {1: Edge.EARLIEST})
    assert backlog_becomes(storage, name, "s", len(of_one))
    assert acknowledged(storage, name, "s", positions) == [position.partition != 1 for position in positions]


def test_naming_no_partition_moves_nothing(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    handle_all(storage, name, 3)
    subscriptions_of(storage).reset_cursor(name, "s", {})
    assert subscriptions_of(storage).named(name, "s").backlog == 0


def test_other_subscriptions_stay(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    subscriptions_of(storage).create(name, "other", type=SHARED, start=Edge.LATEST)
    handle_all(storage, name, 3)
    subscriptions_of(storage).reset_cursor(name, "s", {0: Edge.EARLIEST})
    assert backlog_becomes(storage, name, "s", 3)
    assert subscriptions_of(storage).named(name, "other").backlog == 0


@pytest.mark.parametrize("kind", list(SubscriptionType)[:4])
def test_a_connected_consumer_receives_from_the_new_place_by_itself(
    storage: Storage, topic: MakeTopic, kind: SubscriptionType
) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(6))
    with subscriptions_of(storage).consume(name, "s", type=kind, consumer="c") as consumer:
        for message in receive_until(consumer, 6)[:5]:
            consumer.acknowledge(message.position)
        assert backlog_becomes(storage, name, "s", 1)
        subscriptions_of(storage).reset_cursor(name, "s", {0: positions[2]})
        again: list[bytes] = []

        def from_the_place() -> bool:
            again.extend(payloads(consumer.receive(limit=10, timeout=0.5)))
            return set(again) >= set(texts(4, start=2))

        assert eventually(from_the_place), again
        assert not set(again) & set(texts(2)), "nothing from before the place"


def test_each_partition_is_read_back_and_said_to_have_moved(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=3).name
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(12)])
    handle_all(storage, name, 12)
    for targets in (
        dict.fromkeys(range(3), Edge.EARLIEST),
        dict.fromkeys(range(3), Edge.EARLIEST),
        dict.fromkeys(range(3), Edge.LATEST),
        {positions[5].partition: positions[5]},
    ):
        moves: list[CursorMove] = []
        subscriptions_of(storage).reset_cursor(name, "s", targets, on_move=moves.append)
        assert [(move.partition, move.result) for move in moves] == [(number, MoveResult.MOVED) for number in sorted(targets)]


def test_an_error_of_the_one_who_is_told_ends_the_reset(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(4)])
    handle_all(storage, name, 4)

    def lost(_: object) -> None:
        raise LeaseLost("Somebody else has it now.")

    with pytest.raises(LeaseLost):
        subscriptions_of(storage).reset_cursor(name, "s", dict.fromkeys(range(2), Edge.EARLIEST), on_begin=lost)
    assert subscriptions_of(storage).named(name, "s").backlog == 0, "it is told before anything is moved"
    with pytest.raises(LeaseLost):
        subscriptions_of(storage).reset_cursor(name, "s", dict.fromkeys(range(2), Edge.EARLIEST), on_move=lost)


@pytest.mark.parametrize("kind", list(SubscriptionType)[:4])
@pytest.mark.parametrize("resets", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_while_a_consumer_acknowledges_at_once_nobody_says_that_a_moved_cursor_was_not_moved(
    storage: Storage, topic: MakeTopic, kind: SubscriptionType, resets: int
) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    stop = threading.Event()
    subscriptions_of(storage).create(name, "s", type=kind, start=Edge.EARLIEST)

    def consume() -> None:
        with subscriptions_of(storage).consume(name, "s", type=kind, consumer="c") as consumer:
            while not stop.is_set():
                for message in consumer.receive(limit=10, timeout=0.1):
                    consumer.acknowledge(message.position)
        connections.close_all()

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        for _ in range(resets):
            assert backlog_becomes(storage, name, "s", 0)
            moves: list[CursorMove] = []
            subscriptions_of(storage).reset_cursor(name, "s", {0: Edge.EARLIEST}, on_move=moves.append)
            assert moves[0].result in (MoveResult.MOVED, MoveResult.UNKNOWN)
    finally:
        stop.set()
        thread.join()
