"""The poller goes on whatever happens, rests by how long the store's answer took, and ends when the process does."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db.models import F

from eventstore.backlogs import face as face_module
from eventstore.backlogs import history, refresh
from eventstore.backlogs import polling as polling_module
from eventstore.backlogs.lease import ALL
from eventstore.backlogs.polling import polling
from eventstore.index.models import BacklogRow
from eventstore.model.errors import StoreUnreachable
from eventstore.model.subscriptions import Subscription
from tests.unit.backlogs.test_asking import NOW, Store, Told, face_of, no

pytestmark = pytest.mark.usefixtures("desk_databases")

LONG = 60.0
"""Seconds that nothing here takes, on a machine of any speed."""


@dataclass
class Slow(Told):
    """Its clock is moved on by each answer."""

    clock: float = 1000.0
    takes: float = 2.0

    def of_topic(self, topic: str) -> list[Subscription]:
        self.clock += self.takes
        return list(super().of_topic(topic))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    told = Slow({"a": ["x"]})
    monkeypatch.setattr(face_module, "time", SimpleNamespace(monotonic=lambda: told.clock, sleep=time.sleep))
    return told


def promised() -> timedelta:
    found = BacklogRow.objects.filter(topic=ALL).values_list(F("promised_until"), F("asked_at")).get()
    until, asked = found
    assert isinstance(until, datetime)
    assert isinstance(asked, datetime)
    return until - asked


def test_a_poller_rests_and_promises_by_how_long_the_answer_took_from_the_first_one_on(slow: Slow) -> None:
    assert face_of(slow).poll(NOW, no) == timedelta(seconds=20)
    assert promised() == timedelta(seconds=40)
    slow.takes = 0.1
    assert face_of(slow).poll(NOW, no) == timedelta(seconds=5)
    assert promised() == timedelta(seconds=10)


def test_a_store_that_is_away_is_asked_again_soon(slow: Slow) -> None:
    slow.away = True
    assert face_of(slow).poll(NOW, no) == timedelta(seconds=5)


def test_deleting_old_looks_is_no_part_of_the_stores_answer(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    def thin() -> Iterator[int]:
        slow.clock += 1000
        yield 1

    monkeypatch.setattr(history, "thin", thin)
    face = face_of(slow)
    rests = []
    for _ in range(2):
        rests.append(face.poll(NOW, no))
        face.thin(threading.Event())
    assert rests == [timedelta(seconds=20)] * 2
    assert promised() == timedelta(seconds=40)


@dataclass
class Odd(Told):
    """Fails in a way that nobody foresaw, twice, and then answers."""

    answered: threading.Event = field(default_factory=threading.Event)

    def of_topic(self, topic: str) -> list[Subscription]:
        found = list(super().of_topic(topic))
        if len(self.asked) < 3:
            raise KeyError("".join(["Morgen", "rain"]))
        if len(self.asked) > 3:
            self.answered.set()
        return found


def test_an_unforeseen_error_is_told_once_without_its_text_and_the_poller_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in (face_module, polling_module):
        monkeypatch.setattr(module, "POLL_EVERY", 0.01)
    monkeypatch.setattr(face_module, "POLL_REST", 0)
    odd = Odd({"a": ["x"]})
    with caplog.at_level(logging.WARNING), polling(Store(odd), settings.EVENTDESK, threading.Event()):
        assert odd.answered.wait(LONG)
    first, *others = [record.getMessage() for record in caplog.records]
    assert "an unforeseen KeyError at test_polling.py" in first
    assert "in of_topic" in first
    assert "Morgenrain" not in caplog.text
    assert ["are known again" in text for text in others] == [True]


@dataclass
class Hanging(Told):
    """A store that does not answer until it is let."""

    asking: threading.Event = field(default_factory=threading.Event)
    let: threading.Event = field(default_factory=threading.Event)

    def of_topic(self, topic: str) -> list[Subscription]:
        self.asking.set()
        self.let.wait(LONG)
        raise StoreUnreachable("The store is away.")


def test_a_poller_that_waits_for_the_store_ends_as_soon_as_the_process_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "STOPPED_WITHIN", LONG / 2)
    hanging, process_stops = Hanging({name: ["x"] for name in "abc"}), threading.Event()
    storage = Store(hanging)
    storage.log.capabilities = replace(storage.log.capabilities, parallel_reads=2)  # type: ignore[misc]
    try:
        with polling(storage, settings.EVENTDESK, process_stops):
            assert hanging.asking.wait(LONG)
            process_stops.set()
        assert "backlog poller" not in [thread.name for thread in threading.enumerate()]
        assert BacklogRow.objects.get(topic=ALL).leased_until is None
    finally:
        hanging.let.set()


def test_asking_gives_way_before_each_topic_in_all_of_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given_way: list[str] = []
    monkeypatch.setattr(refresh, "give_way", lambda: given_way.append(threading.current_thread().name))
    for parallel, times in ((1, 0), (2, 3)):
        face = face_of(Told({name: ["x"] for name in "abc"}))
        face._log.capabilities = replace(face._log.capabilities, parallel_reads=parallel)  # type: ignore[misc]
        face.poll(NOW, no)
        assert len([name for name in given_way if name.startswith("backlogs_")]) == times
