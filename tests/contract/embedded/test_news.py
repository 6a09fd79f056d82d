"""Readers of an embedded store on SQLite are told of news, and what was answered holds until somebody commits."""

import errno
import threading

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.drivers.database import news
from eventstore.drivers.database.connection import Session
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import PartitionRow
from eventstore.drivers.database.subscriptions.table_subscriptions import TableSubscriptions
from eventstore.file_changes import FileChanges
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.elsewhere import elsewhere

pytestmark = pytest.mark.usefixtures("desk_databases")
LONG = 20.0
"""Seconds: whoever waited for so long was not told."""


def publish(log: DatabaseLog, topic: str = "patients") -> None:
    elsewhere(lambda: log.append(topic, [NewMessage(payload=b"{}", key="a")]))


def test_a_reader_is_told_of_its_own_partition_as_often_as_it_grows() -> None:
    log = DatabaseLog()
    for name in ("patients", "other"):
        log.create_topic(name)
    told, others = threading.Semaphore(0), threading.Semaphore(0)
    with log.open_reader("patients", 0, after=Edge.LATEST) as one, log.open_reader("other", 0, after=Edge.LATEST) as other:
        if not one.call_on_news(told.release):
            pytest.skip("nobody tells here")
        assert other.call_on_news(others.release)
        for _ in range(3):
            publish(log)
            assert told.acquire(timeout=LONG)
            assert len(one.read(limit=10, timeout=0)) == 1
        publish(log, "other")
        assert others.acquire(timeout=LONG)
        assert not told.acquire(blocking=False)


def test_a_reader_is_told_that_its_topic_is_gone() -> None:
    log, told = DatabaseLog(), threading.Semaphore(0)
    log.create_topic("patients")
    with log.open_reader("patients", 0, after=Edge.LATEST) as reader:
        if not reader.call_on_news(told.release):
            pytest.skip("nobody tells here")
        elsewhere(lambda: PartitionRow.objects.all().delete())
        assert told.acquire(timeout=LONG)


def test_readers_are_told_again_after_the_kernel_has_refused_to(monkeypatch: pytest.MonkeyPatch) -> None:
    log, told, refused = DatabaseLog(), threading.Semaphore(0), threading.Event()
    log.create_topic("patients")
    waits = FileChanges.wait

    def refusing(changes: FileChanges, seconds: float) -> bool:
        if not refused.is_set():
            refused.set()
            raise OSError(errno.EMFILE, "no file numbers are left")
        return waits(changes, seconds)

    monkeypatch.setattr(FileChanges, "wait", refusing)
    monkeypatch.setattr(news, "WAIT", 0.05)
    with log.open_reader("patients", 0, after=Edge.LATEST) as reader:
        if not reader.call_on_news(told.release):
            pytest.skip("nobody tells here")
        assert refused.wait(LONG)
        assert told.acquire(timeout=LONG), "it looks once, since something may have been missed"
        publish(log)
        assert told.acquire(timeout=LONG)
        assert len(reader.read(limit=10, timeout=0)) == 1


def test_whoever_no_longer_waits_keeps_no_thread_busy() -> None:
    log = DatabaseLog()
    log.create_topic("patients")
    reader = log.open_reader("patients", 0, after=Edge.LATEST)
    if not reader.call_on_news(lambda: None):
        pytest.skip("nobody tells here")
    thread = news.news_here()._thread
    assert thread is not None
    reader.close()
    thread.join(LONG)
    assert not thread.is_alive()


def test_what_was_answered_holds_until_somebody_commits() -> None:
    log, subscriptions = DatabaseLog(), TableSubscriptions(Session())
    log.create_topic("patients")
    subscriptions.create("patients", "mailer", type=SubscriptionType.SHARED, start=Edge.EARLIEST)

    def answers() -> tuple[object, object, int]:
        with CaptureQueriesContext(connections["store"]) as asked:
            (end,), (one,) = log.ends("patients"), subscriptions.of_topic("patients")
            return end.last, one.cursors[0].backlog, len(asked)

    first, again = answers(), answers()
    assert (first[:2], again[2]) == (again[:2], 0)
    publish(log)
    assert answers()[1] == 1
    log.append("patients", [NewMessage(payload=b"{}", key="a")])  # by this thread itself
    assert answers()[1] == 2


def test_who_is_connected_is_asked_for_each_time() -> None:
    log, subscriptions = DatabaseLog(), TableSubscriptions(Session())
    log.create_topic("patients")
    with subscriptions.consume("patients", "mailer", type=SubscriptionType.SHARED, consumer="worker"):
        for _ in range(2):
            with CaptureQueriesContext(connections["store"]) as asked:
                (one,) = subscriptions.of_topic("patients")
            assert [each.name for each in one.consumers] == ["worker"]
            assert len(asked) > 0
