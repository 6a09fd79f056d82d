"""What is said of one event and one subscription, from what is known of both."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from eventstore.delivery.judging import Copies, Delivery, Known, Source, Why, judge
from eventstore.delivery.passages import Passage
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState, Subscription
from eventstore.model.tokens import encode
from eventstore.subscriptions.backlog import Backlog, Counted
from eventstore.subscriptions.state import State
from tests.unit.delivery.brokers import NOON, TOPIC, Broker, whole

ACKNOWLEDGED, PENDING = DeliveryState.ACKNOWLEDGED, DeliveryState.PENDING


def pointer(entry: int, batch: int = -1, *, topic: str = TOPIC, partition: int = 0) -> Pointer:
    position = Position(topic=topic, partition=partition, token=encode(7, entry, batch + 1))
    return Pointer(position=position, ordinal=0, event_id="e", type="t", time=NOON, published=NOON, size=1, version=1)


def known(acknowledged: set[int], published: int, *, stuck: bool = False, state: State = State.CATCHING_UP) -> Known:
    broker = Broker(published=published, acknowledged=acknowledged)
    return of(broker.look(broker.told()), stuck=stuck, state=state)


def of(subscription: Subscription, *, stuck: bool = False, state: State = State.CATCHING_UP) -> Known:
    backlog = Backlog(
        subscription=subscription,
        waiting=subscription.backlog,
        counted=Counted.INDEX,
        state=State.STUCK if stuck else state,
        entries=subscription.backlog,
        oldest=None,
        oldest_position=None,
        stuck_since=NOON if stuck else None,
        stuck_partitions=frozenset({0} if stuck else ()),
        as_of=NOON,
    )
    return Known(backlog=backlog)


def states(found: Sequence[Delivery]) -> list[DeliveryState]:
    return [delivery.state for delivery in found]


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    done=st.sets(st.integers(0, 29)),
    partly=st.sets(st.integers(0, 29)),
    inside=st.booleans(),
)
def test_every_event_is_acknowledged_just_if_its_whole_entry_is(
    sizes: Sequence[int], done: set[int], partly: set[int], inside: bool
) -> None:
    """``partly`` acknowledged batches look like those of which nothing is: where the broker keeps such acknowledgements, what
    waits in a batch is unknown."""
    done = {entry for entry in done if entry < len(sizes)}
    broker = Broker(published=len(sizes), acknowledged=done)
    subscription = of(replace(broker.look(broker.told()), acknowledges_inside=inside))
    for entry, size in enumerate(sizes):
        for member in range(size):
            found = judge(pointer(entry, member if size > 1 else -1), subscription, batch=size)
            expected: tuple[DeliveryState, int | None]
            if entry in done:
                expected = (ACKNOWLEDGED, None)
            elif size > 1:
                expected = (DeliveryState.UNKNOWN if inside else PENDING, size)
            else:
                expected = (PENDING, None)
            assert (found.state, found.batch) == expected


def test_a_cursor_says_nothing_of_other_partitions() -> None:
    found = judge(pointer(0, partition=1), known({0, 1, 2}, 3))
    assert (found.state, found.source, found.why) == (DeliveryState.UNKNOWN, Source.NOTHING, Why.NO_CURSOR)


def test_what_waits_behind_a_cursor_that_stands_still_is_stuck_and_says_since_when() -> None:
    found = judge(pointer(2), known({0, 1}, 3, stuck=True))
    assert (found.state, found.since, found.as_of) == (DeliveryState.STUCK, NOON, NOON)
    assert judge(pointer(1), known({0, 1}, 3, stuck=True)).state is ACKNOWLEDGED


def test_a_group_that_keeps_its_positions_elsewhere_is_always_unknown() -> None:
    found = [judge(pointer(entry), replace(known({0}, 2), external=True)) for entry in (0, 1)]
    assert states(found) == [DeliveryState.UNKNOWN] * 2
    assert {(delivery.why, delivery.source) for delivery in found} == {(Why.EXTERNAL, Source.CONFIGURATION)}


def test_what_a_phantom_has_not_acknowledged_waits_for_nobody() -> None:
    found = judge(pointer(0), known(set(), 2, state=State.PHANTOM))
    assert (found.state, found.why, found.waits) == (PENDING, Why.PHANTOM, False)


def test_nothing_is_stuck_where_nobody_is_connected() -> None:
    nobody = replace(known(set(), 2, stuck=True).backlog, state=State.NO_CONSUMERS)
    assert judge(pointer(0), Known(backlog=nobody)).state is PENDING


def test_no_cursor_stands_in_a_log_that_is_gone() -> None:
    gone = replace(pointer(0), ended_at=NOON)
    found = judge(gone, known({0}, 1), copies=Copies([pointer(0, topic="patients-mailer-DLQ")]))
    assert (found.state, found.why) == (DeliveryState.UNKNOWN, Why.ANEW)


def test_a_dead_letter_comes_before_everything_since_it_has_been_acknowledged_too() -> None:
    letter = pointer(0, topic="patients-mailer-DLQ")
    found = judge(pointer(0), known({0}, 1), copies=Copies([letter]))
    assert (found.state, found.copy, found.why) == (DeliveryState.DEAD_LETTERED, letter, Why.NOTHING)
    waits = judge(pointer(0), known(set(), 1), copies=Copies([letter]))
    assert (waits.state, waits.why) == (DeliveryState.DEAD_LETTERED, Why.WAITS_AGAIN)


def test_an_event_is_retried_until_its_last_copy_is_acknowledged_in_the_retry_topic() -> None:
    retry = "patients-mailer-RETRY"
    copies = [pointer(0, topic=retry), replace(pointer(1, topic=retry), published=NOON + timedelta(minutes=1))]
    for acknowledged, expected in (({0}, DeliveryState.RETRYING), ({0, 1}, ACKNOWLEDGED)):
        found = judge(pointer(0), known({0}, 1), copies=Copies([], copies, {retry: known(acknowledged, 2)}))
        assert (found.state, found.source, found.copy) == (expected, Source.RETRY, copies[1])
    assert judge(pointer(0), known({0}, 1), copies=Copies([], copies, {})).state is DeliveryState.RETRYING


def test_an_event_whose_copy_was_skipped_in_the_retry_topic_is_passed_over_or_unknown() -> None:
    copy = pointer(1, topic="patients-mailer-RETRY")
    for certain, recorded, expected in (
        (True, True, (DeliveryState.PASSED_OVER, Source.RECORD, Why.NOTHING)),
        (True, False, (DeliveryState.PASSED_OVER, Source.LOOKS, Why.NOTHING)),
        (False, False, (DeliveryState.UNKNOWN, Source.LOOKS, Why.JUMPED)),
    ):
        over = Passage(start=whole(0).token, end=whole(1).token, certain=certain, found=NOON, recorded=recorded)
        there = replace(known({0, 1}, 2), passages={0: [over]})
        found = judge(pointer(0), known({0}, 1), copies=Copies([], [copy], {copy.position.topic: there}))
        assert (found.state, found.source, found.why, found.copy) == (*expected, copy)


def test_what_the_cursor_jumped_over_is_passed_over_or_unknown_but_never_acknowledged() -> None:
    def jumped(*, certain: bool, before: bool = False) -> Known:
        passage = Passage(
            start=whole(1).token, end=whole(3).token, certain=certain, found=NOON, before=NOON if before else None
        )
        return replace(known({0, 1, 2, 3, 4}, 6), passages={0: [passage]})

    def answers(subscription: Known) -> list[DeliveryState]:
        return states([judge(pointer(entry), subscription) for entry in range(6)])

    passed, unknown = DeliveryState.PASSED_OVER, DeliveryState.UNKNOWN
    assert answers(jumped(certain=True)) == [ACKNOWLEDGED, ACKNOWLEDGED, passed, passed, ACKNOWLEDGED, PENDING]
    assert answers(jumped(certain=False)) == [ACKNOWLEDGED, ACKNOWLEDGED, unknown, unknown, ACKNOWLEDGED, PENDING]
    assert answers(jumped(certain=False, before=True)) == [*[ACKNOWLEDGED] * 5, PENDING]
