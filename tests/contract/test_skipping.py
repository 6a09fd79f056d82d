"""Waiting events are skipped up to exact messages: nothing beyond them, nothing twice, and consumers stay connected."""

import pytest

from eventstore.model.cursor_moves import MOVED_BACK, CursorMove, MoveResult
from eventstore.model.errors import InvalidPosition, LeaseLost, UnknownSubscription, UnknownTopic
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.model.tokens import encode
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, numbered, payloads, receive_until, texts
from tests.contract.test_subscriptions import acknowledged, backlog_becomes
from tests.parts import subscriptions_of

TYPES = list(SubscriptionType)[:4]
SHARED = SubscriptionType.SHARED


@pytest.mark.parametrize("kind", TYPES)
def test_beside_a_consumer_of_each_type_exactly_what_is_before_the_end_is_skipped(
    storage: Storage, topic: MakeTopic, kind: SubscriptionType
) -> None:
    name, there = topic().name, subscriptions_of(storage)
    positions = append_singly(storage, name, numbered(8))
    there.create(name, "s", type=kind, start=Edge.EARLIEST)
    with there.consume(name, "s", type=kind, consumer="c") as consumer:
        receive_until(consumer, 8)
        for place in (1, 5):
            consumer.acknowledge(positions[place])
        assert backlog_becomes(storage, name, "s", 6)
        moves: list[CursorMove] = []
        there.skip(name, "s", {0: positions[3]}, behind={0: positions[2]}, on_move=moves.append)
        assert [(move.result, move.reason) for move in moves] == [(MoveResult.NOT_MOVED, MOVED_BACK)], "it stands before that"
        assert there.named(name, "s").backlog == 6
        there.skip(name, "s", {0: positions[3]}, behind={0: None}, on_move=moves.append)
        assert (moves[1].partition, moves[1].result) == (0, MoveResult.MOVED)
        stood = moves[1].stood
        assert stood is not None and stood.acknowledged is None
        held = [at for at in positions if any(low.token < at.token <= high.token for low, high in stood.holes)]
        assert held == [positions[1], positions[5]], "where it stood right before that is told"
        assert acknowledged(storage, name, "s", positions) == [True] * 4 + [False, True, False, False]
        there.skip(name, "s", {0: positions[0]})
        assert acknowledged(storage, name, "s", positions) == [True] * 4 + [False, True, False, False], "never back"
        assert [one.name for one in there.named(name, "s").consumers] == ["c"]
        append_singly(storage, name, numbered(1, start=8))
        assert payloads(receive_until(consumer, 1)) == texts(1, start=8), "it is still given what comes"
    with there.consume(name, "s", type=kind, consumer="later") as consumer:
        assert payloads(receive_until(consumer, 4)) == [b"4", b"6", b"7", b"8"]


def test_partitions_are_skipped_one_by_one_and_those_that_are_not_named_stay(storage: Storage, topic: MakeTopic) -> None:
    name, there = topic(partitions=3).name, subscriptions_of(storage)
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(18)])
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    last = {at.partition: at for at in positions}
    ends = {number: last[number] for number in (0, 2)}
    moves: list[CursorMove] = []
    begun: list[int] = []
    there.skip(name, "s", ends, on_begin=begun.append, on_move=moves.append)
    assert begun == [0, 2]
    assert [(move.partition, move.result) for move in moves] == [(0, MoveResult.MOVED), (2, MoveResult.MOVED)]
    assert eventually(lambda: there.named(name, "s").backlog == sum(at.partition == 1 for at in positions))
    there.skip(name, "s", {})


def test_a_place_where_nothing_lies_is_refused_before_anything_is_skipped(storage: Storage, topic: MakeTopic) -> None:
    name, other, there = topic(partitions=2).name, topic().name, subscriptions_of(storage)
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(8)])
    (elsewhere,) = append_singly(storage, other, numbered(1))
    there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    first = next(at for at in positions if at.partition == 0)
    beyond = Position(topic=name, partition=1, token=_far_behind(first))
    for wrong in (
        beyond,
        Position(topic=name, partition=1, token="zzz"),
        Position(topic=other, partition=1, token=elsewhere.token),
    ):
        with pytest.raises(InvalidPosition):
            there.skip(name, "s", {0: first, 1: wrong})
        assert there.named(name, "s").backlog == 8
    with pytest.raises((InvalidPosition, UnknownTopic)):
        there.skip(name, "s", {7: Position(topic=name, partition=7, token=first.token)})
    with pytest.raises(UnknownSubscription):
        there.skip(name, "nobody", {0: first})

    def lost(_: object) -> None:
        raise LeaseLost("Somebody else has it now.")

    with pytest.raises(LeaseLost):
        there.skip(name, "s", {0: first}, on_begin=lost)
    assert there.named(name, "s").backlog == 8, "it is told before anything is moved"


def _far_behind(position: Position) -> str:
    """The token of a place of this store that no partition reaches: its first number is far larger."""
    digits = int(position.token[0], 16)
    return encode(10**9) + position.token[1 + digits :]
