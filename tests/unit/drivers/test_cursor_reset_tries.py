"""Resetting a Pulsar cursor, on answers as the admin API gives them: tried again, read back, and told."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.subscriptions.cursor_reset import NOT_MOVED, NOT_READ_BACK, TRIES, reset
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import EventStoreError, LeaseLost, StoreRefused, StoreUnreachable, UnknownTopic
from eventstore.model.events import TopicKind
from eventstore.model.log import Edge

NAME = TopicName(tenant="public", namespace="default", local="t")
MOVED, NOT, UNKNOWN, FAILED = MoveResult.MOVED, MoveResult.NOT_MOVED, MoveResult.UNKNOWN, MoveResult.FAILED
HERE, START = "5:6", "5:-1"
"""Where the cursor stands: after seven of ten entries, and before all of them."""

Look = str | EventStoreError | None
"""One answer of a partition: its cursor's place, an error, or no such cursor."""


class Answers:
    """The admin API. ``looks`` are its answers about each partition in order, the last one for ever."""

    def __init__(self, *looks: Sequence[Look], refusing: EventStoreError | None = None) -> None:
        self.looks = [list(each) for each in looks]
        self.refusing = refusing
        self.resets: list[int] = []

    def statistics(self, topic: TopicName, partitions: int) -> Sequence[Any]:
        return [{"subscriptions": {"s": {"isDurable": True, "msgOutCounter": 7}}}] * max(1, partitions)

    def log_internals(self, log: TopicName) -> Any:
        answers = self.looks[_number(log)]
        look = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(look, EventStoreError):
            raise look
        cursors = {} if look is None else {"s": {"markDeletePosition": look, "individuallyDeletedMessages": "[]"}}
        return {"lastConfirmedEntry": "5:9", "ledgers": [{"ledgerId": 5, "entries": 0}], "cursors": cursors}

    def reset_cursor(self, log: TopicName, name: str, target: object) -> None:
        if self.refusing is not None:
            raise self.refusing
        self.resets.append(_number(log))


def _number(log: TopicName) -> int:
    return int(log.local.rpartition("-")[2])


def moves_of(answers: Answers, on_begin: Callable[[int], None] = lambda _: None) -> list[CursorMove]:
    """Reset the cursors of all partitions to the first event. Returns the results that were told before an error."""
    moves: list[CursorMove] = []
    known = KnownTopic(name=NAME, shards=len(answers.looks), kind=TopicKind.EVENTS)
    targets = dict.fromkeys(range(len(answers.looks)), Edge.EARLIEST)
    try:
        reset(cast("Admin", answers), known, "s", targets, on_begin, moves.append)
    except EventStoreError as error:
        moves.append(CursorMove(partition=-1, result=FAILED, reason=str(error)))
    return moves


def results(moves: Sequence[CursorMove]) -> list[MoveResult]:
    return [move.result for move in moves]


def test_a_cursor_that_was_not_moved_is_reset_again() -> None:
    answers = Answers([HERE, HERE, HERE, START])
    assert results(moves_of(answers)) == [MOVED]
    assert len(answers.resets) == 3


def test_a_cursor_that_never_moves_is_given_up_and_told() -> None:
    answers = Answers([HERE])
    assert [(move.result, move.reason) for move in moves_of(answers)] == [(NOT, NOT_MOVED)]
    assert len(answers.resets) == TRIES


@pytest.mark.parametrize(
    "second",
    [StoreRefused("No right."), StoreUnreachable("No answer."), UnknownTopic("No such topic."), None],
    ids=["refused", "no answer", "no topic", "no cursor"],
)
def test_a_confirmed_reset_that_cannot_be_read_back_is_unknown(second: Look) -> None:
    (move,) = moves_of(Answers([HERE, second]))
    assert move.result is UNKNOWN
    assert move.reason.startswith(NOT_READ_BACK)


@pytest.mark.parametrize("first", [None, UnknownTopic("No such topic.")], ids=["no cursor", "no topic"])
def test_where_there_is_no_cursor_the_reset_itself_says_so(first: Look) -> None:
    refused, raised = moves_of(Answers([first], refusing=StoreRefused("No such subscription.")))
    assert (refused.result, raised.reason) == (FAILED, "No such subscription.")
    assert results(moves_of(Answers([first, START]))) == [UNKNOWN], "nothing is known of where it stood before"


def test_only_partitions_that_were_moved_are_named_as_moved() -> None:
    told = moves_of(Answers([HERE], [HERE, START], [HERE, StoreRefused("No.")], [StoreRefused("No right.")]))
    assert results(told[:4]) == [NOT, MOVED, UNKNOWN, FAILED]
    assert told[4].reason == "No right. The cursors of these partitions have been moved already: 1."


def test_the_caller_is_told_right_before_each_partition_and_can_end_the_reset() -> None:
    answers = Answers([HERE, START], [HERE, START], [HERE, START])
    begun: list[tuple[int, int]] = []

    def on_begin(partition: int) -> None:
        begun.append((partition, len(answers.resets)))
        if partition == 2:
            raise LeaseLost("Somebody else has it now.")

    told = moves_of(answers, on_begin)
    assert begun == [(0, 0), (1, 1), (2, 2)]
    assert results(told[:2]) == [MOVED, MOVED]
    assert (answers.resets, told[2].reason) == ([0, 1], "Somebody else has it now.")
