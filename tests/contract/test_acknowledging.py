"""Exact messages are acknowledged without being received, and a cursor is put back to a place with its ranges."""

from collections.abc import Callable, Sequence

import pytest

from eventstore.model.cursor_moves import CursorMove, CursorPlace, MoveResult, Range
from eventstore.model.errors import InvalidPosition, LeaseLost, StoreRefused, UnknownSubscription
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer, Cursor, SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, numbered, payloads, receive_until, texts
from tests.contract.test_subscriptions import acknowledged, backlog_becomes
from tests.parts import subscriptions_of

SHARED, EXCLUSIVE = SubscriptionType.SHARED, SubscriptionType.EXCLUSIVE
TYPES = list(SubscriptionType)[:4]


def alone(storage: Storage, position: Position) -> Range:
    """The range that holds this message and no other."""
    return storage.log.entry(position)


def flags(text: str) -> list[bool]:
    """Read "++-+": acknowledged or not."""
    return [sign == "+" for sign in text]


def place_now(storage: Storage, topic: str, partition: int = 0) -> CursorPlace:
    cursor: Cursor = subscriptions_of(storage).named(topic, "s").cursors[partition]
    return CursorPlace(acknowledged=cursor.acknowledged, holes=cursor.holes)


def settled(consumer: Consumer, known: list[bytes], wanted: Sequence[bytes]) -> bool:
    """Receive until all that is wanted has come; what was known before a move may come again."""

    def all_there() -> bool:
        known.extend(payloads(consumer.receive(limit=10, timeout=0.3)))
        return set(known) >= set(wanted)

    return eventually(all_there)


@pytest.mark.parametrize("kind", TYPES)
def test_beside_consumers_of_each_type_exact_messages_are_acknowledged_and_a_place_is_restored_with_its_ranges(
    storage: Storage, topic: MakeTopic, kind: SubscriptionType
) -> None:
    name, there = topic().name, subscriptions_of(storage)
    places = append_singly(storage, name, numbered(10))
    there.create(name, "s", type=kind, start=Edge.EARLIEST)
    with there.consume(name, "s", type=kind, consumer="first") as consumer:
        got = payloads(receive_until(consumer, 10))
        assert got == texts(10)
        if kind is EXCLUSIVE and there.capabilities.acknowledges_as_member:
            with pytest.raises(StoreRefused, match="exclusive and its consumer first is connected"):
                there.acknowledge(name, "s", {0: [alone(storage, places[3])]})
            assert acknowledged(storage, name, "s", places) == [False] * 10
        for place in (0, 1):
            consumer.acknowledge(places[place])
        assert backlog_becomes(storage, name, "s", 8)
        if not (kind is EXCLUSIVE and there.capabilities.acknowledges_as_member):
            moves: list[CursorMove] = []
            there.acknowledge(name, "s", {0: [alone(storage, places[3]), alone(storage, places[6])]}, on_move=moves.append)
            assert [move.result for move in moves] == [MoveResult.MOVED]
            assert acknowledged(storage, name, "s", places) == flags("++-+--+---")
    if kind is EXCLUSIVE and there.capabilities.acknowledges_as_member:
        there.acknowledge(name, "s", {0: [alone(storage, places[3]), alone(storage, places[6])]})
    before = place_now(storage, name)
    there.reset_cursor(name, "s", {0: Edge.LATEST})
    assert backlog_becomes(storage, name, "s", 0)
    moves = []
    there.restore_cursor(name, "s", {0: before}, on_move=moves.append)
    assert [(move.result, move.incomplete) for move in moves] == [(MoveResult.MOVED, "")]
    assert acknowledged(storage, name, "s", places) == flags("++-+--+---")
    assert place_now(storage, name) == before
    with there.consume(name, "s", type=kind, consumer="later") as consumer:
        wanted = [text for text, done in zip(texts(10), flags("++-+--+---"), strict=True) if not done]
        assert sorted(payloads(receive_until(consumer, 6))) == wanted
        assert list(consumer.receive(limit=10, timeout=0.2)) == []


def test_a_connected_consumer_of_a_restored_cursor_receives_what_waits_by_itself(storage: Storage, topic: MakeTopic) -> None:
    name, there = topic().name, subscriptions_of(storage)
    places = append_singly(storage, name, numbered(6))
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    there.acknowledge(name, "s", {0: [alone(storage, places[0]), alone(storage, places[3])]})
    before = place_now(storage, name)
    there.reset_cursor(name, "s", {0: Edge.LATEST})
    with there.consume(name, "s", type=SHARED, consumer="c") as consumer:
        there.restore_cursor(name, "s", {0: before})
        assert settled(consumer, [], [texts(6)[place] for place in (1, 2, 4, 5)])
    assert acknowledged(storage, name, "s", places) == flags("+--+--")


def test_the_cursor_moves_over_what_becomes_whole_and_twice_is_harmless(storage: Storage, topic: MakeTopic) -> None:
    name, there = topic(partitions=2).name, subscriptions_of(storage)
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(12)])
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    own = [[place for place in positions if place.partition == number] for number in (0, 1)]
    assert all(own)
    for _ in range(2):
        there.acknowledge(name, "s", {0: [(alone(storage, own[0][0])[0], alone(storage, own[0][-1])[1])]})
        assert there.named(name, "s").backlog == len(own[1])
        assert place_now(storage, name).holes == []
    there.acknowledge(name, "s", {})
    there.restore_cursor(name, "s", {0: CursorPlace(acknowledged=None)})
    assert there.named(name, "s").backlog == 12


def test_places_that_are_not_the_partitions_own_are_refused_and_nothing_moves(storage: Storage, topic: MakeTopic) -> None:
    name, other, there = topic().name, topic().name, subscriptions_of(storage)
    append_singly(storage, name, numbered(2))
    foreign = append_singly(storage, other, numbered(5))
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    behind = Position(topic=name, partition=0, token=alone(storage, foreign[4])[1].token)
    refused: list[Callable[[], None]] = [
        lambda: there.acknowledge(name, "s", {0: [alone(storage, foreign[0])]}),
        lambda: there.restore_cursor(name, "s", {0: CursorPlace(acknowledged=foreign[0])}),
        lambda: there.restore_cursor(name, "s", {0: CursorPlace(acknowledged=behind)}),
        lambda: there.acknowledge(name, "s", {0: [(behind, Position(topic=name, partition=0, token="zz"))]}),
    ]
    for call in refused:
        with pytest.raises(InvalidPosition):
            call()
    with pytest.raises(UnknownSubscription):
        there.restore_cursor(name, "nobody", {0: CursorPlace(acknowledged=None)})
    assert there.named(name, "s").backlog == 2


def test_an_error_of_the_one_who_is_told_ends_it_before_anything_is_done(storage: Storage, topic: MakeTopic) -> None:
    name, there = topic().name, subscriptions_of(storage)
    places = append_singly(storage, name, numbered(2))
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)

    def lost(_: object) -> None:
        raise LeaseLost("Somebody else has it now.")

    with pytest.raises(LeaseLost):
        there.acknowledge(name, "s", {0: [alone(storage, places[0])]}, on_begin=lost)
    with pytest.raises(LeaseLost):
        there.restore_cursor(name, "s", {0: CursorPlace(acknowledged=places[1].message)}, on_begin=lost)
    assert there.named(name, "s").backlog == 2
