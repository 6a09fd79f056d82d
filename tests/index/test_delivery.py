"""The delivery of a page of events, from the index and from cursors as they were last seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.delivery import Book, Delivery, Why, copies
from eventstore.delivery.judging import Known
from eventstore.delivery.tracks import Tracks
from eventstore.delivery.waiting import waiting_of
from eventstore.drivers.pulsar.positions import entry_at, position_from
from eventstore.model.events import Event, Topic, TopicKind
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Cursor, DeliveryState, Subscription, SubscriptionType
from eventstore.model.tokens import AFTER_ALL, encode
from eventstore.subscriptions import Backlog, Counted, State
from tests.indexing import event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PATIENTS = Topic(name="patients", partitions=2)
DEAD = Topic(name="patients-mailer-DLQ", kind=TopicKind.DEAD_LETTER)
RETRY = Topic(name="patients-mailer-RETRY", kind=TopicKind.RETRY)
ACKNOWLEDGED, PENDING, LETTER = DeliveryState.ACKNOWLEDGED, DeliveryState.PENDING, DeliveryState.DEAD_LETTERED
PLACES = cast(Log, SimpleNamespace(position=position_from, entry=entry_at))
"""All that is asked of a log. These two read nothing."""


def subscription(*acknowledged: int | None, name: str = "mailer", topic: str = "patients") -> Subscription:
    """A subscription that has acknowledged everything up to this number, in each partition."""
    cursors = [
        Cursor(
            partition=number,
            acknowledged=None if at is None else place(at, topic=topic, partition=number),
            backlog=1,
        )
        for number, at in enumerate(acknowledged)
    ]
    return Subscription(topic=topic, name=name, type=SubscriptionType.SHARED, cursors=cursors)


def known(told: Subscription) -> Known:
    backlog = Backlog(
        subscription=told,
        waiting=1,
        counted=Counted.INDEX,
        state=State.CATCHING_UP,
        entries=1,
        oldest=None,
        oldest_position=None,
        stuck_since=None,
        stuck_partitions=frozenset(),
        as_of=NOW,
    )
    return Known(backlog=backlog)


def book_of(*subscriptions: Known, declared: Sequence[DeclaredSubscription] = (), named: str = "") -> Book:
    """``named`` is the subscription that each copy's message names."""
    return Book(
        log=PLACES,
        known=subscriptions,
        declared=declared,
        sender_of=lambda copies: {copy.position: named for copy in copies},
    )


def indexed(events: Sequence[Event], topic: Topic = PATIENTS, partition: int = 0) -> list[Pointer]:
    index(events, topic=topic, partition=partition)
    return pointers(topic.name, partition)


def copy(number: int, original: str, *, topic: Topic = DEAD, id: str = "") -> Event:
    return event(number, topic=topic.name, id=id or f"copy-{number}", properties={"ORIGIN_MESSAGE_ID": original})


def of_mailer(book: Book, asked: Sequence[Pointer]) -> list[Delivery]:
    return [deliveries["mailer"] for deliveries in book.of(asked)]


def states(book: Book, asked: Sequence[Pointer]) -> list[DeliveryState]:
    return [delivery.state for delivery in of_mailer(book, asked)]


def test_a_letter_is_found_by_the_place_that_it_names_or_by_its_id_and_is_of_one_subscription() -> None:
    asked = indexed([event(number) for number in range(5)])
    letters = [
        copy(0, "7:1:0:-1"),
        copy(1, "elsewhere", id=asked[2].event_id),
        event(2, topic=DEAD.name, id=asked[3].event_id),
    ]
    indexed(letters, DEAD)
    book = book_of(known(subscription(4, None)), known(subscription(4, None, name="timeline")))
    assert states(book, asked) == [ACKNOWLEDGED, LETTER, ACKNOWLEDGED, LETTER, ACKNOWLEDGED]
    assert {each["timeline"].state for each in book.of(asked)} == {ACKNOWLEDGED}


