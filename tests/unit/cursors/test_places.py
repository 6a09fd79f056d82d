"""The place before a move, as the record keeps it: exact, and of a bounded size."""

import json
from datetime import UTC, datetime

import pytest

from dashboard.auditing.entries import canonical
from eventstore.cursors.places import MOST_RANGES, Kept, kept_of, moved_in, read, spelled, unspelled, written
from eventstore.drivers.database.positions import position_of
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType

pytestmark = pytest.mark.usefixtures("desk_databases")


def subscription(*holes: int) -> Subscription:
    """One partition for each number: a cursor behind event 0 with so many single events acknowledged beyond it."""
    cursors = [
        Cursor(
            partition=partition,
            acknowledged=position_of("t", partition, 0),
            backlog=1,
            holes=[(position_of("t", partition, 2 * n + 1), position_of("t", partition, 2 * n + 2)) for n in range(count)],
            moved=datetime(2026, 1, 1, tzinfo=UTC),
            log=(7, "2026"),
        )
        for partition, count in enumerate(holes)
    ]
    return Subscription(topic="t", name="s", type=SubscriptionType.SHARED, cursors=cursors)


def test_what_is_kept_is_read_back_the_same() -> None:
    kept = kept_of(subscription(3, 0), {0, 1})
    assert kept[0] == Kept(mark="10", ranges=(("11", "12"), ("13", "14"), ("15", "16")), log=(7, "2026"))
    assert read(json.loads(canonical(written(kept)))) == kept
    assert read("anything else") == {}


def test_of_a_hundred_thousand_ranges_a_bounded_number_is_kept_and_the_others_are_counted() -> None:
    kept = kept_of(subscription(100_000, 100_000, 5), {0, 1, 2})
    assert sum(len(place.ranges) for place in kept.values()) == MOST_RANGES
    assert [len(kept[at].ranges) + kept[at].left_out for at in range(3)] == [100_000, 100_000, 5]
    assert kept[2].left_out == 0, "what is small is kept whole"
    assert kept[0].events_left_out is None, "nothing is indexed here"
    assert len(canonical(written(kept))) < 100_000


def test_what_a_move_acknowledged_by_itself_is_known_before_it_or_after_it_or_not_at_all() -> None:
    planned = {"kept": {"until": {"0": "15", "1": ""}, "passed": {"2": "11-12 15-17"}}}
    assert moved_in(0, planned, {}) == [("", "15")]
    assert moved_in(1, planned, {}) == []
    assert moved_in(2, planned, {}) == [("11", "12"), ("15", "17")]
    assert moved_in(3, planned, {"kept": {"until": {"3": "19"}}}) == [("", "19")]
    assert moved_in(4, planned, {}) is None


def test_spans_are_kept_up_to_the_same_bound() -> None:
    spans = {0: [("11", "12"), ("13", "14")], 1: [("", "15")]}
    assert unspelled(spelled(spans)) == spans
    many = {at: [(f"{n:06}", f"{n:06}a") for n in range(MOST_RANGES)] for at in range(2)}
    assert sum(len(each) for each in unspelled(spelled(many)).values()) == MOST_RANGES
