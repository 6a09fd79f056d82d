"""A cursor that goes back is noticed, and a crash of the store is told from a reset by a person."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.events import Position
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.subscriptions.samples import Samples, Setback
from tests.indexing import place

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Watched:
    """Looks at one subscription once a minute, with samples of its own."""

    def __init__(self, most: int = 100) -> None:
        self.samples, self.minute = Samples(most), 0

    def look(self, at: int | None, *, holes: Sequence[tuple[int, int]] = (), out: int = 100) -> Sequence[Setback]:
        cursor = Cursor(
            partition=0,
            acknowledged=None if at is None else place(at),
            backlog=1,
            holes=[(place(start), place(end)) for start, end in holes],
            counters=(500, out),
        )
        return self.see(cursor)

    def see(self, cursor: Cursor, name: str = "mailer") -> Sequence[Setback]:
        self.minute += 1
        subscription = Subscription(topic="patients", name=name, type=SubscriptionType.SHARED, cursors=[cursor])
        return self.samples.see(subscription, NOON + timedelta(minutes=self.minute)).setbacks


def test_progress_is_no_setback() -> None:
    watched = Watched()
    for at, holes in ((None, ()), (3, ((5, 7),)), (4, ((5, 7), (8, 9))), (7, ((8, 9),)), (9, ())):
        assert watched.look(at, holes=holes) == []


def test_acknowledgements_that_a_crash_took_back_are_named_with_places_and_times() -> None:
    """As seen on 4.0.8: mark-delete 29 with three ranges beyond came back as 9 and none."""
    watched = Watched()
    watched.look(29, holes=[(30, 31), (33, 34), (36, 37)])
    [setback] = watched.look(9, out=0)
    assert setback == Setback(
        partition=0,
        was=place(29),
        came_to=place(9),
        ranges_lost=3,
        until=place(37),
        seen=NOON + timedelta(minutes=1),
        found=NOON + timedelta(minutes=2),
        restarted=True,
    )


def test_a_cursor_that_goes_back_while_the_store_runs_on_was_reset() -> None:
    watched = Watched()
    watched.look(29)
    [setback] = watched.look(None, out=105)
    assert (setback.restarted, setback.came_to) == (False, None)


def test_it_is_said_until_all_of_it_is_acknowledged_again() -> None:
    watched = Watched()
    watched.look(29, holes=[(33, 34)])
    said = [bool(watched.look(at, out=at)) for at in (9, 20, 29, 33, 34, 35)]
    assert said == [True, True, True, True, False, False]


def test_ranges_alone_can_be_lost() -> None:
    watched = Watched()
    watched.look(9, holes=[(11, 12), (14, 15)])
    [setback] = watched.look(9, holes=[(14, 15)], out=0)
    assert (setback.was, setback.came_to, setback.ranges_lost) == (place(9), place(9), 1)


def test_a_store_that_was_restarted_in_order_has_lost_nothing() -> None:
    watched = Watched()
    watched.look(9, holes=[(11, 12)])
    assert watched.look(9, holes=[(11, 12)], out=0) == []


def test_a_cursor_before_which_everything_was_trimmed_did_not_go_back() -> None:
    watched = Watched()
    watched.look(9)
    behind = Position(topic="patients", partition=0, token=place(9).token + "g", label="8:-1")
    assert watched.see(Cursor(partition=0, acknowledged=None, beginning=behind, backlog=0, counters=(500, 100))) == []


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ((20, "noon"), (5, "one"), False),
        ((5, "noon"), (5, "one"), False),
        ((5, "noon"), (6, "one"), True),
        ((5, "noon"), (5, "noon"), True),
        ((5, "noon"), None, True),
    ],
    ids=["lower", "equal", "grown", "the same", "untold"],
)
def test_a_cursor_in_a_topic_that_was_made_anew_did_not_go_back(
    before: tuple[int, str], now: tuple[int, str] | None, said: bool
) -> None:
    watched = Watched()
    watched.see(Cursor(partition=0, acknowledged=place(29), backlog=0, counters=(500, 100), log=before))
    back = Cursor(partition=0, acknowledged=place(9), backlog=0, counters=(5, 1), log=now)
    assert [bool(watched.see(back)) for _ in range(2)] == [said, said]


def test_samples_are_bounded_and_the_oldest_give_way() -> None:
    watched = Watched(most=2)
    for name in ("a", "b", "c"):
        watched.see(Cursor(partition=0, acknowledged=place(9), backlog=0), name)
    back = Cursor(partition=0, acknowledged=place(1), backlog=0)
    assert [bool(watched.see(back, name)) for name in ("c", "b", "a")] == [True, True, False]
