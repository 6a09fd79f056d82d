"""A jump of a cursor is told from acknowledgements, whatever happens between and within the looks at it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from eventstore.delivery.passages import Followed, Passage, Track, follow
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.model.tokens import encode
from tests.unit.delivery.brokers import NOON, Broker

Step = tuple[str, int]
STEPS = st.tuples(st.sampled_from(["publish", "give", "acknowledge", "skip"]), st.integers(1, 6))


class Watched:
    """Looks at one cursor again and again, as a process does."""

    def __init__(self) -> None:
        self.followed: Followed | None = None
        self.minute = 0

    def see(self, subscription: Subscription, *, absent_before: bool = False) -> Sequence[Passage]:
        self.minute += 1
        [cursor] = subscription.cursors
        track: Track | None = self.followed.track if self.followed else None
        at = NOON + timedelta(minutes=self.minute)
        self.followed = follow(track, cursor, subscription, at, events_in=entries_in(cursor), absent_before=absent_before)
        return self.followed.passages

    def look(self, broker: Broker, meanwhile: Sequence[Step] = ()) -> Sequence[Passage]:
        told = broker.told()
        run(broker, meanwhile)
        return self.see(broker.look(told))


def entries_in(cursor: Cursor):  # type: ignore[no-untyped-def]
    """Count entries as the index counts events, where each has one."""

    def count(start: str, end: str) -> int:
        return sum(start < encode(7, entry, 0) <= end for entry in range(cursor.entries or 0))

    return count


def run(broker: Broker, steps: Sequence[Step]) -> None:
    for name, count in steps:
        match name:
            case "publish":
                broker.published += count
            case "give":
                broker.give(count)
            case "acknowledge":
                broker.acknowledge(count)
            case "skip":
                broker.skip(count)


def over(passages: Sequence[Passage], *, certain: bool, published: datetime = NOON) -> set[int]:
    kinds = [one for one in passages if one.certain is certain]
    return {entry for entry in range(100) if any(one.covers(encode(7, entry, 0), published) for one in kinds)}


@given(
    type=st.sampled_from([SubscriptionType.SHARED, SubscriptionType.EXCLUSIVE]),
    turns=st.lists(st.tuples(st.lists(STEPS, max_size=5), st.lists(STEPS, max_size=3)), min_size=1, max_size=8),
)
def test_what_a_consumer_acknowledged_is_never_called_passed_over(
    type: SubscriptionType, turns: Sequence[tuple[Sequence[Step], Sequence[Step]]]
) -> None:
    """Not even if it did so between the two answers of one look: the next look sets it right."""
    broker, watched = Broker(type=type), Watched()
    for steps, meanwhile in turns:
        run(broker, steps)
        watched.look(broker, meanwhile)
    watched.look(broker)
    passages = watched.look(broker)
    assert not over(passages, certain=True) & broker.acknowledged
    assert bool(broker.skipped) or not passages


@given(turns=st.lists(st.lists(STEPS, max_size=5), min_size=1, max_size=6), waiting=st.integers(1, 9))
def test_what_is_skipped_while_the_consumer_does_nothing_is_passed_over_and_nothing_else(
    turns: Sequence[Sequence[Step]], waiting: int
) -> None:
    broker, watched = Broker(), Watched()
    for steps in turns:
        run(broker, [step for step in steps if step[0] != "skip"])
        watched.look(broker)
    broker.published += waiting
    watched.look(broker)
    broker.skip(100)
    assert over(watched.look(broker), certain=True) == broker.skipped
    assert over(watched.look(broker), certain=True) == broker.skipped


def test_of_a_subscription_born_at_the_end_everything_before_it_was_passed_over() -> None:
    broker, watched = Broker(published=5, connected=False), Watched()
    broker.skip(5)
    assert over(watched.look(broker), certain=True) == {0, 1, 2, 3, 4}
    broker.connected = True
    run(broker, [("publish", 3), ("give", 3), ("acknowledge", 3)])
    watched.look(broker)
    assert over(watched.look(broker), certain=True) == {0, 1, 2, 3, 4}


def test_what_was_published_before_a_subscription_seen_late_is_not_called_acknowledged() -> None:
    """It was given three events, stands behind eight, and was made at noon: it may have passed those from before."""
    broker, watched = Broker(published=5), Watched()
    broker.skip(5)
    run(broker, [("publish", 3), ("give", 3), ("acknowledge", 3)])
    subscription = broker.look(broker.told())
    passages = watched.see(replace(subscription, cursors=[replace(subscription.cursors[0], placed=NOON)]))
    assert over(passages, certain=False, published=NOON - timedelta(hours=1)) == set(range(8))
    assert over(passages, certain=False, published=NOON) == set()


def test_a_subscription_that_was_there_at_the_first_look_at_a_topic_loaded_anew_is_believed() -> None:
    """Its counts begin with the loading, so that they say nothing of what was acknowledged before."""
    broker, watched = Broker(published=50), Watched()
    run(broker, [("give", 50), ("acknowledge", 50)])
    subscription = broker.look(broker.told())
    loaded = replace(subscription.cursors[0], counters=(3, 0))
    assert watched.see(replace(subscription, cursors=[loaded])) == []


def test_one_that_an_earlier_look_at_the_topic_did_not_find_was_born_since() -> None:
    broker, watched = Broker(published=50), Watched()
    broker.skip(50)
    subscription = broker.look(broker.told())
    loaded = replace(subscription.cursors[0], counters=(60, 0))
    found = watched.see(replace(subscription, cursors=[loaded]), absent_before=True)
    assert over(found, certain=True) == set(range(50))


def test_a_cursor_that_goes_back_waits_for_what_it_had_passed_over() -> None:
    broker, watched = Broker(published=9), Watched()
    watched.look(broker)
    broker.skip(9)
    assert over(watched.look(broker), certain=True) == set(range(9))
    broker.skipped = {0, 1, 2}
    assert over(watched.look(broker), certain=True) == {0, 1, 2}


def test_after_the_topic_was_made_anew_nothing_is_known_of_the_old_ones_cursor() -> None:
    broker, watched = Broker(published=9), Watched()
    broker.skip(9)
    subscription = broker.look(broker.told())
    [cursor] = subscription.cursors
    assert watched.see(replace(subscription, cursors=[replace(cursor, log=(7, "then"))]))
    made_anew = replace(cursor, log=(7, "now"), acknowledged=None, counters=(0, 0), entries=0, done=0)
    assert watched.see(replace(subscription, cursors=[made_anew])) == []


def test_markers_between_events_are_not_taken_for_events_that_nobody_was_given() -> None:
    """Ends of transactions are entries: ten entries, of which the index knows five events, all given and acknowledged."""
    broker = Broker(published=10)
    run(broker, [("give", 10), ("acknowledge", 10)])
    broker.given = 5
    subscription = broker.look(broker.told())
    found = follow(None, subscription.cursors[0], subscription, NOON, events_in=lambda start, end: 5)
    assert found.passages == []