def test_a_letter_in_a_topic_of_any_name_is_found_as_declared_or_as_its_message_says() -> None:
    asked = indexed([event(number) for number in range(2)])
    errors = Topic(name="mail-errors", kind=TopicKind.DEAD_LETTER)
    indexed([copy(0, "7:1:0:-1", topic=errors)], errors)
    told = known(subscription(1, None)), known(subscription(1, None, name="timeline"))
    assert states(book_of(*told), asked) == [ACKNOWLEDGED] * 2
    mailers = DeclaredSubscription(name="mailer", dead_letter=("mail-*",))
    assert states(book_of(*told, declared=[mailers]), asked) == [ACKNOWLEDGED, LETTER]
    everybodys = DeclaredSubscription(name="*", dead_letter=("mail-*",))
    assert states(book_of(*told, declared=[everybodys]), asked) == [ACKNOWLEDGED, DeliveryState.UNKNOWN]
    assert states(book_of(*told, declared=[everybodys], named="mailer"), asked) == [ACKNOWLEDGED, LETTER]


def test_a_letter_that_names_no_subscription_is_of_the_only_one_and_else_nobody_is_said_to_have_acknowledged_it() -> None:
    asked = indexed([event(number) for number in range(4)])
    letters = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)
    indexed([copy(0, "7:1:0:-1", topic=letters), copy(1, "7:3:0:-1", topic=letters)], letters)
    mailer, timeline = known(subscription(2, None)), known(subscription(2, None, name="timeline"))
    assert states(book_of(mailer), asked) == [ACKNOWLEDGED, LETTER, ACKNOWLEDGED, LETTER]
    book = book_of(mailer, timeline)
    assert states(book, asked) == [ACKNOWLEDGED, DeliveryState.UNKNOWN, ACKNOWLEDGED, PENDING]
    assert {each.why for each in book.of(asked)[1].values()} == {Why.UNNAMED}
    assert states(book_of(mailer, timeline, named="timeline"), asked) == [ACKNOWLEDGED] * 3 + [PENDING]


@pytest.mark.parametrize("bound", ["MOST_ASKED", "MOST_COPIES"])
def test_an_event_with_more_copies_than_are_read_is_not_called_acknowledged(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = indexed([event(number) for number in range(2)])
    letters = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)
    indexed([copy(number, "7:1:0:-1", topic=letters) for number in range(3)], letters)
    told = known(subscription(1, None)), known(subscription(1, None, name="timeline"))
    assert states(book_of(*told, named="timeline"), asked) == [ACKNOWLEDGED] * 2
    monkeypatch.setattr(copies, bound, 2)
    assert states(book_of(*told, named="timeline"), asked)[1] is DeliveryState.UNKNOWN


def test_a_copy_in_the_retry_topic_is_judged_by_the_subscription_there() -> None:
    asked = indexed([event(number) for number in range(2)])
    indexed([copy(0, "7:0:-1", topic=RETRY), copy(1, "7:1:-1", topic=RETRY)], RETRY)
    book = book_of(known(subscription(1, None)), known(subscription(0, topic=RETRY.name)))
    assert states(book, asked) == [ACKNOWLEDGED, DeliveryState.RETRYING]


def test_what_waits_in_a_batch_says_of_how_many_and_is_unknown_where_the_broker_acknowledges_inside() -> None:
    def member(entry: int, batch: int) -> Event:
        found = event(10 * entry + batch)
        return replace_position(found, encode(7, entry, batch + 1))

    asked = indexed([member(0, 0), member(0, 1), member(0, 2), member(1, -1)])
    nothing = subscription(None, None)
    assert [(one.state, one.batch) for one in of_mailer(book_of(known(nothing)), asked)] == [
        (PENDING, 3),
        (PENDING, 3),
        (PENDING, 3),
        (PENDING, None),
    ]
    inside = of_mailer(book_of(known(replace(nothing, acknowledges_inside=True))), asked)
    assert [(one.state, one.batch, one.why) for one in inside] == [
        *[(DeliveryState.UNKNOWN, 3, Why.INSIDE_BATCH)] * 3,
        (PENDING, None, Why.NOTHING),
    ]


def replace_position(event: Event, token: str) -> Event:
    message = event.message
    position = position_from(message.position.topic, message.position.partition, token)
    return Event(
        message=type(message)(position=position, payload=b"{}", published=message.published, key=message.key, properties={}),
        id=event.id,
        time=event.time,
        data=b"{}",
        type=event.type,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        sequence="",
        source="",
        correlation_id="",
        causation_id="",
        problem="",
    )


