"""Whoever waits for figures gets them before they are stored. Nothing is lost by that, and nobody reads what is older."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError

from eventstore.backlogs import face as face_module
from eventstore.backlogs import later as later_module
from eventstore.backlogs import lease as leases
from eventstore.backlogs.face import BacklogFace
from eventstore.delivery.face import DeliveryFace
from eventstore.delivery.tracks import Tracks
from eventstore.index.models import BacklogRow, CursorTrack, LookRow
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.subscriptions.face import SubscriptionFace
from tests.unit.backlogs.test_asking import LONG, NOW, Store, Told, face_of, names, no

pytestmark = pytest.mark.usefixtures("desk_databases")

DAY = 86_400.0


@pytest.fixture(autouse=True)
def only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be done later is done as soon as somebody needs it, and not before."""
    monkeypatch.setattr(face_module, "REST", 0)
    monkeypatch.setattr(face_module, "KEPT_BACK", DAY)
    monkeypatch.setattr(later_module, "MOMENT", DAY)


def page_of(told: Told) -> BacklogFace:
    """What the process of a page has."""
    storage, tracks = Store(told), Tracks()
    subscriptions = SubscriptionFace(
        storage=storage, rows_of=lambda _: [], stuck_after=timedelta(minutes=2), on_look=tracks.observe
    )
    return BacklogFace(log=storage.log, subscriptions=subscriptions, stores_later=True)


def stored() -> tuple[int, int, int]:
    return BacklogRow.objects.exclude(topic=leases.ALL).count(), LookRow.objects.count(), CursorTrack.objects.count()


def told() -> Told:
    return Told({"b": ["y", "x"], "a": ["z"], "refused": StoreRefused("No permission.")})


def test_a_page_has_its_figures_first_and_then_they_are_stored_once_for_all() -> None:
    store = told()
    page = page_of(store)
    early = page.current(LONG)
    assert names(early.topics) == [("a", "z"), ("b", "y"), ("b", "x")]
    assert [one.unavailable for one in early.topics] == ["", "", "No permission."]
    assert stored() == (0, 0, 0)
    page.settle()
    assert stored() == (3, 3, 3)
    page.settle()
    assert stored() == (3, 3, 3)
    for later in (page.current(LONG), face_of(store).current(LONG)):
        assert [(one.topic.name, one.as_of, one.unavailable) for one in later.topics] == [
            (one.topic.name, one.as_of, one.unavailable) for one in early.topics
        ]
        assert [[one.backlog.waiting for one in of.subscriptions] for of in later.topics] == [[3], [3, 3], []]
    assert store.asked == ["a", "b", "refused"]


READERS: Sequence[Callable[[BacklogFace], object]] = (
    lambda page: page.last_known(),
    lambda page: page.looks("a", "z", datetime.now(UTC) - timedelta(hours=1)),
    lambda page: page.forget(),
    lambda page: page.current(LONG),
    lambda page: page.poll(LONG, no),
)


@pytest.mark.parametrize("read", READERS, ids=["last known", "looks", "forget", "current", "poll"])
def test_whoever_wants_what_is_stored_gets_it(read: Callable[[BacklogFace], object]) -> None:
    store = told()
    page = page_of(store)
    page.current(LONG)
    read(page)
    assert stored() == (3, 3, 3)
    assert store.asked == ["a", "b", "refused"]


def test_whoever_judges_events_finds_what_the_cursors_of_these_figures_went_over() -> None:
    page = page_of(told())
    backlogs = [one.backlog for of in page.current(LONG).topics for one in of.subscriptions]
    storage = Store(told())
    delivery = DeliveryFace(log=storage.log, rows_of=lambda _: [], tracks=Tracks(), declared=(), settle=page.settle)
    delivery.book(backlogs)
    assert CursorTrack.objects.count() == len(backlogs)


def test_others_wait_for_what_is_being_stored_and_do_not_ask_the_store_themselves() -> None:
    store = told()
    page, other = page_of(store), face_of(store)
    page.current(LONG)
    assert leases.take("another", NOW) is None
    storing = threading.Timer(0.2, page.settle)
    storing.start()
    assert names(other.current(LONG).topics) == [("a", "z"), ("b", "y"), ("b", "x")]
    storing.join()
    assert store.asked == ["a", "b", "refused"]


def test_figures_are_as_old_as_the_answer_and_not_as_their_row() -> None:
    page = page_of(told())
    early = page.current(LONG)
    page.settle()
    there = page.last_known().as_of
    assert early.as_of is not None
    assert there is not None
    assert abs(there - early.as_of) < timedelta(seconds=1)


def test_a_process_whose_lease_has_ended_stores_nothing_over_what_its_successor_found() -> None:
    store = told()
    late = page_of(store)
    late.current(LONG)
    BacklogRow.objects.filter(topic=leases.ALL).update(leased_until="2020-01-01T00:00:00Z")
    store.backlog = 8
    successor = face_of(store)
    successor.current(LONG)
    late.settle()
    waiting = [one.backlog.waiting for of in successor.last_known().topics for one in of.subscriptions]
    assert waiting == [8, 8, 8]
    assert LookRow.objects.count() == 3


def test_what_cannot_be_stored_is_told_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = told()
    page = page_of(store)

    def fails(*_: object) -> None:
        raise DatabaseError("The disk is full.")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(face_module, "write", fails)
        assert len(page.current(LONG).topics) == 3
        page.settle()
    assert ["not stored" in record.getMessage() for record in caplog.records] == [True]
    assert stored() == (0, 0, 0)
    page.current(LONG)
    page.settle()
    assert stored() == (3, 3, 3)
    assert store.asked == ["a", "b", "refused"] * 2


def test_of_a_store_that_answers_slowly_what_comes_is_stored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "KEPT_BACK", 0)
    page = page_of(told())
    page.current(LONG)
    assert stored() == (3, 3, 3)


def test_a_store_that_goes_away_halfway_is_told_as_before() -> None:
    store = told()
    page = page_of(store)
    page.current(LONG)
    store.away = True
    with pytest.raises(StoreUnreachable, match="away"):
        page.current(NOW)
    assert stored() == (3, 3, 3)
