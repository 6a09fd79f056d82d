"""What is stored of subscriptions comes back as it was, whatever the names in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from eventstore.backlogs import Step, look_at
from eventstore.backlogs.stored import (
    StoredTopic,
    backlog_in,
    look_bytes,
    look_in,
    stored_backlog,
    topic_bytes,
    topic_in,
)
from eventstore.model.events import Topic
from eventstore.model.subscriptions import (
    ConnectedConsumer,
    Cursor,
    OpenTransaction,
    Subscription,
    SubscriptionKind,
    SubscriptionType,
)
from eventstore.subscriptions import Backlog, Counted, Setback, State
from eventstore.subscriptions.past import Past
from eventstore.subscriptions.samples import Standing
from tests.indexing import place

HOSTILE = "</script><b> \u202e\"'\x00 ünï"
NOW = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)


def full_cursor(topic: str) -> Cursor:
    """A cursor in which every field has a value of its own."""
    return Cursor(
        partition=0,
        acknowledged=place(3, topic=topic),
        backlog=9,
        holes=[(place(5, topic=topic), place(6, topic=topic))],
        moved=NOW,
        placed=NOW - timedelta(days=1),
        delayed=1,
        due={place(7, topic=topic): NOW + timedelta(hours=1)},
        behind=OpenTransaction(since=NOW),
        beginning=place(0, topic=topic),
        counters=(7, 8),
        end=place(12, topic=topic),
        active="worker-1",
        log=(4, "2026-01-01"),
        start=place(1, topic=topic),
        held=5,
    )


def full_subscription(topic: str, name: str) -> Subscription:
    """With a cursor that has everything, and one that has nothing."""
    consumer = ConnectedConsumer(
        name=HOSTILE,
        address="10.0.0.1:5000",
        connected_since=NOW,
        permits=-3,
        key_ranges=[(0, 65535)],
        metadata={"a": HOSTILE},
    )
    return Subscription(
        topic=topic,
        name=name,
        type=SubscriptionType.KEY_SHARED,
        cursors=[full_cursor(topic), Cursor(partition=1, acknowledged=None, backlog=0, holes=[])],
        consumers=[consumer],
        kind=SubscriptionKind.FUNCTION,
        rate_in=1.5,
        properties={"team": HOSTILE},
    )


def backlog(*, topic: str = "patients", name: str = HOSTILE) -> Backlog:
    """A backlog in which every field has a value of its own."""
    setback = Setback(
        partition=0,
        was=None,
        came_to=place(1, topic=topic),
        ranges_lost=2,
        until=place(4),
        seen=NOW,
        found=NOW,
        restarted=True,
    )
    return Backlog(
        subscription=full_subscription(topic, name),
        waiting=9,
        counted=Counted.INDEX_BEHIND,
        state=State.STUCK,
        entries=10,
        oldest=NOW,
        oldest_position=place(4, topic=topic),
        stuck_since=NOW,
        stuck_partitions=frozenset({0}),
        as_of=NOW,
        setbacks=[setback],
        standing={0: Standing(since=NOW, moved=True, attended=NOW)},
        events=13,
        past=Past(backlogs=((NOW, 3), (NOW, 4)), expired=2, unattended=True, passed_over=NOW),
    )


def test_a_backlog_comes_back_as_it_was() -> None:
    there = backlog()
    steps = [Step(1, 2, 3), Step(4, 5)]
    stored = StoredTopic(topic=Topic(name=HOSTILE), subscriptions=[stored_backlog(there, steps, 17)])
    found = topic_in(topic_bytes(stored))
    assert found is not None
    assert (found.topic, found.subscriptions[0].steps, found.subscriptions[0].kept) == (Topic(name=HOSTILE), steps, 17)
    assert repr(backlog_in(found.subscriptions[0])) == repr(there)


def test_a_look_comes_back_as_it_was() -> None:
    there = look_at(backlog(topic="persistent://a/b/c"))
    assert repr(look_in(look_bytes(there), "persistent://a/b/c")) == repr(there)


def test_what_another_version_wrote_is_read_as_nothing() -> None:
    assert topic_in(b"") is None
    assert topic_in(b"no zlib") is None
    assert topic_in(b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9") is None  # {}
    assert look_in(look_bytes(look_at(backlog()))[:-3], "patients") is None


def test_a_look_at_hundreds_of_partitions_takes_some_kilobytes() -> None:
    wide = backlog(name="mailer")
    cursors = [replace(wide.subscription.cursors[1], partition=number, end=place(number)) for number in range(300)]
    look = look_at(replace(wide, subscription=replace(wide.subscription, cursors=cursors)))
    assert len(look_bytes(look)) < 20_000