def test_a_page_costs_the_same_few_queries_for_one_event_and_subscription_or_for_many() -> None:
    asked = indexed([event(number) for number in range(40)])
    indexed([copy(number, f"7:{number}:-1") for number in range(20)], DEAD)

    def queries(events: int, subscriptions: int) -> int:
        told = [known(subscription(25, None, name=f"s{number}")) for number in range(subscriptions)]
        with CaptureQueriesContext(connections["index"]) as captured:
            assert len(book_of(*told).of(asked[-events:])[0]) == subscriptions
        return len(captured)

    assert queries(40, 20) == queries(40, 1) <= queries(20, 1) + 4


def test_what_waits_of_an_aggregate_is_counted_over_its_partitions_and_over_everything_that_is_indexed() -> None:
    other = [event(number, aggregate=("patient", "other")) for number in range(5)]
    first = indexed([*other, *(event(number) for number in range(5, 10))])
    second = indexed([event(number, partition=1) for number in range(4)], partition=1)
    book = book_of(known(subscription(7, 0)), known(subscription(9, 3, name="timeline")))
    [mailer] = waiting_of(book, "patient", "4711")
    assert (mailer.name, mailer.pending, mailer.stuck, mailer.unknown, mailer.all_counted) == ("mailer", 5, 0, 0, True)
    assert mailer.first == min(first[8], second[1], key=lambda pointer: pointer.published)
    [of_other] = waiting_of(book_of(known(subscription(2, None))), "patient", "other")
    assert of_other.pending == 2
    assert waiting_of(book, "patient", "nobody") == []


def test_what_a_cursor_went_over_is_known_to_other_processes_and_after_a_restart() -> None:
    def seen(acknowledged: int) -> Subscription:
        cursor = Cursor(
            partition=0,
            acknowledged=place(acknowledged),
            backlog=0,
            counters=(60, 0),
            entries=50,
            done=acknowledged + 1,
        )
        return Subscription(topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=[cursor])

    here = Tracks()
    here.observe(["patients"], [seen(3)], NOW)
    assert here.passed(["patients"], NOW) == {}
    after_restart = Tracks()
    for minute in (1, 2):
        after_restart.observe(["patients"], [seen(9)], NOW + timedelta(minutes=minute))
    late = NOW + timedelta(hours=1)
    for tracks in (here, Tracks()):
        [passage] = tracks.passed(["patients"], late)["patients", "mailer"][0]
        assert (passage.start, passage.end, passage.certain) == (place(3).token, place(9).token, True)
    assert AFTER_ALL not in passage.end


def test_a_subscription_that_was_not_there_at_the_last_look_was_born_since() -> None:
    newborn = subscription(9)
    [cursor] = newborn.cursors
    counted = replace(newborn, cursors=[replace(cursor, counters=(60, 0), entries=50, done=10)])
    tracks = Tracks()
    tracks.observe(["patients"], [], NOW)
    tracks.observe(["patients"], [counted], NOW + timedelta(seconds=2))
    for each in (tracks, Tracks()):  # the next look is not waited for, by any process
        [passage] = each.passed(["patients"], NOW + timedelta(seconds=2))["patients", "mailer"][0]
        assert (passage.start, passage.certain) == ("", True)


def test_letters_in_a_topic_that_the_index_has_not_found_yet_are_not_all_indexed() -> None:
    indexed([event(0)])
    errors = DeclaredSubscription(name="mailer", dead_letter=("mail-errors",))
    book = book_of(known(subscription(0, None)), declared=[errors])
    assert not book.copies_are_behind(["patients"])
    assert not book.copies_are_behind(["patients"], ["patients", "patients-archive", "orders-mailer-DLQ"])
    assert book.copies_are_behind(["patients"], ["patients-mailer-DLQ"])
    assert book.copies_are_behind(["patients"], ["a/b/mail-errors"])
    indexed([copy(0, "7:0:-1")], DEAD)
    assert book.copies_are_behind(["patients"], ["patients-mailer-DLQ"]), "one page has one answer"
    assert not book_of(known(subscription(0, None))).copies_are_behind(["patients"], ["patients-mailer-DLQ"])
