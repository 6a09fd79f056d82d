"""What was seen of cursors, kept by several processes in one database: each ``Tracks`` here stands for a process."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.delivery.passages import Passage
from eventstore.delivery.tracks import Tracks
from eventstore.index.models import CursorTrack
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from tests.indexing import place

pytestmark = pytest.mark.usefixtures("desk_databases")

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SEEN_SKIPPED = (place(3).token, place(9).token, True, False)


def seen(acknowledged: int, *, given: int = 0, name: str = "mailer") -> Subscription:
    """The subscription as the store shows it: nobody is connected."""
    cursor = Cursor(
        partition=0,
        acknowledged=place(acknowledged),
        backlog=0,
        counters=(60, given),
        entries=50,
        done=acknowledged + 1,
    )
    return Subscription(topic="patients", name=name, type=SubscriptionType.SHARED, cursors=[cursor])


def look(tracks: Tracks, minute: float, *told: Subscription) -> None:
    tracks.observe(["patients"], told, NOON + timedelta(minutes=minute))


def known_to(tracks: Tracks, minute: float, name: str = "mailer") -> list[tuple[str, str, bool, bool]]:
    found = tracks.passed(["patients"], NOON + timedelta(minutes=minute)).get(("patients", name), {}).get(0, ())
    return [told(passage) for passage in found]


def told(passage: Passage) -> tuple[str, str, bool, bool]:
    return passage.start, passage.end, passage.certain, passage.recorded


def test_what_one_process_saw_skipped_stays_known_whoever_looks_next() -> None:
    """The old process would compare its own look of hours ago with now: as many were given since as the cursor went over."""
    old, poller = Tracks(), Tracks()
    look(old, 0, seen(3))
    for minute, cursor in ((60, seen(3)), (61, seen(9)), (62, seen(9)), (63, seen(15, given=14)), (64, seen(15, given=14))):
        look(poller, minute, cursor)
    assert known_to(poller, 64) == known_to(Tracks(), 64) == known_to(old, 64) == [SEEN_SKIPPED]
    look(old, 65, seen(15, given=14))
    for process in (old, poller, Tracks()):
        assert known_to(process, 65) == [SEEN_SKIPPED]


@pytest.mark.parametrize("first", [0, 1])
def test_two_processes_that_look_in_turn_know_what_either_saw(first: int) -> None:
    both = (Tracks(), Tracks())
    turns = [seen(3), seen(3), seen(9), seen(9), seen(15, given=14), seen(15, given=14), seen(16, given=15)]
    for number, cursor in enumerate(turns):
        look(both[(first + number) % 2], number / 30, cursor)
    assert known_to(both[0], 1) == known_to(both[1], 1) == known_to(Tracks(), 1) == [SEEN_SKIPPED]


@pytest.mark.parametrize("by_poller", [True, False])
def test_a_recorded_reset_is_known_after_every_later_look(by_poller: bool) -> None:
    """Although the poller goes on from what it holds in memory, and writes it."""
    poller, page = Tracks(), Tracks()
    look(poller, 0, seen(3))
    assert known_to(page, 0) == []
    page.note_skips("patients", "mailer", {0: [(place(3).token, place(9).token)]}, NOON + timedelta(minutes=1))
    recorded = (place(3).token, place(9).token, True, True)
    assert known_to(poller, 0.5) == [recorded]
    for minute in range(2, 6):
        look(poller if by_poller else Tracks(), minute, seen(10 + minute, given=10 + minute))
        for process in (poller, page, Tracks()):
            assert recorded in known_to(process, minute)


def test_a_reset_that_is_noted_between_a_look_and_its_writing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    poller, page = Tracks(), Tracks()
    look(poller, 0, seen(3))
    write: Callable[..., None] = poller._write

    def noted_first(*args: object) -> None:
        page.note_skips("patients", "mailer", {0: [(place(3).token, place(9).token)]}, NOON + timedelta(minutes=5))
        write(*args)

    monkeypatch.setattr(poller, "_write", noted_first)
    look(poller, 4, seen(9))
    assert (place(3).token, place(9).token, True, True) in known_to(Tracks(), 5)


def test_a_process_that_was_paused_writes_nothing_over_later_looks() -> None:
    paused, poller = Tracks(), Tracks()
    look(paused, 0, seen(3))
    for minute, cursor in ((2, seen(3)), (3, seen(9)), (4, seen(9))):
        look(poller, minute, cursor)
    look(paused, 1, seen(3))
    assert known_to(Tracks(), 4) == known_to(paused, 4) == [SEEN_SKIPPED]


def test_a_cursor_that_goes_back_loses_what_is_recorded_behind_it_in_all_processes() -> None:
    poller, page = Tracks(), Tracks()
    look(poller, 0, seen(3))
    page.note_skips("patients", "mailer", {0: [(place(3).token, place(9).token)]}, NOON + timedelta(minutes=1))
    look(poller, 2, seen(9))
    look(poller, 3, seen(2))
    for process in (poller, page, Tracks()):
        assert known_to(process, 3) == []


def test_a_reset_of_a_cursor_that_nobody_has_seen_is_recorded() -> None:
    Tracks().note_skips("patients", "mailer", {0: [(place(3).token, place(9).token)]}, NOON)
    poller = Tracks()
    look(poller, 1, seen(9))
    assert known_to(poller, 1) == [(place(3).token, place(9).token, True, True)]


def test_a_track_that_cannot_be_read_counts_as_none() -> None:
    poller = Tracks()
    look(poller, 0, seen(3), seen(3, name="timeline"))
    CursorTrack.objects.filter(subscription="mailer").update(track='{"of": "another form"}')
    fresh = Tracks()
    assert known_to(fresh, 0) == []
    for minute, cursor in ((1, seen(5)), (2, seen(9)), (3, seen(9))):  # what lies before the first look is not judged
        look(fresh, minute, cursor, seen(3, name="timeline"))
    assert known_to(fresh, 3) == known_to(Tracks(), 3) == [(place(5).token, place(9).token, True, False)]


def test_rows_of_cursors_that_are_gone_are_deleted_and_those_that_stand_still_stay() -> None:
    poller = Tracks()
    gone = Cursor(partition=0, acknowledged=None, backlog=0)
    of_pod = Subscription(topic="old", name="pod-1", type=SubscriptionType.SHARED, cursors=[gone])
    poller.observe(["old"], [of_pod], NOON)
    look(poller, 0, seen(3), seen(3, name="pod-2"))
    for day in range(1, 16):
        look(poller, 24 * 60 * day, seen(3))
    assert [row.subscription for row in CursorTrack.objects.all()] == ["mailer"]


def test_one_that_could_not_be_written_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    poller = Tracks()
    look(poller, 0, seen(3))

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(CursorTrack.objects, "bulk_create", fails)
        look(poller, 1, seen(9))
    for minute in (2, 3):
        look(poller, minute, seen(9))
    assert known_to(poller, 3) == known_to(Tracks(), 3) == [SEEN_SKIPPED]


def beyond(mark: int, *handled: int, given: int = 0) -> Subscription:
    """The subscription with single events acknowledged beyond its place."""
    told = seen(mark, given=given)
    holes = [(place(number - 1), place(number)) for number in handled]
    return replace(told, cursors=[replace(told.cursors[0], holes=holes)])


def test_what_an_undo_gave_back_is_passed_over_to_no_process_and_after_no_look() -> None:
    """One event was skipped alone, so its cursor stands where it stood, and nobody sees it go back."""
    poller, page = Tracks(), Tracks()
    alone = (place(6).token, place(7).token)
    look(poller, 0, beyond(3))
    look(poller, 0.1, beyond(3))
    page.note_skips("patients", "mailer", {0: [alone]}, NOON + timedelta(minutes=0.2), {0: place(3).token})
    look(poller, 0.3, beyond(3, 7))
    look(poller, 0.4, beyond(3, 7))
    assert known_to(poller, 0.4) == [(*alone, True, True)]
    page.note_back("patients", "mailer", {0: [alone]}, NOON + timedelta(minutes=0.5))
    for minute, cursor in ((0.6, beyond(3)), (2, beyond(9, given=6)), (4, beyond(9, given=6))):
        look(poller, minute, cursor)
        for process in (poller, page, Tracks()):
            assert known_to(process, minute) == [], minute


def test_what_is_handled_before_anybody_looks_at_the_cursor_after_an_undo_is_not_passed_over() -> None:
    poller, page = Tracks(), Tracks()
    look(poller, 0, seen(3))
    look(poller, 0.1, seen(3))
    way = (place(3).token, place(9).token)
    page.note_skips("patients", "mailer", {0: [way]}, NOON + timedelta(minutes=0.2))
    look(poller, 0.3, seen(9))
    page.note_back("patients", "mailer", {0: [way]}, NOON + timedelta(minutes=0.5))
    for minute in (0.6, 0.7, 3):
        look(poller, minute, seen(9, given=6))
        for process in (poller, page, Tracks()):
            assert known_to(process, minute) == [], minute


def test_a_skip_after_an_undo_counts_and_so_does_what_the_undo_did_not_give_back() -> None:
    poller, page = Tracks(), Tracks()
    look(poller, 0, seen(3))
    page.note_skips("patients", "mailer", {0: [(place(3).token, place(9).token)]}, NOON + timedelta(minutes=1))
    look(poller, 1.5, seen(9))
    page.note_back("patients", "mailer", {0: [(place(5).token, place(9).token)]}, NOON + timedelta(minutes=2))
    page.note_skips("patients", "mailer", {0: [(place(6).token, place(7).token)]}, NOON + timedelta(minutes=3))
    kept, anew = (place(3).token, place(5).token), (place(6).token, place(7).token)
    look(poller, 4, seen(12, given=6))
    for process in (poller, page, Tracks()):
        assert {(start, end) for start, end, _, _ in known_to(process, 4)} == {kept, anew}
