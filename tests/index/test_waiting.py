"""What waits behind a subscription's cursors: by ordinals, page by page, of one aggregate, and of how many."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position, Topic
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.subscriptions import waiting as module
from eventstore.subscriptions.progress import Reached, progress, reach
from eventstore.subscriptions.waiting import waiting_of_aggregate, waiting_page, waiting_summary
from tests.indexing import START, event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")
TWO = Topic(name="patients", partitions=2)


def subscription(*cursors: Cursor) -> Subscription:
    return Subscription(topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=cursors)


def cursor(acknowledged: int | None, *holes: tuple[int, int], partition: int = 0) -> Cursor:
    """``holes`` are pairs of numbers: excluded start, included end."""

    def at(number: int) -> Position:
        return place(number, partition=partition)

    return Cursor(
        partition=partition,
        acknowledged=None if acknowledged is None else at(acknowledged),
        backlog=1,
        holes=[(at(start), at(end)) for start, end in holes],
    )


def two_partitions(events: int = 10) -> None:
    """Partition 0 has the even minutes, partition 1 the odd ones, each event of an aggregate named for its number."""
    for number in (0, 1):
        index(
            [
                event(
                    each, partition=number, aggregate=("patient", f"{number}-{each}"), published=START + timedelta(minutes=m)
                )
                for each in range(events)
                for m in [2 * each + number]
            ],
            topic=TWO,
            partition=number,
        )


def walked(reached: Reached, limit: int) -> list[list[tuple[int, int]]]:
    pages, token = [], None
    while True:
        page = waiting_page(reached, token, limit)
        pages.append([(pointer.position.partition, pointer.ordinal) for pointer in page.items])
        token = page.newer
        if token is None:
            return pages


def test_progress_counts_events_in_every_partition_with_the_same_few_queries() -> None:
    two_partitions()
    asked = subscription(cursor(3, (4, 6)), cursor(None, partition=1), cursor(None, partition=2))
    with CaptureQueriesContext(connections["index"]) as captured:
        found = progress(asked, reach(asked), timezone.now())
    assert len(captured) == 3
    assert [(one.events, one.acknowledged, one.waiting, one.percent) for one in found] == [
        (10, 6, 4, 60),
        (10, 0, 10, 0),
        (None, None, None, None),
    ]


def test_pages_go_through_all_that_waits_oldest_first_once_and_back() -> None:
    two_partitions()
    reached = reach(subscription(cursor(3, (4, 6)), cursor(7, partition=1)))
    assert walked(reached, 3) == [[(0, 4), (0, 7), (0, 8)], [(1, 8), (0, 9), (1, 9)]]
    assert walked(reached, 100) == [[(0, 4), (0, 7), (0, 8), (1, 8), (0, 9), (1, 9)]]
    second = waiting_page(reached, waiting_page(reached, None, 4).newer, 4)
    assert [pointer.ordinal for pointer in second.items] == [9, 9]
    back = waiting_page(reached, second.older, 4)
    assert [(pointer.position.partition, pointer.ordinal) for pointer in back.items] == [(0, 4), (0, 7), (0, 8), (1, 8)]


def test_a_page_stays_where_it_is_while_the_cursor_moves() -> None:
    two_partitions()
    token = waiting_page(reach(subscription(cursor(None), cursor(None, partition=1))), None, 6).newer
    moved = reach(subscription(cursor(4), cursor(1, partition=1)))
    page = waiting_page(moved, token, 4)
    assert [(pointer.position.partition, pointer.ordinal) for pointer in page.items] == [(1, 3), (1, 4), (0, 5), (1, 5)]


def test_a_page_of_a_long_backlog_opens_no_more_blocks_than_one_of_a_short_one() -> None:
    index([event(number) for number in range(3_000)], topic=TWO)
    queries = []
    for acknowledged in (2_900, 10):
        reached = reach(subscription(cursor(acknowledged)))
        with CaptureQueriesContext(connections["index"]) as captured:
            assert len(waiting_page(reached, None, 50).items) == 50
        queries.append(len(captured))
    assert queries[0] == queries[1]


def test_a_damaged_page_token_is_refused() -> None:
    two_partitions(2)
    reached = reach(subscription(cursor(None)))
    for token in ("x", "WyJuZXdlciIseyIwIjoiK3gifV0"):  # the second one has a place that is no number
        with pytest.raises(InvalidPosition):
            waiting_page(reached, token, 5)


def test_the_summary_tells_events_times_and_aggregates(monkeypatch: pytest.MonkeyPatch) -> None:
    two_partitions()
    reached = reach(subscription(cursor(3, (4, 6)), cursor(7, partition=1)))
    found = waiting_summary(reached)
    assert (found.events, found.aggregates, found.exact) == (6, 6, True)
    assert (found.oldest, found.newest) == (START + timedelta(minutes=8), START + timedelta(minutes=19))
    monkeypatch.setattr(module, "MOST_BLOCKS", 1)
    found = waiting_summary(reached)
    assert (found.events, found.looked_at, found.exact) == (6, 4, False)
    assert waiting_summary(reach(subscription(cursor(9), cursor(9, partition=1)))).events == 0


def numbers_of(reached: Reached, id: str, type: str = "") -> Sequence[tuple[str, int, int | None]]:
    found = waiting_of_aggregate(reached, "patients", id, type)
    return [(one.type, one.events, one.first.ordinal if one.first else None) for one in found]


def test_an_aggregates_waiting_events_are_found_whatever_its_partitions_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (0, 1):
        index([event(each, partition=number) for each in range(5)], topic=TWO, partition=number)
    index([event(each, aggregate=("doctor", "4711")) for each in range(5, 7)], topic=TWO)
    index([event(7, aggregate=("patient", "other"))], topic=TWO)
    index([event(1, topic="elsewhere")], topic=Topic(name="elsewhere"))
    reached = reach(subscription(cursor(1, (2, 3)), cursor(3, partition=1)))
    assert numbers_of(reached, "4711") == [("doctor", 2, 5), ("patient", 3, 2)]
    assert numbers_of(reached, "4711", "patient") == [("patient", 3, 2)]
    assert numbers_of(reached, "nobody") == []
    done = reach(subscription(cursor(7), cursor(4, partition=1)))
    assert numbers_of(done, "4711", "patient") == [("patient", 0, None)]
    monkeypatch.setattr(module, "MOST_OF_AGGREGATE", 1)
    [one] = waiting_of_aggregate(reached, "patients", "4711", "doctor")
    assert (one.events, one.at_least) == (1, True)
